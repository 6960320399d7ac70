"""A HubSpot that is down for everyone: held requests, one question now and then, and an end to it."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from etl.core.retry import RetryPolicy
from etl.errors import RequestError, StoppedError
from etl.hubspot.account import Account, fetch_account
from etl.hubspot.client import Client
from etl.hubspot.pace import Pace
from etl.hubspot.transport import open_transport
from etl.logs import open_log
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from etl.hubspot.client import Reply

GOOD: Final = {"status": "COMPLETE", "results": []}
DETAILS: Final = "GET /account-info/v3/details"
OPENS_AFTER: Final = 10


def answer(status: int, body: object = None, **headers: str) -> bytes:
    """Write a whole HTTP answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(raw)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


FINE: Final = answer(200, GOOD)
DOWN: Final = answer(503, {"message": "be back soon", "correlationId": "c-503"})
CUT_OFF: Final = b" "


@dataclass
class Hubspot:
    """A server that says the same to everyone until its weather changes."""

    weather: Callable[[str], bytes] = lambda _: FINE
    """Given method and path."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, answer it, hang up."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        await reader.readexactly(int(fields.get("Content-Length", "0")))
        self.asked.append(head.split(" HTTP/")[0])
        writer.write(self.weather(self.asked[-1]))
        writer.close()


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)
    meanwhile: Callable[[float], None] = lambda _: None
    """What else happens at the end of a nap, given the time."""

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass, as soon as everybody else has had a turn."""
        for _ in range(3):
            await asyncio.sleep(0)
        self.naps.append(seconds)
        self.now += seconds
        self.meanwhile(self.now)


