"""How many requests an account may make: a rolling window and a day."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_SECONDS = 10
"""The burst window (HubSpot's API usage guidelines)."""

DAY_SECONDS = 86_400
"""HubSpot's day ends at the account's midnight; the sandbox's day begins with its first request."""


class Policy(StrEnum):
    """A limit, by the name that HubSpot's 429 gives it."""

    BURST = "TEN_SECONDLY_ROLLING"
    DAILY = "DAILY"


class Quota:
    """Count requests by arrival time. A refused request uses up nothing."""

    def __init__(
        self,
        *,
        requests_per_10_seconds: int | None,
        requests_per_day: int | None,
        clock: Callable[[], float],
    ) -> None:
        self._burst_limit = requests_per_10_seconds
        self._daily_limit = requests_per_day
        self._clock = clock
        self._arrivals: deque[float] = deque()
        self._day_started: float | None = None
        self._used_today = 0

    def admit(self) -> Policy | None:
        """Let a request in, or name the limit that keeps it out."""
        now = self._clock()
        if self._day_started is None or now - self._day_started >= DAY_SECONDS:
            self._day_started, self._used_today = now, 0
        while self._arrivals and now - self._arrivals[0] >= WINDOW_SECONDS:
            self._arrivals.popleft()
        if self._daily_limit is not None and self._used_today >= self._daily_limit:
            return Policy.DAILY
        if self._burst_limit is not None:
            if len(self._arrivals) >= self._burst_limit:
                return Policy.BURST
            self._arrivals.append(now)
        self._used_today += 1
        return None

    def headers(self) -> dict[str, str]:
        """Tell the limits and what is left of them, as HubSpot's answers do."""
        headers: dict[str, str] = {}
        if self._burst_limit is not None:
            headers["X-HubSpot-RateLimit-Max"] = str(self._burst_limit)
            headers["X-HubSpot-RateLimit-Remaining"] = str(self._burst_limit - len(self._arrivals))
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(WINDOW_SECONDS * 1000)
        if self._daily_limit is not None:
            headers["X-HubSpot-RateLimit-Daily"] = str(self._daily_limit)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(
                self._daily_limit - self._used_today
            )
        return headers
