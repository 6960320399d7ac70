"""Decide what follows an attempt that brought no answer to judge.

Rule 1: only what may go better by itself is tried again; a refusal is judged, not retried.
Rule 2: tries and time are both bounded; the caller sleeps, this module only says how long.
Rule 3: what HubSpot asks for in ``Retry-After`` comes before our own back-off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log2
from typing import TYPE_CHECKING, Final

from etl.core.pace import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

NO_STATUS: Final = 0
"""Stands for the status of an attempt that timed out, broke off or could not be read."""

LOCKED: Final = 423
MOVING: Final = 477
TOO_MANY: Final = 429
REQUEST_TIMEOUT: Final = 408
SERVER_ERRORS: Final = range(500, 600)

LOCKED_WAIT_SECONDS: Final = 2.0
"""HubSpot: "wait at least 2 seconds" before a locked resource is tried again."""

DAILY: Final = "DAILY"
"""HubSpot's name for the policy that ends at the account's midnight."""

SECONDLY: Final = "SECONDLY"
"""HubSpot's name for a policy that it no longer promises, and that has been seen."""

SECOND: Final = 1.0
"""Length of the window behind policy ``SECONDLY``."""

FIRST_REFUSED_SECONDS: Final = 0.5
"""Wait after the first refusal for the pace: a moment, for less goes by itself after one (`core.share`).
Twice as long after each further one of the same request."""

LONGEST_REFUSED_SECONDS: Final = WINDOW_SECONDS / 2
"""Wait after so many that it would be longer: what is refused all the time is tried twice in a window."""

_DOUBLINGS: Final = ceil(log2(LONGEST_REFUSED_SECONDS / FIRST_REFUSED_SECONDS))
"""How often the first wait is doubled to get to the longest; two to the thousands is no float."""


class Action(StrEnum):
    """What to do after an attempt."""

    JUDGE = "judge"
    """It is an answer: read it."""
    WAIT = "wait"
    """Try again after a pause."""
    GIVE_UP = "give_up"
    """Tries or time are used up."""
    STOP = "stop"
    """No further request can succeed for longer than a run should wait."""


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What to do, and how long to wait first."""

    action: Action
    wait_seconds: float = 0.0
    everyone: bool = False
    """True: the refusal is about our pace, so all requests wait, not this one alone."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a run is."""

    tries: int = 8
    """Broken attempts at one request; a 429 does not count, it says nothing of the request."""
    budget_seconds: float = 300.0
    """Time from the first attempt to the last."""
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0

    def decide(
        self,
        status: int,
        *,
        failures: int,
        refusals: int = 1,
        elapsed_seconds: float,
        random: Callable[[], float],
        retry_after_seconds: float | None = None,
        policy_name: str = "",
    ) -> RetryDecision:
        """Say what follows an attempt that ended with `status`.

        `failures` counts the attempts so far that were no answer, this one included, 429 not;
        `refusals` counts those of 429.
        `random` gives a float from 0 up to 1, which spreads the waits of parallel requests.
        """
        if status == TOO_MANY:
            return self._after_429(
                policy_name, refusals, retry_after_seconds, elapsed_seconds, random
            )
        if status not in {NO_STATUS, LOCKED, MOVING, REQUEST_TIMEOUT, *SERVER_ERRORS}:
            return RetryDecision(Action.JUDGE)
        if failures >= self.tries and status != MOVING:
            return RetryDecision(Action.GIVE_UP)
        wait = min(self.first_wait_seconds * 2 ** (failures - 1), self.longest_wait_seconds)
        wait *= 0.5 + random() / 2
        if status == LOCKED:
            wait = max(wait, LOCKED_WAIT_SECONDS)
        wait = max(wait, retry_after_seconds or 0.0)
        if elapsed_seconds + wait <= self.budget_seconds:
            return RetryDecision(Action.WAIT, wait)
        # An account that moves to another data center takes no request at all meanwhile.
        return RetryDecision(Action.STOP if status == MOVING else Action.GIVE_UP)

    def _after_429(
        self,
        policy_name: str,
        refusals: int,
        retry_after_seconds: float | None,
        elapsed_seconds: float,
        random: Callable[[], float],
    ) -> RetryDecision:
        if policy_name == DAILY:
            return RetryDecision(Action.STOP)
        wait = min(
            FIRST_REFUSED_SECONDS * 2 ** min(refusals - 1, _DOUBLINGS), LONGEST_REFUSED_SECONDS
        )
        if policy_name == SECONDLY:
            wait = max(wait, SECOND)
        spread = min(wait, SECOND)
        if retry_after_seconds is not None:
            wait, spread = retry_after_seconds, SECOND
        wait += random() * spread
        # A refusal for the pace says nothing against the request, so its rows never fail by it.
        if elapsed_seconds + wait <= self.budget_seconds:
            return RetryDecision(Action.WAIT, wait, everyone=True)
        return RetryDecision(Action.STOP)
