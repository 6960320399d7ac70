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
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

import polars as pl

from etl.core.exit_code import ExitCode
from etl.core.label_lock import PORTAL_UNKNOWN
from etl.core.midnight import zone_of
from etl.core.tally import Tally
from etl.core.typebits import TypeBits
from etl.core.versions import support_notice
from etl.errors import EtlError, SettingsError
from etl.facts import Progress, RunBegun, SourceStaged
from etl.hubspot.account import fetch_account, identities
from etl.hubspot.labels import fetch_labels, portal_of
from etl.hubspot.settings_check import SettingsCheck
from etl.journal import open_journal
from etl.key_cache import open_cache
from etl.label_lock_file import told_of
from etl.lock import hold
from etl.logs import open_log
from etl.model import Direction, Outcome
from etl.pipeline.count import Count
from etl.pipeline.keys import KeyFinder, forget_failed
from etl.pipeline.make_labels import LabelMaker
from etl.pipeline.mirror import mirrored, surplus_to_remove
from etl.pipeline.pin import Pin
from etl.pipeline.send import last_batch, send
from etl.pipeline.stage import connect, prepare, stage
from etl.results import Layout, Results
from etl.staging import Dataset
from etl.summary import is_whole, summarize, write_summary

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from etl.hubspot.account import Account
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.hubspot.push import RowsSettled
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import AssociationType, Job
    from etl.pipeline.observer import Observer
    from etl.run_folder import RunFolder
    from etl.staging import Section
    from etl.stop import Stop
    from etl.summary import Mirrored, Summary


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
            await asyncio.to_thread(staged.dataset.make_durable)
            await asyncio.to_thread(self._journal.remember, fact)
            self.is_staged = True
            self._log.info("source.staged", rows=fact.rows, sections=len(fact.sections))
            await self._send(job, staged.dataset, fact, portal, client, failing=staged.tally)
            await self._mirror(fact, portal, client)
        return await self._report(fact)

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
        if settled < dataset.associations or not self._is_mirrored():
            async with self._connected() as client:
                client.quota.zone = zone_of(fact.time_zone, fact.utc_offset_milliseconds)
                account = await fetch_account(client)
                _refuse_other_portal(fact, account)
                try:
                    portal = await self._portal_as_it_was(fact, client, self._pin(account))
                except EtlError as error:
                    # What was settled before is told all the same, and can be retried.
                    self._stop.request(error.message, error.hint)
                else:
                    if settled < dataset.associations:
                        # What failed before has been seen: max_failures counts anew.
                        await self._send(self._job, dataset, fact, portal, client, failing=Tally())
                    await self._mirror(fact, portal, client)
        return await self._report(fact)

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

    async def _portal_as_it_was(
        self, fact: SourceStaged, client: Client, pin: Pin | None
    ) -> Portal:
        """Make the portal with the types of the staged rows. Raises SettingsError if one is gone."""
        labels = await fetch_labels(client, self._job)
        if pin is not None and (found := pin.differences(self._job, labels)):
            raise SettingsError(
                "; ".join(each.message for each in found),
                f"put it back and resume; or write the lock again ({pin.told.write_again}) and run "
                "what is left as a new run: hubspot-assoc retry",
            )
        SettingsCheck(client, self._job, _types(fact)).judge(labels)
        bits = {direction: TypeBits(types) for direction, types in _types(fact).items()}
        return portal_of(self._job, labels, bits)

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
    ) -> None:
        await send(
            job,
            dataset,
            portal,
            client,
            self._journal,
            failing=failing,
            settings=SettingsCheck(client, job, _types(fact)),
            log=self._log,
            stop=self._stop,
            on_settled=self._on_settled,
            after=after,
        )

    async def _mirror(self, fact: SourceStaged, portal: Portal, client: Client) -> None:
        """Take away what the source has not, where the job mirrors it and all is well."""
        if self._job.mirror is None or self._stop.requested:
            return
        dataset = self._dataset(fact)
        tally = Tally.of(fact.unsent)
        tally.add(self._count.tally.rows)
        try:
            found = await surplus_to_remove(
                self._job,
                self._folder,
                mirror=self._job.mirror,
                journal=self._journal,
                dataset=dataset,
                portal=portal,
                client=client,
                tally=tally,
                log=self._log,
                stop=self._stop,
            )
        except EtlError as error:
            self._stop.request(error.message, error.hint)
            return
        if found is not None:
            surplus = Dataset(self._folder.staging, 0, found.sections)
            # All of it has just been read.
            job = replace(self._job, existing_labels="ignore")
            after = last_batch(dataset, job.limits.batch_size)
            await self._send(job, surplus, fact, portal, client, failing=Tally(), after=after)

    def _is_mirrored(self) -> bool:
        return self._job.mirror is None or mirrored(self._folder, self._journal)["is_over"]

    def _on_settled(self, settled: RowsSettled) -> Progress:
        self._observer.settled(settled)
        return self._count.settled(settled.rows)

    async def _report(self, fact: SourceStaged) -> Summary:
        """Write the files from the journal; keep the staged source while rows are left to send."""
        folder, job = self._folder, self._job
        told = await asyncio.to_thread(
            Results(
                self._dataset(fact),
                self._outcomes,
                stopped=self._stop.reason,
                on_failed=partial(
                    forget_failed, job, fact.source, open_cache(job, fact.portal_id, self._log)
                ),
            ).write,
            Layout.of(job, fact.source),
            results=folder.results(job.output.results),
            failures=folder.failures,
        )
        mirror = (
            await asyncio.to_thread(mirrored, folder, self._journal)
            if job.mirror is not None
            else None
        )
        progress = self._count.settled({})
        await asyncio.to_thread(self._journal.remember, progress)
        summary = summarize(
            job,
            self._begun,
            fact,
            progress,
            told,
            mirror=mirror,
            finished_at=datetime.now(UTC),
            exit_code=_exit_code(told.tally, mirror, self._stop),
            stop=self._stop,
        )
        self._log.info(
            "run.finished",
            **{name: summary[name] for name in ("outcomes", "stopped", "exit_code")},
        )
        write_summary(folder, summary)
        # After the summary: cut off in between, a run without either could not be brought to its end.
        has_ended = is_whole(summary["outcomes"][Outcome.NOT_SENT], mirror)
        spent = folder.staging if has_ended else self._dataset(fact).fates
        shutil.rmtree(spent, ignore_errors=True)
        return summary

    def _dataset(self, fact: SourceStaged) -> Dataset:
        return Dataset(self._folder.staging, fact.rows, fact.sections)

    def _outcomes(self, section: Section) -> pl.DataFrame:
        """Read what became of a section's associations: SETTLED."""
        unchanged = self._journal.comparison(section.number)
        verdicts = self._journal.verdicts(section.number)
        return verdicts if unchanged is None else pl.concat([unchanged, verdicts])


def _types(fact: SourceStaged) -> dict[Direction, tuple[AssociationType, ...]]:
    return dict(zip(Direction, fact.types, strict=True))


def _refuse_other_portal(fact: SourceStaged, account: Account) -> None:
    if None not in {fact.portal_id, account.portal_id} and fact.portal_id != account.portal_id:
        raise SettingsError(
            f"the access token is of portal {account.portal_id}, and the run is for portal "
            f"{fact.portal_id}",
            "set the token of the run's own portal, or run the job for the other one",
        )


def _exit_code(tally: Tally, mirror: Mirrored | None, stop: Stop) -> ExitCode:
    """Give the verdict; a stop that left nothing behind changes nothing."""
    if not is_whole(tally.rows[Outcome.NOT_SENT], mirror):
        return stop.exit_code
    if mirror is not None and mirror["failed"]:
        return ExitCode.SOME_FAILED
    return tally.exit_code()
