"""Requests that go when they may never fill HubSpot's rolling window beyond the limit, and nearly do."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.pace import LOWEST_LIMIT, WINDOW_SECONDS, usable
from etl.core.share import Share

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = range(1, 1001)


def let_through(
    limit: float, arrivals: Iterable[float], late: Iterable[float] = repeat(0.0)
) -> list[float]:
    """Let requests go, those that had to wait so much late; give the moments at which they go."""
    share, now, gone = Share(limit), 0.0, []
    for arrival, lateness in zip(arrivals, late, strict=False):
        now = max(now, arrival)
        has_waited = False
        while (opens_at := share.opens_at(now)) > now:
            now, has_waited = opens_at, True
        now += lateness if has_waited else 0.0
        share.depart(now)
        gone.append(now)
    return gone


def shortest_span(moments: list[float], requests: int) -> float:
    """Measure the shortest time in which `requests` and one more have gone."""
    spans = zip(moments, moments[requests:], strict=False)
    return min((late - early for early, late in spans), default=float("inf"))


def test_no_window_is_overfull_under_pressure() -> None:
    """At any limit a run that always has work never earns a 429."""
    for limit in [*range(1, 120), 150, 190, 199, 200, 250, 1000]:
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
    """A long run gets more than 98.5 % of what the account allows."""
    moments = let_through(limit, [0.0] * (20 * limit))
    assert len(moments) / moments[-1] * WINDOW_SECONDS > 0.985 * limit


def test_requests_go_evenly() -> None:
    """No second holds more than a tenth of the limit and two: nothing like a burst."""
    moments = let_through(LOWEST_LIMIT, [0.0] * 200)
    assert shortest_span(moments, LOWEST_LIMIT // 10 + 2) > 1.0


@given(st.sampled_from(LIMITS), st.lists(st.floats(0, 0.5), min_size=300, max_size=300))
def test_no_window_is_overfull_on_a_busy_machine(limit: int, late: list[float]) -> None:
    """What a late request makes up for is room that it has not used."""
    moments = let_through(limit, [0.0] * 300, late)
    assert shortest_span(moments, limit) >= WINDOW_SECONDS


@pytest.mark.parametrize(
    "late",
    [
        pytest.param([0.001, 0.004, 0.002, 0.012, 0.0, 0.006] * 500, id="a little"),
        pytest.param(([0.08] + [0.001] * 39) * 75, id="now and then"),
    ],
)
@pytest.mark.parametrize("limit", [100, 200])
def test_being_late_costs_nothing(limit: int, late: list[float]) -> None:
    """A machine that wakes requests late sends nearly as many as any other, without a burst."""
    moments = let_through(limit, [0.0] * len(late), late)
    assert len(moments) / moments[-1] * WINDOW_SECONDS > 0.98 * limit
    assert shortest_span(moments, 2) >= 0.04


@given(st.floats(0.1, 10_000))
def test_every_limit_leaves_something(limit: float) -> None:
    """A limit worked out from headers need not be whole; most of it is used, but never all."""
    assert 0.899 * limit < usable(limit) < limit
