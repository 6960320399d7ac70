"""A run that was cut off counts on where it was."""

from __future__ import annotations

from etl.facts import Progress
from etl.model import Outcome
from etl.pipeline.count import Count


def test_a_run_counts_from_nothing() -> None:
    """What a run has cost is told with each batch, the time at work included."""
    moments = iter([100.0, 101.5, 104.0])
    count = Count(Progress(), lambda: next(moments))
    count.meter.requests, count.meter.attempts, count.meter.http_429s = 2, 3, 1
    first = count.settled({Outcome.ASSOCIATED: 5, Outcome.FAILED: 0})
    assert first == Progress(
        outcomes={"associated": 5}, requests=2, attempts=3, http_429s=1, seconds=1.5
    )
    second = count.settled({Outcome.ASSOCIATED: 1, Outcome.FAILED: 2})
    assert second == Progress(
        outcomes={"associated": 6, "failed": 2}, requests=2, attempts=3, http_429s=1, seconds=4.0
    )


def test_a_second_sitting_adds_to_the_first() -> None:
    """The summary of a resumed run tells rows, requests and seconds of all its sittings."""
    moments = iter([7.0, 9.25])
    before = Progress(
        outcomes={"associated": 5, "unchanged": 1},
        requests=10,
        attempts=20,
        http_429s=3,
        most_by_others=40,
        seconds=60.0,
    )
    count = Count(before, lambda: next(moments))
    count.meter.requests += 1
    count.meter.attempts += 2
    count.meter.http_429s += 1
    assert count.settled({Outcome.ASSOCIATED: 4}) == Progress(
        outcomes={"associated": 9, "unchanged": 1},
        requests=11,
        attempts=22,
        http_429s=4,
        most_by_others=40,
        seconds=62.25,
    )


def test_nothing_new_tells_what_there_was() -> None:
    """A resume that finds nothing to do does not change the counts."""
    before = Progress(outcomes={"associated": 5}, requests=1, attempts=1, seconds=2.0)
    assert Count(before, lambda: 3.0).settled({}) == before
