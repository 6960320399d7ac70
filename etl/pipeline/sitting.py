"""One sitting of a run: from its first line in the journal, or from where it was cut off, to its files.

Rule 1: what a run is, and what it has staged, is in the journal before anything is sent.
Rule 2: a run that was cut off goes on with the same data, batches and portal, source or no source.
Rule 3: the files are written from the journal, so that they tell nothing of how often it was cut off.
Rule 4: nothing of a run's folder is touched before the run's own lock is held.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Self

from etl.core.label_lock import PORTAL_UNKNOWN
from etl.core.midnight import zone_of
from etl.core.tally import Tally
from etl.core.versions import support_notice
from etl.errors import EtlError
from etl.facts import Progress, RunBegun, SourceStaged, SurplusFound
from etl.hubspot.account import fetch_account, identities
from etl.hubspot.existing import ExistingReader
from etl.hubspot.settings_check import SettingsCheck
from etl.journal import open_journal
from etl.key_cache import open_cache
from etl.label_lock_file import told_of
from etl.lock import hold
from etl.logs import open_log
from etl.model import Direction
from etl.pipeline.count import Count
from etl.pipeline.keys import KeyFinder
from etl.pipeline.make_labels import LabelMaker
from etl.pipeline.mirror import mirrored, surplus_to_remove
from etl.pipeline.pin import Pin
from etl.pipeline.prepare import prepare, prepare_again, refuse_other_portal, types_of
from etl.pipeline.report import Report
from etl.pipeline.send import last_batch, send
from etl.pipeline.stage import connect, stage
from etl.staging import Dataset
from etl.surplus import spare_changed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import polars as pl

    from etl.hubspot.account import Account
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.hubspot.settled import RowsSettled
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import Job
    from etl.pipeline.observer import Observer
    from etl.results import Told
    from etl.run_folder import RunFolder
    from etl.stop import Stop
    from etl.summary import Summary


class Sitting:
    """One process at one run: its locks, its log and its journal, from first to last."""

    def __init__(
        self,
        job: Job,
        folder: RunFolder,
        begun: RunBegun,
        observer: Observer,
        stop: Stop,
        *,
        waits_for_quota: bool,
    ) -> None:
        self._job = job
        self._folder = folder
        self._begun = begun
        self._observer = observer
        self._stop = stop
        self._waits_for_quota = waits_for_quota
        self._open = ExitStack()
        self._log: Log
        self._journal: Journal
        self._count: Count
        self._report: Report
        self.is_staged = False
        """True once the run can be resumed without its source."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder, job = self._folder, self._job
            # Before anything of the folder is touched: somebody may be at it.
            stack.enter_context(
                hold(folder.path.parent, portal=f"run {folder.run_id}", run_id=folder.run_id)
            )
            self._log = stack.enter_context(
                open_log(folder.log, run_id=folder.run_id, job=job.name)
            )
            self._journal = stack.enter_context(open_journal(folder.journal))
            self._report = Report(job, folder, self._journal, self._log)
            self._count = Count(self._journal.recall(Progress) or Progress())
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(exception_type, exception, traceback)

    async def begin(self) -> Summary:
        """Stage the source, send it, tell how it went."""
        job = self._job
        self._journal.remember(self._begun)
        self._log.info("run.started", source=job.source.path, api_version=job.hubspot.api_version)
        today = datetime.fromisoformat(self._begun.started_at).date()
        if (notice := support_notice(job.hubspot.api_version, today)) is not None:
            self._log.warning("api_version.ends", notice=str(notice))
        async with self._connected() as client:
            account = await fetch_account(client)
            client.quota.zone = zone_of(account.time_zone, account.utc_offset_milliseconds)
            locks = identities(account, job.hubspot.base_url, job.hubspot.access_token)
            await self._hold(locks)
            maker = LabelMaker(job, client, self._journal, log=self._log, observer=self._observer)
            pin = self._pin(account)
            portal = await prepare(job, client, maker.make, pin=pin)
            finder = KeyFinder(
                job,
                client,
                open_cache(job, account.portal_id, self._log),
                is_kept=True,
                observer=self._observer,
                stop=self._stop,
            )
            staged = await stage(
                job,
                portal,
                self._folder.staging,
                finder=finder,
                observer=self._observer,
                stop=self._stop,
                pin=pin,
            )
            fact = SourceStaged(
                locks=locks,
                portal_id=account.portal_id,
                time_zone=account.time_zone,
                utc_offset_milliseconds=account.utc_offset_milliseconds,
                rows=staged.dataset.rows,
                sections=staged.dataset.sections,
                source=staged.source,
                labels=staged.labels,
                labels_made=maker.made(portal.labels),
                keys=staged.keys,
                unsent=staged.tally.as_dict(),
                types=(
                    portal.bits[Direction.FORWARD].in_use,
                    portal.bits[Direction.REVERSE].in_use,
                ),
            )
            self._log.info("source.staged", rows=fact.rows, sections=len(fact.sections))
            await asyncio.to_thread(staged.dataset.make_durable)
            await asyncio.to_thread(self._journal.remember, fact)
            self.is_staged = True
            self._log.info("run.resumable")
            await self._send(job, staged.dataset, fact, portal, client, failing=staged.tally)
            told = await self._tell(fact)
            await self._mirror(fact, told, portal, client)
        return await self._end(fact, told)

    async def resume(self) -> Summary:
        """Send what the journal has not settled, tell how all of it went."""
        fact = self._journal.recall(SourceStaged)
        if fact is None:
            # Nothing was sent yet: the source is read anew.
            shutil.rmtree(self._folder.staging, ignore_errors=True)
            return await self.begin()
        self.is_staged = True
        await self._hold(fact.locks)
        self._folder.summary.unlink(missing_ok=True)
        dataset = self._dataset(fact)
        settled = self._journal.settled_associations()
        self._log.info("run.resumed", associations=dataset.associations, settled=settled)
        before = Tally.of(fact.unsent)
        before.add(self._count.tally.rows)
        self._observer.staged(fact.rows, before.rows)
        told: Told | None = None
        if settled < dataset.associations or not self._is_mirrored():
            async with self._connected() as client:
                client.quota.zone = zone_of(fact.time_zone, fact.utc_offset_milliseconds)
                account = await fetch_account(client)
                refuse_other_portal(fact, account, self._job)
                try:
                    portal = await prepare_again(
                        self._job,
                        fact,
                        client,
                        self._pin(account),
                        has_rows_left=settled < dataset.associations,
                    )
                except EtlError as error:
                    # What was settled before is told all the same, and can be retried.
                    self._stop.request(error.message, error.hint)
                else:
                    if settled < dataset.associations:
                        # What failed before has been seen: max_failures counts anew.
                        await self._send(self._job, dataset, fact, portal, client, failing=Tally())
                    told = await self._tell(fact)
                    await self._mirror(fact, told, portal, client)
        return await self._end(fact, told or await self._tell(fact))

    def _connected(self) -> AbstractAsyncContextManager[Client]:
        return connect(
            self._job.hubspot,
            self._job.limits,
            self._stop,
            self._log,
            self._observer,
            waits_for_quota=self._waits_for_quota,
            meter=self._count.meter,
        )

    async def _hold(self, locks: tuple[str, ...]) -> None:
        """Keep other runs of the job out of the portal, as long as this one is open."""
        for name in locks:
            lock = hold(self._folder.path.parent, portal=name, run_id=self._folder.run_id)
            previous = await asyncio.to_thread(self._open.enter_context, lock)
            if previous is not None:
                self._log.warning("lock.taken_over", run=previous.run_id, pid=previous.pid)

    def _pin(self, account: Account) -> Pin | None:
        """Take the lock that the run began with, also where its file has changed since."""
        lock = self._begun.origin.lock
        if lock is None:
            return None
        self._log.info("lock.held", labels=len(lock.labels), portal_id=account.portal_id)
        pin = Pin(lock, told_of(self._job.file), account.portal_id)
        if pin.is_portal_unknown:
            self._observer.note(PORTAL_UNKNOWN)
        return pin

    async def _send(
        self,
        job: Job,
        dataset: Dataset,
        fact: SourceStaged,
        portal: Portal,
        client: Client,
        *,
        failing: Tally,
        after: int = 0,
        look: Callable[[pl.DataFrame], Awaitable[pl.DataFrame]] | None = None,
    ) -> None:
        await send(
            job,
            dataset,
            portal,
            client,
            self._journal,
            failing=failing,
            settings=SettingsCheck(client, job, types_of(fact)),
            log=self._log,
            stop=self._stop,
            on_settled=self._on_settled,
            after=after,
            look=look,
        )

    async def _mirror(self, fact: SourceStaged, told: Told, portal: Portal, client: Client) -> None:
        """Take away what the source has not, where the job mirrors it and all is well."""
        if self._job.mirror is None or self._stop.requested:
            return
        dataset, was_found = self._dataset(fact), self._journal.recall(SurplusFound) is not None
        try:
            found = await surplus_to_remove(
                self._job,
                self._folder,
                mirror=self._job.mirror,
                journal=self._journal,
                dataset=dataset,
                portal=portal,
                client=client,
                tally=told.tally,
                log=self._log,
                stop=self._stop,
            )
        except EtlError as error:
            self._stop.request(error.message, error.hint)
            return
        if found is not None:
            surplus = Dataset(self._folder.staging, 0, found.sections)
            # Read just now, or looked at again below.
            job = replace(self._job, existing_labels="ignore")
            look = partial(
                spare_changed,
                surplus.folder,
                reader=ExistingReader(client, stop=self._stop),
                where=portal.endpoints[Direction.FORWARD, True],
            )
            await self._send(
                job,
                surplus,
                fact,
                portal,
                client,
                failing=Tally(),
                after=last_batch(dataset, job.limits.batch_size),
                look=look if was_found else None,
            )

    def _is_mirrored(self) -> bool:
        return self._job.mirror is None or mirrored(self._journal)["is_finished"]

    def _on_settled(self, settled: RowsSettled) -> Progress:
        self._observer.settled(settled)
        return self._count.settled(settled.rows)

    async def _tell(self, fact: SourceStaged) -> Told:
        """Write the rows' files from the journal; they say what became of each row, exactly."""
        dataset = self._dataset(fact)
        told = await asyncio.to_thread(
            self._report.write_rows, fact, dataset, stopped=self._stop.reason
        )
        shutil.rmtree(dataset.fates, ignore_errors=True)
        return told

    async def _end(self, fact: SourceStaged, told: Told) -> Summary:
        progress = self._count.settled({})
        await asyncio.to_thread(self._journal.remember, progress)
        return await asyncio.to_thread(
            self._report.write_summary, self._begun, fact, told, progress, self._stop
        )

    def _dataset(self, fact: SourceStaged) -> Dataset:
        return Dataset(self._folder.staging, fact.rows, fact.sections)
