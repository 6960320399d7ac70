"""Join the stages of a run: portal, stage, push, record. Owns no rule of its own."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Protocol

from etl.core.resolve_rows import RowResolver
from etl.core.tally import Tally
from etl.errors import EtlError, SettingsError, StoppedError
from etl.hubspot.client import Client, open_session
from etl.hubspot.labels import Portal, fetch_portal
from etl.hubspot.pace import Pace
from etl.hubspot.parallel import in_parallel
from etl.hubspot.push import Push
from etl.ingest import ingest
from etl.journal import open_journal
from etl.logs import open_log
from etl.model import Direction, Outcome
from etl.results import Layout, Results
from etl.staging import Section, Staging
from etl.summary import Summary, summarize, write_summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from etl.core.exit_code import ExitCode
    from etl.hubspot.push import RowsSettled
    from etl.ingest import SourceShape
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import Job
    from etl.run_folder import RunFolder
    from etl.stop import Stop


class Observer(Protocol):
    """Whoever watches a run: a progress bar, plain lines, or nobody."""

    def read(self, rows: int) -> None:
        """Hear how many rows have been read so far."""

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear how many rows the source has, and which are settled without being sent."""

    def settled(self, settled: RowsSettled) -> None:
        """Hear that rows have come to their outcome."""

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed and what HubSpot or the network said."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A source that is ready to be sent."""

    portal: Portal
    staging: Staging
    sections: list[Section]
    source: SourceShape
    resolver: RowResolver
    tally: Tally
    """Rows that will not be sent."""


@asynccontextmanager
async def connect(job: Job, stop: Stop, log: Log, observer: Observer) -> AsyncIterator[Client]:
    """Open a client for a job. Raises SettingsError when there is no token."""
    if job.hubspot.access_token is None:
        raise SettingsError(
            "there is no access token",
            f"set {job.hubspot.token_variable} to a private app's token, or try the job with "
            "--sandbox",
        )
    async with open_session(job.hubspot.access_token.value) as session:
        pace = Pace(job.limits.requests_per_10_seconds, clock=time.monotonic)
        yield Client(
            session,
            base_url=job.hubspot.base_url,
            pace=pace,
            stop=stop,
            log=log,
            daily_reserve=job.limits.daily_reserve,
            on_trouble=observer.trouble,
        )


async def stage(
    job: Job, client: Client, folder: RunFolder, *, observer: Observer, stop: Stop
) -> Staged:
    """Resolve and stage the whole source; nothing is sent. Raises UsageError, StoppedError."""
    try:
        return await _stage(job, client, folder, observer=observer, stop=stop)
    except StoppedError as error:
        raise StoppedError(
            f"{error.message}; nothing was sent", error.hint, exit_code=error.exit_code
        ) from error


async def _stage(
    job: Job, client: Client, folder: RunFolder, *, observer: Observer, stop: Stop
) -> Staged:
    portal = await fetch_portal(client, job)
    resolver = RowResolver(portal.resolver, job.labelling, portal.bits)
    forward = portal.endpoints[Direction.FORWARD, True]
    staging = Staging(
        folder.staging,
        same_object=portal.same_object,
        # A record's pairs are compared together: one may have to let go of its primary.
        together=forward.primary_holder,
    )
    tally = Tally()

    def on_chunk() -> None:
        observer.read(staging.rows)
        stop.check()

    source = await asyncio.to_thread(ingest, job, resolver, staging, tally, on_chunk)
    sections = await asyncio.to_thread(staging.merge)
    observer.staged(staging.rows, tally.rows)
    return Staged(portal, staging, sections, source, resolver, tally)


async def run_job(job: Job, folder: RunFolder, *, observer: Observer, stop: Stop) -> Summary:
    """Run a job to its end, or to where it is stopped; give what ``summary.json`` says.

    Raises UsageError, and StoppedError before anything was sent; the folder is gone then.
    """
    started_at = datetime.now(UTC)
    with (
        open_log(folder.log, run_id=folder.run_id, job=job.name) as log,
        open_journal(folder.journal) as journal,
    ):
        log.info("run.started", source=job.source.path, api_version=job.hubspot.api_version)
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(connect(job, stop, log, observer))
                staged = await stage(job, client, folder, observer=observer, stop=stop)
            except EtlError:
                shutil.rmtree(folder.path)
                raise
            log.info("source.staged", rows=staged.staging.rows, sections=len(staged.sections))
            results = Results(folder.staging)
            await _push(
                job,
                staged,
                client,
                journal,
                results=results,
                log=log,
                observer=observer,
                stop=stop,
            )
        told = await asyncio.to_thread(
            results.write,
            staged.staging,
            staged.sections,
            Layout.of(job, staged.source),
            results=folder.results(job.output.results),
            failures=folder.failures,
        )
        summary = summarize(
            job,
            folder,
            told,
            client.meter,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            associations=sum(section.associations for section in staged.sections),
            labels=staged.resolver.seen.values(),
            exit_code=_exit_code(told.tally, stop),
            stop=stop,
        )
        log.info(
            "run.finished",
            **{name: summary[name] for name in ("outcomes", "stopped", "exit_code")},
        )
    shutil.rmtree(folder.staging)
    write_summary(folder, summary)
    return summary


async def _push(
    job: Job,
    staged: Staged,
    client: Client,
    journal: Journal,
    *,
    results: Results,
    log: Log,
    observer: Observer,
    stop: Stop,
) -> None:
    """Send the sections in order, until they end or the run is stopped."""
    tally = Tally(staged.tally.rows.copy())

    def stop_at_limits() -> None:
        if tally.exceeds(job.limits.max_failures, of_rows=staged.staging.rows):
            stop.request(
                f"{tally.not_succeeded} rows did not succeed, more than limits.max_failures allows",
                "look at failures.csv and mend the cause first",
            )

    def on_settled(settled: RowsSettled) -> None:
        tally.add(settled.rows)
        observer.settled(settled)
        stop_at_limits()

    push = Push(
        client,
        journal,
        batch_size=job.limits.batch_size,
        concurrency=job.limits.concurrency,
        keep=job.existing_labels == "keep",
        stop=stop,
        log=log,
        on_settled=on_settled,
    )

    async def settle(section: Section) -> None:
        endpoint = staged.portal.endpoints[section.direction, section.has_types]
        outcomes = await push.section(section, endpoint, first_batch=first_batches[section.number])
        await asyncio.to_thread(results.add, section, outcomes)

    first_batches, next_batch = {}, 1
    for section in staged.sections:
        first_batches[section.number] = next_batch
        next_batch += ceil(section.associations / job.limits.batch_size)
    stop_at_limits()
    for _, sections in groupby(staged.sections, key=lambda section: section.phase):
        # Two at once: while one ends, the next already has requests to send.
        await in_parallel(sections, settle, concurrency=2, stop=stop)


def _exit_code(tally: Tally, stop: Stop) -> ExitCode:
    """Give the verdict; a stop that left no row behind changes nothing."""
    return stop.exit_code if tally.rows[Outcome.NOT_SENT] else tally.exit_code()
