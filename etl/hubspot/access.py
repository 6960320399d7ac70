"""Tell a token or scopes that HubSpot refuses, which no retry can mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.errors import AccessError

if TYPE_CHECKING:
    from etl.hubspot.wire import Answer

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403


def refuse_access(http_status: int, answer: Answer) -> None:
    """Raise AccessError for a 401 or 403; anything else is not about access."""
    if http_status == UNAUTHORIZED:
        raise AccessError(
            f"HubSpot refuses the access token (401): {answer.message or 'no reason given'}",
            "set HUBSPOT_ACCESS_TOKEN to a valid private app token",
            http_status=http_status,
        )
    if http_status == FORBIDDEN:
        scopes = dict.fromkeys(
            str(scope)
            for context in (answer.context, *(detail.context for detail in answer.errors))
            for key in ("missingScopes", "requiredGranularScopes")
            for scope in _listed(context.get(key))
        )
        fix = f"add the scopes {', '.join(scopes)}" if scopes else "check the app's scopes and plan"
        raise AccessError(
            f"HubSpot refuses access (403): {answer.message or 'no reason given'}",
            f"{fix} in the private app's settings",
            http_status=http_status,
        )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
