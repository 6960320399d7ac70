"""Rows by outcome, and the verdict read off them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.exit_code import ExitCode
from etl.core.tally import Tally
from etl.model import SUCCEEDED, Bound, Outcome

COUNTS = st.dictionaries(st.sampled_from(Outcome), st.integers(0, 10**9))


@given(st.lists(COUNTS, max_size=6))
def test_counts_add_up(parts: list[dict[Outcome, int]]) -> None:
    """The rows done are the sum of the rows by outcome, however they came in."""
    tally = Tally()
    for part in parts:
        tally.add(part)
    assert tally.done == sum(sum(part.values()) for part in parts)
    good = sum(part.get(outcome, 0) for part in parts for outcome in SUCCEEDED)
    assert tally.done == good + tally.not_succeeded


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.ASSOCIATED, ExitCode.SUCCEEDED),
        (Outcome.UNCHANGED, ExitCode.SUCCEEDED),
        (Outcome.REMOVED, ExitCode.SUCCEEDED),
        (Outcome.REJECTED, ExitCode.SOME_FAILED),
        (Outcome.UNRESOLVED, ExitCode.SOME_FAILED),
        (Outcome.FAILED, ExitCode.SOME_FAILED),
        (Outcome.UNCONFIRMED, ExitCode.SOME_FAILED),
        (Outcome.NOT_SENT, ExitCode.SOME_FAILED),
    ],
)
def test_one_row_decides_the_verdict(outcome: Outcome, code: ExitCode) -> None:
    """A scheduler hears of a single row that needs attention among a million good ones."""
    tally = Tally()
    tally.add({Outcome.ASSOCIATED: 1_000_000})
    tally.add({outcome: 1})
    assert tally.exit_code() is code


def test_an_empty_source_succeeds() -> None:
    """A source with a header only is a run with nothing to do."""
    assert Tally().exit_code() is ExitCode.SUCCEEDED


@pytest.mark.parametrize(
    ("limit", "bad", "exceeded"),
    [
        (None, 1000, False),
        (Bound(), 1000, False),
        (Bound(count=0), 0, False),
        (Bound(count=0), 1, True),
        (Bound(count=10), 10, False),
        (Bound(count=10), 11, True),
        (Bound(percent=0), 0, False),
        (Bound(percent=0), 1, True),
        (Bound(percent=2.5), 25, False),
        (Bound(percent=2.5), 26, True),
        (Bound(percent=100), 1000, False),
    ],
)
def test_max_failures_is_the_number_still_allowed(
    limit: Bound | None, bad: int, *, exceeded: bool
) -> None:
    """A run goes on at the limit and stops at the first row beyond it."""
    tally = Tally()
    tally.add({Outcome.FAILED: bad, Outcome.ASSOCIATED: 1000 - bad})
    assert tally.exceeds(limit, of_rows=1000) is exceeded
