"""Let as many requests be in flight as the latency asks for, and no more.

Rule 1: in flight = requests a second times seconds to the answer (Little's law). Nobody has to measure
        either: while one that waits may go each time HubSpot's highest limit would let one go, as many
        are in flight as the latency makes of it, at once when it grows, and answers that hang beside.
Rule 2: what goes faster than that, as no limit of HubSpot's allows, needs few in flight.
Rule 3: attempts that break one after the other halve what may be in flight; each answer gives one back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Final

from etl.core.pace import HIGHEST_LIMIT, WINDOW_SECONDS

FREE: Final = 16
"""Requests in flight that need not wait for one another: 25 a second, each answered in 0.6 s."""

ONE_MORE_SECONDS: Final = WINDOW_SECONDS / HIGHEST_LIMIT
"""Time after which one more may go beside those: as HubSpot's highest limit has it."""

CEILING: Final = 200
"""Requests in flight at most: 25 a second, answered in 5 s, with one in twenty that hangs for the
minute until it times out. A full batch and its answer take 0.5 MB."""

BROKEN_IN_A_ROW: Final = 3
"""Broken attempts in a row that are taken for trouble: with one in twenty broken by chance, this
happens once in eight thousand attempts."""

LEAST: Final = 4
"""Requests in flight that are left whatever breaks; a HubSpot that is down is `circuit`'s."""


@dataclass(slots=True)
class Slots:
    """Count the requests in flight; times are in seconds of any one clock."""

    ceiling: int = CEILING
    in_flight: int = 0
    allowed: int = field(init=False)
    """How many may be in flight at most, after what has broken."""
    _began_at: float = -inf
    _broken: int = 0

    def __post_init__(self) -> None:
        self.allowed = self.ceiling

    @property
    def opens_at(self) -> float:
        """Tell when one more may go; infinity where an answer has to come first."""
        if self.in_flight >= self.allowed:
            return inf
        return -inf if self.in_flight < FREE else self._began_at + ONE_MORE_SECONDS

    def begin(self, now: float) -> None:
        """Hear that a request goes."""
        self.in_flight += 1
        self._began_at = now

    def end(self, *, is_broken: bool) -> None:
        """Hear that a request is back: answered, or broken."""
        self._broken = self._broken + 1 if is_broken else 0
        if not is_broken:
            self.allowed = min(self.allowed + 1, self.ceiling)
        elif self._broken % BROKEN_IN_A_ROW == 0:
            halved = min(self.allowed, self.in_flight) // 2
            self.allowed = min(max(halved, LEAST), self.ceiling)
        self.in_flight -= 1
