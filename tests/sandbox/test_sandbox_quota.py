"""The rolling window and the daily limit, to the second, on a clock of our own."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox import PortalError, load_portal
from etl.sandbox.quota import Policy, Quota

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DETAILS = "/account-info/v3/details"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the seconds."""
        return self.now


def quota_of(clock: Callable[[], float], burst: int | None, daily: int | None) -> Quota:
    """Make a quota whose days end every 86,400 seconds of the clock."""
    return Quota(
        requests_per_10_seconds=burst,
        requests_per_day=daily,
        clock=clock,
        today=lambda: int(clock() // 86_400),
    )


async def test_the_window_rolls(open_account: Any) -> None:
    """Each request frees its place exactly ten seconds after it came, not at the next tick."""
    clock = Clock()
    account = await open_account(clock=clock, requests_per_10_seconds=2)
    statuses = []
    for moment in (1000.0, 1004.0, 1009.999, 1010.0, 1013.999, 1014.0, 1014.0):
        clock.now = moment
        statuses.append((await account.get(DETAILS)).status)
    assert statuses == [200, 200, 429, 200, 429, 200, 429]
    assert (account.sandbox.requests, account.sandbox.refused) == (7, 3)


async def test_the_headers_count_down(open_account: Any) -> None:
    """Answers tell both limits and what is left, and errors of a known token do too."""
    account = await open_account(clock=Clock(), requests_per_10_seconds=3, requests_per_day=50)
    answer = await account.get(DETAILS)
    limits = {k: v for k, v in answer.headers.items() if k.startswith("X-HubSpot-RateLimit")}
    assert limits == {
        "X-HubSpot-RateLimit-Max": "3",
        "X-HubSpot-RateLimit-Remaining": "2",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Daily": "50",
        "X-HubSpot-RateLimit-Daily-Remaining": "49",
    }
    answer = await account.get("/nowhere")
    assert (answer.status, answer.headers["X-HubSpot-RateLimit-Remaining"]) == (404, "1")


async def test_the_429_says_which_limit(open_account: Any) -> None:
    """A refused request is told the policy, and is given no time to wait."""
    account = await open_account(clock=Clock(), requests_per_10_seconds=1)
    await account.get(DETAILS)
    answer = await account.get(DETAILS)
    assert answer.status == 429
    assert len(answer.body.pop("correlationId")) == 36
    assert answer.body == {
        "status": "error",
        "message": "You have reached your ten_secondly_rolling limit.",
        "errorType": "RATE_LIMIT",
        "policyName": "TEN_SECONDLY_ROLLING",
        "category": "RATE_LIMITS",
    }
    assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "0"
    assert "Retry-After" not in answer.headers


async def test_the_day_ends(open_account: Any) -> None:
    """Used-up days refuse with DAILY, and the next day begins anew."""
    clock = Clock()
    account = await open_account(clock=clock, requests_per_10_seconds=None, requests_per_day=2)
    assert [(await account.get(DETAILS)).status for _ in range(3)] == [200, 200, 429]
    refused = await account.get(DETAILS)
    assert (refused.body["policyName"], refused.headers["X-HubSpot-RateLimit-Daily-Remaining"]) == (
        "DAILY",
        "0",
    )
    assert "X-HubSpot-RateLimit-Max" not in refused.headers
    clock.now += 86_400
    assert (await account.get(DETAILS)).status == 200


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def told_time(account: Any) -> tuple[str, str, int]:
    """Ask the account for its time zone."""
    body = (await account.get(DETAILS)).body
    return body["timeZone"], body["utcOffset"], body["utcOffsetMilliseconds"]


@pytest.mark.parametrize(
    ("zone", "started_at", "offset", "seconds_left"),
    [
        ("UTC", NOON, "+00:00", 12 * 3600),
        ("Asia/Tokyo", NOON, "+09:00", 3 * 3600),
        ("America/New_York", NOON, "-05:00", 17 * 3600),
        ("Asia/Kolkata", NOON, "+05:30", 6.5 * 3600),
        # New York's clocks go back on this day, which has 25 hours.
        ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), "-04:00", 25 * 3600),
    ],
)
async def test_the_day_ends_at_the_accounts_midnight(
    open_account: Any, zone: str, started_at: datetime, offset: str, seconds_left: float
) -> None:
    """The details tell the time zone with its offset, and the daily limit begins anew with its day."""
    clock = Clock()
    account = await open_account(
        clock=clock, started_at=started_at, time_zone=zone, requests_per_day=1
    )
    sign = -1 if offset.startswith("-") else 1
    minutes = sign * (int(offset[1:3]) * 60 + int(offset[4:]))
    assert await told_time(account) == (zone, offset, minutes * 60_000)
    statuses = []
    for moment in (seconds_left - 0.001, seconds_left, seconds_left + 3600):
        clock.now = 1000 + moment
        statuses.append((await account.get(DETAILS)).status)
    assert statuses == [429, 200, 429]


