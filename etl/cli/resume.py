"""What the command ``resume`` does."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from etl.cli.carry_out import carry_out, command
from etl.cli.session import Target
from etl.cli.version_notice import tell_support
from etl.core.job.snapshot import restore
from etl.errors import EtlError, UsageError
from etl.model import Bound, Secret
from etl.pipeline import resume_job
from etl.run_folder import find_run
from etl.runs import State, look_at, recall_begun
from etl.settings import load_job

if TYPE_CHECKING:
    from etl.facts import RunBegun
    from etl.model import Job
    from etl.pipeline import Observer
    from etl.stop import Stop
    from etl.summary import Summary


def resume(
    run: str,
    directory: Path,
    *,
    wait_for_quota: bool,
    max_removals: str | None,
    as_json: bool,
) -> None:
    """Carry on a run from its journal, and exit with its code."""
    bound = _bound(max_removals) if max_removals is not None else None
    folder = find_run(run, directory)
    look = look_at(folder)
    if look.state is State.FINISHED:
        # Killed between its summary and its end, a run leaves what it had staged.
        shutil.rmtree(folder.staging, ignore_errors=True)
        click.echo(
            f"{folder.path}: nothing to do, the run is finished; look at it with: "
            f"{command('show', folder)}",
            err=True,
        )
        if as_json:
            click.echo(msgspec.json.encode(look.as_dict()))
        raise SystemExit(look.exit_code)
    begun = recall_begun(folder)

    async def work(there: Job, observer: Observer, stop: Stop) -> Summary:
        return await resume_job(
            there, folder, begun, observer=observer, stop=stop, waits_for_quota=wait_for_quota
        )

    job = restore(begun.job, _token_of_today(begun))
    tell_support([job.hubspot.api_version])
    if bound is not None:
        job = _allowing(job, bound)
    target = Target(begun.origin.rehearsal)
    raise SystemExit(carry_out(work, job, folder, target, as_json=as_json).code)


def _bound(max_removals: str) -> Bound:
    """Read how much may go. Raises UsageError."""
    share = re.fullmatch(r"(100(?:\.0+)?|\d{1,2}(?:\.\d+)?)%", max_removals)
    if share is None and not re.fullmatch(r"\d{1,18}", max_removals):
        raise UsageError(
            f"--max-removals can't be '{max_removals}'",
            "write a number of associations such as 100, or a share from 0% to 100% such as 2.5%",
        )
    return Bound(percent=float(share[1])) if share else Bound(count=int(max_removals))


def _allowing(job: Job, max_removals: Bound) -> Job:
    """Let a mirror take more, or less, away than its job says."""
    if job.mirror is None:
        raise UsageError(
            f"{job.name} has no mirror, so --max-removals has no meaning",
            "leave --max-removals out",
        )
    return replace(job, mirror=replace(job.mirror, max_removals=max_removals))


def _token_of_today(begun: RunBegun) -> Secret | None:
    """Take the token as the job file has it now; without that file, from its variable."""
    try:
        job_file = Path(begun.job["file"])
        token = load_job(job_file, begun.origin.overrides, os.environ).hubspot.access_token
    except EtlError:
        # The run goes on by its own copy of the job; nothing else of the file is needed.
        token = None
    from_environment = os.environ.get(begun.job["hubspot"]["token_variable"], "").strip()
    return token or (Secret(from_environment) if from_environment else None)
