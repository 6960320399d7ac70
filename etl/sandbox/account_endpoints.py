"""The endpoints about the account itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from etl.sandbox.endpoints import answer

if TYPE_CHECKING:
    from etl.sandbox.account_time import AccountTime
    from etl.sandbox.portal import Portal

DETAILS_PATHS = ("/account-info/v3/details", "/account-info/2026-09/details")


class AccountEndpoints:
    """Who the account is; the only endpoints that need no object."""

    def __init__(self, portal: Portal, time: AccountTime) -> None:
        self._portal = portal
        self._time = time

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        return [web.get(path, self.details, allow_head=False) for path in DETAILS_PATHS]

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
