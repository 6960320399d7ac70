"""As much is in flight as the latency asks for: at once when it grows, and within bounds."""

from __future__ import annotations

import heapq
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.slots import CEILING, FREE, LEAST, ONE_MORE_SECONDS, Slots


def most_in_flight(per_second: float, latencies: list[float], ceiling: int = CEILING) -> int:
    """Send as fast as the pace and the slots allow; give the most that were in flight."""
    slots, back, now, most = Slots(ceiling), [0.0], 0.0, 0
    back.clear()
    for latency in latencies:
        now += 1 / per_second
        while True:
            while back and back[0] <= now:
                heapq.heappop(back)
                slots.end(is_broken=False)
            if slots.opens_at <= now:
                break
            now = min(slots.opens_at, back[0] if back else inf)
        slots.begin(now)
        heapq.heappush(back, now + latency)
        most = max(most, slots.in_flight)
    return most


@pytest.mark.parametrize(
    ("latency", "in_flight"), [(0.05, 1), (0.5, 10), (2.5, 50), (5.0, 100), (20.0, CEILING)]
)
def test_in_flight_is_the_rate_times_the_latency(latency: float, in_flight: int) -> None:
    """At twenty requests a second no answer is waited for that takes up to ten seconds."""
    assert most_in_flight(20, [latency] * 500) == pytest.approx(in_flight, abs=2)


def test_answers_that_hang_stand_beside_the_others() -> None:
    """One in a hundred that hangs for a minute takes a dozen slots more, and nobody else's."""
    latencies = [60.0 if number % 100 == 50 else 5.0 for number in range(3000)]
    assert 110 <= most_in_flight(20, latencies) <= 116


def test_a_server_without_a_limit_needs_few() -> None:
    """What answers at once and allows any rate does not fill the memory with bodies."""
    assert most_in_flight(100_000, [0.02] * 2000) == FREE


@given(
    st.lists(st.tuples(st.floats(0, 0.2), st.booleans(), st.booleans()), max_size=400),
    st.integers(1, 2 * CEILING),
)
def test_the_bound_is_kept(steps: list[tuple[float, bool, bool]], ceiling: int) -> None:
    """Whatever comes back and breaks, no more are in flight than allowed, and some always are."""
    slots, now = Slots(ceiling), 0.0
    for pause, begins, is_broken in steps:
        now += pause
        if begins and slots.opens_at <= now:
            slots.begin(now)
            assert slots.in_flight <= min(slots.allowed, ceiling)
        elif not begins and slots.in_flight:
            slots.end(is_broken=is_broken)
        assert min(LEAST, ceiling) <= slots.allowed <= ceiling


def test_beside_the_free_ones_one_more_goes_at_a_time() -> None:
    """When answers stop coming, what is in flight grows as fast as the highest limit, not at once."""
    slots = Slots()
    for _ in range(FREE):
        assert slots.opens_at <= 100.0
        slots.begin(100.0)
    assert slots.opens_at == 100.0 + ONE_MORE_SECONDS


def test_breaking_in_a_row_halves_what_may_be_in_flight() -> None:
    """A HubSpot in trouble is given room: half with every third that breaks, down to four."""
    slots = Slots()
    slots.in_flight = 100
    for _ in range(3):
        slots.end(is_broken=True)
    assert slots.allowed == 49
    for _ in range(30):
        slots.end(is_broken=True)
    assert slots.allowed == LEAST


def test_each_answer_gives_one_back() -> None:
    """What trouble took comes back one by one, up to the ceiling."""
    slots = Slots(ceiling=10)
    slots.in_flight, slots.allowed = 20, 5
    slots.end(is_broken=False)
    assert slots.allowed == 6
    for _ in range(10):
        slots.end(is_broken=False)
    assert slots.allowed == 10


def test_a_broken_one_now_and_then_is_no_trouble() -> None:
    """Two that break between answers take nothing away: chance is no sign of too much."""
    slots = Slots()
    slots.in_flight = 150
    for is_broken in (True, True, False) * 50:
        slots.end(is_broken=is_broken)
    assert slots.allowed == CEILING
