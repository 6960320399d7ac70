"""Fit a run's requests into HubSpot's rolling window, evenly.

Requests that are due every 10 / n seconds, of which each may go a little early, are at most
10 / (10 / n) and one more in any ten seconds. HubSpot counts them over a rolling window of ten
seconds, so some of its limit is left as room for requests that the network bunches together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

WINDOW_SECONDS: Final = 10.0
"""HubSpot's policy ``TEN_SECONDLY_ROLLING``: after it, a refused burst is forgotten."""

LOWEST_LIMIT: Final = 100
"""Requests in ten seconds that every account may send (HubSpot's guide, Free and Starter)."""

HIGHEST_LIMIT: Final = 250
"""Requests in ten seconds that an account may send at most (HubSpot's guide, with the API add-on)."""

SPARE: Final = 0.01
"""Share of the limit left unused: at 100 requests in ten seconds, room for 80 ms of jitter."""

CATCH_UP: Final = 0.2
"""Share of the spare room that a request which woke late may win back."""


def spare_of(limit: float) -> float:
    """Tell how many requests of a limit are left unused."""
    # Below ten, one spare request would be more than a tenth of the limit.
    return max(limit * SPARE, min(1.0, limit / 10))


@dataclass(slots=True)
class Spacing:
    """Let requests go one by one; times are in seconds of any one clock."""

    due: float = -inf
    """When the last one was to go: it may have gone later, and the next wins some of that back."""

    def opens_at(self, interval: float) -> float:
        """Tell when the next one is to go, at one every `interval` seconds."""
        return self.due + interval

    def depart(self, now: float, interval: float, late: float) -> None:
        """Let one go; it counts as gone in time up to `late` seconds after it was to go."""
        self.due = max(self.due + interval, now - late)
