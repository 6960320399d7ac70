"""When a day's calls are there again: at the account's midnight, whatever its clocks do that night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.midnight import (
    GRACE,
    GRACE_STEP,
    PATIENCE,
    next_midnight,
    opens_at,
    zone_of,
)

if TYPE_CHECKING:
    from datetime import tzinfo

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "UTC",
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "America/Havana",  # the clocks change at midnight
    "Africa/Cairo",
]


def utc(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- which zone ---------------------------------------------------------------------------------


def test_a_zone_is_known_by_its_name() -> None:
    """The name knows of summer time, which the offset of today does not."""
    assert zone_of("Europe/Berlin", 0) == BERLIN


@pytest.mark.parametrize(
    "name",
    [
        "Sandbox/Midnight",
        "",
        "Europe",
        "../../etc/passwd",
        "/etc/localtime",
        "a\0b",
        "\ud800",
        "x" * 999,
    ],
)
def test_without_a_name_that_is_known_the_offset_will_do(name: str) -> None:
    """A zone that this machine does not know, or no name at all, is told by its offset."""
    zone = zone_of(name, -16_200_000)
    assert zone == timezone(timedelta(hours=-4, minutes=-30))


@pytest.mark.parametrize("offset", [None, 86_400_000, -86_400_000, 10**14])
def test_a_zone_that_nobody_tells_is_not_made_up(offset: int | None) -> None:
    """Rather no midnight than a wrong one: a run then stops instead of waiting for nothing."""
    assert zone_of("Nowhere/Land", offset) is None


# --- the end of the day -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "now", "midnight"),
    [
        pytest.param("UTC", "2026-11-23 22:00", "2026-11-24 00:00", id="UTC"),
        pytest.param("Asia/Tokyo", "2026-11-23 14:59", "2026-11-23 15:00", id="a minute before"),
        pytest.param("Asia/Tokyo", "2026-11-23 15:00", "2026-11-24 15:00", id="on the stroke"),
        pytest.param("America/New_York", "2026-11-23 03:00", "2026-11-23 05:00", id="west"),
        pytest.param(
            "Europe/Berlin", "2026-03-28 23:30", "2026-03-29 22:00", id="a day of 23 hours"
        ),
        pytest.param("Europe/Berlin", "2026-03-28 12:00", "2026-03-28 23:00", id="the day before"),
        pytest.param(
            "Europe/Berlin", "2026-10-24 22:30", "2026-10-25 23:00", id="a day of 25 hours"
        ),
        pytest.param(
            "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 23:00", id="2:30 for the first time"
        ),
        pytest.param("Europe/Berlin", "2026-10-25 01:30", "2026-10-25 23:00", id="2:30 again"),
        pytest.param(
            "America/Havana", "2026-03-08 04:00", "2026-03-08 05:00", id="no midnight at all"
        ),
        pytest.param("America/Havana", "2026-11-01 03:00", "2026-11-01 04:00", id="two midnights"),
        pytest.param(
            "America/Havana", "2026-11-01 05:30", "2026-11-02 05:00", id="after the second"
        ),
    ],
)
def test_the_day_ends_at_the_accounts_midnight(zone: str, now: str, midnight: str) -> None:
    """A run sleeps till the account's own midnight, also in the nights when clocks are changed."""
    found = next_midnight(utc(now), ZoneInfo(zone))
    assert found.astimezone(UTC) == utc(midnight)


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001  (hypothesis wants naive bounds)
)
def test_midnight_comes_within_a_day(zone: str, moment: datetime) -> None:
    """No night of the year lets a run sleep on for a day too many, or wake in the old day."""
    now, home = moment.replace(tzinfo=UTC), ZoneInfo(zone)
    midnight = next_midnight(now, home).astimezone(UTC)
    assert timedelta() < midnight - now <= timedelta(hours=25)
    today = now.astimezone(home).date()
    assert (midnight - timedelta(milliseconds=1)).astimezone(home).date() == today
    assert midnight.astimezone(home).date() == today + timedelta(days=1)


# --- when to ask again --------------------------------------------------------------------------

MIDNIGHT = utc("2026-07-01 22:00")
"""Of a night in Berlin."""


def test_the_first_refusal_waits_for_midnight() -> None:
    """Also a refusal just after midnight means the day that has begun, when it is the first."""
    just_after = MIDNIGHT + timedelta(minutes=1)
    assert opens_at(just_after, BERLIN, waited_since=None) == MIDNIGHT + timedelta(days=1)


@pytest.mark.parametrize("late", [timedelta(), timedelta(minutes=59, seconds=59)])
def test_a_clock_that_runs_ahead_asks_again_in_minutes(late: timedelta) -> None:
    """HubSpot's midnight may come a little after ours: that must not cost another day."""
    now, since = MIDNIGHT + late, MIDNIGHT - timedelta(hours=5)
    assert opens_at(now, BERLIN, waited_since=since) == now + GRACE_STEP


def test_the_grace_ends() -> None:
    """Whoever is refused an hour after midnight has used up the new day: the next one is waited for."""
    now, since = MIDNIGHT + GRACE, MIDNIGHT - timedelta(hours=5)
    assert opens_at(now, BERLIN, waited_since=since) == MIDNIGHT + timedelta(days=1)


def test_the_grace_begins_at_midnight_by_the_accounts_clock() -> None:
    """In the night of a change, an hour after midnight is an hour, whatever the clock shows."""
    havana: tzinfo = ZoneInfo("America/Havana")
    first_midnight = utc("2026-11-01 04:00")
    since = first_midnight - timedelta(hours=1)
    for minutes, is_soon in [(30, True), (90, False)]:
        now = first_midnight + timedelta(minutes=minutes)
        opens = opens_at(now, havana, waited_since=since)
        assert opens is not None
        assert (opens - now == GRACE_STEP) == is_soon


def test_patience_outlasts_the_longest_day_and_no_more() -> None:
    """A day of 25 hours is waited out, with its grace; an account that stays full is told."""
    assert timedelta(hours=26) == PATIENCE
    since = utc("2026-10-24 22:00")
    assert opens_at(since + PATIENCE, BERLIN, waited_since=since) is not None
    past = since + PATIENCE + timedelta(seconds=1)
    assert opens_at(past, BERLIN, waited_since=since) is None
