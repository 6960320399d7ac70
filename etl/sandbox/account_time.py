"""When the account's day ends: HubSpot's daily limit begins anew at midnight of its time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etl.sandbox.definition import PortalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.sandbox.definition import SandboxSettings

REHEARSED_ZONE = "Sandbox/Midnight"
"""No machine knows it, so that clients have to go by the offset."""

DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)


class AccountTime:
    """The account's own time: the wall clock's as of the start, moved on by the sandbox's clock."""

    def __init__(
        self, settings: SandboxSettings, *, clock: Callable[[], float], started_at: datetime
    ) -> None:
        self._clock = clock
        self._clock_started = clock()
        self._started_at = started_at
        seconds = settings.seconds_until_midnight
        if seconds is None:
            self._name, self._zone = settings.time_zone, zone_of(settings)
        else:
            self._name, self._zone = (
                REHEARSED_ZONE,
                _zone_with_midnight_at(started_at + timedelta(seconds=seconds)),
            )

    def today(self) -> int:
        """Give the account's day a number."""
        return self.now().toordinal()

    def next_midnight(self) -> datetime:
        """Tell when the account's day ends."""
        tomorrow = (self.now() + DAY).date()
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone)
        return midnight.astimezone(UTC)  # a rehearsed zone has an offset that no text can hold

    def details(self) -> dict[str, object]:
        """Write the fields about time of the account's details."""
        offset = self.now().utcoffset() or timedelta()
        sign = "-" if offset < timedelta() else "+"
        hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
        return {
            "timeZone": self._name,
            "utcOffset": f"{sign}{hours:02}:{minutes:02}",
            "utcOffsetMilliseconds": offset // MILLISECOND,
        }

    def now(self) -> datetime:
        """Tell the account's own time."""
        elapsed = timedelta(seconds=self._clock() - self._clock_started)
        return (self._started_at + elapsed).astimezone(self._zone)


def zone_of(settings: SandboxSettings) -> tzinfo:
    """Find the time zone of the settings in the machine's database."""
    name = settings.time_zone
    if name == "UTC":
        return UTC  # also where there is no database
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as trouble:
        raise PortalError(
            f"settings.time_zone is {name!r:.60}, which is no time zone that this machine knows:"
            " write a name such as Europe/Berlin"
        ) from trouble


def _zone_with_midnight_at(moment: datetime) -> tzinfo:
    """Make a zone in which a moment, to the millisecond, is midnight."""
    since_midnight = moment.astimezone(UTC) - moment.astimezone(UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    behind = round(since_midnight / MILLISECOND) * MILLISECOND
    # A midnight of the afternoon lies nearer to the day that begins than to the one that ends.
    return timezone(DAY - behind if behind > DAY / 2 else -behind)
