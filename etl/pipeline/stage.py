"""The first half of a run: connect, and bring the source to the disk."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.core.failure_columns import is_failures_file
from etl.core.keys import Matched
from etl.core.resolve_rows import RowResolver
from etl.core.tally import Tally
from etl.errors import SettingsError
from etl.hubspot.client import Client
from etl.hubspot.pace import Pace
from etl.hubspot.transport import open_transport
from etl.ingest import ingest, read_source
from etl.kept_source import KeptSource
from etl.model import Action, Direction, Outcome
from etl.staging import Staging
from etl.summary import resolved_labels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from etl.hubspot.labels import Portal
    from etl.hubspot.meter import Meter
    from etl.ingest import SourceShape
    from etl.logs import Log
    from etl.model import HubspotSettings, Job, Limits
    from etl.pipeline.keys import KeyFinder
    from etl.pipeline.observer import Observer
    from etl.pipeline.pin import Pin
    from etl.staging import Dataset
    from etl.stop import Stop


@dataclass(frozen=True, slots=True)
class Staged:
    """A source that is ready to be sent."""

    dataset: Dataset
    source: SourceShape
    labels: list[dict[str, Any]]
    """What each distinct label stands for, as ``summary.json`` lists it."""
    tally: Tally
    """Rows that will not be sent."""
    keys: dict[str, dict[str, int]]
    """How the look-up of each keyed side went, as ``summary.json`` tells it."""


@asynccontextmanager
async def connect(
    hubspot: HubspotSettings,
    limits: Limits,
    stop: Stop,
    log: Log,
    observer: Observer,
    *,
    waits_for_quota: bool = False,
    meter: Meter | None = None,
) -> AsyncIterator[Client]:
    """Open a client for an account. Raises SettingsError when there is no token."""
    if hubspot.access_token is None:
        raise SettingsError(
            "there is no access token",
            f"set {hubspot.token_variable} to a private app's token, or try it with --sandbox",
        )
    async with open_transport(hubspot.access_token.value, hubspot.base_url) as transport:
        yield Client(
            transport,
            pace=Pace(limits.requests_per_10_seconds, clock=time.monotonic),
            stop=stop,
            log=log,
            concurrency=limits.concurrency,
            daily_reserve=limits.daily_reserve,
            waits_for_quota=waits_for_quota,
            meter=meter,
            on_trouble=observer.trouble,
            on_wait=observer.waiting,
            on_shared=observer.note,
        )


async def stage(
    job: Job,
    portal: Portal,
    folder: Path,
    *,
    finder: KeyFinder,
    observer: Observer,
    stop: Stop,
    pin: Pin | None = None,
) -> Staged:
    """Resolve and stage the whole source; nothing is sent. Raises UsageError, StoppedError.

    Where a side holds keys, the source waits on the disk while they are looked up.
    """
    try:
        resolver = RowResolver(portal.resolver, job.labelling, portal.bits)
    except SettingsError:
        # The lock says what became of a label that all rows ask for.
        if pin is not None:
            pin.refuse_differences(job, portal, is_whole=False)
        raise
    _refuse_to_remove_all(job, portal, resolver)
    staging = Staging(
        folder,
        same_object=portal.same_object,
        # A record's pairs are compared together: one may have to let go of its primary.
        together=portal.endpoints[Direction.FORWARD, True].primary_holder,
    )
    tally = Tally()

    def on_rows(rows: int) -> None:
        observer.read(rows)
        stop.check()

    chunks, matches = read_source(job), list[Matched]()
    if job.keyed_sides:
        kept = KeptSource(folder, job)
        await asyncio.to_thread(kept.keep, chunks, on_rows)
        chunks, matches = kept.chunks(), await finder.find(kept)
    source = await asyncio.to_thread(
        ingest,
        job,
        chunks,
        resolver,
        staging,
        tally,
        on_chunk=lambda: on_rows(staging.rows),
        matches=matches,
    )
    if job.mirror is not None and is_failures_file(source.columns):
        raise SettingsError(
            f"{job.source.path} is a failures file: to a mirror, what its job's other rows keep would "
            "be surplus",
            "run the whole source, or take mirror out of the job file",
        )
    if pin is not None:
        pin.refuse_differences(job, portal)
    dataset = await asyncio.to_thread(staging.merge, splits_records=splits_records(job, portal))
    tally.add({Outcome.REJECTED: staging.contradicting})
    observer.staged(dataset.rows, tally.rows)
    labels = resolved_labels(resolver.seen.values())
    return Staged(dataset, source, labels, tally, finder.facts)


def splits_records(job: Job, portal: Portal) -> bool:
    """Tell whether a record's pairs may be apart; asked when all rows have been read.

    They have to be together where what a record has is read, once for all of them, and where one
    of them may take the record's primary from another.
    """
    asks_for_primary = any(
        str(kind) in portal.bits[way].by_name
        for way in Direction
        for kind in portal.endpoints[way, True].primary
    )
    return job.existing_labels == "ignore" and not asks_for_primary


def _refuse_to_remove_all(job: Job, portal: Portal, resolver: RowResolver) -> None:
    fixed = resolver.fixed
    if job.action is Action.REMOVE_LABELS and fixed and portal.resolver.is_unlabeled(fixed):
        raise SettingsError(
            "the label is the unlabeled type: taking it away takes the whole association away",
            "name the labels to take away, or write action: remove",
        )
