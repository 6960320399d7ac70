"""Share out the requests in flight of a run, and the work that waits to become requests.

Rule 1: every request has a slot while it is in flight, whatever it is for.
Rule 2: who prepares requests takes a seat. Few seats are free beside those whose request is in flight,
        so that as much work is under way as HubSpot's latency asks for, and hardly more is in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final

from etl.core.slots import CEILING, Slots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

AHEAD: Final = 16
"""Pieces of work under way whose request is not in flight: being prepared, written down, or waiting to be
tried again. As many as may be in flight at once without waiting, so that none of those is in want."""


class Crew:
    """Bound what is in flight, and what is under way."""

    def __init__(
        self,
        concurrency: int | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
    ) -> None:
        """Take the job's own bound; None leaves it to the latency."""
        self._slots = Slots(min(concurrency or CEILING, CEILING))
        self._clock = clock
        self._sleep = sleep
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._back = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Tell how many requests are in flight."""
        return self._slots.in_flight

    @property
    def has_slot(self) -> bool:
        """Tell whether one more request may be in flight now."""
        return self._slots.opens_at <= self._clock()

    async def wait(self) -> None:
        """Wait until one more request may be in flight; one caller at a time."""
        while (seconds := self._slots.opens_at - self._clock()) > 0:
            self._back.clear()
            waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._back.wait())}
            if seconds < inf:
                waits.add(asyncio.ensure_future(self._sleep(seconds)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()

    def begin(self) -> None:
        """Hear that a request goes."""
        self._slots.begin(self._clock())
        self._call()

    def end(self, *, is_broken: bool) -> None:
        """Hear that a request is back: answered, or broken."""
        self._slots.end(is_broken=is_broken)
        self._back.set()

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        """Have work under way, as soon as there is a seat for it."""
        while not self._free_seats:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._call()

    @property
    def _free_seats(self) -> int:
        ahead = AHEAD - (self._under_way - self._slots.in_flight)
        return max(0, min(ahead, self._slots.ceiling - self._under_way))

    def _call(self) -> None:
        """Wake as many of those who wait as there are seats."""
        for _ in range(min(self._free_seats, len(self._waiting))):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
