"""The client against a server that does whatever servers do: real sockets, and a clock of our own."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from etl.core.retry import RetryPolicy
from etl.errors import EtlError, RequestError, SettingsError, StoppedError
from etl.hubspot.client import Client
from etl.hubspot.pace import Pace
from etl.hubspot.transport import Transport, open_transport
from etl.logs import open_log
from etl.sandbox import PortalDefinition, Sandbox, SandboxSettings
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

TOKEN: Final = "pat-na1-made-up-0123456789"
HANG: Final = b""
GOOD: Final = {"status": "COMPLETE", "results": [{"label": None, "category": "X", "typeId": 1}]}


def answer(status: int, body: object = None, **headers: str) -> bytes:
    """Write a whole HTTP answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(raw)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def refused(policy: str, **headers: str) -> bytes:
    """Write HubSpot's 429."""
    body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": policy, "message": "Slow!"}
    return answer(429, body, **headers)


@dataclass
class Server:
    """Answer each request with the next bytes of a script, the last one for ever."""

    script: list[bytes]
    requests: list[tuple[str, str]] = field(default_factory=list)
    """The first line and the token of each."""
    base_url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, write the next bytes, and hang up; no bytes are never an answer."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        await reader.readexactly(int(fields.get("Content-Length", "0")))
        self.requests.append((head.split("\r\n")[0], fields.get("Authorization", "")))
        path = self.requests[-1][0].split()[1]
        reply = answer(200, GOOD) if path == "/fine" else self._next()
        if reply == HANG:
            await reader.read()  # until the client has had enough
        writer.write(reply)
        writer.close()

    def _next(self) -> bytes:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """What else happens during a nap."""

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        assert seconds >= 0
        self.naps.append(seconds)
        self.now += seconds
        if self.meanwhile is not None:
            await self.meanwhile()


@dataclass
class Line:
    """A client, and all that stands around it."""

    client: Client
    server: Server
    time: Time
    stop: Stop
    log: Path


