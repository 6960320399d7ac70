"""Tell an outage from a few broken attempts, so that a HubSpot that is down is not hammered.

Rule 1: broken attempts are counted over all requests; any answer ends the row.
Rule 2: while the circuit is open nothing is sent but one small request now and then, ever more
        seldom, to find out whether HubSpot is back.
Rule 3: an outage has a bound; past it the run stops, to be resumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OPENS_AFTER: Final = 10
"""Broken attempts in a row, over all requests: with one in ten broken at random, this happens once
in ten thousand million attempts."""

OUTAGE_SECONDS: Final = 120.0
"""How long a run waits for a HubSpot that answers nobody: longer than a restart or a failover; what
takes longer, takes a human."""

FIRST_PROBE_SECONDS: Final = 0.5
LONGEST_PROBE_SECONDS: Final = 15.0


@dataclass(slots=True)
class Circuit:
    """Count broken attempts; times are in seconds of any one clock."""

    broken_since: float | None = None
    broken: int = 0
    probes: int = 0

    def failed(self, now: float) -> None:
        """Hear of an attempt that brought no answer, or a 5xx."""
        if self.broken_since is None:
            self.broken_since = now
        self.broken += 1

    def answered(self) -> None:
        """Hear of an answer, whatever it says."""
        self.broken_since, self.broken, self.probes = None, 0, 0

    @property
    def is_open(self) -> bool:
        """Tell whether to hold requests back."""
        return self.broken >= OPENS_AFTER

    def next_probe(self, now: float) -> float | None:
        """Give the seconds until HubSpot may be asked again; None when it has been down too long."""
        if self.broken_since is None:
            return 0.0
        left = OUTAGE_SECONDS - (now - self.broken_since)
        if left <= 0:
            return None
        wait: float = min(FIRST_PROBE_SECONDS * 2**self.probes, LONGEST_PROBE_SECONDS, left)
        self.probes += 1
        return wait
