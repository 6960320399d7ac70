"""Evenly spaced requests never fill HubSpot's rolling window beyond the limit, and nearly fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.pace import CATCH_UP, LOWEST_LIMIT, WINDOW_SECONDS, Spacing, spare_of

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = range(1, 1001)


def let_through(limit: float, arrivals: Iterable[float]) -> list[float]:
    """Space requests out at a limit; give the moments at which they go."""
    spare, spacing = spare_of(limit), Spacing()
    interval = WINDOW_SECONDS / (limit - spare)
    now, gone = 0.0, []
    for arrival in arrivals:
        now = max(now, arrival, spacing.opens_at(interval))
        spacing.depart(now, interval, CATCH_UP * spare * interval)
        gone.append(now)
    return gone


def shortest_span(moments: list[float], requests: int) -> float:
    """Measure the shortest time in which `requests` and one more have gone."""
    spans = zip(moments, moments[requests:], strict=False)
    return min((late - early for early, late in spans), default=float("inf"))


def test_no_window_is_overfull_under_pressure() -> None:
    """At any limit from 1 to 1,000 a run that always has work never earns a 429."""
    for limit in LIMITS:
        moments = let_through(limit, [0.0] * (2 * limit + 5))
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
    assert shortest_span(let_through(limit, arrivals), limit) > WINDOW_SECONDS


@pytest.mark.parametrize("limit", [100, 101, 110, 150, 190, 200, 250, 1000])
def test_a_steady_run_uses_the_limit(limit: int) -> None:
    """A long run gets more than 98.9 % of what the account allows."""
    moments = let_through(limit, [0.0] * (20 * limit))
    assert len(moments) / moments[-1] * WINDOW_SECONDS > 0.989 * limit


def test_requests_go_evenly() -> None:
    """No second holds more than a tenth of the limit and one: a limit by the second is not met."""
    moments = let_through(LOWEST_LIMIT, [0.0] * 200)
    assert shortest_span(moments, LOWEST_LIMIT // 10 + 1) > 1.0


def test_a_late_request_is_made_up_for() -> None:
    """A machine that wakes a little late loses nothing by it, and one that slept gains nothing."""
    spacing = Spacing(due=10.0)
    spacing.depart(11.1, interval=1.0, late=0.2)
    assert spacing.opens_at(1.0) == 12.0
    spacing.depart(20.0, interval=1.0, late=0.2)
    assert spacing.opens_at(1.0) == pytest.approx(20.8)


@given(st.floats(0.1, 10_000))
def test_every_limit_leaves_something(limit: float) -> None:
    """A limit worked out from headers need not be whole; most of it is used, but never all."""
    assert 0 < spare_of(limit) <= limit / 10
