"""What HubSpot lets an account send, and how much of it is used."""

from __future__ import annotations

from typing import Final

WINDOW_SECONDS: Final = 10.0
"""HubSpot's policy ``TEN_SECONDLY_ROLLING``: after it, a refused burst is forgotten."""

LOWEST_LIMIT: Final = 100
"""Requests in ten seconds that every account may send (HubSpot's guide, Free and Starter)."""

HIGHEST_LIMIT: Final = 250
"""Requests in ten seconds that an account may send at most (HubSpot's guide, with the API add-on)."""

SPARE: Final = 0.01
"""Share of the limit left unused: at 100 requests in ten seconds, room for 80 ms of jitter."""


def usable(limit: float) -> float:
    """Tell how many requests of a limit are sent, where nobody else sends any."""
    # Below ten, one spare request would be more than a tenth of the limit.
    return limit - max(limit * SPARE, min(1.0, limit / 10))
