"""Let requests go evenly, at HubSpot's limit of a rolling window.

Some of the limit is left unused, as room for requests that the network bunches together. That no
window of ours holds more than the rest, `share` sees to: here it is only said when the next is due.
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

CATCH_UP: Final = 2
"""Requests that may go right after one another when the machine, busy with others, woke us late."""


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

    def depart(self, now: float, interval: float, opened_at: float = -inf) -> None:
        """Let one go that was held back until then, whatever was due.

        Being late is won back, but a rest is not: requests after it begin anew.
        """
        due = min(max(self.due + interval, opened_at), now)
        self.due = due if now - due <= CATCH_UP * interval else now
