"""What the commands ``lint`` and ``schema`` do: everything about job files that needs no HubSpot."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from etl.cli import tell
from etl.core.exit_code import ExitCode
from etl.core.job import job_schema
from etl.errors import JobError, UsageError
from etl.settings import load_job

if TYPE_CHECKING:
    from pathlib import Path


def lint(jobs: tuple[Path, ...], overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Tell every problem of job files, and exit by whether there is one."""
    found: list[UsageError] = []
    for path in jobs:
        try:
            load_job(path, overrides, os.environ)
        except UsageError as error:
            found.append(error)
            if not as_json:
                tell(error)
        else:
            if not as_json:
                click.echo(f"{path}: good", err=True)
    if as_json:
        click.echo(msgspec.json.encode([line for error in found for line in _lines(error)]))
    sys.exit(ExitCode.UNUSABLE if found else ExitCode.SUCCEEDED)


def schema() -> None:
    """Print the schema, indented."""
    click.echo(msgspec.json.format(msgspec.json.encode(job_schema()), indent=2))


def _lines(error: UsageError) -> list[dict[str, str]]:
    if isinstance(error, JobError):
        return [
            {"place": problem.place, "message": problem.message, "hint": problem.hint}
            for problem in error.problems
        ]
    return [{"place": "", "message": error.message, "hint": error.hint}]