class Dial:
    """Open servers with a script and clients to them."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder

    async def server(self, *script: bytes) -> Server:
        """Start a server."""
        server = Server(list(script))
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        await self._stack.enter_async_context(listening)
        server.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        return server

    async def __call__(
        self,
        *script: bytes,
        policy: RetryPolicy | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> Line:
        """Start a server and a client to it."""
        server = await self.server(*script)
        if session is None:
            opened = open_transport(TOKEN, server.base_url)
            transport = await self._stack.enter_async_context(opened)
        else:
            transport = Transport(session, server.base_url)
        time, stop, path = Time(), Stop(), self._folder / "run.log"
        client = Client(
            transport,
            pace=Pace(1_000_000, clock=time.clock, sleep=time.sleep),
            stop=stop,
            log=self._stack.enter_context(open_log(path)),
            policy=policy,
            clock=time.clock,
            sleep=time.sleep,
            chance=lambda: 0.0,
        )
        return Line(client, server, time, stop, path)


@asynccontextmanager
async def dialling(folder: Path) -> AsyncIterator[Dial]:
    """Close everything that was opened."""
    async with AsyncExitStack() as stack:
        yield Dial(stack, folder)


@pytest.fixture
async def dial(tmp_path: Path) -> AsyncIterator[Dial]:
    """Give a function that opens a client to a scripted server."""
    async with dialling(tmp_path) as opened:
        yield opened


# --- what is tried again, and when ------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "naps"),
    [
        pytest.param(refused("TEN_SECONDLY_ROLLING"), [0.5], id="window"),
        pytest.param(refused("SECONDLY"), [1.0], id="second"),
        pytest.param(refused("TEN_SECONDLY_ROLLING", Retry_After="7"), [7.0], id="told when"),
        pytest.param(answer(429, b"<html>Too many</html>"), [0.5], id="html from a proxy"),
        pytest.param(answer(423, {"message": "locked"}), [2.0], id="locked"),
        pytest.param(answer(477, {"message": "moving"}, Retry_After="30"), [30.0], id="moving"),
        pytest.param(answer(408, None), [0.25], id="408"),
        pytest.param(answer(500, {"message": "oops"}), [0.25], id="500"),
        pytest.param(answer(502, b"<html>Bad gateway</html>"), [0.25], id="502"),
        pytest.param(answer(503, b"", Retry_After="9"), [9.0], id="503"),
        pytest.param(answer(504, b""), [0.25], id="504"),
        pytest.param(answer(200, b"<html>Log in to the hotel</html>"), [0.25], id="200 in html"),
        pytest.param(answer(201, b'{"results": [{"fro'), [0.25], id="cut JSON"),
        pytest.param(answer(201, GOOD)[:-9], [0.25], id="cut body"),
        pytest.param(answer(200, b"no gzip", Content_Encoding="gzip"), [0.25], id="broken gzip"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", [0.25], id="not HTTP"),
    ],
)
async def test_a_passing_trouble_is_waited_out(dial: Dial, first: bytes, naps: list[float]) -> None:
    """A request that may go better by itself is sent again, after the wait that HubSpot asks for."""
    line = await dial(first, answer(200, GOOD))
    reply = await line.client.post("/x", b"{}")
    assert (reply.http_status, reply.attempts, line.time.naps) == (200, 2, naps)
    assert [first_line for first_line, _ in line.server.requests] == ["POST /x HTTP/1.1"] * 2
    assert (line.client.meter.requests, line.client.meter.attempts) == (1, 2)


async def test_a_connection_that_breaks_off_is_made_again(dial: Dial) -> None:
    """A server that hangs up without a word costs an attempt, not the run."""
    line = await dial(b" ", answer(200, GOOD))
    reply = await line.client.post("/x", b"{}")
    assert (reply.http_status, reply.attempts) == (200, 2)


async def test_nobody_listening_stops_the_run(dial: Dial) -> None:
    """Without a network the run ends in words, after its tries."""
    line = await dial(answer(200, GOOD))
    line.client._transport.base_url = "http://127.0.0.1:1"
    with pytest.raises(StoppedError, match="HubSpot does not answer: no answer after 8 attempts"):
        await line.client.get("/x")


async def test_a_server_that_hangs_is_given_up_on(dial: Dial) -> None:
    """An answer that never comes ends in time, and is asked for again."""
    timeout = aiohttp.ClientTimeout(total=0.05)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        line = await dial(HANG, answer(200, GOOD), session=session)
        reply = await line.client.post("/x", b"{}")
        assert (reply.http_status, reply.attempts) == (200, 2)


async def test_429s_are_counted_and_hold_everyone_back(dial: Dial) -> None:
    """One refusal for the pace makes all requests wait, or the others would be refused as well."""
    line = await dial(refused("TEN_SECONDLY_ROLLING"), answer(200, GOOD))
    asleep, over = asyncio.Event(), asyncio.Event()

    async def until_it_is_over() -> None:
        asleep.set()
        await over.wait()

    line.time.meanwhile = until_it_is_over
    first = asyncio.create_task(line.client.post("/x", b"{}"))
    await asyncio.wait_for(asleep.wait(), 5)
    second = asyncio.create_task(line.client.get("/fine"))
    await asyncio.wait({second}, timeout=0.1)
    assert len(line.server.requests) == 1
    over.set()
    replies = await asyncio.gather(first, second)
    assert [reply.http_status for reply in replies] == [200, 200]
    assert line.time.naps[0] == 0.5
    assert line.client.meter.http_429s == 1


async def test_waits_grow_and_end(dial: Dial) -> None:
    """A HubSpot that is down is asked less and less often, and not for ever."""
    line = await dial(answer(500, {"message": "oops"}))
    with pytest.raises(StoppedError, match="HTTP 500 after 8 attempts: oops"):
        await line.client.post("/x", b"{}")
    assert line.time.naps == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0]
    assert len(line.server.requests) == 9, "eight, and one to see whether HubSpot is alive"


async def test_a_request_that_alone_fails_does_not_end_the_run(dial: Dial) -> None:
    """While others are answered, a request that never is costs its own rows only."""
    line = await dial(answer(500, {"message": "oops"}))
    line.time.meanwhile = lambda: line.client.get("/fine")
    with pytest.raises(RequestError, match="HTTP 500 after 8 attempts") as caught:
        await line.client.post("/x", b"{}")
    assert caught.value.attempts == 8


async def test_a_poison_request_does_not_end_the_run(dial: Dial) -> None:
    """One request that always breaks ended a run of one request at a time as if HubSpot were down."""
    down = answer(500, {"message": "oops"})
    line = await dial(*[down] * 8, answer(404, {"message": "no such path"}))
    with pytest.raises(RequestError, match="HTTP 500 after 8 attempts: oops") as caught:
        await line.client.post("/x", b"{}")
    assert caught.value.attempts == 8
    *tries, last = [first_line for first_line, _ in line.server.requests]
    assert tries == ["POST /x HTTP/1.1"] * 8
    assert last == "GET /account-info/v3/details HTTP/1.1"


@pytest.mark.parametrize("silence", [b" ", answer(503, b"")])
async def test_a_dead_hubspot_is_asked_once_more(dial: Dial, silence: bytes) -> None:
    """Without an answer to a plain GET the run ends, instead of failing row after row."""
    line = await dial(*[answer(500, {"message": "oops"})] * 8, silence)
    with pytest.raises(StoppedError, match="HubSpot does not answer: HTTP 500 after 8 attempts"):
        await line.client.post("/x", b"{}")
    assert [method.split()[0] for method, _ in line.server.requests] == ["POST"] * 8 + ["GET"]


async def test_waiting_for_a_turn_takes_nothing_from_the_budget(dial: Dial) -> None:
    """A request that had queued for minutes was given up on at its first trouble."""
    line = await dial(answer(500, {"message": "oops"}), answer(200, GOOD))
    line.client._pace.pause(2 * RetryPolicy().budget_seconds)
    reply = await line.client.post("/x", b"{}")
    assert (reply.http_status, reply.attempts) == (200, 2)
    assert sum(line.time.naps) > 2 * RetryPolicy().budget_seconds


@pytest.mark.parametrize("policy", ["TEN_SECONDLY_ROLLING", "SECONDLY", "SOMETHING_NEW", ""])
async def test_refusals_without_end_run_out_of_time(dial: Dial, policy: str) -> None:
    """An account that never has room again ends the run within its budget of time."""
    line = await dial(refused(policy))
    with pytest.raises(StoppedError, match="HTTP 429") as caught:
        await line.client.post("/x", b"{}")
    assert caught.value.hint == "another program uses up the account's limit; go on when it is done"
    assert 290 < sum(line.time.naps) <= RetryPolicy().budget_seconds


async def test_a_wait_longer_than_the_budget_is_not_begun(dial: Dial) -> None:
    """An account that moves until tomorrow ends the run now."""
    line = await dial(answer(477, {"message": "moving"}, Retry_After="86400"))
    with pytest.raises(StoppedError, match=r"another data center \(477\): moving"):
        await line.client.post("/x", b"{}")
    assert line.time.naps == []


async def test_the_daily_limit_ends_the_run_at_once(dial: Dial) -> None:
    """No request can succeed before midnight, so none is tried."""
    line = await dial(refused("DAILY"))
    with pytest.raises(StoppedError, match="daily limit is used up") as caught:
        await line.client.post("/x", b"{}")
    assert "midnight" in caught.value.hint
    assert len(line.server.requests) == 1


async def test_nothing_is_sent_once_the_run_is_to_stop(dial: Dial) -> None:
    """After Ctrl-C no new request leaves, and the reason is passed on."""
    line = await dial(answer(200, GOOD))
    line.stop.request("interrupted by Ctrl-C", "run failures.csv to go on")
    with pytest.raises(StoppedError, match="interrupted by Ctrl-C"):
        await line.client.post("/x", b"{}")
    assert line.server.requests == []


async def test_no_second_try_once_the_run_is_to_stop(dial: Dial) -> None:
    """Ctrl-C during a wait ends the request instead of trying on."""
    line = await dial(answer(500, {"message": "oops"}))

    async def interrupt() -> None:
        line.stop.request("interrupted by Ctrl-C", "")

    line.time.meanwhile = interrupt
    with pytest.raises(StoppedError, match="interrupted by Ctrl-C"):
        await line.client.post("/x", b"{}")
    assert len(line.server.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(refused("TEN_SECONDLY_ROLLING", Retry_After="200"), id="everyone waits"),
        pytest.param(answer(477, {"message": "moving"}, Retry_After="200"), id="one waits"),
    ],
)
async def test_a_long_wait_ends_when_the_run_is_to_stop(dial: Dial, trouble: bytes) -> None:
    """Ctrl-C and SIGTERM are heeded at once: a scheduler's patience ends before HubSpot's does."""
    line = await dial(trouble)
    asleep = asyncio.Event()

    async def for_ever() -> None:
        asleep.set()
        await asyncio.Event().wait()

    line.time.meanwhile = for_ever
    sending = asyncio.create_task(line.client.post("/x", b"{}"))
    await asyncio.wait_for(asleep.wait(), 5)
    line.stop.request("ended by SIGTERM", "")
    done, _ = await asyncio.wait({sending}, timeout=0.5)
    sending.cancel()
    assert done, "the request slept on"


# --- what is judged, and by whom ----------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 207, 302, 400, 404, 405, 409, 413, 415, 418])
async def test_other_answers_are_not_tried_again(dial: Dial, status: int) -> None:
    """A refusal of the inputs does not get better by asking twice."""
    line = await dial(answer(status, b"" if status == 204 else {"message": "so"}))
    reply = await line.client.post("/x", b"{}")
    assert (reply.http_status, reply.attempts, line.time.naps) == (status, 1, [])
    assert reply.is_success == (200 <= status < 300)


async def test_a_refusal_in_html_is_still_a_refusal(dial: Dial) -> None:
    """A 404 page of a proxy is told as a 404."""
    line = await dial(answer(404, b"<html>Not here</html>"))
    assert (await line.client.get("/x")).http_status == 404


@pytest.mark.parametrize("empty", ["errors", "context", "message", "category", "correlationId"])
async def test_a_field_that_is_null_is_an_empty_field(dial: Dial, empty: str) -> None:
    """An answer is not thrown away because HubSpot writes null for what it leaves empty."""
    body: dict[str, Any] = {"message": "so", "category": "C", empty: None}
    line = await dial(answer(400, body), answer(400, {}))
    reply = await line.client.post("/x", b"{}")
    told = (reply.answer.message, reply.answer.category)
    assert told == ("" if empty == "message" else "so", "" if empty == "category" else "C")


async def test_a_success_with_null_errors_is_a_success(dial: Dial) -> None:
    """The results of a 2xx count, whatever stands beside them."""
    line = await dial(answer(201, {**GOOD, "errors": None}))
    reply = await line.client.post("/x", b"{}")
    assert (reply.http_status, reply.attempts) == (201, 1)


async def test_a_bad_token_is_told_once(dial: Dial) -> None:
    """A token that HubSpot refuses ends the run with the variable to set."""
    line = await dial(answer(401, {"message": "Authentication credentials not found"}))
    with pytest.raises(SettingsError, match=r"\(401\): Authentication credentials") as caught:
        await line.client.get("/x")
    assert "HUBSPOT_ACCESS_TOKEN" in caught.value.hint
    assert len(line.server.requests) == 1


@pytest.mark.parametrize(
    "detail",
    [
        {"context": {"missingScopes": ["crm.objects.contacts.write"]}},
        {"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}},
        {
            "errors": [
                {
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": ["crm.objects.contacts.write"]},
                }
            ]
        },
    ],
)
async def test_missing_scopes_are_named(dial: Dial, detail: dict[str, object]) -> None:
    """Whoever keeps the private app reads which boxes to tick, wherever HubSpot writes them."""
    line = await dial(
        answer(403, {"message": "Not granted", "category": "MISSING_SCOPES", **detail})
    )
    with pytest.raises(SettingsError, match=r"\(403\): Not granted") as caught:
        await line.client.get("/x")
    assert "crm.objects.contacts.write" in caught.value.hint


async def test_a_403_without_scopes_points_to_scopes_and_plan(dial: Dial) -> None:
    """A page of html instead of HubSpot's words still ends in a sentence with a way on."""
    line = await dial(answer(403, b"<html>Forbidden</html>"))
    with pytest.raises(SettingsError) as caught:
        await line.client.get("/x")
    assert "scopes and plan" in caught.value.hint


