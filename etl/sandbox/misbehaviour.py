"""Answer wrongly on purpose, as a script of faults says.

Rule 1: a fault strikes only what the account lets in, so it costs of the limits like any request.
Rule 2: what one request asks for is done as a whole or not at all.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, assert_never

from aiohttp import hdrs, web

from etl.sandbox.asked import asked_of
from etl.sandbox.broken_answers import changed, cut, half, page
from etl.sandbox.endpoints import body_left, refuse
from etl.sandbox.fault_refusals import refusal_of
from etl.sandbox.faults import (
    CutAfterFault,
    CutBeforeFault,
    CutBodyFault,
    ForgetFault,
    HangFault,
    HtmlFault,
    LoseFault,
    SecondlyFault,
    StatusFault,
)
from etl.sandbox.quota import Policy
from etl.sandbox.refusal import rate_limited
from etl.sandbox.shortened import shortened
from etl.sandbox.strikes import Strike, Strikes

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Mapping

    from etl.sandbox.asked import Asked
    from etl.sandbox.faults import FaultScript
    from etl.sandbox.portal import Portal

LOOK_SECONDS = 0.05
"""How often a request that hangs looks whether its client has left: aiohttp doesn't say so."""

SILENT_ABOUT_LIMITS = frozenset([HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS])
"""Faults without the headers of the limits: a token that isn't known, and a 429 as people saw it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that was let in."""

    request: web.Request
    """Its body has been read."""
    limits: Mapping[str, str]
    """The headers of the limits, as they were when it came."""
    serve: Callable[[], Awaitable[web.StreamResponse]]
    """Do the work and answer rightly."""


class Misbehaviour:
    """The faults of one sandbox."""

    def __init__(
        self,
        script: FaultScript,
        portal: Portal,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._strikes = Strikes(script, clock=clock)
        self._portal = portal
        self._sleep = sleep
        self._closing = asyncio.Event()

    @property
    def count(self) -> Counter[str]:
        """Count how often each fault struck."""
        return self._strikes.count

    async def close(self, _: web.Application) -> None:
        """Let the requests go that hang."""
        self._closing.set()

    async def answer(self, visit: Visit) -> web.StreamResponse:
        """Answer one request, rightly when no fault strikes it."""
        asked = asked_of(visit.request)
        turn = self._strikes.on(asked)
        if turn.late_seconds:
            await self._sleep(turn.late_seconds)
        if turn.strike is None:
            return await visit.serve()
        return await self._answer_wrongly(turn.strike, visit, asked)

    async def _answer_wrongly(
        self, strike: Strike, visit: Visit, asked: Asked
    ) -> web.StreamResponse:
        response: web.StreamResponse
        match strike.fault:
            case StatusFault() as fault:
                response = await self._refuse(fault, visit, asked)
            case SecondlyFault():
                response = refuse(rate_limited(Policy.SECONDLY))
            case HtmlFault(status=status):
                response = page(status)
            case HangFault():
                await self._client_left(visit.request)
                response = cut(visit.request)
            case CutBeforeFault():
                response = cut(visit.request)
            case CutAfterFault():
                await visit.serve()
                response = cut(visit.request)
            case CutBodyFault():
                response = half(await visit.serve(), visit.request)
            case ForgetFault(results=share):
                forget = partial(shortened, key="results", share=share, chance=strike.chance)
                response = changed(await visit.serve(), forget)
            case LoseFault(results=share):
                sent = await visit.request.read()
                response = await _serve_less(visit, shortened(sent, "inputs", share, strike.chance))
            case unknown:
                assert_never(unknown)
        return response

    async def _refuse(self, fault: StatusFault, visit: Visit, asked: Asked) -> web.Response:
        refusal = await refusal_of(fault, visit.request, asked, self._portal)
        response = refuse(refusal, None if fault.status in SILENT_ABOUT_LIMITS else visit.limits)
        if fault.retry_after_seconds is not None:
            response.headers[hdrs.RETRY_AFTER] = str(fault.retry_after_seconds)
        return response

    async def _client_left(self, request: web.Request) -> None:
        """Wait until the client leaves or the sandbox closes."""
        while request.transport is not None and not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LOOK_SECONDS)


async def _serve_less(visit: Visit, left: bytes) -> web.StreamResponse:
    """Do the work as if this had been the body."""
    body_left.set(left)  # never set back: aiohttp gives each request a task, and so a context
    return await visit.serve()
