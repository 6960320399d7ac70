"""Keep to an account's rolling window, evenly, and to what others leave of it.

Rule 1: HubSpot tells what was left when a request came. What is gone then and was not ours, others
        have sent.
Rule 2: others are taken to hold what they held when last seen, and a little more.
Rule 3: a refusal says that less is left than HubSpot tells. What was too much then is not sent
        again at once: the ceiling falls by more with each refusal in a row, and rises ever faster.
Rule 4: requests go evenly, a little faster while the window has room: what a busy machine sends late,
        or others give back, is made up for without a burst.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Final

from etl.core.pace import WINDOW_SECONDS, usable

FASTEST: Final = 1.1
"""Pace at which room in the window is made up for: at 100 in ten seconds, never thirteen in a second."""

LATE_SECONDS: Final = 0.05
"""What a request that woke late leaves to the next: half of the way between two at 100 in ten seconds,
so that no two of them go together and, ten seconds later, meet the window together."""

OURS_SECONDS: Final = WINDOW_SECONDS + 0.02
"""How long a request of ours is counted: one that was long on its way stays in the window longer."""

FILL_SECONDS: Final = 0.5
"""Time in which that room would be filled, were it not for `FASTEST`."""

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
    our_limit: float = inf
    """Requests that we may send in a window, whatever the account allows."""
    _ours: deque[float] = field(default_factory=deque)
    _due: float = -inf
    """When the last of ours should have gone."""
    _others: float = 0.0
    """Requests of others in the window when they were last seen."""
    _seen_in_a_row: int = 0
    """Answers one after the other that told of others."""
    _seen_at: float = -inf
    _ceiling: float = inf
    _refused_at: float = -inf
    _refused_in_a_row: int = 0

    @property
    def others(self) -> float:
        """Tell how many requests of others the window held when they were last seen."""
        return self._others

    def opens_at(self, now: float) -> float:
        """Tell when the next request of ours may go, as far as is known now."""
        opens_at = self._due + self._interval_at(now)
        has_room = self.ours(now) < self.left(now)
        return opens_at if has_room else max(opens_at, self._ours[0] + OURS_SECONDS)

    def left(self, now: float) -> float:
        """Tell how many requests of ours the window that ends now may hold."""
        ceiling = self._ceiling + RISE * self.limit * (now - self._refused_at) ** 2
        alone = usable(self.limit)
        kept_free = self.limit - alone
        # As few as are spared for the network's jitter may be that jitter, but not for long.
        if self._others > kept_free or self._seen_in_a_row >= NO_JITTER:
            kept_free = max(kept_free, self._others * (1 + DOUBT) + 1)
        left = min(self.limit, ceiling) - kept_free
        return min(max(left, self.limit * LEAST), usable(self.our_limit))

    def ours(self, now: float) -> int:
        """Tell how many requests of ours are in the window that ends now."""
        while self._ours and self._ours[0] <= now - OURS_SECONDS:
            self._ours.popleft()
        return len(self._ours)

    def _interval_at(self, now: float) -> float:
        """Tell how many seconds after the last of ours the next one is due."""
        left = self.left(now)
        per_window = left + max(0.0, left - self.ours(now)) * WINDOW_SECONDS / FILL_SECONDS
        fastest = FASTEST * usable(min(self.limit, self.our_limit))
        return WINDOW_SECONDS / min(per_window, fastest)

    def depart(self, now: float) -> Departure:
        """Let a request go."""
        self._due = min(max(self._due + self._interval_at(now), now - LATE_SECONDS), now)
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
