"""What every request passes on its way to an endpoint: token, limits, and one form of error.

Rule 1: who has no valid token is told so first, without the account's limits.
Rule 2: every answer to a valid token carries the limits, as they were when the request came.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from uuid import uuid4

from aiohttp import hdrs, web

from etl.sandbox.endpoints import answer
from etl.sandbox.refusal import (
    Refusal,
    invalid,
    method_not_allowed,
    not_found,
    rate_limited,
    too_large,
    unauthenticated,
)

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from etl.sandbox.quota import Quota

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Room for the largest batch with every label of a pair; the emulator's own limit."""


class Gate:
    """Let requests in, count them, and turn refusals into answers."""

    def __init__(self, quota: Quota, access_token: str | None) -> None:
        self._quota = quota
        self._access_token = access_token
        self.requests = 0
        self.refused = 0

    async def pass_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request, whatever becomes of it."""
        self.requests += 1
        correlation_id = str(uuid4())
        limits: dict[str, str] = {}
        try:
            self._check_token(request)
            policy = self._quota.admit()
            limits = self._quota.headers()
            if policy is not None:
                self.refused += 1
                raise rate_limited(policy)
            response = await handler(request)
        except (Refusal, web.HTTPException) as trouble:
            refusal = trouble if isinstance(trouble, Refusal) else _translate(trouble, request)
            response = answer(refusal.body(correlation_id), refusal.status)
        response.headers.update(limits)
        response.headers["X-HubSpot-Correlation-Id"] = correlation_id
        return response

    def _check_token(self, request: web.Request) -> None:
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is None:
            raise unauthenticated(
                "Authentication credentials not found. This API supports OAuth 2.0 authentication"
                " and you can find more details at"
                " https://developers.hubspot.com/docs/methods/auth/oauth-overview"
            )
        scheme, _, token = header.partition(" ")
        malformed = scheme.lower() != "bearer" or not token.strip()
        wrong = self._access_token is not None and not hmac.compare_digest(
            token.strip().encode(), self._access_token.encode()
        )
        if malformed or wrong:
            raise unauthenticated(
                "Authentication credentials not valid: send `Authorization: Bearer <access token>`"
            )


def _translate(trouble: web.HTTPException, request: web.Request) -> Refusal:
    """Say in HubSpot's form what aiohttp refuses by itself."""
    if isinstance(trouble, web.HTTPMethodNotAllowed):
        return method_not_allowed(request.method)
    if isinstance(trouble, web.HTTPRequestEntityTooLarge):
        return too_large(MAX_BODY_BYTES)
    if isinstance(trouble, web.HTTPNotFound):
        return not_found()
    return invalid(trouble.reason)
