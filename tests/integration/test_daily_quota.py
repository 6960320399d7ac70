"""The calls of a day: a run that stops when they are used up, and one that waits for midnight."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import polars as pl
import pytest

from etl.core.exit_code import ExitCode
from etl.core.midnight import GRACE_STEP, PATIENCE, UNKNOWN_ZONE_STEP
from etl.errors import StoppedError
from etl.hubspot.client import Client
from etl.hubspot.pace import Pace
from etl.hubspot.quota import Quota
from etl.hubspot.transport import Attempt, Transport
from etl.hubspot.wire import Answer
from etl.logs import open_log
from etl.model import HubspotSettings, Job, Limits, Output, Secret, Side, Source
from etl.pipeline import run_job
from etl.run_folder import create_run_folder
from etl.sandbox import Sandbox, SandboxSettings, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from etl.hubspot.client import Reply
    from etl.hubspot.settled import RowsSettled
    from etl.logs import Log
    from etl.model import Outcome
    from etl.summary import Summary

BERLIN: Final = ZoneInfo("Europe/Berlin")
EVENING: Final = datetime(2026, 7, 1, 18, tzinfo=UTC)
MIDNIGHT: Final = datetime(2026, 7, 1, 22, tzinfo=UTC)
"""In Berlin, four hours after the evening."""


@dataclass
class Night:
    """A clock on the wall that only sleeping moves."""

    moment: datetime = EVENING
    naps: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    """What else happens during a nap."""

    def now(self) -> datetime:
        """Tell the time."""
        return self.moment

    def seconds(self) -> float:
        """Tell the time to who counts in seconds."""
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Let the night go on."""
        assert seconds > 0
        until = self.moment + timedelta(seconds=seconds)
        self.naps.append(seconds)
        self.meanwhile()
        await asyncio.sleep(0)
        # Whoever sleeps at the same time sleeps through the same minutes.
        self.moment = max(self.moment, until)


@dataclass
class Desk:
    """A quota, and all that stands around it."""

    night: Night
    stop: Stop
    log: Log
    told: list[str] = field(default_factory=list)

    def quota(self, *, reserve: int = 0, waits: bool = False, zone: Any = BERLIN) -> Quota:
        """Open the quota of an account in Berlin."""
        quota = Quota(
            reserve=reserve,
            waits=waits,
            stop=self.stop,
            log=self.log,
            tell=self.told.append,
            now=self.night.now,
            sleep=self.night.sleep,
        )
        quota.zone = zone
        return quota


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Set the clock to the evening."""
    with open_log(tmp_path / "run.log") as log:
        yield Desk(Night(), Stop(), log)


# --- stop -----------------------------------------------------------------------------------------


async def test_a_day_that_is_used_up_stops_the_run(desk: Desk) -> None:
    """Whoever did not ask to wait reads when the account has calls again, by its own clock."""
    with pytest.raises(StoppedError, match="daily limit is used up: no more") as caught:
        desk.quota().used_up("no more")
    assert "2026-07-02 00:00 CEST" in caught.value.hint
    assert "--wait-for-quota" in caught.value.hint
    assert desk.night.naps == []


async def test_without_a_zone_the_hint_is_in_words(desk: Desk) -> None:
    """Where HubSpot has not told the account's time zone, no hour is made up."""
    with pytest.raises(StoppedError) as caught:
        desk.quota(zone=None).used_up("no more")
    assert "midnight in the account's time zone" in caught.value.hint


async def test_a_run_that_starts_on_a_used_up_day_waits_too(desk: Desk) -> None:
    """The account's time zone is refused like all else then: HubSpot is asked now and then."""
    quota = desk.quota(waits=True, zone=None)
    quota.used_up("no more")
    assert await quota.wait(None)
    assert desk.night.moment - EVENING == UNKNOWN_ZONE_STEP

    async def refused_for_ever() -> None:
        while True:
            quota.used_up("no more")
            await quota.wait(None)

    with pytest.raises(StoppedError, match="a new day has not changed that"):
        await refused_for_ever()
    assert PATIENCE < desk.night.moment - EVENING < PATIENCE + 2 * UNKNOWN_ZONE_STEP


