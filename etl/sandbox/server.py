"""Serve a portal over HTTP on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from aiohttp import web
from yarl import URL

from etl.sandbox.account_endpoints import AccountEndpoints
from etl.sandbox.account_time import AccountTime
from etl.sandbox.batch_endpoints import BatchEndpoints
from etl.sandbox.faults import FaultScript
from etl.sandbox.gate import MAX_BODY_BYTES, Gate
from etl.sandbox.label_endpoints import LabelEndpoints
from etl.sandbox.limit_endpoints import LimitEndpoints
from etl.sandbox.misbehaviour import Misbehaviour
from etl.sandbox.object_endpoints import ObjectEndpoints
from etl.sandbox.portal import Portal
from etl.sandbox.quota import Quota
from etl.sandbox.record_endpoints import RecordEndpoints
from etl.sandbox.usage_endpoints import UsageEndpoints
from etl.sandbox.versions import VERSIONS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from aiohttp.typedefs import Handler, Middleware

    from etl.sandbox.definition import PortalDefinition

LOOPBACK = "127.0.0.1"

ENDPOINTS = (
    BatchEndpoints,
    RecordEndpoints,
    LabelEndpoints,
    LimitEndpoints,
    ObjectEndpoints,
    UsageEndpoints,
)
"""What every version has."""

SHUTDOWN_SECONDS = 1.0
"""How long requests in flight may take when the sandbox closes."""


class Sandbox:
    """A HubSpot account on loopback, for as long as ``async with`` lasts."""

    def __init__(
        self,
        definition: PortalDefinition,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        faults: FaultScript | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        started_at: datetime | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        """Prepare the account; ``middlewares`` stand before everything, and before ``faults``.

        Time goes on by ``clock`` from ``started_at``, which is now unless it is given.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(
                f"the sandbox would be open to other machines at {host}: use {LOOPBACK} or ::1"
            )
        settings = definition.settings
        self.portal = Portal(definition)
        self._time = AccountTime(settings, clock=clock, started_at=started_at or datetime.now(UTC))
        self._host = host
        self._port = port
        self._quota = Quota(
            requests_per_10_seconds=settings.requests_per_10_seconds,
            requests_per_day=settings.requests_per_day,
            clock=clock,
            today=self._time.today,
            others=definition.others,
        )
        self._misbehaviour = Misbehaviour(
            faults or FaultScript(), self.portal, clock=clock, sleep=sleep
        )
        self._gate = Gate(self._quota, settings.access_token, self._misbehaviour)
        self._runner = web.AppRunner(
            self._application(middlewares), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )

    @property
    def base_url(self) -> str:
        """Tell where the sandbox listens; only while it is open."""
        host, port = self._runner.addresses[0][:2]
        return str(URL.build(scheme="http", host=host, port=port))

    @property
    def requests(self) -> int:
        """Count every request that came, also those refused or struck by a fault."""
        return self._gate.requests

    @property
    def refused(self) -> int:
        """Count the requests over the portal's own limits; faults that say 429 are in ``faults``."""
        return self._gate.refused

    @property
    def used_by_others(self) -> int:
        """Count what the other integration of the portal has sent."""
        return self._quota.used_by_others

    @property
    def faults(self) -> Counter[str]:
        """Count how often each fault struck, by its name: ``status 500``, ``html 502``, ``hang``."""
        return self._misbehaviour.count

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    def _application(self, middlewares: Sequence[Middleware]) -> web.Application:
        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._gate.pass_on(request, handler)

        application = web.Application(
            middlewares=[*middlewares, gate], client_max_size=MAX_BODY_BYTES
        )
        for version in VERSIONS:
            for endpoints in ENDPOINTS:
                application.add_routes(endpoints(self.portal, version).routes())
        application.add_routes(AccountEndpoints(self.portal, self._time, self._quota).routes())
        application.on_shutdown.append(self._misbehaviour.close)
        return application


async def serve(
    definition: PortalDefinition,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    faults: FaultScript | None = None,
    started: Callable[[str], None],
) -> None:
    """Serve until cancelled; ``started`` is told the base URL once requests are taken."""
    async with Sandbox(definition, host=host, port=port, faults=faults) as sandbox:
        started(sandbox.base_url)
        await asyncio.Event().wait()
