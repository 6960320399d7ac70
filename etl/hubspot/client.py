"""Send one request to HubSpot until it has an answer to judge. The one place that knows aiohttp.

Rule 1: the pace wraps the attempt, so that retries keep to the limit too.
Rule 2: the token travels in one header to one origin; redirects are never followed.
Rule 3: trouble with the account (token, scopes, daily limit) is an exception; trouble with the
        inputs is an answer, for the caller to judge.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from etl import __version__
from etl.core.retry import NO_STATUS, SERVER_ERRORS, TOO_MANY, Action, RetryPolicy
from etl.errors import EtlError, RequestError, StoppedError
from etl.hubspot.access import refuse_access
from etl.hubspot.wire import Answer, WireError, decode_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from etl.hubspot.pace import Pace
    from etl.logs import Log
    from etl.stop import Stop

TIMEOUT_SECONDS: Final = 60.0
"""Longest wait for one answer: HubSpot ends requests of its own after some thirty seconds."""

CONNECT_SECONDS: Final = 10.0

SHORTEST_TOKEN: Final = 20
"""Longer than any record id: what is shorter is made up, and may be part of an answer by chance."""

SUCCESS: Final = range(200, 300)

ALIVE_PATH: Final = "/account-info/v3/details"
"""Asked before HubSpot is called down: any answer but a 5xx shows that it is not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and what it took to get it."""

    http_status: int
    answer: Answer
    attempts: int

    @property
    def is_success(self) -> bool:
        """Tell whether HubSpot took the request; the body says which of its inputs."""
        return self.http_status in SUCCESS


@dataclass(slots=True)
class Meter:
    """Count what a run has cost, for its summary."""

    requests: int = 0
    """Calls of the API that were begun, however many attempts they took."""
    attempts: int = 0
    http_429s: int = 0
    daily_limit: int | None = None
    """Calls of a day, as HubSpot says; None where it does not."""
    daily_remaining: int | None = None
    """Calls left today, as HubSpot's last answer says; None before the first."""

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of the account's day."""
        limit = headers.get("X-HubSpot-RateLimit-Daily", "")
        left = headers.get("X-HubSpot-RateLimit-Daily-Remaining", "")
        self.daily_limit = int(limit) if limit.isdecimal() else self.daily_limit
        self.daily_remaining = int(left) if left.isdecimal() else self.daily_remaining


@dataclass(slots=True)
class _Attempt:
    status: int
    answer: Answer
    headers: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


