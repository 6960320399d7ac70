"""Walk the sections in order and settle each association, batch by batch.

Rule 1: the sections of one phase share no pair, so their batches are in flight together; phases
        follow one another, so that no pair is in flight twice.
Rule 2: a batch is in the journal before it is sent, and settled there after it is answered.
Rule 3: every association of a batch leaves with a verdict, or the run is stopping.
Rule 4: what the journal has settled is never sent again, and a batch number means the same
        associations however often the run was cut off.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.batch import Batch, Batcher
from etl.core.slots import CEILING
from etl.core.tally import Tally
from etl.errors import EtlError
from etl.hubspot.compare import Comparer
from etl.hubspot.existing import ExistingReader
from etl.hubspot.judge import verdicts
from etl.hubspot.parallel import in_parallel
from etl.hubspot.replace import settle_replacing
from etl.hubspot.settle import NO_ANSWER, Settler, with_cost
from etl.hubspot.settled import RowsSettled, final, rows_settled, without
from etl.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.facts import Progress
    from etl.hubspot.client import Client
    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.settings_check import SettingsCheck
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import ExistingLabels
    from etl.staging import Section
    from etl.stop import Stop

GIVEN_SINCE: Final = "GIVEN_SINCE"
"""Our category for what was to go, and was given something before it went."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What the journal has of a section from before the run was cut off."""

    begun: frozenset[int]
    verdicts: pl.DataFrame
    """SETTLED."""

    def of(self, batch: int) -> pl.DataFrame:
        """Give what is settled of a batch."""
        return self.verdicts.filter(pl.col("batch") == batch)


@dataclass(slots=True)
class _Ledger:
    """What is known of a batch that is under way."""

    batch: Batch
    frame: pl.DataFrame
    """The associations of the batch that had no verdict before."""
    verdicts: pl.DataFrame
    """SETTLED, earlier ones too."""
    told: Tally = field(default_factory=Tally)
    """Rows that have come to their outcome now."""


class Push:
    """Send the sections of a run."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        *,
        batch_size: int,
        concurrency: int | None,
        existing_labels: ExistingLabels,
        gives_up: bool,
        settings: SettingsCheck,
        stop: Stop,
        log: Log,
        on_settled: Callable[[RowsSettled], Progress],
    ) -> None:
        """Take what every section shares; unless labels are to be ignored, pairs are read first.

        `gives_up` stops the run when HubSpot accepts nothing at all.
        `on_settled` takes rows into account, and gives the run's progress for the journal.
        """
        self._journal = journal
        self._batch_size = batch_size
        self._concurrency = concurrency or CEILING
        self._seat = client.crew.seat
        self._stop = stop
        self._log = log
        self._on_settled = on_settled
        reader = ExistingReader(client, concurrency=self._concurrency, stop=stop)
        self._settler = Settler(client, reader, settings, gives_up=gives_up)
        self._comparer = Comparer(reader, journal, existing_labels, log=log, on_settled=on_settled)

    async def section(
        self, section: Section, pairs: pl.DataFrame, endpoint: Endpoint, *, first_batch: int
    ) -> None:
        """Settle one section: ASSOCIATION of its `pairs`, with is_spared where some are to be let be.

        Batches are numbered from `first_batch`, so that a number means the same in every run.
        """
        number = section.number
        begun = await asyncio.to_thread(self._journal.begun, number)
        done = _Done(begun, await asyncio.to_thread(self._journal.verdicts, number))
        pairs = pairs.with_columns(
            pl.col("types").alias("wanted"),
            pl.lit(None, pl.String).alias("unread"),
            pl.lit(value=True).alias("writes"),
            pl.lit(0, pl.Int64).alias("stale"),
        )
        if "is_spared" not in pairs.columns:
            pairs = pairs.with_columns(pl.lit(value=False).alias("is_spared"))
        if self._comparer.has_to_look(section):
            try:
                pairs = await self._comparer.compare(section, pairs, endpoint, done.verdicts)
            except EtlError as error:
                self._stop.request(error.message, error.hint)
                return

        async def settle(batch: Batch) -> None:
            await self._batch(batch, section, endpoint, done)

        await in_parallel(
            Batcher(self._batch_size, first_batch).cut(pairs),
            settle,
            concurrency=self._concurrency,
            stop=self._stop,
            seat=self._seat,
        )

    async def _batch(self, batch: Batch, section: Section, endpoint: Endpoint, done: _Done) -> None:
        earlier = done.of(batch.number)
        frame = without(batch.frame, final(earlier))
        if not frame.height:
            return
        ledger = _Ledger(batch, frame, earlier)
        try:
            if batch.number not in done.begun:
                await asyncio.to_thread(
                    self._journal.begin,
                    batch.number,
                    section=section.number,
                    associations=batch.frame.height,
                )
            is_unread = pl.col("unread").is_not_null()
            asked = frame.filter(~is_unread & ~pl.col("is_spared"))
            if asked.height < frame.height:
                await self._settle(ledger, _failed_unread(frame.filter(is_unread), batch.number))
                await self._settle(ledger, _spared(frame.filter("is_spared"), batch.number))
            async for outcomes in settle_replacing(
                self._settler, asked, endpoint, batch=batch.number
            ):
                await self._settle(ledger, outcomes)
        except EtlError as error:
            self._stop.request(error.message, error.hint)
        event = "batch.pushed" if ledger.told.done else "batch.not_sent"
        self._log.info(event, batch=batch.number, section=section.number, **ledger.told.as_dict())

    async def _settle(self, ledger: _Ledger, outcomes: pl.DataFrame) -> None:
        """Write down what an answer settles of a batch, before more of it is asked."""
        if not outcomes.height:
            return
        told = rows_settled(outcomes, ledger.frame)
        ledger.told.add(told.rows)
        ledger.verdicts = pl.concat([ledger.verdicts, outcomes])
        # Without its line in the journal a verdict does not count: sending again is safe.
        await asyncio.to_thread(
            self._journal.settle,
            ledger.batch.number,
            ledger.verdicts,
            self._on_settled(told),
            is_whole=final(ledger.verdicts).height == ledger.batch.frame.height,
        )


def _failed_unread(unread: pl.DataFrame, batch: int) -> pl.DataFrame:
    """Fail what may not be written, because what it would replace could not be read: SETTLED."""
    failed = verdicts(unread, Outcome.FAILED, None).with_columns(
        pl.lit(NO_ANSWER).alias("error_category"), unread["unread"].alias("error_message")
    )
    return with_cost(failed, attempts=0, batch=batch)


def _spared(spared: pl.DataFrame, batch: int) -> pl.DataFrame:
    """Settle what was to go and has been found to be of use since: SETTLED."""
    told = verdicts(spared, Outcome.UNCHANGED, None).with_columns(
        pl.lit(GIVEN_SINCE).alias("error_category")
    )
    return with_cost(told, attempts=0, batch=batch)
