"""Take away what HubSpot has and the source has not, when all rows have succeeded.

Rule 1: nothing goes while a row has not succeeded: it may be the one that keeps an association.
Rule 2: nothing goes where more would go than the job allows; then the run stops, to be looked at.
Rule 3: what goes is in ``removed.parquet`` before it goes, and in the journal as any other batch.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.verdict import SETTLED
from etl.facts import MirrorSkipped, SurplusFound
from etl.hubspot.existing import ExistingReader
from etl.hubspot.push import MAX_CONCURRENCY
from etl.model import Direction, Outcome
from etl.run_folder import write_whole
from etl.staging import Dataset
from etl.summary import Mirrored
from etl.surplus import find_surplus, write_removed

if TYPE_CHECKING:
    from pathlib import Path

    from etl.core.tally import Tally
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import Job, Mirror
    from etl.run_folder import RunFolder
    from etl.stop import Stop

_RESTORE_NAME: Final = "restore"


async def surplus_to_remove(
    job: Job,
    folder: RunFolder,
    *,
    mirror: Mirror,
    journal: Journal,
    dataset: Dataset,
    portal: Portal,
    client: Client,
    tally: Tally,
    log: Log,
    stop: Stop,
) -> SurplusFound | None:
    """Find what has to go, or None where nothing may: some rows failed, or it is too much.

    `tally` has the outcomes of all rows. Raises StoppedError.
    """
    if tally.not_succeeded:
        reason = f"{tally.not_succeeded:,} rows did not succeed"
        log.warning("mirror.skipped", reason=reason)
        await asyncio.to_thread(journal.remember, MirrorSkipped(reason=reason))
        return None
    found = journal.recall(SurplusFound)
    if found is not None:
        return found
    surplus = await find_surplus(
        dataset,
        ExistingReader(client, concurrency=job.limits.concurrency or MAX_CONCURRENCY, stop=stop),
        portal.endpoints[Direction.FORWARD, True],
        same_object=portal.same_object,
    )
    log.info("surplus.found", existing=surplus.existing, surplus=surplus.associations)
    if surplus.unread.height:
        first = surplus.unread.row(0, named=True)
        stop.request(
            f"the mirror took nothing away: {surplus.unread.height:,} from-records could not be "
            f"read; the first, {first['from_id']}: {first['error_message']}",
            "go on when HubSpot answers for them",
        )
        return None
    if mirror.max_removals.is_exceeded(surplus.associations, of=surplus.existing):
        await asyncio.to_thread(write_removed, dataset.folder, folder.surplus, portal.labels.texts)
        stop.request(
            f"the mirror would take away {surplus.associations:,} of {surplus.existing:,} "
            f"associations, more than mirror.max_removals allows ({mirror.max_removals}); it took "
            "nothing away",
            f"look at {folder.surplus.name}; if it is meant, resume with "
            f"--max-removals {surplus.associations}",
        )
        return None
    folder.surplus.unlink(missing_ok=True)
    if surplus.associations:
        await asyncio.to_thread(write_removed, dataset.folder, folder.removed, portal.labels.texts)
        await asyncio.to_thread(write_whole, folder.restore, lambda path: _write_restore(job, path))
    found = SurplusFound(existing=surplus.existing, sections=surplus.sections)
    await asyncio.to_thread(journal.remember, found)
    return found


def mirrored(folder: RunFolder, journal: Journal) -> Mirrored:
    """Tell how far a mirror has come; leave in ``removed.parquet`` what is gone, once it is over.

    Raises StoppedError when the disk does not take it.
    """
    skipped = journal.recall(MirrorSkipped)
    found = journal.recall(SurplusFound)
    if found is None:
        return Mirrored(
            existing=None,
            surplus=None,
            removed=0,
            failed=0,
            skipped=skipped.reason if skipped is not None else None,
            is_over=skipped is not None,
        )
    told = pl.concat(
        [pl.DataFrame(schema=SETTLED), *(journal.verdicts(each.number) for each in found.sections)]
    )
    surplus = sum(section.associations for section in found.sections)
    gone = told.filter(pl.col("outcome") == Outcome.REMOVED.value)
    is_over = told.height == surplus
    if is_over and gone.height < surplus:
        _leave_out(folder, found, told.join(gone, on="association_id", how="anti"))
    return Mirrored(
        existing=found.existing,
        surplus=surplus,
        removed=gone.height,
        failed=told.height - gone.height,
        skipped=None,
        is_over=is_over,
    )


def _leave_out(folder: RunFolder, found: SurplusFound, still_there: pl.DataFrame) -> None:
    """Take out of ``removed.parquet`` what HubSpot still has."""
    staged = Dataset(folder.staging, 0, found.sections)
    pairs = [
        staged.pairs(section).select("association_id", "from_id", "to_id")
        for section in found.sections
    ]
    left = pl.concat(pairs).join(still_there.lazy(), on="association_id", how="semi")
    rows = pl.scan_parquet(folder.removed).join(
        left, on=["from_id", "to_id"], how="anti", maintain_order="left"
    )
    write_whole(folder.removed, rows.sink_parquet)


def _write_restore(job: Job, path: Path) -> None:
    """Write a job that puts back what is in ``removed.parquet`` beside it."""
    restore = {
        "name": _RESTORE_NAME,
        "source": {"path": "removed.parquet"},
        "from": {"object": job.from_side.object, "column": "from_id"},
        "to": {"object": job.to_side.object, "column": "to_id"},
        "type": {"id_column": "type_id", "category_column": "category"},
        "hubspot": {
            "access_token": f"${{{job.hubspot.token_variable}}}",
            "api_version": job.hubspot.api_version,
            "base_url": job.hubspot.base_url,
        },
        "output": {"directory": "../.."},
    }
    # JSON is YAML.
    path.write_text(json.dumps(restore, indent=2) + "\n", encoding="utf-8")