async def test_the_offset_is_that_of_the_moment(open_account: Any) -> None:
    """An account that goes over to winter time says so from then on."""
    clock = Clock()
    summer = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC)
    account = await open_account(clock=clock, started_at=summer, time_zone="Europe/Berlin")
    assert await told_time(account) == ("Europe/Berlin", "+02:00", 7_200_000)
    clock.now += 1
    assert await told_time(account) == ("Europe/Berlin", "+01:00", 3_600_000)


@pytest.mark.parametrize("seconds", [0.25, 30, 43_199.5, 43_200, 43_201, 86_400])
@pytest.mark.parametrize("hour", [0, 11, 12, 23])
async def test_midnight_can_be_rehearsed(open_account: Any, seconds: float, hour: int) -> None:
    """Midnight comes so soon after the start; the offset says when, under a name nobody knows."""
    clock, started_at = Clock(), NOON.replace(hour=hour, minute=13, microsecond=250_000)
    account = await open_account(
        clock=clock,
        started_at=started_at,
        time_zone="Asia/Tokyo",
        seconds_until_midnight=seconds,
        requests_per_day=1,
    )
    name, written, offset = await told_time(account)
    midnight = started_at + timedelta(seconds=seconds)
    local = (midnight + timedelta(milliseconds=offset)).time()
    assert (name, local) == ("Sandbox/Midnight", time())
    hours, minutes = divmod(abs(offset) // 60_000, 60)
    assert written == f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
    assert abs(offset) <= 12 * 3600 * 1000
    statuses = []
    for moment in (seconds - 0.1, seconds, seconds + 86_399, seconds + 86_400):
        clock.now = 1000 + moment
        statuses.append((await account.get(DETAILS)).status)
    assert statuses == [429, 200, 429, 200]


@pytest.mark.parametrize("zone", ["Nowhere/Else", "Europe", "/etc/passwd", "../UTC", "a" * 300])
def test_an_unknown_time_zone_is_told(tmp_path: Path, zone: str) -> None:
    """A portal file with a zone that isn't one is refused with its value and an example."""
    path = tmp_path / "portal.yaml"
    path.write_text(f"settings: {{time_zone: {zone}}}", encoding="utf-8")
    with pytest.raises(PortalError, match=r"portal\.yaml: settings\.time_zone is .* Europe/Berlin"):
        load_portal(path)


@pytest.mark.parametrize("seconds", [0, 86_401])
def test_a_rehearsed_midnight_is_within_a_day(tmp_path: Path, seconds: int) -> None:
    """A midnight that never comes, or not the next day, is refused."""
    path = tmp_path / "portal.yaml"
    path.write_text(f"settings: {{seconds_until_midnight: {seconds}}}", encoding="utf-8")
    with pytest.raises(PortalError, match=r"\$\.settings\.seconds_until_midnight"):
        load_portal(path)


async def test_limits_can_be_off(open_account: Any) -> None:
    """A portal without limits refuses nothing and says nothing of limits."""
    account = await open_account(requests_per_10_seconds=None, requests_per_day=None)
    answers = [await account.get(DETAILS) for _ in range(200)]
    assert {answer.status for answer in answers} == {200}
    assert not [name for name in answers[0].headers if "RateLimit" in name]


@given(
    gaps=st.lists(st.floats(min_value=0, max_value=4, allow_nan=False), max_size=80),
    limit=st.integers(min_value=1, max_value=8),
)
def test_no_ten_seconds_hold_more(gaps: list[float], limit: int) -> None:
    """However requests come, none is let in over the limit, and none below it is kept out."""
    clock = Clock()
    quota = quota_of(clock, limit, None)
    let_in: list[float] = []
    for gap in gaps:
        clock.now += gap
        recent = [moment for moment in let_in if clock.now - moment < 10]
        policy = quota.admit()
        assert policy == (Policy.BURST if len(recent) >= limit else None)
        if policy is None:
            let_in.append(clock.now)


@pytest.mark.parametrize("burst", [None, 5])
def test_a_refused_request_costs_nothing(burst: int | None) -> None:
    """Knocking at a used-up limit doesn't prolong it."""
    clock = Clock()
    quota = quota_of(clock, burst, 5)
    admitted = [quota.admit() for _ in range(20)]
    assert admitted.count(None) == 5
    clock.now += 86_400
    assert quota.admit() is None
