"""The pace against HubSpot's rolling window, on an event loop whose clock jumps instead of waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
from leap import leap

from etl.hubspot.pace import Pace
from etl.sandbox.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_SECONDS: Final = 10.0


def busiest_window(departures: list[float]) -> int:
    """Count the most departures of any ten seconds, the window's end left out."""
    ordered = sorted(departures)
    most, first = 0, 0
    for last, moment in enumerate(ordered):
        while ordered[first] <= moment - WINDOW_SECONDS:
            first += 1
        most = max(most, last - first + 1)
    return most


async def drive(pace: Pace, clock: Callable[[], float], requests: int, at_once: int) -> list[float]:
    """Send as the run does: some workers, each with one request at a time."""
    departures: list[float] = []
    turn = asyncio.Lock()

    async def worker(number: int) -> None:
        for _ in range(number, requests, at_once):
            # As the client does: one waits at the pace, the others behind it.
            async with turn:
                await pace.wait()
            departures.append(clock())
            # An answer takes a while, and not always the same.
            await asyncio.sleep(0.05 + 0.01 * (len(departures) % 7))

    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(worker(number))
    return departures


def allowed(limit: int, interval_milliseconds: int = 10_000) -> dict[str, str]:
    """Write the headers that tell the limit."""
    return {
        "X-HubSpot-RateLimit-Max": str(limit),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(interval_milliseconds),
    }


@pytest.mark.parametrize("limit", [1, 5, 10, 19, 100, 150, 190, 250])
def test_no_window_holds_more_than_the_limit(limit: int) -> None:
    """No ten seconds of a run, wherever they begin, hold more requests than the account allows."""
    departures = leap(lambda clock: drive(Pace(limit, clock=clock), clock, limit * 6, 50))
    assert len(departures) == limit * 6
    assert busiest_window(departures) <= limit


@pytest.mark.parametrize("limit", [100, 150, 200])
def test_the_limit_is_used(limit: int) -> None:
    """A long run goes at 98 % of what the account allows or more, for every percent is minutes."""
    departures = leap(lambda clock: drive(Pace(limit, clock=clock), clock, limit * 6, 50))
    assert limit * 6 / departures[-1] >= 0.98 * limit / WINDOW_SECONDS


def test_the_sandbox_refuses_nobody_at_its_own_limit() -> None:
    """A rolling window written by others, on the same clock, admits every request of a run."""

    async def run(clock: Callable[[], float]) -> list[float]:
        quota = Quota(requests_per_10_seconds=150, requests_per_day=None, clock=clock)
        pace, turn = Pace(None, clock=clock), asyncio.Lock()
        refused: list[float] = []

        async def worker() -> None:
            for _ in range(20):
                async with turn:
                    departure = await pace.wait()
                if quota.admit() is not None:
                    refused.append(clock())
                headers = quota.headers()
                await asyncio.sleep(0.2)
                pace.observe(departure, headers)

        # As a run does, the labels are asked for first, and the answer tells the limit.
        departure = await pace.wait()
        quota.admit()
        pace.observe(departure, quota.headers())
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(worker())
        return refused

    assert leap(run) == []


@pytest.mark.parametrize("limit", [150, 250, 20])
def test_a_limit_learned_on_the_way_is_kept_to(limit: int) -> None:
    """Requests that queued before the first answer told the limit do not come on top of it."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace, turn = Pace(None, clock=clock), asyncio.Lock()
        departures: list[float] = []

        async def worker() -> None:
            for _ in range(20):
                async with turn:
                    departure = await pace.wait()
                departures.append(clock())
                await asyncio.sleep(0.1)
                pace.observe(departure, allowed(limit))

        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(worker())
        return departures

    departures = leap(run)
    # Until the first answer, a tenth of a second in, nobody can know of a lower limit.
    assert busiest_window([moment for moment in departures if moment > 0.2]) <= limit


def test_answers_that_disagree_about_the_limit_do_not_lift_it() -> None:
    """Endpoints that tell different limits in turn never add up to more than the larger."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace = Pace(None, clock=clock)
        departures: list[float] = []
        for number in range(1500):
            departure = await pace.wait()
            departures.append(clock())
            pace.observe(departure, allowed((150, 190)[number % 2]))
        return departures

    assert busiest_window(leap(run)) <= 190


def test_a_limit_for_another_interval_is_converted() -> None:
    """A header that counts by the second is kept to over ten."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace = Pace(None, clock=clock)
        pace.observe(await pace.wait(), allowed(15, 1000))
        # A day's calls may be used up at any pace.
        pace.observe(await pace.wait(), allowed(100_000, 86_400_000))
        assert pace.requests_per_10_seconds == 150
        return await drive(pace, clock, 600, 50)

    departures = leap(run)
    assert busiest_window(departures) <= 150
    assert len(departures) / departures[-1] > 14


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-HubSpot-RateLimit-Max": ""},
        {"X-HubSpot-RateLimit-Max": "many"},
        {"X-HubSpot-RateLimit-Max": "0"},
        {"X-HubSpot-RateLimit-Max": "-1"},
        {"X-HubSpot-RateLimit-Remaining": "3"},
    ],
)
def test_headers_without_a_limit_change_nothing(headers: dict[str, str]) -> None:
    """Without a word from HubSpot a run keeps to what every account may send."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace = Pace(None, clock=clock)
        pace.observe(await pace.wait(), headers)
        return [pace.requests_per_10_seconds]

    assert leap(run) == [100]


def test_the_jobs_own_limit_is_not_overruled() -> None:
    """Whoever keeps room for other integrations gets it, however much the account allows."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace = Pace(40, clock=clock)
        pace.observe(await pace.wait(), allowed(190))
        return await drive(pace, clock, 200, 50)

    assert busiest_window(leap(run)) <= 40


def test_a_pause_holds_all_and_does_not_end_early() -> None:
    """After a refusal nobody leaves before the longest wait that was asked for is over."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace = Pace(100, clock=clock)
        pace.pause(7.0)
        pace.pause(3.0)
        return await drive(pace, clock, 120, 50)

    departures = leap(run)
    assert departures[0] == pytest.approx(7.0, abs=0.01)
    assert busiest_window(departures) <= 100


def test_a_pause_also_holds_those_who_queue_already() -> None:
    """A refusal stops requests that were waiting for their turn when it came."""

    async def run(clock: Callable[[], float]) -> list[float]:
        pace, turn = Pace(100, clock=clock), asyncio.Lock()
        departures: list[float] = []

        async def one() -> None:
            async with turn:
                await pace.wait()
            departures.append(clock())

        async with asyncio.TaskGroup() as group:
            for _ in range(30):
                group.create_task(one())
            await asyncio.sleep(1.0)
            pace.pause(5.0)
        return departures

    # The one whose turn had come goes; HubSpot refuses it, and it waits again.
    assert len([moment for moment in leap(run) if 1.0 < moment < 6.0]) <= 1
