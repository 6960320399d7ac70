"""The client at an account's limit, minutes of it in virtual time: slow, hanging and shared HubSpots."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from leap import leap

from etl.core.retry import NO_STATUS
from etl.hubspot.client import Client
from etl.hubspot.meter import Meter
from etl.hubspot.pace import Pace
from etl.hubspot.parallel import in_parallel
from etl.hubspot.sharing import Shares, Sharing
from etl.hubspot.transport import TIMEOUT_SECONDS, Attempt, Transport
from etl.hubspot.wire import Answer
from etl.logs import open_log
from etl.sandbox import Stretch
from etl.sandbox.quota import Policy, Quota
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ON_THE_WAY_SECONDS: Final = 0.02
SETTLED_SECONDS: Final = 30.0
"""From here on a run is measured: the first answer has told the limit and the window is full."""

STEPS: Final = tuple(Stretch(seconds=25, share=share) for share in (0, 0.3, 0.7, 0.1))
SAW: Final = (Stretch(seconds=30, share=0, to_share=0.7),)
IN_BURSTS: Final = tuple(Stretch(seconds=25, share=share, at_once=10) for share in (0.1, 0.5, 0.2))


@dataclass
class Account(Transport):
    """Answer as an account does whose rolling window is kept by the sandbox."""

    quota: Quota
    clock: Callable[[], float]
    latency: Callable[[float, Random], float]
    tells_remaining: bool = True
    base_url: str = "http://127.0.0.1"
    admitted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    chance: Random = field(default_factory=lambda: Random(7))  # noqa: S311 - no secret

    async def attempt(self, *_: object) -> Attempt:
        """Let a request in as it comes, and answer when its time is over."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer()
        finally:
            self.in_flight -= 1

    async def _answer(self) -> Attempt:
        await asyncio.sleep(ON_THE_WAY_SECONDS * self.chance.uniform(0.5, 1.5))
        policy, headers = self.quota.admit(), self.quota.headers()
        if not self.tells_remaining:
            del headers["X-HubSpot-RateLimit-Remaining"]
        if policy is not None:
            self.refused.append(self.clock())
            await asyncio.sleep(ON_THE_WAY_SECONDS)
            return Attempt(429, Answer(policy_name=Policy.BURST.value), headers)
        self.admitted.append(self.clock())
        seconds = self.latency(self.clock(), self.chance)
        await asyncio.sleep(min(seconds, TIMEOUT_SECONDS))
        if seconds >= TIMEOUT_SECONDS:
            return Attempt(NO_STATUS, Answer(), trouble="no answer")
        return Attempt(200, Answer(), headers)


@dataclass(frozen=True)
class Ran:
    """How a run went between `SETTLED_SECONDS` and its end."""

    used: float
    """Share of what others left that was used."""
    refused: float
    """Share of the attempts that got a 429."""
    most_in_flight: int
    attempts: int
    said: list[str]
    """What was told of others."""
    shared: list[dict[str, int]]
    """The lines of the log about them."""
    most_by_others: int


def run(
    folder: Path,
    latency: Callable[[float, Random], float],
    *others: Stretch,
    limit: int = 200,
    seconds: float = 130.0,
    tells_remaining: bool = True,
) -> Ran:
    """Send for so long as fast as the client will."""

    async def work(clock: Callable[[], float]) -> Ran:
        quota = Quota(
            requests_per_10_seconds=limit, requests_per_day=None, clock=clock, others=others
        )
        account = Account(quota, clock, latency, tells_remaining)
        said: list[str] = []
        stop, chance = Stop(), Random(3)  # noqa: S311 - no secret
        with open_log(folder / "run.log") as log:
            client = Client(
                account,
                pace=Pace(None, clock=clock),
                stop=stop,
                log=log,
                clock=clock,
                chance=chance.random,
                on_shared=said.append,
            )

            async def send(_: int) -> None:
                await client.post("/x", b"{}")

            async def end() -> None:
                await asyncio.sleep(SETTLED_SECONDS)
                before.append(quota.used_by_others)
                await asyncio.sleep(seconds - SETTLED_SECONDS)
                sending.cancel()

            before: list[int] = []
            sending = asyncio.ensure_future(
                in_parallel(range(10**6), send, stop=stop, seat=client.crew.seat)
            )
            await end()
            await asyncio.wait([sending])
        lines = map(json.loads, (folder / "run.log").read_text(encoding="utf-8").splitlines())
        by_others = quota.used_by_others - before[0]
        left = limit * (seconds - SETTLED_SECONDS) / 10 - by_others
        admitted = sum(moment > SETTLED_SECONDS for moment in account.admitted)
        refused = len(account.refused)
        return Ran(
            used=admitted / max(left, 1),
            refused=refused / (refused + len(account.admitted)),
            most_in_flight=account.most_in_flight,
            attempts=refused + len(account.admitted),
            said=said,
            shared=[line for line in lines if line["event"] == "limit.shared"],
            most_by_others=client.meter.most_by_others,
        )

    return leap(work)


