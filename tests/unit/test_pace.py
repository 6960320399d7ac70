"""The bucket never lets more through than HubSpot's rolling window, and hardly less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.pace import LOWEST_LIMIT, WINDOW_SECONDS, Bucket, bucket_for

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = range(1, 1001)


def let_through(bucket: Bucket, arrivals: Iterable[float]) -> list[float]:
    """Pass requests through an ideal leaky bucket; give the moments at which they go."""
    leak = bucket.max_rate / bucket.time_period
    now = level = 0.0
    gone = []
    for arrival in arrivals:
        # A request goes when it has come, after those before it, and the bucket has room for one.
        moment = max(arrival, now, now + (level + 1 - bucket.max_rate) / leak)
        level = max(0.0, level - (moment - now) * leak) + 1
        now = moment
        gone.append(now)
    return gone


def shortest_span(moments: list[float], requests: int) -> float:
    """Measure the shortest time in which `requests` and one more have gone."""
    spans = zip(moments, moments[requests:], strict=False)
    return min((late - early for early, late in spans), default=float("inf"))


def test_no_window_is_overfull_under_pressure() -> None:
    """At any limit from 1 to 1,000 a run that always has work never earns a 429."""
    for limit in LIMITS:
        moments = let_through(bucket_for(limit), [0.0] * (2 * limit + 5))
        assert shortest_span(moments, limit) > WINDOW_SECONDS, limit


@given(
    st.sampled_from(LIMITS),
    st.lists(st.tuples(st.floats(0, 15), st.integers(1, 400)), min_size=1, max_size=8),
)
def test_no_window_is_overfull_after_a_rest(limit: int, bursts: list[tuple[float, int]]) -> None:
    """Idle time is not saved up: a burst after a rest stays within the window too."""
    now, arrivals = 0.0, []
    for rest, size in bursts:
        now += rest
        arrivals += [now] * size
    assert shortest_span(let_through(bucket_for(limit), arrivals), limit) > WINDOW_SECONDS


@pytest.mark.parametrize("limit", [100, 101, 110, 150, 190, 200, 250, 1000])
def test_a_steady_run_uses_the_limit(limit: int) -> None:
    """A long run gets more than 97 % of what the account allows."""
    moments = let_through(bucket_for(limit), [0.0] * (20 * limit))
    assert len(moments) / moments[-1] * WINDOW_SECONDS > 0.97 * limit


def test_requests_go_evenly() -> None:
    """No second holds more than a tenth of the limit and one: a limit by the second is not met."""
    moments = let_through(bucket_for(LOWEST_LIMIT), [0.0] * 200)
    assert shortest_span(moments, LOWEST_LIMIT // 10 + 1) > 1.0


@given(st.floats(0.1, 10_000))
def test_every_limit_has_a_bucket(limit: float) -> None:
    """A limit worked out from headers need not be whole; the bucket holds at least one request."""
    bucket = bucket_for(limit)
    assert bucket.max_rate >= 1
    assert bucket.time_period > 0
