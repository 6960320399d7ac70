"""The commands ``lint`` and ``schema``: everything about job files that needs no HubSpot."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from etl.cli import tell
from etl.cli.options import jobs_argument, set_option
from etl.core.exit_code import ExitCode
from etl.core.job import job_schema
from etl.errors import JobError, UsageError
from etl.settings import load_job

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc lint jobs/*.yaml
  hubspot-assoc lint jobs/a.yaml --json
""",
)
@jobs_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON to stdout.")
def lint(jobs: tuple[Path, ...], overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Check job files, offline: every problem at once, with file, line, column and the fix."""
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


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc schema > jobs/job.schema.json
""",
)
def schema() -> None:
    """Print the JSON Schema of job files.

    Save it and name it in a job file's first line, and your editor completes and checks as you
    type: # yaml-language-server: $schema=job.schema.json
    """
    click.echo(msgspec.json.format(msgspec.json.encode(job_schema()), indent=2))


def _lines(error: UsageError) -> list[dict[str, str]]:
    if isinstance(error, JobError):
        return [
            {"place": problem.place, "message": problem.message, "hint": problem.hint}
            for problem in error.problems
        ]
    return [{"place": "", "message": error.message, "hint": error.hint}]
