"""The second half of a run: send what is staged, until it ends or the run is stopped."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Final

from etl.core.tally import Tally
from etl.errors import EtlError
from etl.hubspot.parallel import in_parallel
from etl.hubspot.push import Push

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import polars as pl

    from etl.facts import Progress
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.hubspot.settings_check import SettingsCheck
    from etl.hubspot.settled import RowsSettled
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import Job
    from etl.staging import Dataset, Section
    from etl.stop import Stop


SECTIONS_UNDRAWN: Final = 3
"""Sections of which batches are still to be sent: while one is written and the next one is read, a third
waits for its turn to be read."""

SECTIONS_UNDER_WAY: Final = 16
"""Sections at most: a batch whose answer hangs for a minute holds its own, and no other; at twenty
requests a second sixteen more of 75 batches go meanwhile. Each holds some 12 MB."""


async def send(
    job: Job,
    dataset: Dataset,
    portal: Portal,
    client: Client,
    journal: Journal,
    *,
    failing: Tally,
    settings: SettingsCheck,
    log: Log,
    stop: Stop,
    on_settled: Callable[[RowsSettled], Progress],
    after: int = 0,
    look: Callable[[pl.DataFrame], Awaitable[pl.DataFrame]] | None = None,
) -> None:
    """Send the sections in order; what the journal has settled is left out.

    `failing` counts towards max_failures: the rows that did not succeed before sending. Batches are
    numbered from the one after `after`. `look` tells of a section's pairs which to let be: is_spared.
    """
    tally = Tally(failing.rows.copy())

    def stop_at_limits() -> None:
        if tally.exceeds(job.limits.max_failures, of_rows=dataset.rows):
            stop.request(
                f"{tally.not_succeeded} rows did not succeed, more than limits.max_failures allows",
                "look at failures.csv and mend the cause first",
            )

    def count(settled: RowsSettled) -> Progress:
        tally.add(settled.rows)
        stop_at_limits()
        return on_settled(settled)

    push = Push(
        client,
        journal,
        batch_size=job.limits.batch_size,
        existing_labels=job.existing_labels,
        gives_up=job.limits.max_failures is None,
        settings=settings,
        stop=stop,
        log=log,
        on_settled=count,
    )
    first_batches = _first_batches(dataset, job.limits.batch_size, after)

    undrawn = asyncio.Semaphore(SECTIONS_UNDRAWN)

    async def settle(section: Section) -> None:
        with ExitStack() as place:
            await undrawn.acquire()
            place.callback(undrawn.release)
            if stop.requested:
                return
            endpoint = portal.endpoints[section.direction, section.has_types].to(section.action)
            try:
                pairs = await asyncio.to_thread(dataset.pairs(section).collect)
                if look is not None:
                    pairs = await look(pairs)
                first_batch = first_batches[section.number]
                await push.section(
                    section, pairs, endpoint, first_batch=first_batch, on_drawn=place.close
                )
            except EtlError as error:
                # What other sections have in flight ends in good order, and is told.
                stop.request(error.message, error.hint)

    stop_at_limits()
    for _, sections in groupby(dataset.sections, key=lambda section: section.phase):
        await in_parallel(sections, settle, concurrency=SECTIONS_UNDER_WAY, stop=stop)


def last_batch(dataset: Dataset, batch_size: int) -> int:
    """Give the number of the last batch of a dataset; 0 where it has none."""
    return sum(ceil(section.associations / batch_size) for section in dataset.sections)


def _first_batches(dataset: Dataset, batch_size: int, after: int) -> Mapping[int, int]:
    """Give each section the number of its first batch: the same however often the run goes on."""
    first_batches, next_batch = {}, after + 1
    for section in dataset.sections:
        first_batches[section.number] = next_batch
        next_batch += ceil(section.associations / batch_size)
    return first_batches
