"""Run a job, or go on with a run: what a command asks for, and what is left if it can't be."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl.core.job.snapshot import snapshot
from etl.errors import EtlError, StoppedError
from etl.facts import Origin, RunBegun
from etl.pipeline.sitting import Sitting

if TYPE_CHECKING:
    from etl.model import Job
    from etl.pipeline.observer import Observer
    from etl.run_folder import RunFolder
    from etl.stop import Stop
    from etl.summary import Summary


async def run_job(
    job: Job,
    folder: RunFolder,
    *,
    observer: Observer,
    stop: Stop,
    origin: Origin | None = None,
    waits_for_quota: bool = False,
) -> Summary:
    """Run a job to its end, or to where it is stopped; give what ``summary.json`` says.

    Raises UsageError, and StoppedError before anything was sent; the folder is gone then. Raises
    StoppedError when the disk does not take the run's files; the run can be resumed then.
    """
    begun = RunBegun(
        run_id=folder.run_id,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        job=snapshot(job),
        origin=origin or Origin(),
    )
    run = Sitting(job, folder, begun, observer, stop, waits_for_quota=waits_for_quota)
    try:
        with run:
            return await run.begin()
    except EtlError as error:
        if run.is_staged:
            raise
        shutil.rmtree(folder.path)
        if isinstance(error, StoppedError):
            raise StoppedError(
                f"{error.message}; nothing was sent",
                "; ".join(filter(None, (error.hint, "then run the job again"))),
                exit_code=error.exit_code,
            ) from error
        raise


async def resume_job(
    job: Job,
    folder: RunFolder,
    begun: RunBegun,
    *,
    observer: Observer,
    stop: Stop,
    waits_for_quota: bool = False,
) -> Summary:
    """Go on with a run that was cut off; give what ``summary.json`` says.

    `job` is that of the snapshot in `begun`, with the token of today. Raises UsageError and
    StoppedError; the run can be resumed again.
    """
    with Sitting(job, folder, begun, observer, stop, waits_for_quota=waits_for_quota) as run:
        return await run.resume()
