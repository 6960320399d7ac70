"""Find what others leave of an account's rolling window, and keep to it.

Rule 1: HubSpot tells what was left when a request came. What is gone then and was not ours, others
        have sent; what leaves the window until now is known, of theirs as of ours.
Rule 2: others are taken to hold what they held when last seen, and a little more.
Rule 3: a refusal says that less is left than HubSpot tells. What was too much then is not sent
        again at once: the ceiling falls by more with each refusal in a row, and rises ever faster.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Final

from etl.core.pace import WINDOW_SECONDS, spare_of

DOUBT: Final = 0.02
"""Share of the others' requests that is left free beside theirs, for they do not come evenly."""

NO_JITTER: Final = 8
"""Answers in a row that tell of one other request: what comes late by chance is not there each time."""

BACK_OFF: Final = 0.05
"""Share of our requests by which a refusal lowers the ceiling; the next in a row by twice as much."""

RISE: Final = 0.0005
"""Share of the limit by which the ceiling has risen a second after a refusal; with the square of the
time since, so that a twentieth comes back in ten seconds and all of it in forty-five."""

LEAST: Final = 0.01
"""Share of the limit that is tried however little is left, to find out when others are done."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One request that went."""

    at: float
    ours: int
    """Requests of ours in the window that ends with it, itself included."""


@dataclass(slots=True)
class Share:
    """Follow what an account leaves to us; times are in seconds of any one clock."""

    limit: float
    """Requests that the account may send in a window."""
    _ours: deque[float] = field(default_factory=deque)
    _others: float = 0.0
    """Requests of others in the window when they were last seen."""
    _seen_in_a_row: int = 0
    """Answers one after the other that told of others."""
    _seen_at: float = -inf
    _ceiling: float = inf
    _refused_at: float = -inf
    _refused_in_a_row: int = 0

    def left(self, now: float) -> float:
        """Tell how many requests of ours the window that ends now may hold."""
        ceiling = self._ceiling + RISE * self.limit * (now - self._refused_at) ** 2
        room = min(self.limit, ceiling)
        kept_free = spare_of(self.limit)
        # As few as are spared for the network's jitter may be that jitter, but not for long.
        if self._others > kept_free or self._seen_in_a_row >= NO_JITTER:
            kept_free = max(kept_free, self._others * (1 + DOUBT) + 1)
        return max(room - kept_free, self.limit * LEAST)

    def ours(self, now: float) -> int:
        """Tell how many requests of ours are in the window that ends now."""
        while self._ours and self._ours[0] <= now - WINDOW_SECONDS:
            self._ours.popleft()
        return len(self._ours)

    def next_leaves_at(self) -> float:
        """Tell when the oldest request of ours leaves the window."""
        return self._ours[0] + WINDOW_SECONDS

    def depart(self, now: float) -> Departure:
        """Let a request go."""
        self._ours.append(now)
        return Departure(now, self.ours(now))

    def told(self, departure: Departure, remaining: float) -> None:
        """Hear what was left of the limit when a request came."""
        if departure.at > self._seen_at:  # else its answer has been overtaken by a newer one
            self._seen_at = departure.at
            self._others = max(0.0, self.limit - remaining - departure.ours)
            self._seen_in_a_row = self._seen_in_a_row + 1 if self._others else 0

    def admitted(self, departure: Departure) -> None:
        """Hear that a request was not refused."""
        if departure.at > self._refused_at:
            self._refused_in_a_row = 0

    def refused(self, departure: Departure, now: float) -> None:
        """Hear that a request was one too many."""
        if departure.at <= self._refused_at:
            return  # it went before the refusal that we have learned from already
        back_off = min(BACK_OFF * 2**self._refused_in_a_row, 0.5)
        self._refused_in_a_row += 1
        in_window = departure.ours + self._others
        self._ceiling, self._refused_at = in_window - departure.ours * back_off, now
