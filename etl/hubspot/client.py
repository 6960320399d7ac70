"""Send one request to HubSpot until it has an answer to judge.

Rule 1: the pace wraps the attempt, so that retries keep to the limit too.
Rule 2: trouble with the account (token, scopes, daily limit) is an exception; trouble with the
        inputs is an answer, for the caller to judge.
Rule 3: while HubSpot answers nobody, one small request now and then finds out when it is back.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from etl.core.circuit import OUTAGE_SECONDS, Circuit
from etl.core.retry import (
    DAILY,
    MOVING,
    NO_STATUS,
    SECONDLY,
    SERVER_ERRORS,
    TOO_MANY,
    Action,
    RetryPolicy,
)
from etl.errors import EtlError, RequestError, StoppedError
from etl.hubspot.access import refuse_access
from etl.hubspot.crew import Crew
from etl.hubspot.meter import Meter
from etl.hubspot.paths import DETAILS
from etl.hubspot.quota import Quota
from etl.hubspot.sharing import Sharing
from etl.hubspot.transport import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from etl.core.retry import RetryDecision
    from etl.core.share import Departure
    from etl.hubspot.pace import Pace
    from etl.hubspot.transport import Attempt, Transport
    from etl.hubspot.wire import Answer
    from etl.logs import Log
    from etl.stop import Stop

ALIVE_PATH: Final = DETAILS
"""Asked before HubSpot is called down: any answer but a 5xx shows that it is not."""

NOT_FOUND: Final = 404


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


class Client:
    """Talk to one HubSpot account."""

    def __init__(
        self,
        transport: Transport,
        *,
        pace: Pace,
        stop: Stop,
        log: Log,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        concurrency: int | None = None,
        daily_reserve: int = 0,
        waits_for_quota: bool = False,
        meter: Meter | None = None,
        on_trouble: Callable[[str], None] = lambda _: None,
        on_wait: Callable[[str], None] = lambda _: None,
        on_shared: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take what the run shares; without `concurrency` the latency says how much is in flight.

        `on_trouble` hears of each attempt that failed, `on_wait` of a wait for the account's midnight,
        `on_shared` once of others who use much of the limit.
        """
        self._transport = transport
        self._pace = pace
        self._log = log
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._on_trouble = on_trouble
        self._last_answer_at = clock()
        self._stop = stop
        self._turn = asyncio.Lock()
        self._circuit = Circuit()
        self._probing = asyncio.Lock()
        self.crew = Crew(concurrency, clock=clock, sleep=sleep)
        self.quota = Quota(
            reserve=daily_reserve, waits=waits_for_quota, stop=stop, log=log, tell=on_wait
        )
        self.meter = meter or Meter()
        self._sharing = Sharing(self.meter, log, on_shared)

    @property
    def requests_per_10_seconds(self) -> float:
        """Tell the limit that is kept to."""
        return self._pace.requests_per_10_seconds

    @property
    def told_requests_per_10_seconds(self) -> float | None:
        """Tell the limit that HubSpot's headers name; None while none has, or the job sets one."""
        return self._pace.told

    async def get(self, path: str, *, tries: int | None = None, is_vital: bool = True) -> Reply:
        """Read something. Without `is_vital`, coming to nothing says nothing of HubSpot."""
        return await self._send("GET", path, None, only_reads=True, tries=tries, is_vital=is_vital)

    async def first(
        self,
        method: str,
        paths: Sequence[str],
        body: bytes | None = None,
        *,
        only_reads: bool = False,
        tries: int | None = None,
        is_vital: bool = True,
    ) -> Reply:
        """Send a request to the first of some paths that HubSpot serves: a 404 takes the next.

        Raises as `post` does; without `is_vital`, coming to nothing says nothing of HubSpot.
        """
        *others, last = paths
        how = {"only_reads": only_reads, "is_vital": is_vital}
        for path in others:
            reply = await self._send(method, path, body, **how, tries=tries)
            if reply.http_status != NOT_FOUND:
                return reply
        return await self._send(method, last, body, **how, tries=tries)

    async def wait(self, seconds: float) -> None:
        """Let time pass for HubSpot to come round. Raises StoppedError when the run is stopped."""
        await self._stop.interrupts(self._sleep(seconds))

    async def post(
        self, path: str, body: bytes, *, only_reads: bool = False, tries: int | None = None
    ) -> Reply:
        """Send a JSON body. A stop breaks off what only reads, and lets anything else end.

        Raises SettingsError for a token or scopes that HubSpot refuses, StoppedError when the
        account can't take requests any more or the run was asked to stop, RequestError when this
        request alone comes to nothing, after `tries` (None takes the policy's).
        """
        return await self._send("POST", path, body, only_reads=only_reads, tries=tries)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        only_reads: bool,
        tries: int | None = None,
        is_vital: bool = True,
    ) -> Reply:
        policy = self._policy if tries is None else replace(self._policy, tries=tries)
        began_at: float | None = None
        attempts = failures = 0
        while True:
            departure = await self._wait_for_turn()
            # The budget is for trying, not for the queue.
            began_at = self._clock() if began_at is None else began_at
            self.meter.requests += attempts == 0
            attempts += 1
            attempt = await self._try(departure, method, path, body, only_reads=only_reads)
            failures += attempt.status != TOO_MANY
            decision = policy.decide(
                attempt.status,
                failures=failures,
                refusals=attempts - failures,
                elapsed_seconds=self._clock() - began_at,
                random=self._chance,
                retry_after_seconds=_seconds(attempt.headers.get("Retry-After")),
                policy_name=attempt.answer.policy_name,
            )
            if decision.action is Action.JUDGE:
                refuse_access(attempt.status, attempt.answer)
                return Reply(attempt.status, attempt.answer, attempts)
            said = self._tell_trouble(path, attempt, attempts, decision)
            if decision.action is Action.STOP:
                self._stop_or_wait(attempt, said)
                began_at = None
            elif decision.action is Action.GIVE_UP:
                raise await self._given_up(attempt, said, attempts, began_at, is_vital=is_vital)
            elif decision.everyone:
                self._pace.pause(decision.wait_seconds)
            else:
                await self._stop.interrupts(self._sleep(decision.wait_seconds))

    async def _wait_for_turn(self) -> Departure:
        """Wait until HubSpot is there, has calls left today, and room in its window."""
        while True:
            await self._wait_for_hubspot()
            # One at a time: a stop finds a single request waiting for its turn, and the calls left
            # today are counted when all that went before are in flight.
            async with self._turn:
                if not self.crew.has_slot:
                    await self._stop.interrupts(self.crew.wait())
                remaining = self.meter.daily_remaining
                left = None if remaining is None else remaining - self.crew.in_flight
                if await self.quota.wait(left):
                    self.meter.daily_remaining = None  # that was yesterday
                departure = await self._stop.interrupts(self._pace.wait())
            if not self._circuit.is_open:
                return departure

    async def _wait_for_hubspot(self) -> None:
        """While nobody is answered, hold everyone back but one who asks if HubSpot is there."""
        if not self._circuit.is_open:
            return
        async with self._probing:
            while self._circuit.is_open:
                wait = self._circuit.next_probe(self._clock())
                if wait is None:
                    raise self._down(f"no answer to anything in {OUTAGE_SECONDS:.0f} s")
                await self._stop.interrupts(self._sleep(wait))
                await self._ask_if_alive()

    async def _ask_if_alive(self) -> None:
        departure = await self._stop.interrupts(self._pace.wait())
        await self._try(departure, "GET", ALIVE_PATH, None, only_reads=True)

    def _tell_trouble(
        self, path: str, attempt: Attempt, number: int, decision: RetryDecision
    ) -> str:
        said = attempt.trouble or attempt.answer.message or "no reason given"
        self._log.warning(
            "attempt.failed",
            path=path,
            attempt=number,
            http_status=attempt.status,
            trouble=said,
            correlation_id=attempt.answer.correlation_id,
            next=decision.action.value,
            wait_seconds=round(decision.wait_seconds, 2),
        )
        self._on_trouble(said)
        return said

    def _stop_or_wait(self, attempt: Attempt, said: str) -> None:
        """Raise StoppedError for an account that takes no requests; a used up day may be waited out."""
        if attempt.status == MOVING:
            raise StoppedError(
                f"HubSpot moves the account to another data center (477): {said}",
                "go on when the move is over; HubSpot says up to a day",
            )
        if attempt.answer.policy_name == DAILY:
            self.quota.used_up(said)
            return
        raise StoppedError(
            f"HTTP 429: HubSpot has refused a request for minutes: {said}",
            "another program uses up the account's limit; go on when it is done",
        )

    async def _try(
        self,
        departure: Departure,
        method: str,
        path: str,
        body: bytes | None,
        *,
        only_reads: bool = False,
    ) -> Attempt:
        """Make one attempt and take in what its answer says of the account."""
        self.meter.attempts += 1
        attempt = self._transport.attempt(method, path, body)
        self.crew.begin()
        is_broken = False
        try:
            ended = await (self._stop.interrupts(attempt) if only_reads else attempt)
            is_broken = ended.status in {NO_STATUS, *SERVER_ERRORS}
        finally:
            self.crew.end(is_broken=is_broken)
        self._pace.observe(departure, ended.headers)
        self._sharing.see(self._pace.shares, departure.at)
        if ended.status != TOO_MANY:
            self._pace.admitted(departure)
        elif ended.answer.policy_name not in {DAILY, SECONDLY}:
            self._pace.refused(departure)
        self.meter.http_429s += ended.status == TOO_MANY
        self.meter.observe(ended.headers)
        if is_broken:
            self._circuit.failed(self._clock())
        else:
            self._circuit.answered()
        if ended.status not in {NO_STATUS, TOO_MANY, *SERVER_ERRORS}:
            self._last_answer_at = self._clock()
            self.quota.answered()
        return ended

    async def _given_up(
        self, attempt: Attempt, said: str, attempts: int, began_at: float, *, is_vital: bool
    ) -> EtlError:
        """Tell a request that alone comes to nothing from a HubSpot that answers nobody."""
        what = f"HTTP {attempt.status}" if attempt.status else "no answer"
        message = f"{what} after {attempts} attempts: {said}"
        if is_vital and self._last_answer_at <= began_at:
            await self._ask_if_alive()
            if self._last_answer_at <= began_at:
                return self._down(message)
        return RequestError(
            message,
            "run the failures file again",
            attempts=attempts,
            http_status=attempt.status or None,
            correlation_id=attempt.answer.correlation_id,
        )

    def _down(self, message: str) -> StoppedError:
        return StoppedError(
            f"HubSpot does not answer: {message}",
            f"check the network, hubspot.base_url ({self._transport.base_url}) and HubSpot's status page",
        )


def _seconds(text: str | None) -> float | None:
    """Read ``Retry-After`` in seconds; its other form, a date, HubSpot does not use."""
    return float(text) if text is not None and text.strip().isdecimal() else None
