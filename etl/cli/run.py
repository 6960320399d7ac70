"""The command ``run``."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from rich.console import Console

from etl.cli.options import jobs_argument, portal_option, sandbox_option, set_option
from etl.cli.plan import plan_job
from etl.cli.progress import watch_run
from etl.cli.session import in_portal, portal_definition, run_interruptibly, stop_on_signals
from etl.cli.summary_table import print_summary
from etl.core.exit_code import ExitCode
from etl.hubspot.parallel import Stop
from etl.pipeline import run_job
from etl.run_folder import RunFolder, create_run_folder
from etl.settings import load_job

if TYPE_CHECKING:
    from pathlib import Path

    from etl.model import Job
    from etl.pipeline import Observer
    from etl.sandbox import PortalDefinition

_WORST_FIRST: Final = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.STOPPED,
    ExitCode.UNUSABLE,
    ExitCode.SOME_FAILED,
    ExitCode.SUCCEEDED,
)
_ENDS_THE_REST: Final = {ExitCode.INTERRUPTED, ExitCode.TERMINATED}


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc run jobs/quickstart.yaml --sandbox
  hubspot-assoc run jobs/contact-roles.yaml --set limits.batch_size=500
  hubspot-assoc run jobs/a.yaml jobs/b.yaml --json
  hubspot-assoc run jobs/a.yaml --set source.path=/path/to/failures.csv   only what failed
""",
)
@jobs_argument
@sandbox_option
@portal_option
@click.option("--dry-run", is_flag=True, help="Read and resolve, write nothing (as `plan`).")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON to stdout.")
def run(
    jobs: tuple[Path, ...],
    overrides: tuple[str, ...],
    portal: Path | None,
    *,
    sandbox: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put the associations of job files into HubSpot, one job after the other.

    Every source row ends with an outcome in the run's folder: results, failures.csv (rows to
    correct and run again), summary.json, run.log.
    """
    # All job files are checked before the first one is begun.
    loaded = [load_job(path, overrides, os.environ) for path in jobs]
    definition = portal_definition(portal) if sandbox or portal else None
    if dry_run:
        for job in loaded:
            plan_job(job, definition, as_json=as_json)
        return
    # What the next command has to repeat: not the source, which it replaces, nor a token, which
    # no output shows.
    given = [
        word
        for override in overrides
        if not override.strip().startswith(("source.path=", "hubspot.access_token="))
        for word in ("--set", override)
    ]
    if portal is not None:
        given += ["--portal", str(portal)]
    elif sandbox:
        given.append("--sandbox")
    codes = []
    for job in loaded:
        codes.append(_run_one(job, definition, given, as_json=as_json))
        if codes[-1] in _ENDS_THE_REST:
            break
    raise SystemExit(min(codes, key=_WORST_FIRST.index))


def _run_one(
    job: Job, definition: PortalDefinition | None, given: list[str], *, as_json: bool
) -> ExitCode:
    folder = create_run_folder(job.output.directory, job.name)
    with watch_run() as observer:
        summary = run_interruptibly(_run(job, folder, definition, observer))
    if as_json:
        click.echo(msgspec.json.encode({**summary, "folder": str(folder.path)}))
    else:
        print_summary(summary, Console(stderr=True))
    code = ExitCode(summary["exit_code"])
    click.echo(_last_line(job, folder, code, rows=summary["rows"], given=given), err=True)
    return code


async def _run(
    job: Job, folder: RunFolder, definition: PortalDefinition | None, observer: Observer
) -> dict[str, Any]:
    stop = Stop()
    with stop_on_signals(stop):
        async with in_portal(job, definition) as job_there:
            return await run_job(job_there, folder, observer=observer, stop=stop)


def _last_line(job: Job, folder: RunFolder, code: ExitCode, *, rows: int, given: list[str]) -> str:
    """Name the folder and the next command."""
    if code is ExitCode.SUCCEEDED:
        # "Every" is true of no rows too, but an operator should notice an empty source.
        told = "every row succeeded" if rows else "the source has no rows"
        return f"{told}; look at it with: {shlex.join(['hubspot-assoc', 'show', str(folder.path)])}"
    again = ["hubspot-assoc", "run", str(job.file), *given]
    again += ["--set", f"source.path={folder.failures}"]
    doing = (
        "run the rest" if code is not ExitCode.SOME_FAILED else "correct failures.csv and run it"
    )
    return f"{folder.path}: {doing} with: {shlex.join(again)}"
