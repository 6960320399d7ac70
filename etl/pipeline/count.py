"""Keep count of a run, over however many sittings it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from etl.core.tally import Tally
from etl.facts import Progress
from etl.hubspot.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from etl.model import Outcome


class Count:
    """Add what this sitting brings to what the journal has of earlier ones."""

    def __init__(self, before: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_before = before.seconds
        self._clock = clock
        self._began_at = clock()
        self.tally = Tally.of(before.outcomes)
        """Rows settled by sending."""
        self.meter = Meter(
            requests=before.requests,
            attempts=before.attempts,
            http_429s=before.http_429s,
            most_by_others=before.most_by_others,
        )

    def settled(self, rows: Mapping[Outcome, int]) -> Progress:
        """Count more rows; give the run's progress."""
        self.tally.add(rows)
        return Progress(
            outcomes=self.tally.as_dict(),
            requests=self.meter.requests,
            attempts=self.meter.attempts,
            http_429s=self.meter.http_429s,
            most_by_others=self.meter.most_by_others,
            seconds=round(self._seconds_before + self._clock() - self._began_at, 3),
        )
