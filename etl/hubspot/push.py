"""Walk the sections in order and settle each association, batch by batch.

Rule 1: the sections of one phase share no pair, so their batches are in flight together; phases
        follow one another, so that no pair is in flight twice.
Rule 2: the batches of a section are in the journal before the first is sent, and each is settled
        there after it is answered.
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
from etl.core.tally import Tally
from etl.core.verdict import SharedVerdict
from etl.errors import EtlError
from etl.hubspot.compare import Comparer
from etl.hubspot.existing import ExistingReader
from etl.hubspot.judge import verdicts
from etl.hubspot.parallel import in_parallel, telling
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

    verdicts: pl.DataFrame
    """SETTLED."""

    def of(self, batch: int) -> pl.DataFrame:
        """Give what is settled of a batch."""
        # Nearly every section is sent in one go: nothing to look through for each of its batches.
        if not self.verdicts.height:
            return self.verdicts
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

    @property
    def is_whole(self) -> bool:
        """Tell whether every association of the batch has a verdict."""
        return final(self.verdicts).height == self.batch.frame.height


class Push:
    """Send the sections of a run."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        *,
        batch_size: int,
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
        self._seat = client.crew.seat
        self._stop = stop
        self._log = log
        self._on_settled = on_settled
        reader = ExistingReader(client, stop=stop)
        self._settler = Settler(client, reader, settings, gives_up=gives_up)
        self._comparer = Comparer(reader, journal, existing_labels, log=log, on_settled=on_settled)

    async def section(
        self,
        section: Section,
        pairs: pl.DataFrame,
        endpoint: Endpoint,
        *,
        first_batch: int,
        on_drawn: Callable[[], None],
    ) -> None:
        """Settle one section: ASSOCIATION of its `pairs`, with is_spared where some are to be let be.

        Batches are numbered from `first_batch`, so that a number means the same in every run.
        `on_drawn` hears that the last of them is under way: the next section may begin. Raises
        EtlError for what leaves the section as it is: it can't be read, or written down.
        """
        number = section.number
        done = _Done(await asyncio.to_thread(self._journal.verdicts, number))
        pairs = pairs.with_columns(
            pl.col("types").alias("wanted"),
            pl.lit(None, pl.String).alias("unread"),
            pl.lit(value=True).alias("writes"),
            pl.lit(0, pl.Int64).alias("stale"),
        )
        if "is_spared" not in pairs.columns:
            pairs = pairs.with_columns(pl.lit(value=False).alias("is_spared"))
        if self._comparer.has_to_look(section):
            pairs = await self._comparer.compare(section, pairs, endpoint, done.verdicts)

        batcher = Batcher(self._batch_size, first_batch)
        if not await asyncio.to_thread(self._journal.has_begun, number):
            await asyncio.to_thread(self._journal.begin, number, batcher.sizes(pairs))

        async def settle(batch: Batch) -> None:
            await self._batch(batch, section, endpoint, done)

        batches = telling(batcher.cut(pairs), on_drawn)
        await in_parallel(batches, settle, stop=self._stop, seat=self._seat)

    async def _batch(self, batch: Batch, section: Section, endpoint: Endpoint, done: _Done) -> None:
        earlier = done.of(batch.number)
        frame = without(batch.frame, final(earlier)) if earlier.height else batch.frame
        if not frame.height:
            return
        ledger = _Ledger(batch, frame, earlier)
        try:
            if frame["unread"].null_count() < frame.height or frame["is_spared"].any():
                is_unread = pl.col("unread").is_not_null()
                await self._settle(ledger, _failed_unread(frame.filter(is_unread), batch.number))
                await self._settle(ledger, _spared(frame.filter("is_spared"), batch.number))
                frame = frame.filter(~is_unread & ~pl.col("is_spared"))
            async for told in settle_replacing(
                self._settler,
                frame,
                endpoint,
                batch=batch.number,
                ids=batch.ids if frame is batch.frame else None,
            ):
                if isinstance(told, SharedVerdict):
                    await self._settle_all(ledger, frame, told)
                else:
                    await self._settle(ledger, told)
        except EtlError as error:
            self._stop.request(error.message, error.hint)
        event = "batch.pushed" if ledger.told.done else "batch.not_sent"
        self._log.info(event, batch=batch.number, section=section.number, **ledger.told.as_dict())

    async def _settle_all(
        self, ledger: _Ledger, asked: pl.DataFrame, verdict: SharedVerdict
    ) -> None:
        """Write down one verdict for all that was asked of a batch."""
        number, ids = ledger.batch.number, asked["association_id"]
        are_consecutive = ids[-1] - ids[0] < asked.height
        if asked.height < ledger.batch.frame.height or not are_consecutive:
            await self._settle(ledger, verdict.on(asked, number))
            return
        told = RowsSettled({verdict.outcome: int(asked["rows"].sum())})
        ledger.told.add(told.rows)
        progress = self._on_settled(told)
        await asyncio.to_thread(self._journal.settle_all, number, ids[0], verdict, progress)

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
            is_whole=ledger.is_whole,
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