async def test_an_answer_on_its_way_does_not_end_the_night(desk: Desk) -> None:
    """An answer that was sent before the day was used up let a run sleep through the next day."""
    quota = desk.quota(waits=True)
    quota.used_up("no more")
    quota.answered()
    await quota.wait(None)
    quota.used_up("HubSpot's clock is behind")
    await quota.wait(None)
    assert desk.night.moment == MIDNIGHT + GRACE_STEP


@pytest.mark.parametrize(
    ("reserve", "remaining", "passes"),
    [
        (0, 0, True),  # nobody knows better than HubSpot whether the next call is one too many
        (0, None, True),
        (10, None, True),
        (10, 11, True),
        (10, 10, False),
        (10, -3, False),
    ],
)
async def test_the_reserve_is_left_to_the_last_call(
    desk: Desk, reserve: int, remaining: int | None, *, passes: bool
) -> None:
    """The account's other integrations keep exactly the calls that the job leaves them."""
    quota = desk.quota(reserve=reserve)
    if passes:
        assert await quota.wait(remaining) is False
    else:
        with pytest.raises(StoppedError, match=f"limits.daily_reserve keeps {reserve}") as caught:
            await quota.wait(remaining)
        assert "2026-07-02 00:00 CEST" in caught.value.hint


# --- wait -----------------------------------------------------------------------------------------


async def test_a_run_waits_until_midnight_and_goes_on(desk: Desk) -> None:
    """With --wait-for-quota a run sleeps through the evening, and says so once."""
    quota = desk.quota(waits=True)
    quota.used_up("no more")
    quota.used_up("no more")  # a second request was in flight
    assert await quota.wait(None) is True
    assert desk.night.moment == MIDNIGHT
    assert max(desk.night.naps) <= 60, "a machine that was put to sleep finds out when it wakes"
    assert desk.told == [
        "HubSpot's daily limit is used up: no more; waiting until 2026-07-02 00:00 CEST"
    ]
    assert await quota.wait(None) is False


async def test_a_reserve_is_waited_for_as_well(desk: Desk) -> None:
    """A run that keeps calls for others goes on with those of the next day."""
    quota = desk.quota(reserve=10, waits=True)
    assert await quota.wait(10) is True
    assert desk.night.moment == MIDNIGHT
    assert "10 calls are left today, and limits.daily_reserve keeps 10" in desk.told[0]


async def test_a_machine_that_slept_through_midnight_goes_on(desk: Desk) -> None:
    """A laptop that is opened in the morning does not wait on for the hours that it slept."""
    quota = desk.quota(waits=True)
    quota.used_up("no more")

    def asleep() -> None:
        desk.night.moment = MIDNIGHT + timedelta(hours=8)

    desk.night.meanwhile = asleep
    assert await quota.wait(None) is True
    assert len(desk.night.naps) == 1


async def test_clocks_that_differ_cost_minutes(desk: Desk) -> None:
    """HubSpot's midnight came twelve minutes after ours: a run asks again, and loses no day."""
    quota = desk.quota(waits=True)
    for _ in range(4):
        quota.used_up("no more")
        await quota.wait(None)
    quota.answered()
    assert desk.night.moment == MIDNIGHT + 3 * GRACE_STEP


async def test_an_account_that_is_always_full_ends_the_run(desk: Desk) -> None:
    """When another program uses up the new day as well, somebody has to look."""
    quota = desk.quota(waits=True)

    async def ask_on() -> None:
        for _ in range(100):
            quota.used_up("no more")
            await quota.wait(None)

    with pytest.raises(StoppedError, match="a new day has not changed that") as caught:
        await ask_on()
    assert "monitoring" in caught.value.hint
    assert desk.night.moment - EVENING > PATIENCE
    assert desk.night.moment == MIDNIGHT + timedelta(days=1), "two midnights were tried"


async def test_an_answer_makes_the_patience_new(desk: Desk) -> None:
    """A run of many days waits every night, for each day was of use."""
    quota = desk.quota(waits=True)
    for _ in range(5):
        quota.used_up("no more")
        await quota.wait(None)
        quota.answered()
        desk.night.moment += timedelta(hours=2)
    assert desk.night.moment == MIDNIGHT + timedelta(days=4, hours=2)


