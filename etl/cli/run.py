"""What the command ``run`` does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from etl.cli.carry_out import Ended, carry_out
from etl.cli.plan import plan_job
from etl.cli.session import Target, rehearsal_of
from etl.cli.version_notice import tell_support
from etl.core.exit_code import ExitCode
from etl.errors import UsageError
from etl.facts import Origin
from etl.label_lock_file import read_lock
from etl.pipeline import run_job
from etl.run_folder import create_run_folder
from etl.settings import load_job

if TYPE_CHECKING:
    from pathlib import Path

    from etl.model import Job
    from etl.pipeline import Observer
    from etl.stop import Stop
    from etl.summary import Summary

_WORST_FIRST: Final = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.STOPPED,
    ExitCode.UNUSABLE,
    ExitCode.SOME_FAILED,
    ExitCode.SUCCEEDED,
)


def run(
    jobs: tuple[Path, ...],
    overrides: tuple[str, ...],
    portal: Path | None,
    faults: Path | None,
    *,
    sandbox: bool,
    dry_run: bool,
    locked: bool,
    wait_for_quota: bool,
    as_json: bool,
) -> None:
    """Run jobs, one after the other, and exit with the worst of their codes."""
    # All job files, and their locks, are checked before the first one is begun.
    loaded = []
    for path in jobs:
        try:
            job = load_job(path, overrides, os.environ)
            loaded.append((job, read_lock(job.file) if locked else None))
        except UsageError:
            for other in jobs:
                if other != path:
                    click.echo(f"{other}: not run", err=True)
            raise
    target = Target(rehearsal_of(sandbox=sandbox, portal=portal, faults=faults))
    tell_support(job.hubspot.api_version for job, _ in loaded)
    if dry_run:
        for job, lock in loaded:
            plan_job(job, target, as_json=as_json, lock=lock)
        return
    codes = []
    for job, lock in loaded:
        origin = Origin(overrides=overrides, rehearsal=target.rehearsal, lock=lock)
        ended = begin(job, target, origin, wait_for_quota=wait_for_quota, as_json=as_json)
        codes.append(ended.code)
        if ended.by_signal:
            break
    for job, _ in loaded[len(codes) :]:
        click.echo(f"{job.name}: not run", err=True)
    raise SystemExit(_verdict(codes))


def begin(
    job: Job, target: Target, origin: Origin, *, wait_for_quota: bool, as_json: bool
) -> Ended:
    """Begin a run of a job, and carry it out. Raises UsageError when it can't have a folder."""
    folder = create_run_folder(job.output.directory, job.name)

    async def work(there: Job, observer: Observer, stop: Stop) -> Summary:
        return await run_job(
            there,
            folder,
            observer=observer,
            stop=stop,
            origin=origin,
            waits_for_quota=wait_for_quota,
        )

    return carry_out(work, job, folder, target, as_json=as_json)


def _verdict(codes: list[ExitCode]) -> ExitCode:
    """Give the worst of several jobs; 2 says that nothing was sent, which has to hold for all."""
    worst = min(codes, key=_WORST_FIRST.index)
    if worst is ExitCode.UNUSABLE and set(codes) != {ExitCode.UNUSABLE}:
        return ExitCode.STOPPED
    return worst
