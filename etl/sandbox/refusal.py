"""The ways in which HubSpot says no, one constructor for each body."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etl.sandbox.quota import Policy

Context = dict[str, list[str]]

NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can"
    " find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
"""What HubSpot says without a token, and to one that it no longer knows."""

TROUBLES = {
    408: ("REQUEST_TIMEOUT", "The request timed out"),
    423: ("LOCKED", "The resource is locked by other changes; wait at least 2 seconds"),
    477: ("MIGRATION_IN_PROGRESS", "This account is being moved to another data hosting location"),
    # As seen; this one has no category (HubSpot/hubspot-api-python, issue 111: 100 bytes).
    500: (None, "internal error"),
    502: ("BAD_GATEWAY", "Bad gateway"),
    503: ("SERVICE_UNAVAILABLE", "Service temporarily unavailable"),
    504: ("GATEWAY_TIMEOUT", "The request took too long to process"),
}
"""Category and message of the errors that are not about the request. HubSpot's guide to errors
lists them without bodies: but for 500, the form is that of the OpenAPI specs, the words are ours."""


class Refusal(Exception):  # noqa: N818 - HubSpot's word for it is no error of ours
    """Answer the whole request with an error body."""

    def __init__(
        self,
        status: int,
        category: str | None,
        message: str,
        *,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.extra = extra or {}

    def body(self, correlation_id: str) -> dict[str, object]:
        """Write the error body of the OpenAPI specs, with the `status` that HubSpot adds to it."""
        category = {} if self.category is None else {"category": self.category}
        return {
            "status": "error",
            "message": self.message,
            "correlationId": correlation_id,
            **category,
            **self.extra,
        }


def invalid(
    message: str, context: Context | None = None, *, sub_category: str | None = None
) -> Refusal:
    """Refuse a request that breaks a rule."""
    told = {"context": context, "subCategory": sub_category}
    extra = {name: each for name, each in told.items() if each}
    return Refusal(HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR", message, extra=extra)


def not_found(message: str = "resource not found") -> Refusal:
    """Refuse a path or a record that isn't there."""
    return Refusal(HTTPStatus.NOT_FOUND, "OBJECT_NOT_FOUND", message)


def method_not_allowed(method: str) -> Refusal:
    """Refuse a method that the path doesn't have."""
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", f"HTTP method {method} not allowed"
    )


def too_large(limit_bytes: int) -> Refusal:
    """Refuse a body that is longer than the server reads."""
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "VALIDATION_ERROR",
        f"The request body is larger than {limit_bytes} bytes",
    )


def unauthenticated(message: str) -> Refusal:
    """Refuse a missing or a wrong token."""
    return Refusal(HTTPStatus.UNAUTHORIZED, "INVALID_AUTHENTICATION", message)


def in_trouble(status: int) -> Refusal:
    """Refuse a request for a reason that lies with HubSpot."""
    return Refusal(status, *TROUBLES[status])


def missing_scopes(scopes: Sequence[str]) -> Refusal:
    """Refuse a token without the scopes, named both where the spec and where answers have them."""
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about"
        " required scopes here: https://developers.hubspot.com/scopes.",
        extra={"errors": [detail], "context": {"missingScopes": list(scopes)}},
    )


def rate_limited(policy: Policy) -> Refusal:
    """Refuse a request over a limit."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "RATE_LIMITS",
        f"You have reached your {policy.lower()} limit.",
        extra={"errorType": "RATE_LIMIT", "policyName": policy.value},
    )
