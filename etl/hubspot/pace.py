"""Let requests go at the account's full rate limit, and never over it.

The limit is the job's, or else what HubSpot's headers say; every attempt passes here, for a retry
costs quota as much as a first try. What others use of the account's limit is left to them.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final

from etl.core.pace import LOWEST_LIMIT, WINDOW_SECONDS
from etl.core.share import Share

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from etl.core.share import Departure

LOOK_SECONDS: Final = 0.1
"""How long a request sleeps at most before it looks again: answers change what is left."""


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
        self._share = Share(self.requests_per_10_seconds, requests_per_10_seconds or inf)
        self._clock = clock
        self._sleep = sleep
        self._open_at = 0.0
        self.told: float | None = None
        """The limit that HubSpot's headers name; None while none has, or the job sets one."""

    async def wait(self) -> Departure:
        """Wait for one request's turn."""
        while (opens_at := max(self._open_at, self._share.opens_at(now := self._clock()))) > now:
            # A pause holds whatever HubSpot says meanwhile.
            look_at = max(now + LOOK_SECONDS, self._open_at)
            await self._sleep(min(opens_at, look_at) - now)
        return self._share.depart(now)

    def pause(self, seconds: float) -> None:
        """Hold back every request; a pause never shortens a longer one."""
        self._open_at = max(self._open_at, self._clock() + seconds)

    def observe(self, departure: Departure, headers: Mapping[str, str]) -> None:
        """Follow ``X-HubSpot-RateLimit-Max`` where the job leaves the limit to HubSpot.

        Answers that disagree are about different limits; the lowest of them binds us.
        """
        limit = _number(headers.get("X-HubSpot-RateLimit-Max"))
        interval = _number(headers.get("X-HubSpot-RateLimit-Interval-Milliseconds"))
        if not limit:
            return
        if interval and interval > WINDOW_SECONDS * 1000:
            return  # a longer window may be used up at any pace: `Quota` follows the day's
        is_of_window = not interval or interval == WINDOW_SECONDS * 1000
        limit *= WINDOW_SECONDS * 1000 / interval if interval else 1
        if self._is_auto and (self.told is None or limit < self.told):
            self.told = self.requests_per_10_seconds = self._share.limit = limit
        elif not self._is_auto and limit >= self.requests_per_10_seconds:
            self._share.limit = limit
        remaining = _number(headers.get("X-HubSpot-RateLimit-Remaining"))
        if is_of_window and remaining is not None and limit == self._share.limit:
            self._share.told(departure, remaining)

    def admitted(self, departure: Departure) -> None:
        """Hear that HubSpot has not refused a request for the pace."""
        self._share.admitted(departure)

    def refused(self, departure: Departure) -> None:
        """Hear that HubSpot has refused a request for the pace."""
        self._share.refused(departure, self._clock())


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None
