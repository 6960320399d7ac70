"""Find out when an account's day ends: HubSpot's daily limit starts anew at its midnight."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from datetime import date, tzinfo

DAY_MILLISECONDS: Final = 86_400_000

GRACE: Final = timedelta(hours=1)
"""How long after midnight a clock that differs from HubSpot's may be the reason for a refusal."""

GRACE_STEP: Final = timedelta(minutes=5)

UNKNOWN_ZONE_STEP: Final = timedelta(minutes=15)
"""Zones differ by quarters of an hour, so no midnight is missed by more."""

PATIENCE: Final = timedelta(hours=25) + GRACE
"""The longest day (the one that summer time ends on), and the grace: who is still refused then will
be tomorrow as well."""


def zone_of(name: str, utc_offset_milliseconds: int | None) -> tzinfo | None:
    """Find a time zone by its name, or else by its offset; None when neither says anything.

    A machine may lack the data of zones; the offset is right until the next change of the clocks.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if utc_offset_milliseconds is None or abs(utc_offset_milliseconds) >= DAY_MILLISECONDS:
            return None
    return timezone(timedelta(milliseconds=utc_offset_milliseconds))


def next_midnight(now: datetime, zone: tzinfo) -> datetime:
    """Give the end of the day that `now` is in, in the zone's own time."""
    return _start_of(now.astimezone(zone).date() + timedelta(days=1), zone)


def opens_at(
    now: datetime, zone: tzinfo | None, *, waited_since: datetime | None
) -> datetime | None:
    """Tell when to ask again after a refusal for the day; None when waiting has not helped.

    `waited_since` is the first refusal of a row without an answer between; None for the first.
    Where the zone is not known, because the refusal came before it could be asked for, it is asked
    again and again.
    """
    if waited_since is not None and now - waited_since > PATIENCE:
        return None
    if zone is None:
        return now + UNKNOWN_ZONE_STEP
    since_midnight = now - _start_of(now.astimezone(zone).date(), zone)
    if waited_since is not None and since_midnight < GRACE:
        return now + GRACE_STEP
    return next_midnight(now, zone)


def _start_of(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
