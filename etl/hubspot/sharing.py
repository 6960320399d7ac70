"""Tell that other programs use a good part of the account's limit: a run that makes room is slower.

Rule 1: it is said once, however often they come and go; the log has each time.
Rule 2: the first window says nothing: what is gone in it may be what this very program sent before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.core.pace import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.hubspot.meter import Meter
    from etl.logs import Log

MUCH: Final = 0.1
"""Share of the limit beyond which others slow a run down for all to see."""

LITTLE: Final = MUCH / 2
"""Share at which they are told to be done: what goes to and fro about `MUCH` is not told each time."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Who has what of the limit, in requests in ten seconds."""

    limit: float
    others: float
    ours: float
    """What is left to us."""


class Sharing:
    """Follow what others take, for the log, the summary and whoever watches."""

    def __init__(self, meter: Meter, log: Log, tell: Callable[[str], None]) -> None:
        self._meter = meter
        self._log = log
        self._tell = tell
        self._began_at: float | None = None
        self._is_shared = self._is_told = False

    def see(self, shares: Shares, at: float) -> None:
        """Take in who has what, as the answer to a request says that went then."""
        self._began_at = at if self._began_at is None else self._began_at
        if at < self._began_at + WINDOW_SECONDS:
            return
        if shares.others > MUCH * shares.limit:
            self._meter.most_by_others = max(self._meter.most_by_others, round(shares.others))
        if shares.others > (LITTLE if self._is_shared else MUCH) * shares.limit:
            if not self._is_shared:
                self._begin(shares)
        elif self._is_shared:
            self._is_shared = False
            self._record(shares)

    def _begin(self, shares: Shares) -> None:
        self._is_shared = True
        self._record(shares)
        if not self._is_told:
            self._is_told = True
            self._tell(
                f"other programs use {shares.others:.0f} of the account's {shares.limit:.0f} requests "
                "in 10 s: this is slower while they do, as they are left what they use"
            )

    def _record(self, shares: Shares) -> None:
        self._log.info("limit.shared", others=round(shares.others), left=round(shares.ours))
