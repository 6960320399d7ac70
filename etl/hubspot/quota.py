"""Keep to the calls that an account has in a day: stop the run when they are used up, or wait.

Rule 1: calls in flight count as used; `limits.daily_reserve` is left for others to the last call.
Rule 2: waiting is by the clock on the wall, in short steps: a machine that slept through midnight
        finds out when it wakes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from etl.core.midnight import next_midnight, opens_at
from etl.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import tzinfo

    from etl.logs import Log
    from etl.stop import Stop

LONGEST_STEP_SECONDS: Final = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


class Quota:
    """Let requests pass while the account has calls left today."""

    def __init__(
        self,
        *,
        reserve: int,
        waits: bool,
        stop: Stop,
        log: Log,
        tell: Callable[[str], None],
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        """With `waits`, wait for the account's midnight where the run would stop otherwise."""
        self._reserve = reserve
        self._waits = waits
        self._stop = stop
        self._log = log
        self._tell = tell
        self._now = now
        self._sleep = sleep
        self._opens_at: datetime | None = None
        self._waited_since: datetime | None = None
        self.zone: tzinfo | None = None
        """The account's time zone; None while it is not known."""

    async def wait(self, remaining: int | None) -> bool:
        """Wait until there are calls left; tell whether that took a new day.

        `remaining` are the calls of today that are neither made nor in flight; None where HubSpot
        does not tell. Raises StoppedError when the day is over and the run does not wait.
        """
        if self._opens_at is None:
            if not self._reserve or remaining is None or remaining > self._reserve:
                return False
            self._close(
                f"{remaining} calls are left today, and limits.daily_reserve keeps {self._reserve} "
                "for others"
            )
        while self._opens_at is not None:
            left = (self._opens_at - self._now()).total_seconds()
            if left <= 0:
                self._opens_at = None
                break
            await self._stop.interrupts(self._sleep(min(left, LONGEST_STEP_SECONDS)))
        return True

    def used_up(self, said: str) -> None:
        """Hear that HubSpot refuses for the day. Raises StoppedError unless the run waits."""
        self._close(f"HubSpot's daily limit is used up: {said}")

    def answered(self) -> None:
        """Hear that HubSpot takes requests."""
        # An answer that was on its way when the day was used up says nothing of the next one.
        if self._opens_at is None:
            self._waited_since = None

    def _close(self, reason: str) -> None:
        if self._opens_at is not None:
            return  # one of several refusals in flight has told it
        now, zone = self._now(), self.zone
        if not self._waits:
            midnight = "midnight in the account's time zone"
            if zone is not None:
                midnight = f"{next_midnight(now, zone):%Y-%m-%d %H:%M %Z}"
            raise StoppedError(
                reason, f"go on after {midnight}; with --wait-for-quota a run waits by itself"
            )
        opens = opens_at(now, zone, waited_since=self._waited_since)
        if opens is None:
            raise StoppedError(
                f"{reason}; a new day has not changed that",
                "look in HubSpot's monitoring of API calls for who uses them up",
            )
        self._waited_since = self._waited_since or now
        self._opens_at = opens
        self._log.warning("quota.used_up", reason=reason, opens_at=opens.isoformat())
        self._tell(f"{reason}; waiting until {opens:%Y-%m-%d %H:%M %Z}")