@dataclass
class Line:
    """A client, and all that stands around it."""

    client: Client
    hubspot: Hubspot
    time: Time
    stop: Stop

    async def post_many(self, count: int) -> list[Reply | BaseException]:
        """Send so many requests at once, each to a path of its own."""
        sending = (self.client.post(f"/{number}", b"{}") for number in range(count))
        return await asyncio.gather(*sending, return_exceptions=True)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Open a client to a server whose weather the test makes."""
    async with AsyncExitStack() as stack:
        hubspot, time, stop = Hubspot(), Time(), Stop()
        listening = await asyncio.start_server(hubspot.serve, "127.0.0.1", 0)
        await stack.enter_async_context(listening)
        base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        client = Client(
            await stack.enter_async_context(open_transport("pat-na1-made-up", base_url)),
            pace=Pace(1_000_000, clock=time.clock, sleep=time.sleep),
            stop=stop,
            log=stack.enter_context(open_log(tmp_path / "run.log")),
            clock=time.clock,
            sleep=time.sleep,
            chance=lambda: 0.0,
        )
        yield Line(client, hubspot, time, stop)


# --- the circuit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [DOWN, CUT_OFF], ids=["503", "cut off"])
async def test_an_outage_is_waited_out_by_one(line: Line, trouble: bytes) -> None:
    """When HubSpot is down for everyone, twelve requests do not knock on its door twelve times over."""
    back_at = line.time.now + 60
    line.hubspot.weather = lambda _: trouble if line.time.now < back_at else FINE
    replies = await line.post_many(12)
    assert [reply.http_status for reply in replies if not isinstance(reply, BaseException)] == [
        200
    ] * 12
    writes = [place for place, each in enumerate(line.hubspot.asked) if each != DETAILS]
    asks = [place for place, each in enumerate(line.hubspot.asked) if each == DETAILS]
    # All that were under way when the tenth attempt broke, and after the outage each once more.
    before = [place for place in writes if place < asks[0]]
    assert OPENS_AFTER <= len(before) <= 12
    assert all(place > asks[-1] for place in writes[len(before) :])
    assert len(writes) == len(before) + 12
    assert len(asks) < 10, "asked ever more seldom"


async def test_nine_broken_attempts_hold_nobody_back(line: Line) -> None:
    """A bad moment is not an outage: each request goes on by itself."""
    left = iter([DOWN] * 9)
    line.hubspot.weather = lambda _: next(left, FINE)
    replies = await line.post_many(9)
    assert not any(isinstance(reply, BaseException) for reply in replies)
    assert DETAILS not in line.hubspot.asked


async def test_an_outage_ends_the_run_after_two_minutes(line: Line) -> None:
    """A HubSpot that stays away ends the run in words, and was not hammered meanwhile."""
    line.hubspot.weather = lambda _: DOWN
    began_at = line.time.now
    replies = await line.post_many(12)
    assert all(isinstance(reply, StoppedError) for reply in replies)
    [said] = {str(reply) for reply in replies}
    assert said == "HubSpot does not answer: no answer to anything in 120 s"
    assert line.time.now - began_at == pytest.approx(120, abs=1)
    asks = [each for each in line.hubspot.asked if each == DETAILS]
    assert len(line.hubspot.asked) - len(asks) <= 12
    assert len(asks) < 20


@pytest.mark.parametrize(
    "any_answer",
    [
        answer(404, {"message": "no such path"}),
        answer(403, {"message": "no scope"}),
        answer(423, {"message": "locked"}),
        answer(429, {"policyName": "SECONDLY", "message": "Slow!"}),
        answer(302, None, Location="/elsewhere"),
    ],
    ids=["404", "403", "423", "429", "302"],
)
async def test_any_answer_shows_that_hubspot_is_back(line: Line, any_answer: bytes) -> None:
    """Whatever HubSpot says to the question, it is there, and the work goes on."""
    line.hubspot.weather = lambda asked: any_answer if asked == DETAILS else DOWN
    is_open = False

    def watch(_: float) -> None:
        nonlocal is_open
        is_open = is_open or line.client._circuit.is_open
        if is_open and not line.client._circuit.is_open:
            line.hubspot.weather = lambda _: FINE

    line.time.meanwhile = watch
    replies = await line.post_many(10)
    assert [reply.http_status for reply in replies if not isinstance(reply, BaseException)] == [
        200
    ] * 10
    assert line.hubspot.asked.count(DETAILS) == 1


async def test_a_second_outage_has_two_minutes_of_its_own(line: Line) -> None:
    """A night with two outages of a minute and a half each gets through."""
    began_at = line.time.now
    is_down = [(0, 90), (100, 190)]
    line.hubspot.weather = lambda _: (
        DOWN if any(begins <= line.time.now - began_at < ends for begins, ends in is_down) else FINE
    )
    first = await line.post_many(10)
    line.time.now = began_at + 100
    second = await line.post_many(10)
    assert not any(isinstance(reply, BaseException) for reply in [*first, *second])


async def test_ctrl_c_during_an_outage_is_heeded_at_once(line: Line) -> None:
    """Nobody has to wait for the end of an outage, or of a pause in it, to stop a run."""
    line.hubspot.weather = lambda _: DOWN
    asleep = asyncio.Event()

    async def for_ever(_: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    def when_it_is_open(_: float) -> None:
        if line.client._circuit.is_open:
            line.client._sleep = for_ever

    line.time.meanwhile = when_it_is_open
    sending = asyncio.create_task(line.post_many(12))
    await asyncio.wait_for(asleep.wait(), 5)
    line.stop.request("interrupted by Ctrl-C", "")
    replies = await asyncio.wait_for(sending, 5)
    assert all(isinstance(reply, StoppedError) for reply in replies)
    assert {str(reply) for reply in replies} == {"interrupted by Ctrl-C"}


async def test_writes_that_break_while_hubspot_answers_are_given_up_alone(line: Line) -> None:
    """Where only writing is broken, each request comes to nothing by itself, and the run is told."""
    line.hubspot.weather = lambda asked: FINE if asked.startswith("GET") else DOWN
    replies = await line.post_many(12)
    assert all(isinstance(reply, RequestError) for reply in replies)


# --- a request that comes to nothing --------------------------------------------------------------


async def test_what_hubspot_said_last_is_told(line: Line) -> None:
    """Rows of a request that came to nothing carry HubSpot's status and correlation id."""
    line.hubspot.weather = lambda asked: FINE if asked == DETAILS else DOWN
    with pytest.raises(RequestError, match="HTTP 503 after 8 attempts: be back soon") as caught:
        await line.client.post("/x", b"{}")
    told = caught.value
    assert (told.http_status, told.correlation_id, told.attempts) == (503, "c-503", 8)