def constant(seconds: float) -> Callable[[float, Random], float]:
    """Answer after about so long, a fifth more or less."""
    return lambda _, chance: seconds * chance.uniform(0.8, 1.2)


def hanging(seconds: float) -> Callable[[float, Random], float]:
    """Answer after so long, and one in a hundred never."""
    return lambda _, chance: 1e9 if chance.random() < 0.01 else seconds


def changing(now: float, _: Random) -> float:
    """Answer at once, then in five seconds for a minute, then at once again."""
    return 5.0 if 40 < now < 100 else 0.05


@pytest.mark.parametrize("limit", [100, 150, 200])
@pytest.mark.parametrize("seconds", [0.05, 0.5, 5.0])
def test_the_limit_is_used_whatever_the_latency(tmp_path: Path, limit: int, seconds: float) -> None:
    """More than 98.5 % of what the account allows goes out, nothing is refused, few are in flight."""
    ran = run(tmp_path, constant(seconds), limit=limit)
    assert ran.used > 0.985
    assert ran.refused == 0
    assert ran.most_in_flight <= limit / 10 * seconds * 1.2 + 3


@pytest.mark.parametrize(
    ("latency", "most"),
    [
        pytest.param(hanging(0.05), 30, id="1 % hang"),
        pytest.param(hanging(5.0), 130, id="slow, and 1 % hang"),
        pytest.param(changing, 115, id="slow for a minute"),
    ],
)
def test_hanging_and_changing_answers_do_not_lower_it(
    tmp_path: Path, latency: Callable[[float, Random], float], most: int
) -> None:
    """Nobody waits for an answer that hangs, and a HubSpot that slows down is not sent less."""
    ran = run(tmp_path, latency)
    assert ran.used > 0.985
    assert ran.refused == 0
    assert ran.most_in_flight <= most


@pytest.mark.parametrize("others", [STEPS, SAW, IN_BURSTS], ids=["steps", "saw", "bursts"])
@pytest.mark.parametrize("seconds", [0.05, 0.5])
def test_what_another_integration_leaves_is_used(
    tmp_path: Path, others: tuple[Stretch, ...], seconds: float
) -> None:
    """The other's share changes all the time; nine tenths of the rest is ours, almost unrefused."""
    ran = run(tmp_path, constant(seconds), *others, seconds=230)
    assert ran.used > 0.9
    assert ran.refused < 0.01


def test_an_account_that_tells_nothing_is_felt_out(tmp_path: Path) -> None:
    """Without the header only refusals tell of others; most of the rest is used all the same."""
    others = Stretch(seconds=1000, share=0.5)
    ran = run(tmp_path, constant(0.2), others, seconds=230, tells_remaining=False)
    assert ran.used > 0.85
    assert ran.refused < 0.03


def test_a_window_that_others_fill_is_not_hammered(tmp_path: Path) -> None:
    """While another integration takes everything, one request in a while finds out when it is done."""
    ran = run(tmp_path, constant(0.2), Stretch(seconds=1000, share=1), seconds=110)
    assert ran.attempts * ran.refused < 30


def test_others_who_slow_a_run_down_are_told_of(tmp_path: Path) -> None:
    """Said once; the log has when it began and ended each time, and the summary the most of it."""
    others = (Stretch(seconds=25, share=0), Stretch(seconds=25, share=0.5))
    ran = run(tmp_path, constant(0.2), *others)
    (said,) = ran.said
    assert said.startswith("other programs use 2")
    assert "of the account's 200 requests in 10 s" in said
    assert [line["others"] > 20 for line in ran.shared] == [True, False, True, False, True]
    for line in ran.shared:
        assert line["left"] <= 198 - line["others"] + 2
    assert 95 <= ran.most_by_others <= 110


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="nobody"),
        pytest.param((Stretch(seconds=1000, share=0.05),), id="a little"),
    ],
)
def test_a_little_is_not_told_of(tmp_path: Path, others: tuple[Stretch, ...]) -> None:
    """An integration that asks now and then is no reason for a run to be slow."""
    ran = run(tmp_path, constant(0.2), *others, seconds=60)
    assert (ran.said, ran.shared, ran.most_by_others) == ([], [], 0)


def test_what_was_there_at_the_start_is_not_told_of(tmp_path: Path) -> None:
    """What one's own last command has sent is in the first window, and is not others' work."""
    said: list[str] = []
    with open_log(tmp_path / "run.log") as log:
        sharing = Sharing(Meter(), log, said.append)
        for at in (100.0, 105.0, 109.9):
            sharing.see(Shares(limit=200, others=80, ours=118), at)
        assert said == []
        sharing.see(Shares(limit=200, others=80, ours=118), 110.0)
        assert len(said) == 1
