"""What the command ``retry`` does."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from etl.cli.carry_out import command
from etl.cli.run import begin
from etl.cli.session import Target
from etl.cli.version_notice import tell_support
from etl.errors import UsageError
from etl.label_lock_file import read_lock
from etl.run_folder import find_run
from etl.runs import State, look_at, recall_begun
from etl.settings import load_job


def retry(run: str, directory: Path, *, wait_for_quota: bool, as_json: bool) -> None:
    """Run a run's failures as a run of their own, and exit with its code."""
    folder = find_run(run, directory)
    look = look_at(folder)
    if look.state is State.RUNNING or not folder.failures.exists():
        raise UsageError(
            f"{folder.path} has not come to its end, so what did not succeed is not known",
            f"bring it to its end first: {command('resume', folder)}",
        )
    if not look.not_succeeded:
        click.echo(f"{folder.path}: nothing to do, every row succeeded", err=True)
        if as_json:
            click.echo(msgspec.json.encode(look.as_dict()))
        return
    begun = recall_begun(folder)
    # Quoted: in a value of --set, which is YAML, a path may hold what YAML reads otherwise.
    failures = json.dumps(str(folder.failures.absolute()), ensure_ascii=False)
    overrides = (*begun.origin.overrides, f"source.path={failures}")
    job = load_job(Path(begun.job["file"]), overrides, os.environ)
    tell_support([job.hubspot.api_version])
    if job.mirror is not None:
        # The failures alone say nothing of what the other rows keep.
        job = dataclasses.replace(job, mirror=None)
        click.echo("mirror is left out of a retry; run the whole job again for it", err=True)
    if job.existing_labels == "replace":
        # Nor of the labels that a pair's other rows have just been given.
        job = dataclasses.replace(job, existing_labels="keep")
        click.echo(
            "a retry takes no old labels away; run the whole job again to replace them", err=True
        )
    # As the job file, the lock is taken as it is now.
    lock = None if begun.origin.lock is None else read_lock(job.file)
    origin = replace(begun.origin, parent=folder.run_id, lock=lock)
    ended = begin(
        job, Target(origin.rehearsal), origin, wait_for_quota=wait_for_quota, as_json=as_json
    )
    raise SystemExit(ended.code)
