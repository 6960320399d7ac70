"""Requests that go evenly, and no more than are left, never fill HubSpot's rolling window, and nearly do."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.pace import LOWEST_LIMIT, WINDOW_SECONDS, Spacing, spare_of
from etl.core.share import Share

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = range(1, 1001)


def let_through(
    limit: float, arrivals: Iterable[float], late: Iterable[float] = repeat(0.0)
) -> list[float]:
    """Let requests go; one that has to wait wakes so late; give the moments at which they go."""
    spacing, share = Spacing(), Share(limit)
    interval = WINDOW_SECONDS / share.left(0.0)
    now, gone = 0.0, []
    for arrival, lateness in zip(arrivals, late, strict=False):
        opened_at = max(arrival, spacing.opens_at(interval))
        if share.ours(max(now, opened_at)) >= share.left(now):
            opened_at = share.next_leaves_at()
        if now < opened_at:
            now = opened_at + lateness
        spacing.depart(now, interval, opened_at)
        share.depart(now)
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


@given(st.sampled_from(LIMITS), st.lists(st.floats(0, 0.5), min_size=300, max_size=300))
def test_no_window_is_overfull_on_a_busy_machine(limit: int, late: list[float]) -> None:
    """What a late request wins back is room that it has not used."""
    moments = let_through(limit, [0.0] * 300, late)
    assert shortest_span(moments, limit) >= WINDOW_SECONDS


def test_being_a_little_late_costs_nothing() -> None:
    """A machine that wakes each request some milliseconds late sends as many as any other."""
    late = [0.001, 0.004, 0.002, 0.012, 0.0, 0.006] * 500
    moments = let_through(100, [0.0] * len(late), late)
    assert len(moments) / moments[-1] * WINDOW_SECONDS > 98.5


def test_a_late_request_is_made_up_for() -> None:
    """After one that woke late the next goes sooner, at its own time."""
    spacing = Spacing(due=10.0)
    spacing.depart(11.8, interval=1.0)
    assert spacing.opens_at(1.0) == 12.0


def test_what_was_held_back_is_not_late() -> None:
    """Time in which the window was full is not won back, or it would be too full afterwards."""
    spacing = Spacing(due=10.0)
    spacing.depart(12.6, interval=1.0, opened_at=12.5)
    assert spacing.opens_at(1.0) == 13.5


def test_a_rest_is_not_won_back() -> None:
    """A machine that slept does not make up for it by a burst."""
    spacing = Spacing(due=10.0)
    spacing.depart(13.5, interval=1.0)
    assert spacing.opens_at(1.0) == 14.5


@given(st.floats(0.1, 10_000))
def test_every_limit_leaves_something(limit: float) -> None:
    """A limit worked out from headers need not be whole; most of it is used, but never all."""
    assert 0 < spare_of(limit) <= limit / 10
