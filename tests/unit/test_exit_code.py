"""What a scheduler reads: the exit codes of the contract."""

from __future__ import annotations

import signal

import pytest

from etl.core.exit_code import ExitCode


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (ExitCode.SUCCEEDED, 0),
        (ExitCode.SOME_FAILED, 1),
        (ExitCode.UNUSABLE, 2),
        (ExitCode.STOPPED, 3),
        (ExitCode.INTERRUPTED, 130),
        (ExitCode.TERMINATED, 143),
    ],
)
def test_the_numbers_are_the_contract(code: ExitCode, number: int) -> None:
    """Scheduler rules written against these numbers keep working."""
    assert int(code) == number


def test_no_other_code_exists() -> None:
    """Each code is one that the documentation explains."""
    assert sorted(ExitCode) == [0, 1, 2, 3, 130, 143]


@pytest.mark.parametrize(
    ("code", "number"),
    [(ExitCode.INTERRUPTED, signal.SIGINT), (ExitCode.TERMINATED, signal.SIGTERM)],
)
def test_signals_follow_the_shell(code: ExitCode, number: signal.Signals) -> None:
    """A run ended by a signal says so the way shells do."""
    assert code == 128 + number
