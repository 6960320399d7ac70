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
from etl.facts import MirrorSkipped, SurplusFound, SurplusRefused
from etl.hubspot.existing import ExistingReader
from etl.hubspot.push import GIVEN_SINCE
from etl.model import Direction, Outcome
from etl.run_folder import write_whole
from etl.summary import Mirrored
from etl.surplus import find_surplus, unreadable, write_removed

if TYPE_CHECKING:
    from pathlib import Path

    from etl.core.tally import Tally
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import Job, Mirror
    from etl.run_folder import RunFolder
    from etl.staging import Dataset
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
    where = portal.endpoints[Direction.FORWARD, True]
    surplus = await find_surplus(
        dataset, ExistingReader(client, stop=stop), where, same_object=portal.same_object
    )
    # What the run itself has made says nothing of how much is taken away.
    existing = surplus.associations + journal.existing_associations()
    log.info("surplus.found", existing=existing, surplus=surplus.associations)
    if surplus.unread.height:
        raise unreadable(surplus.unread)
    if mirror.max_removals.is_exceeded(surplus.associations, of=existing):
        await asyncio.to_thread(
            write_removed, dataset.folder, folder.surplus, portal.labels.forward
        )
        refused = SurplusRefused(existing=existing, surplus=surplus.associations)
        await asyncio.to_thread(journal.remember, refused)
        stop.request(
            f"the mirror would take away {surplus.associations:,} of the {existing:,} associations "
            f"that the from-records had, more than mirror.max_removals allows "
            f"({mirror.max_removals}); it took nothing away",
            f"look at {folder.surplus.name}",
        )
        return None
    folder.surplus.unlink(missing_ok=True)
    if surplus.associations:
        await asyncio.to_thread(
            write_removed, dataset.folder, folder.removed, portal.labels.forward
        )
        await asyncio.to_thread(write_whole, folder.restore, lambda path: _write_restore(job, path))
    found = SurplusFound(existing=existing, sections=surplus.sections)
    await asyncio.to_thread(journal.remember, found)
    return found


def mirrored(journal: Journal) -> Mirrored:
    """Tell how far a mirror has come."""
    skipped, refused = journal.recall(MirrorSkipped), journal.recall(SurplusRefused)
    found = journal.recall(SurplusFound)
    if found is None:
        return Mirrored(
            existing=refused.existing if refused is not None else None,
            surplus=refused.surplus if refused is not None else None,
            removed=0,
            spared=0,
            failed=0,
            skipped=skipped.reason if skipped is not None else None,
            is_too_much=refused is not None and skipped is None,
            is_finished=skipped is not None,
        )
    told = pl.concat(
        [pl.DataFrame(schema=SETTLED), *(journal.verdicts(each.number) for each in found.sections)]
    )
    spared = told.filter(pl.col("error_category") == GIVEN_SINCE).height
    is_gone = pl.col("outcome").is_in([Outcome.REMOVED.value, Outcome.UNCHANGED.value])
    removed = told.filter(is_gone).height - spared
    surplus = sum(section.associations for section in found.sections)
    return Mirrored(
        existing=found.existing,
        surplus=surplus,
        removed=removed,
        spared=spared,
        failed=told.height - removed - spared,
        skipped=None,
        is_too_much=False,
        is_finished=told.height == surplus,
    )


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