class Client:
    """Talk to one HubSpot account."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        pace: Pace,
        stop: Stop,
        log: Log,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        daily_reserve: int = 0,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take what the run shares; `on_trouble` hears of each attempt that failed."""
        self._session = session
        self._base_url = base_url
        self._pace = pace
        self._log = log
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._daily_reserve = daily_reserve
        self._on_trouble = on_trouble
        self._last_answer_at = clock()
        self._stop = stop
        self._token = session.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        self._turn = asyncio.Lock()
        self.meter = Meter()

    @property
    def requests_per_10_seconds(self) -> float:
        """Tell the limit that is kept to."""
        return self._pace.requests_per_10_seconds

    async def get(self, path: str) -> Reply:
        """Read something."""
        return await self._send("GET", path, None, only_reads=True)

    async def post(self, path: str, body: bytes, *, only_reads: bool = False) -> Reply:
        """Send a JSON body. A stop breaks off what only reads, and lets anything else end.

        Raises SettingsError for a token or scopes that HubSpot refuses, StoppedError when the
        account can't take requests any more or the run was asked to stop, RequestError when this
        request alone comes to nothing.
        """
        return await self._send("POST", path, body, only_reads=only_reads)

    async def _send(self, method: str, path: str, body: bytes | None, *, only_reads: bool) -> Reply:
        began_at: float | None = None
        attempts = failures = 0
        while True:
            # One at a time, so that a stop finds a single request waiting for its turn.
            async with self._turn:
                await self._stop.interrupts(self._pace.wait())
            # The budget is for trying, not for the queue.
            began_at = self._clock() if began_at is None else began_at
            self.meter.requests += attempts == 0
            attempts += 1
            attempt = await self._try(method, path, body, only_reads=only_reads)
            failures += attempt.status != TOO_MANY
            decision = self._policy.decide(
                attempt.status,
                failures=failures,
                elapsed_seconds=self._clock() - began_at,
                random=self._chance,
                retry_after_seconds=_seconds(attempt.headers.get("Retry-After")),
                policy_name=attempt.answer.policy_name,
            )
            if decision.action is Action.JUDGE:
                refuse_access(attempt.status, attempt.answer)
                return Reply(attempt.status, attempt.answer, attempts)
            said = attempt.trouble or attempt.answer.message or "no reason given"
            self._log.warning(
                "attempt.failed",
                path=path,
                attempt=attempts,
                http_status=attempt.status,
                trouble=said,
                correlation_id=attempt.answer.correlation_id,
                next=decision.action.value,
                wait_seconds=round(decision.wait_seconds, 2),
            )
            self._on_trouble(said)
            if decision.action is Action.STOP:
                raise StoppedError(
                    f"HubSpot's daily limit is used up: {said}",
                    "go on after midnight in the account's time zone",
                )
            if decision.action is Action.GIVE_UP:
                what = f"HTTP {attempt.status}" if attempt.status else "no answer"
                raise await self._given_up(
                    f"{what} after {attempts} attempts: {said}", attempts, began_at
                )
            if decision.everyone:
                self._pace.pause(decision.wait_seconds)
            else:
                await self._stop.interrupts(self._sleep(decision.wait_seconds))

    async def _try(
        self, method: str, path: str, body: bytes | None, *, only_reads: bool = False
    ) -> _Attempt:
        """Make one attempt and take in what its answer says of the account."""
        self.meter.attempts += 1
        attempt = self._attempt(method, path, body)
        ended = await (self._stop.interrupts(attempt) if only_reads else attempt)
        self._pace.observe(ended.headers)
        self.meter.http_429s += ended.status == TOO_MANY
        self.meter.observe(ended.headers)
        if ended.status not in {NO_STATUS, TOO_MANY, *SERVER_ERRORS}:
            self._last_answer_at = self._clock()
        left = self.meter.daily_remaining
        if left is not None and self._daily_reserve and left <= self._daily_reserve:
            self._stop.request(
                f"{left} calls are left today, and limits.daily_reserve keeps "
                f"{self._daily_reserve} for others",
                "go on after midnight in the account's time zone",
            )
        return ended

    async def _attempt(self, method: str, path: str, body: bytes | None) -> _Attempt:
        """Make one HTTP try. Foreign errors end here."""
        try:
            async with self._session.request(
                method, self._base_url + path, data=body, allow_redirects=False
            ) as response:
                status, headers = response.status, response.headers
                raw = self._without_token(await response.read())
        except TimeoutError:
            return _Attempt(NO_STATUS, Answer(), trouble=f"no answer in {TIMEOUT_SECONDS:.0f} s")
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            return _Attempt(NO_STATUS, Answer(), trouble=f"can't connect: {reason}")
        except aiohttp.ClientError as error:
            return _Attempt(NO_STATUS, Answer(), trouble=f"{type(error).__name__}: {error}")
        try:
            return _Attempt(status, decode_answer(raw), headers)
        except WireError as error:
            # A refusal is a refusal, however its page looks; a success has to be readable.
            if status in SUCCESS:
                return _Attempt(NO_STATUS, Answer(), headers, str(error))
            page = raw[:200].decode("utf-8", "replace")
            return _Attempt(status, Answer(), headers, f"an answer that is not JSON: {page!r}")

    def _without_token(self, raw: bytes) -> bytes:
        """Blot out the token where an answer, or a proxy's page, repeats it."""
        return raw.replace(self._token, b"***") if len(self._token) >= SHORTEST_TOKEN else raw

    async def _given_up(self, message: str, attempts: int, began_at: float) -> EtlError:
        """Tell a request that alone comes to nothing from a HubSpot that answers nobody."""
        if self._last_answer_at <= began_at:
            await self._stop.interrupts(self._pace.wait())
            await self._try("GET", ALIVE_PATH, None, only_reads=True)
        if self._last_answer_at > began_at:
            return RequestError(message, "run the failures file again", attempts=attempts)
        return StoppedError(
            f"HubSpot does not answer: {message}",
            f"check the network, hubspot.base_url ({self._base_url}) and HubSpot's status page; "
            "then run again",
        )


@asynccontextmanager
async def open_session(access_token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of a run; certificates are verified, proxies are not asked."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS, sock_connect=CONNECT_SECONDS)
    headers = {
        "Authorization": f"Bearer {access_token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"hubspot-assoc/{__version__}",
    }
    # The run bounds its own concurrency; a second bound here could only disagree with it.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, connector=connector
    ) as session:
        yield session


def _seconds(text: str | None) -> float | None:
    """Read ``Retry-After`` in seconds; its other form, a date, HubSpot does not use."""
    return float(text) if text is not None and text.strip().isdecimal() else None