async def test_the_sandbox_refuses_as_hubspot_does(dial: Dial) -> None:
    """A wrong token and a missing scope are told the same way by the emulator."""
    settings = SandboxSettings(access_token="other", requests_per_10_seconds=None)
    line = await dial(answer(200, GOOD))
    async with Sandbox(PortalDefinition(settings=settings)) as sandbox:
        line.client._transport.base_url = sandbox.base_url
        with pytest.raises(SettingsError, match=r"\(401\)"):
            await line.client.get("/crm/v4/associations/contacts/companies/labels")
    settings = SandboxSettings(scopes=("crm.objects.contacts.read",), requests_per_10_seconds=None)
    async with Sandbox(PortalDefinition(settings=settings)) as sandbox:
        line.client._transport.base_url = sandbox.base_url
        with pytest.raises(SettingsError, match=r"\(403\)") as caught:
            await line.client.get("/crm/v4/associations/contacts/companies/labels")
    assert "crm.objects.companies.read" in caught.value.hint


async def test_the_calls_left_today_are_known(dial: Dial) -> None:
    """What HubSpot says of the daily limit is at hand after each answer, also a refusal."""
    left = {"X_HubSpot_RateLimit_Daily_Remaining": "41"}
    line = await dial(answer(200, GOOD, **left), answer(200, GOOD))
    assert line.client.meter.daily_remaining is None
    await line.client.get("/x")
    await line.client.get("/x")
    assert line.client.meter.daily_remaining == 41


