"""Count what a run has cost the account, and what HubSpot says is left of its day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW_DAY_CALLS: Final = 1000
"""Calls by which two answers can't differ on one day: more than are ever in flight."""


@dataclass(slots=True)
class Meter:
    """Count what a run has cost, for its summary."""

    requests: int = 0
    """Calls of the API that were begun, however many attempts they took."""
    attempts: int = 0
    http_429s: int = 0
    most_by_others: int = 0
    """The most requests in ten seconds that others took of the limit; 0 where never much (`Sharing`)."""
    daily_limit: int | None = None
    """Calls of a day, as HubSpot says; None where it does not."""
    daily_remaining: int | None = None
    """Calls left today, as HubSpot's last answer says; None before the first."""

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of the account's day."""
        limit = headers.get("X-HubSpot-RateLimit-Daily", "")
        left = headers.get("X-HubSpot-RateLimit-Daily-Remaining", "")
        self.daily_limit = int(limit) if limit.isdecimal() else self.daily_limit
        if left.isdecimal():
            self.daily_remaining = _lower(self.daily_remaining, int(left))


def _lower(known: int | None, told: int) -> int:
    """Believe the lower of two counts: answers overtake one another. Only a new day has many more."""
    return told if known is None or told > known + NEW_DAY_CALLS else min(known, told)
