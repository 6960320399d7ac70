"""What follows a broken attempt: judge, wait, give up or stop, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.retry import (
    LOCKED,
    MOVING,
    NO_STATUS,
    REQUEST_TIMEOUT,
    TOO_MANY,
    Action,
    RetryDecision,
    RetryPolicy,
)

COUNTED = [NO_STATUS, REQUEST_TIMEOUT, LOCKED, 500, 502, 503, 504, 521, 599]
BROKEN = [*COUNTED, MOVING]
ANSWERS = [200, 201, 202, 204, 207, 301, 400, 401, 403, 404, 405, 409, 413, 415, 422, 600]
CHANCES = st.floats(0, 1, exclude_max=True)


def decide(
    status: int,
    *,
    failures: int = 1,
    refusals: int = 1,
    elapsed: float = 0.0,
    chance: float = 0.0,
    retry_after: float | None = None,
    policy_name: str = "",
) -> RetryDecision:
    """Ask the default policy."""
    return RetryPolicy().decide(
        status,
        failures=failures,
        refusals=refusals,
        elapsed_seconds=elapsed,
        random=lambda: chance,
        retry_after_seconds=retry_after,
        policy_name=policy_name,
    )


@pytest.mark.parametrize("status", ANSWERS)
def test_an_answer_is_judged(status: int) -> None:
    """A success and a refusal are read, not tried again: more tries would not change them."""
    assert decide(status, failures=99, elapsed=1e9) == RetryDecision(Action.JUDGE)


@pytest.mark.parametrize("status", BROKEN)
def test_a_broken_attempt_is_tried_again(status: int) -> None:
    """What may go better by itself is tried again, and the other requests go on meanwhile."""
    decision = decide(status)
    assert decision.action is Action.WAIT
    assert decision.wait_seconds > 0
    assert not decision.everyone


@pytest.mark.parametrize("status", COUNTED)
def test_the_tries_are_counted(status: int) -> None:
    """The eighth broken attempt is the last."""
    assert decide(status, failures=7).action is Action.WAIT
    assert decide(status, failures=8) == RetryDecision(Action.GIVE_UP)


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"),
    [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (6, 8.0, 16.0), (7, 15.0, 30.0)],
)
def test_the_waits_grow(failures: int, shortest: float, longest: float) -> None:
    """Each wait is about twice the one before, up to half a minute, spread by chance."""
    assert decide(502, failures=failures, chance=0.0).wait_seconds == shortest
    assert decide(502, failures=failures, chance=0.999).wait_seconds == pytest.approx(
        longest, rel=0.01
    )


@given(CHANCES, st.integers(1, 7))
def test_a_locked_record_is_left_alone_for_two_seconds(chance: float, failures: int) -> None:
    """HubSpot asks for at least two seconds before a locked record is tried again."""
    assert decide(LOCKED, failures=failures, chance=chance).wait_seconds >= 2.0


@given(st.sampled_from([*BROKEN, TOO_MANY]), st.floats(0, 250), CHANCES, st.integers(1, 7))
def test_retry_after_is_respected(status: int, asked: float, chance: float, failures: int) -> None:
    """No request comes back before the time that HubSpot has asked for."""
    decision = decide(status, failures=failures, chance=chance, retry_after=asked)
    assert decision.action is Action.WAIT
    assert decision.wait_seconds >= asked


def test_an_account_that_moves_for_hours_is_not_waited_for() -> None:
    """A ``Retry-After`` of a day ends the run at once, to be resumed when the account has moved."""
    assert decide(MOVING, retry_after=86_400).action is Action.STOP


@given(CHANCES)
def test_an_account_that_moves_fails_no_row(chance: float) -> None:
    """An account that moves refuses every request alike: only the run can end by it, not a row."""
    assert decide(MOVING, failures=99, chance=chance).action is Action.WAIT
    assert decide(MOVING, failures=99, elapsed=299, chance=chance).action is Action.STOP


@given(st.sampled_from([*BROKEN, TOO_MANY]), st.floats(0, 400), CHANCES, st.floats(0, 400))
def test_the_time_is_bounded(status: int, elapsed: float, chance: float, asked: float) -> None:
    """A wait that would go past the budget is not begun."""
    decision = decide(status, elapsed=elapsed, chance=chance, retry_after=asked)
    if decision.action is Action.WAIT:
        assert elapsed + decision.wait_seconds <= RetryPolicy().budget_seconds
    else:
        is_about_the_account = status in {TOO_MANY, MOVING}
        action = Action.STOP if is_about_the_account else Action.GIVE_UP
        assert decision == RetryDecision(action)


@pytest.mark.parametrize(
    ("policy_name", "retry_after", "wait", "spread"),
    [
        ("TEN_SECONDLY_ROLLING", None, 0.5, 0.25),
        ("", None, 0.5, 0.25),
        ("SECONDLY", None, 1.0, 0.5),
        ("TEN_SECONDLY_ROLLING", 7.0, 7.0, 0.5),
        ("SECONDLY", 0.0, 0.0, 0.5),
    ],
)
def test_a_429_holds_everyone_back(
    policy_name: str, retry_after: float | None, wait: float, spread: float
) -> None:
    """A refusal of our pace pauses all requests, for as long as it asks for, or else a moment."""
    decision = decide(TOO_MANY, policy_name=policy_name, retry_after=retry_after)
    assert decision == RetryDecision(Action.WAIT, wait, everyone=True)
    late = decide(TOO_MANY, policy_name=policy_name, retry_after=retry_after, chance=0.5)
    assert late.wait_seconds == wait + spread


def test_refusals_without_end_are_not_answered_by_a_storm() -> None:
    """A request refused again and again is tried ever more seldom: at last twice in a window."""
    waits = [decide(TOO_MANY, refusals=number).wait_seconds for number in (1, 2, 3, 4, 5, 6, 5000)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_429_is_not_counted_against_the_request() -> None:
    """Other programs using up the window do not fail our rows; after minutes they end the run."""
    assert decide(TOO_MANY, failures=99).action is Action.WAIT
    assert decide(TOO_MANY, failures=99, elapsed=299.6).action is Action.STOP


def test_the_daily_limit_stops_the_run() -> None:
    """No further request can succeed today, however long it waits."""
    assert decide(TOO_MANY, policy_name="DAILY", retry_after=1) == RetryDecision(Action.STOP)


@given(st.sampled_from(COUNTED), st.lists(CHANCES, min_size=8, max_size=8))
def test_patience_ends(status: int, chances: list[float]) -> None:
    """An endless outage takes at most eight attempts and the time budget, never for ever."""
    elapsed, action = 0.0, Action.WAIT
    for failures, chance in enumerate(chances, 1):
        decision = decide(status, failures=failures, elapsed=elapsed, chance=chance)
        elapsed, action = elapsed + decision.wait_seconds, decision.action
        if action is not Action.WAIT:
            break
    assert action is Action.GIVE_UP
    assert elapsed <= RetryPolicy().budget_seconds


def test_a_policy_can_be_less_patient() -> None:
    """The numbers of the policy are the ones that count."""
    policy = RetryPolicy(tries=2, budget_seconds=10, first_wait_seconds=4, longest_wait_seconds=6)
    first = policy.decide(500, failures=1, elapsed_seconds=0, random=lambda: 0.5)
    assert first == RetryDecision(Action.WAIT, 3.0)
    last = policy.decide(500, failures=2, elapsed_seconds=3, random=lambda: 0.5)
    assert last.action is Action.GIVE_UP