async def test_the_correlation_id_may_stand_in_a_header(line: Line) -> None:
    """An html page has no field for it, and HubSpot's support asks for it all the same."""
    page = answer(502, b"<html>Bad gateway</html>", X_HubSpot_Correlation_Id="c-502")
    line.hubspot.weather = lambda asked: FINE if asked == DETAILS else page
    with pytest.raises(RequestError) as caught:
        await line.client.post("/x", b"{}")
    assert (caught.value.http_status, caught.value.correlation_id) == (502, "c-502")


async def test_a_silent_server_leaves_no_status(line: Line) -> None:
    """Where no answer came there is no status to tell, and none is made up."""
    line.hubspot.weather = lambda asked: FINE if asked == DETAILS else CUT_OFF
    with pytest.raises(RequestError, match="no answer after 8 attempts") as caught:
        await line.client.post("/x", b"{}")
    assert (caught.value.http_status, caught.value.correlation_id) == (None, "")


@pytest.mark.parametrize("tries", [2, 3, 8])
async def test_a_request_is_tried_as_often_as_asked(line: Line, tries: int) -> None:
    """A part of a batch that has come to nothing once is not tried for minutes again."""
    line.hubspot.weather = lambda asked: FINE if asked == DETAILS else DOWN
    with pytest.raises(RequestError) as caught:
        await line.client.post("/x", b"{}", tries=tries)
    assert caught.value.attempts == tries
    assert line.hubspot.asked == ["POST /x"] * tries + [DETAILS]
    line.hubspot.asked.clear()
    with pytest.raises(RequestError):
        await line.client.post("/x", b"{}")
    assert line.hubspot.asked.count("POST /x") == RetryPolicy().tries, "the next has its own"


async def test_an_account_that_tells_nothing_is_done_without(line: Line) -> None:
    """The details are a help: two tries, and a run begins without them."""
    line.hubspot.weather = lambda _: DOWN
    assert await fetch_account(line.client) == Account()
    assert line.hubspot.asked == [DETAILS] * 2


# --- answers without end --------------------------------------------------------------------------


@pytest.fixture
def one_megabyte(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make the bound on answers small."""
    monkeypatch.setattr("etl.hubspot.transport.MAX_ANSWER_BYTES", 2**20)
    return 2**20


@pytest.mark.parametrize("packing", ["plain", "gzip"])
@pytest.mark.parametrize("status", [200, 400, 502])
async def test_an_answer_without_end_is_refused(
    line: Line, one_megabyte: int, packing: str, status: int
) -> None:
    """A server, or a bomb of a few bytes, can't fill the memory; it costs its request alone."""
    raw = b" " * (8 * one_megabyte)
    body = gzip.compress(raw) if packing == "gzip" else raw
    headers = {"Content_Encoding": "gzip"} if packing == "gzip" else {}
    line.hubspot.weather = lambda _: answer(status, body, **headers)
    with pytest.raises(RequestError, match="the answer is longer than 1 MB") as caught:
        await line.client.post("/x", b"{}")
    assert (caught.value.http_status, caught.value.attempts) == (status, 1)
    line.hubspot.weather = lambda _: FINE
    assert (await line.client.post("/x", b"{}")).http_status == 200


@pytest.mark.parametrize("packing", ["plain", "gzip"])
async def test_the_longest_answer_is_taken_in(line: Line, one_megabyte: int, packing: str) -> None:
    """An answer that just fits is an answer."""
    raw = json.dumps(GOOD).encode().ljust(one_megabyte)
    if packing == "gzip":
        line.hubspot.weather = lambda _: answer(200, gzip.compress(raw), Content_Encoding="gzip")
    else:
        line.hubspot.weather = lambda _: answer(200, raw)
    assert (await line.client.post("/x", b"{}")).is_success
