"""Decide which faults strike a request. Knows requests by what they ask for, and no HTTP.

Rule 1: every fault sees every request, also one that an earlier fault has: a fault more in the
list doesn't change what the others draw.
Rule 2: what a fault draws for its n-th matching request depends on the seed, on its place in the
list and on n: answers may overtake each other without changing it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from etl.sandbox.faults import ForgetFault, LoseFault, SecondlyFault, SlowFault
from etl.sandbox.quota import RollingWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.sandbox.asked import Asked
    from etl.sandbox.faults import Fault, FaultScript, WrongAnswer

SECOND = 1.0
"""The window of the limit that HubSpot's 429 calls SECONDLY."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault that strikes one request."""

    fault: WrongAnswer
    chance: Random
    """Where it takes from what else it leaves to chance."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What becomes of one request."""

    late_seconds: float
    strike: Strike | None
    """None answers rightly."""


class Strikes:
    """Let the faults of a script strike, request by request in the order in which they come."""

    def __init__(self, script: FaultScript, *, clock: Callable[[], float]) -> None:
        self._watches = [
            _Watch(fault, f"{script.seed}/{place}", clock)
            for place, fault in enumerate(script.faults)
        ]
        self.count: Counter[str] = Counter()
        """How often each fault struck, by its name: ``status 500``, ``cut_after``."""

    def on(self, asked: Asked) -> Turn:
        """Let the first fault that wants the request have it, after the slow ones before it."""
        late_seconds = 0.0
        for watch in [each for each in self._watches if each.wants(asked)]:
            fault = watch.fault
            watch.struck += 1
            self.count[str(fault)] += 1
            if not isinstance(fault, SlowFault):
                return Turn(late_seconds, Strike(fault, watch.chance))
            late_seconds += fault.seconds
        return Turn(late_seconds, None)


class _Watch:
    """One fault, what it has seen so far and how often it struck."""

    def __init__(self, fault: Fault, seed: str, clock: Callable[[], float]) -> None:
        self.fault = fault
        self._seed = seed
        self._seen = 0
        self.struck = 0
        self.chance = Random(seed)  # noqa: S311 - no secret is drawn here
        self._window = (
            RollingWindow(fault.requests_per_second, SECOND, clock)
            if isinstance(fault, SecondlyFault)
            else None
        )

    def wants(self, asked: Asked) -> bool:
        """Look at the next request."""
        if not self._matches(asked):
            return False
        self._seen += 1
        self.chance = Random(f"{self._seed}/{self._seen}")  # noqa: S311 - as above
        if self._seen <= self.fault.after:
            return False
        if self.fault.times is not None and self.struck >= self.fault.times:
            return False
        if self._window is not None and self._window.admit():
            return False
        return self.chance.random() < self.fault.share

    def _matches(self, asked: Asked) -> bool:
        if isinstance(self.fault, LoseFault) and not asked.has_inputs:
            return False
        if isinstance(self.fault, ForgetFault) and not asked.gets_results:
            return False
        return self.fault.on in ("any", asked.kind)
