"""A HubSpot that is down is asked ever more seldom, and not for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.circuit import LONGEST_PROBE_SECONDS, OPENS_AFTER, OUTAGE_SECONDS, Circuit


def broken(times: int, *, now: float = 100.0) -> Circuit:
    """Give a circuit that has heard of so many broken attempts in a row."""
    circuit = Circuit()
    for _ in range(times):
        circuit.failed(now)
    return circuit


def test_ten_broken_attempts_in_a_row_hold_requests_back() -> None:
    """Nine broken attempts are a bad moment; with the tenth nothing more is sent for now."""
    assert OPENS_AFTER == 10
    assert not broken(9).is_open
    assert broken(10).is_open


@given(st.lists(st.booleans(), max_size=60))
def test_only_a_row_without_an_answer_counts(heard: list[bool]) -> None:
    """However many attempts break, an answer between them says that HubSpot is there."""
    circuit, row = Circuit(), 0
    for now, is_answer in enumerate(heard):
        if is_answer:
            circuit.answered()
        else:
            circuit.failed(now)
        row = 0 if is_answer else row + 1
        assert circuit.is_open == (row >= OPENS_AFTER)


def test_an_answer_makes_everything_new() -> None:
    """The second outage of a night has its own two minutes, and begins with a quick question."""
    circuit = broken(10, now=0.0)
    waits = [circuit.next_probe(0.0) for _ in range(4)]
    assert waits == [0.5, 1.0, 2.0, 4.0]
    circuit.answered()
    assert circuit.next_probe(500.0) == 0.0
    for _ in range(10):
        circuit.failed(1000.0)
    assert circuit.next_probe(1000.0) == 0.5


def test_questions_become_rare_and_end() -> None:
    """During an outage HubSpot hears of us some ten times in all, and after two minutes no more."""
    circuit, now, waits = broken(10), 100.0, []
    while (wait := circuit.next_probe(now)) is not None:
        waits.append(wait)
        now += wait
        circuit.failed(now)
    assert waits[:6] == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_PROBE_SECONDS]
    assert max(waits) == LONGEST_PROBE_SECONDS
    assert sum(waits) == pytest.approx(OUTAGE_SECONDS)
    assert len(waits) < 15


def test_the_outage_is_as_old_as_its_first_broken_attempt() -> None:
    """Attempts that time out for a minute each use up the patience, though they are few."""
    circuit = broken(1, now=0.0)
    for _ in range(9):
        circuit.failed(OUTAGE_SECONDS - 0.25)
    assert circuit.next_probe(OUTAGE_SECONDS - 0.25) == 0.25, "the last one comes just in time"
    assert circuit.next_probe(OUTAGE_SECONDS) is None
