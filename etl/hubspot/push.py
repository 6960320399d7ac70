"""Walk the sections in order and settle each association, batch by batch.

Rule 1: the sections of one phase share no pair, so their batches are in flight together; phases
        follow one another, so that no pair is in flight twice.
Rule 2: a batch is in the journal before it is sent, and settled there after it is answered.
Rule 3: every association of a batch leaves with a verdict, or the run is stopping.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.batch import Batch, Batcher
from etl.core.keep import keep_existing
from etl.core.verdict import SETTLED, VERDICT
from etl.errors import EtlError, RequestError, StoppedError
from etl.hubspot.existing import ExistingReader
from etl.hubspot.judge import NOT_NAMED, judge_refusal, judge_success, verdicts
from etl.hubspot.parallel import in_parallel
from etl.hubspot.wire import ErrorDetail, WireError
from etl.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from etl.hubspot.client import Client, Reply
    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.judge import Judgement
    from etl.journal import Journal
    from etl.logs import Log
    from etl.staging import Section
    from etl.stop import Stop

MAX_CONCURRENCY: Final = 50
"""Requests in flight when the job leaves it to us: at 20 requests a second, answers may take 2.5 s."""

NO_ANSWER: Final = "NO_ANSWER"
"""Our category for a request that came to nothing after all its attempts."""


@dataclass(frozen=True, slots=True)
class RowsSettled:
    """Tell whoever listens that rows have come to their outcome."""

    rows: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class _Group:
    """Associations of one batch that go in one request."""

    batch: int
    frame: pl.DataFrame
    attempts: int = 0
    """HTTP tries so far, for each association of the group."""
    asked_again: bool = False
    """An answer has left these unnamed once already."""


class Push:
    """Send the sections of a run."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        *,
        batch_size: int,
        concurrency: int | None,
        keep: bool,
        stop: Stop,
        log: Log,
        on_settled: Callable[[RowsSettled], None],
    ) -> None:
        """Take what every section shares; `keep` reads what pairs have and writes the union."""
        self._client = client
        self._journal = journal
        self._batch_size = batch_size
        self._concurrency = concurrency or MAX_CONCURRENCY
        self._keep = keep
        self._stop = stop
        self._log = log
        self._on_settled = on_settled
        self._slots = asyncio.Semaphore(self._concurrency)
        self._reader = ExistingReader(client, concurrency=self._concurrency, stop=stop)

    async def section(
        self, section: Section, endpoint: Endpoint, *, first_batch: int
    ) -> pl.DataFrame:
        """Settle one section; give its outcomes, SETTLED, those never sent left out.

        Batches are numbered from `first_batch`, so that a number means the same in every run.
        """
        pairs = await asyncio.to_thread(pl.read_parquet, section.path)
        without_request = pl.DataFrame(schema=SETTLED)
        # Writing the second direction blindly may replace what the first one has just written.
        if self._keep or section.is_second:
            try:
                pairs, without_request = await self._compare(pairs, endpoint)
            except EtlError as error:
                self._stop.request(error.message, error.hint)
                return without_request

        async def settle(batch: Batch) -> None:
            # Two sections may be under way; together they keep to the concurrency.
            async with self._slots:
                if not self._stop.requested:
                    await self._batch(batch, section, endpoint)

        await in_parallel(
            Batcher(self._batch_size, first_batch).cut(pairs),
            settle,
            concurrency=self._concurrency,
            stop=self._stop,
        )
        journaled = await asyncio.to_thread(self._journal.verdicts, section.number)
        return pl.concat([without_request, journaled])

    async def _compare(
        self, pairs: pl.DataFrame, endpoint: Endpoint
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Read what the pairs have; give the pairs to write, and SETTLED for the others."""
        existing = await self._reader.read(pairs, endpoint)
        readable = pairs.join(existing.unread, on="from_id", how="anti")
        write, unchanged = keep_existing(
            readable,
            endpoint.fold_types(existing.types),
            exclusive=endpoint.bits.mask(endpoint.primary),
            holder=endpoint.primary_holder,
            write_all=not self._keep,
        )
        unread = pairs.join(existing.unread, on="from_id", how="inner")
        failed = verdicts(unread, Outcome.FAILED, None).with_columns(
            pl.lit(NO_ANSWER).alias("error_category"), unread["error_message"]
        )
        same = verdicts(unchanged, Outcome.UNCHANGED, None)
        outcomes = pl.concat([_with_cost(same, attempts=0), _with_cost(failed, attempts=0)])
        self._tell(outcomes, pairs)
        self._log.info(
            "section.compared", unchanged=unchanged.height, unread=unread.height, write=write.height
        )
        return write, outcomes

    async def _batch(self, batch: Batch, section: Section, endpoint: Endpoint) -> None:
        settled = [pl.DataFrame(schema=SETTLED)]
        groups = [_Group(batch.number, batch.frame)]
        try:
            await asyncio.to_thread(
                self._journal.begin,
                batch.number,
                section=section.number,
                associations=batch.frame.height,
            )
            while groups:
                outcomes, more = await self._group(groups.pop(), endpoint)
                settled.append(outcomes)
                groups.extend(more)
        except EtlError as error:
            self._stop.request(error.message, error.hint)
        outcomes = pl.concat(settled)
        try:
            await asyncio.to_thread(self._journal.settle, batch.number, outcomes)
        except StoppedError as error:
            # Without its line in the journal a batch counts as not sent: sending it again is safe.
            self._stop.request(error.message, error.hint)
            outcomes = outcomes.clear()
        rows = self._tell(outcomes, batch.frame)
        event = "batch.pushed" if rows else "batch.not_sent"
        self._log.info(event, batch=batch.number, section=section.number, **rows)

    async def _group(self, group: _Group, endpoint: Endpoint) -> tuple[pl.DataFrame, list[_Group]]:
        """Send one request; give the SETTLED that it brings and the groups that must follow."""
        body = await asyncio.to_thread(endpoint.body, group.frame)
        try:
            reply = await self._client.post(endpoint.path, body)
        except RequestError as error:
            reason = ErrorDetail(message=error.message, category=NO_ANSWER)
            failed = verdicts(group.frame, Outcome.FAILED, None, error=reason)
            return _with_cost(failed, group.attempts + error.attempts, group.batch), []
        judgement = await asyncio.to_thread(_judge, group.frame, reply, endpoint)
        attempts = group.attempts + reply.attempts
        settled = judgement.settled
        more = [replace(group, frame=part, attempts=attempts) for part in judgement.again]
        if judgement.unnamed.height and group.asked_again:
            # A stop leaves these without a verdict, but takes nothing from what is settled.
            with suppress(StoppedError):
                read_back = await self._read_back(judgement.unnamed, endpoint, reply)
                settled = pl.concat([settled, read_back])
        elif judgement.unnamed.height:
            more.append(_Group(group.batch, judgement.unnamed, attempts, asked_again=True))
        return _with_cost(settled, attempts, group.batch), more

    async def _read_back(
        self, unnamed: pl.DataFrame, endpoint: Endpoint, reply: Reply
    ) -> pl.DataFrame:
        """Settle associations that two answers left unnamed by looking them up: VERDICT."""
        existing = await self._reader.read(unnamed, endpoint)
        missing, there = keep_existing(
            # Nothing is exclusive here: the question is what is there, not what should be.
            unnamed,
            endpoint.fold_types(existing.types),
            exclusive=0,
            holder=endpoint.primary_holder,
        )
        doubt = ErrorDetail(
            message="HubSpot answered with success but did not name this association, "
            "and reading it back did not find it",
            category=NOT_NAMED,
        )
        return pl.concat(
            [
                verdicts(there, Outcome.ASSOCIATED, reply.http_status, reply.answer),
                verdicts(missing, Outcome.UNCONFIRMED, reply.http_status, reply.answer, doubt),
            ]
        )

    def _tell(self, outcomes: pl.DataFrame, pairs: pl.DataFrame) -> dict[str, int]:
        """Count the rows behind the associations by outcome, and pass the counts on."""
        told = outcomes.select("association_id", "outcome")
        if told.height == pairs.height and told["outcome"].n_unique() == 1:
            counts = {told["outcome"][0]: int(pairs["rows"].sum())}
        else:
            rows = told.join(pairs, on="association_id", how="inner").group_by("outcome")
            counts = dict(rows.agg(pl.col("rows").sum()).iter_rows())
        self._on_settled(RowsSettled({Outcome(name): rows for name, rows in counts.items()}))
        return counts


def _judge(frame: pl.DataFrame, reply: Reply, endpoint: Endpoint) -> Judgement:
    answer, status, sides = reply.answer, reply.http_status, endpoint.sides
    if not reply.is_success:
        batch = endpoint.with_type_names(frame)
        return judge_refusal(batch, answer, http_status=status, sides=sides)
    try:
        made = endpoint.made(answer)
    except WireError:
        # Readable as JSON, but not as results: nothing is confirmed by it.
        made = frame.select("from_id", "to_id").clear()
    batch = endpoint.with_type_names(frame) if answer.errors else frame
    return judge_success(batch, made, answer, http_status=status, sides=sides)


def _with_cost(frame: pl.DataFrame, attempts: int, batch: int | None = None) -> pl.DataFrame:
    """Add to VERDICT what it took: SETTLED."""
    return frame.select(
        *VERDICT,
        pl.lit(attempts, pl.Int64).alias("attempts"),
        pl.lit(batch, pl.Int64).alias("batch"),
    )
