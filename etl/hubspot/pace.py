"""Let requests go at the account's full rate limit, and never over it.

The limit is the job's, or else what HubSpot's headers say; every attempt passes here, for a retry
costs quota as much as a first try.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

from etl.core.pace import LOWEST_LIMIT, WINDOW_SECONDS, bucket_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


class Pace:
    """Hold back requests until the rolling window has room for them."""

    def __init__(
        self,
        requests_per_10_seconds: int | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Start at the job's limit; None starts at the lowest and follows HubSpot's headers."""
        self._is_auto = requests_per_10_seconds is None
        self.requests_per_10_seconds: float = requests_per_10_seconds or LOWEST_LIMIT
        self._limiter = _limiter(self.requests_per_10_seconds)
        self._clock = clock
        self._sleep = sleep
        self._open_at = 0.0
        self._is_new = False
        self.told: float | None = None
        """The limit that HubSpot's headers name; None while none has, or the job sets one."""

    async def wait(self) -> None:
        """Wait for one request's turn."""
        while (closed_for := self._open_at - self._clock()) > 0:
            await self._sleep(closed_for)
        if self._is_new:
            self._is_new = False
            await self._limiter.acquire(self._limiter.max_rate)
        await self._limiter.acquire()

    def pause(self, seconds: float) -> None:
        """Hold back every request; a pause never shortens a longer one."""
        self._open_at = max(self._open_at, self._clock() + seconds)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Follow ``X-HubSpot-RateLimit-Max`` where the job leaves the limit to HubSpot.

        Answers that disagree are about different limits; the lowest of them binds us.
        """
        if not self._is_auto:
            return
        limit = _number(headers.get("X-HubSpot-RateLimit-Max"))
        interval = _number(headers.get("X-HubSpot-RateLimit-Interval-Milliseconds"))
        if not limit:
            return
        limit *= WINDOW_SECONDS * 1000 / interval if interval else 1
        if self.told is None or limit < self.told:
            self.told = self.requests_per_10_seconds = limit
            self._limiter = _limiter(limit)
            # A new bucket is empty; without this it would let a request through at once.
            self._is_new = True


def _limiter(requests_per_10_seconds: float) -> AsyncLimiter:
    bucket = bucket_for(requests_per_10_seconds)
    return AsyncLimiter(bucket.max_rate, bucket.time_period)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None
