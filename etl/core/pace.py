"""Fit a leaky bucket into HubSpot's rolling window.

A bucket of capacity c that leaks r a second lets through at most c + 10 r requests in any ten
seconds. HubSpot counts them over a rolling window of ten seconds, so c + 10 r must stay below
limit + 1, with room for requests that the network bunches together on their way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 10.0
"""HubSpot's policy ``TEN_SECONDLY_ROLLING``: after it, a refused burst is forgotten."""

LOWEST_LIMIT: Final = 100
"""Requests in ten seconds that every account may send (HubSpot's guide, Free and Starter)."""

SPARE: Final = 0.01
"""Share of the limit left unused: at 100 requests in ten seconds, room for 80 ms of jitter."""

CATCH_UP: Final = 0.2
"""Share of the spare room that a request which woke late may win back."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The two numbers that a leaky bucket takes."""

    max_rate: float
    """Requests that may go at once; barely more than one, so that they go evenly."""
    time_period: float
    """Seconds in which `max_rate` requests leak out."""


def bucket_for(requests_per_10_seconds: float) -> Bucket:
    """Size the bucket for a limit of the rolling window."""
    # Below ten, one spare request would be more than a tenth of the limit.
    spare = max(requests_per_10_seconds * SPARE, min(1.0, requests_per_10_seconds / 10))
    capacity = 1 + CATCH_UP * spare
    per_second = (requests_per_10_seconds - spare) / WINDOW_SECONDS
    return Bucket(max_rate=capacity, time_period=capacity / per_second)
