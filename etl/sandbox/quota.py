"""How many requests an account may make: a rolling window and a day."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from etl.sandbox.others import sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from etl.sandbox.definition import Stretch

WINDOW_SECONDS = 10
"""The burst window (HubSpot's API usage guidelines)."""


class Policy(StrEnum):
    """A limit, by the name that HubSpot's 429 gives it."""

    SECONDLY = "SECONDLY"
    """No limit of the sandbox's own: HubSpot no longer promises it, and has been seen to use it."""
    BURST = "TEN_SECONDLY_ROLLING"
    DAILY = "DAILY"


class RollingWindow:
    """Let so many requests in within any so many seconds. A refused one uses up nothing."""

    def __init__(
        self,
        limit: int,
        seconds: float,
        clock: Callable[[], float],
        others: Iterable[float] = (),
    ) -> None:
        """Take the moments, in seconds from now, at which others send; they wait for room."""
        self.limit = limit
        self._seconds = seconds
        self._clock = clock
        self._arrivals: deque[float] = deque()
        self._began = clock()
        self._others = iter(others)
        self._next_other = next(self._others, inf)
        self.used_by_others = 0

    @property
    def left(self) -> int:
        """Tell how many more would have been let in when the last one came."""
        return self.limit - len(self._arrivals)

    def admit(self) -> bool:
        """Let a request in, or keep it out."""
        now = self._clock()
        self._let_others_in(now)
        self._roll(now)
        if len(self._arrivals) >= self.limit:
            return False
        self._arrivals.append(now)
        return True

    def _let_others_in(self, now: float) -> None:
        while (moment := self._began + self._next_other) <= now:
            self._roll(moment)
            if len(self._arrivals) >= self.limit:
                moment = self._arrivals[0] + self._seconds
                if moment > now:
                    return
                self._roll(moment)
            self._arrivals.append(moment)
            self.used_by_others += 1
            self._next_other = next(self._others, inf)

    def _roll(self, now: float) -> None:
        while self._arrivals and now - self._arrivals[0] >= self._seconds:
            self._arrivals.popleft()


class Quota:
    """Count requests by arrival time. A refused request uses up nothing."""

    def __init__(
        self,
        *,
        requests_per_10_seconds: int | None,
        requests_per_day: int | None,
        clock: Callable[[], float],
        today: Callable[[], int] = lambda: 0,
        others: Sequence[Stretch] = (),
    ) -> None:
        """Prepare the limits; ``today`` numbers the account's days, without it there is but one.

        ``others`` use the rolling limit alone.
        """
        self._burst = (
            None
            if requests_per_10_seconds is None
            else RollingWindow(
                requests_per_10_seconds,
                WINDOW_SECONDS,
                clock,
                sending(others, requests_per_10_seconds / WINDOW_SECONDS),
            )
        )
        self.requests_per_day = requests_per_day
        self._today = today
        self._day = today()
        self.used_today = 0
        """Requests let in since the last midnight."""

    @property
    def used_by_others(self) -> int:
        """Count the requests of others that were let in."""
        return 0 if self._burst is None else self._burst.used_by_others

    def admit(self) -> Policy | None:
        """Let a request in, or name the limit that keeps it out."""
        today = self._today()
        if today != self._day:
            self._day, self.used_today = today, 0
        if self.requests_per_day is not None and self.used_today >= self.requests_per_day:
            return Policy.DAILY
        if self._burst is not None and not self._burst.admit():
            return Policy.BURST
        self.used_today += 1
        return None

    def headers(self) -> dict[str, str]:
        """Tell the limits and what is left of them, as HubSpot's answers do."""
        headers: dict[str, str] = {}
        if self._burst is not None:
            headers["X-HubSpot-RateLimit-Max"] = str(self._burst.limit)
            headers["X-HubSpot-RateLimit-Remaining"] = str(self._burst.left)
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(WINDOW_SECONDS * 1000)
        if self.requests_per_day is not None:
            headers["X-HubSpot-RateLimit-Daily"] = str(self.requests_per_day)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(
                self.requests_per_day - self.used_today
            )
        return headers