async def test_ctrl_c_breaks_the_wait(desk: Desk) -> None:
    """Nobody has to wait for midnight to stop a run."""
    quota = desk.quota(waits=True)
    quota.used_up("no more")
    desk.night.meanwhile = lambda: desk.stop.request("interrupted by Ctrl-C", "")
    with pytest.raises(StoppedError, match="interrupted by Ctrl-C"):
        await quota.wait(None)
    assert len(desk.night.naps) == 1


# --- calls in flight ------------------------------------------------------------------------------


class Account(Transport):
    """An account that counts the calls of its day as they come, and answers when it is told to."""

    def __init__(self, session: aiohttp.ClientSession, calls: int) -> None:
        super().__init__(session, "http://127.0.0.1:1")
        self.left = calls
        self.waiting: list[asyncio.Event] = []

    async def attempt(self, method: str, path: str, body: bytes | None) -> Attempt:  # noqa: ARG002  (a call is a call)
        """Take a call; its answer tells what was left when it came."""
        self.left -= 1
        headers = {"X-HubSpot-RateLimit-Daily-Remaining": str(self.left)}
        if method == "POST":
            self.waiting.append(asyncio.Event())
            await self.waiting[-1].wait()
        return Attempt(200, Answer(), headers)


@dataclass
class Office:
    """A client of an account with 13 calls left, of which 10 are for others."""

    client: Client
    account: Account
    posts: list[asyncio.Task[Reply]] = field(default_factory=list)

    async def post(self, count: int) -> None:
        """Begin so many requests at once."""
        self.posts += [asyncio.create_task(self.client.post("/x", b"{}")) for _ in range(count)]
        await self.settle()

    async def settle(self) -> None:
        """Let everybody do what can be done without waiting."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def answer(self, place: int) -> None:
        """Let one call have its answer."""
        self.account.waiting[place].set()
        await self.settle()

    @property
    def refused(self) -> int:
        """Count the requests that the reserve has stopped."""
        return sum(isinstance(each.exception(), StoppedError) for each in self.posts if each.done())


@pytest.fixture
async def office(desk: Desk) -> AsyncIterator[Office]:
    """Ask the account once, so that its calls are known."""
    async with aiohttp.ClientSession() as session:
        account = Account(session, 14)
        pace = Pace(1_000_000, clock=desk.night.seconds, sleep=desk.night.sleep)
        client = Client(account, pace=pace, stop=desk.stop, log=desk.log, daily_reserve=10)
        await client.get("/x")
        assert client.meter.daily_remaining == 13
        office = Office(client, account)
        yield office
        for answered in account.waiting:
            answered.set()
        await asyncio.gather(*office.posts, return_exceptions=True)


async def test_calls_in_flight_count_as_made(office: Office) -> None:
    """Calls that have no answer yet are used up all the same, and others keep theirs."""
    for _ in range(5):
        await office.post(1)
    assert (office.account.left, office.refused) == (10, 2)


async def test_calls_that_wait_for_their_turn_count_too(office: Office) -> None:
    """Fifty workers that all saw one call left made fifty."""
    await office.post(5)
    assert (office.account.left, office.refused) == (10, 2)


async def test_answers_in_any_order_tell_the_same_count(office: Office) -> None:
    """An early call whose answer comes late does not bring calls back that are made."""
    await office.post(1)
    await office.post(1)
    await office.answer(1)
    await office.answer(0)
    for _ in range(3):
        await office.post(1)
    assert (office.account.left, office.refused) == (10, 2)


async def test_the_new_day_is_not_judged_by_the_old_one(office: Office, desk: Desk) -> None:
    """Requests that follow the first of the day before its answer slept for one more day."""
    office.client.quota = desk.quota(reserve=10, waits=True)
    office.client.meter.daily_remaining = 10
    await office.post(1)
    for _ in range(20):  # the evening has 240 naps
        await office.settle()
    assert desk.night.moment == MIDNIGHT
    await office.post(2)
    assert len(office.account.waiting) == 3
    assert len(desk.told) == 1


# --- whole runs -----------------------------------------------------------------------------------


class Listener:
    """Keep what a run tells of its waiting."""

    def __init__(self) -> None:
        self.waits: list[str] = []

    def read(self, rows: int) -> None:
        """Hear of rows read."""

    def looked_up(self, keys: int, of: int) -> None:
        """Hear of keys looked up."""

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear of rows that are not sent."""

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed."""

    def note(self, said: str) -> None:
        """Hear of something that lasts."""

    def waiting(self, said: str) -> None:
        """Hear that the run waits for midnight."""
        self.waits.append(said)

    def settled(self, settled: RowsSettled) -> None:
        """Hear of rows that have come to an outcome."""


@dataclass
class Run:
    """What came of a run."""

    summary: Summary
    outcomes: list[str]
    waits: list[str]
    sandbox: Sandbox


async def run(
    folder: Path, rows: int, *, night: Night, requests_per_day: int, waits: bool, **limits: Any
) -> Run:
    """Run a job of one row a request, against an account whose time is that of the night."""
    source = folder / "source.csv"
    lines = [f"{number},{number + 1000}\n" for number in range(1, rows + 1)]
    source.write_text("contact,company\n" + "".join(lines), encoding="utf-8")
    settings = SandboxSettings(
        requests_per_10_seconds=None,
        requests_per_day=requests_per_day,
        seconds_until_midnight=4 * 3600.0,
    )
    definition = msgspec.structs.replace(demo_portal(), settings=settings)
    async with Sandbox(definition, clock=night.seconds, started_at=night.moment) as sandbox:
        job = Job(
            name="quota",
            file=folder / "quota.yaml",
            source=Source(str(source)),
            from_side=Side("contacts", "contact"),
            to_side=Side("companies", "company"),
            labelling=None,
            existing_labels="ignore",
            hubspot=HubspotSettings(Secret("made-up"), "v4", sandbox.base_url),
            limits=Limits(requests_per_10_seconds=1_000_000, batch_size=1, **limits),
            output=Output(folder / "runs"),
        )
        run_folder = create_run_folder(job.output.directory, job.name)
        listener = Listener()
        summary = await run_job(
            job, run_folder, observer=listener, stop=Stop(), waits_for_quota=waits
        )
        results = pl.read_parquet(run_folder.results("parquet"))
        return Run(summary, results["outcome"].to_list(), listener.waits, sandbox)


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Night:
    """Give all quotas the time of a night that passes at once."""
    night = Night()
    defaults = Quota.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "now", night.now)
    monkeypatch.setitem(defaults, "sleep", night.sleep)
    return night


@pytest.mark.parametrize("concurrency", [1, 10])
async def test_a_run_goes_on_after_midnight(tmp_path: Path, night: Night, concurrency: int) -> None:
    """Thirty rows in an account of ten calls a day take four days, and nobody has to look after them."""
    done = await run(
        tmp_path, 30, night=night, requests_per_day=10, waits=True, concurrency=concurrency
    )
    assert done.outcomes == ["associated"] * 30
    assert done.summary["exit_code"] == ExitCode.SUCCEEDED
    # Three of the first day's calls ask for account and labels.
    assert (night.moment - MIDNIGHT).days == 2, "the third midnight"
    assert all("waiting until" in said for said in done.waits)
    assert len(done.waits) == 3
    assert done.sandbox.refused <= 3 * concurrency


async def test_a_run_that_does_not_wait_stops(tmp_path: Path, night: Night) -> None:
    """Without --wait-for-quota the rest is left for a resume, which the message dates."""
    done = await run(tmp_path, 30, night=night, requests_per_day=10, waits=False)
    assert done.outcomes.count("associated") == 7
    assert done.outcomes.count("not_sent") == 23
    assert done.summary["exit_code"] == ExitCode.STOPPED
    assert night.naps == []


async def test_calls_kept_for_others_are_left_to_them(tmp_path: Path, night: Night) -> None:
    """A run ends when the account has the reserve left, and not a call later or earlier."""
    done = await run(
        tmp_path,
        60,
        night=night,
        requests_per_day=40,
        waits=False,
        concurrency=1,
        daily_reserve=15,
    )
    assert "limits.daily_reserve keeps 15" in (done.summary["stopped"] or "")
    assert done.sandbox.requests == 25


async def test_yesterdays_count_does_not_hold_the_new_day_back(
    tmp_path: Path, night: Night
) -> None:
    """After midnight a run with a reserve goes on, though the last answer told of few calls left."""
    done = await run(
        tmp_path, 30, night=night, requests_per_day=20, waits=True, concurrency=1, daily_reserve=5
    )
    assert done.outcomes == ["associated"] * 30
    assert len(done.waits) == 2
    assert done.sandbox.refused == 0