# --- where the token goes -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(dial: Dial, status: int) -> None:
    """The token goes to the address of the job and nowhere else."""
    elsewhere = await dial.server(answer(200, GOOD))
    line = await dial(answer(status, None, Location=f"{elsewhere.base_url}/x"))
    reply = await line.client.post("/x", b"{}")
    assert (reply.http_status, reply.is_success) == (status, False)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "trouble",
    [
        answer(401, {"message": "no"}),
        answer(403, {"message": "no"}),
        answer(500, {"message": "no"}),
        answer(502, b"<html>no</html>"),
        refused("DAILY"),
        answer(201, GOOD)[:-9],
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        pytest.param(
            answer(502, f"<pre>Authorization: Bearer {TOKEN}</pre>".encode()),
            id="echoed by a proxy",
        ),
        pytest.param(answer(401, {"message": f"The token {TOKEN} is expired"}), id="echoed"),
    ],
)
async def test_the_token_is_in_no_error_and_no_log(dial: Dial, trouble: bytes) -> None:
    """Whatever goes wrong, and whatever a server says back, the token stays a secret."""
    line = await dial(trouble)
    with pytest.raises(EtlError) as caught:
        await line.client.post("/x", b"{}")
    assert line.server.requests[0][1] == f"Bearer {TOKEN}"
    assert TOKEN not in f"{caught.value!r} {caught.value.message} {caught.value.hint}"
    assert TOKEN not in line.log.read_text(encoding="utf-8")


async def test_failed_attempts_are_in_the_log(dial: Dial) -> None:
    """Whoever asks HubSpot's support about a bad night has the correlation ids."""
    body = {"message": "oops", "correlationId": "c-1"}
    line = await dial(answer(500, body), answer(200, GOOD))
    await line.client.post("/x", b"{}")
    [entry] = [json.loads(text) for text in line.log.read_text(encoding="utf-8").splitlines()]
    assert (entry["event"], entry["path"], entry["http_status"]) == ("attempt.failed", "/x", 500)
    assert (entry["correlation_id"], entry["trouble"], entry["attempt"]) == ("c-1", "oops", 1)


async def test_a_compressed_answer_is_read(dial: Dial) -> None:
    """Answers come compressed from HubSpot's edge."""
    body = gzip.compress(json.dumps({"message": "so"}).encode())
    line = await dial(answer(400, body, Content_Encoding="gzip"))
    assert (await line.client.get("/x")).answer.message == "so"
