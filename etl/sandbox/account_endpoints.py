"""The endpoints about the account itself."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from aiohttp import web

from etl.sandbox.endpoints import answer

if TYPE_CHECKING:
    from etl.sandbox.account_time import AccountTime
    from etl.sandbox.portal import Portal
    from etl.sandbox.quota import Quota

DETAILS_PATHS = ("/account-info/v3/details", "/account-info/2026-09/details")

USAGE_PATHS = tuple(
    f"/account-info/{version}/api-usage/daily/private-apps" for version in ("v3", "2026-09")
)


class AccountEndpoints:
    """Who the account is; the only endpoints that need no object."""

    def __init__(self, portal: Portal, time: AccountTime, quota: Quota) -> None:
        self._portal = portal
        self._time = time
        self._quota = quota

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        answers = dict.fromkeys(DETAILS_PATHS, self.details)
        answers |= dict.fromkeys(USAGE_PATHS, self.usage)
        return [web.get(path, each, allow_head=False) for path, each in answers.items()]

    async def usage(self, _: web.Request) -> web.Response:
        """Tell how many calls were made today, this one among them; no limit is no result."""
        limit = self._quota.requests_per_day
        if limit is None:
            return answer({"results": []})
        usage = {
            "name": "private-apps-api-calls-daily",
            "usageLimit": limit,
            "currentUsage": self._quota.used_today,
            "collectedAt": self._time.now().astimezone(UTC),
            "fetchStatus": "SUCCESS",
            "resetsAt": self._time.next_midnight(),
        }
        return answer({"results": [usage]})

    async def details(self, _: web.Request) -> web.Response:
        """Tell the account's id, type, time zone and currency."""
        return answer(
            {
                "portalId": self._portal.definition.portal_id,
                "accountType": "SANDBOX",
                **self._time.details(),
                "companyCurrency": "USD",
                "additionalCurrencies": [],
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )
