"""The command ``run``."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console

from etl.cli import tell
from etl.cli.next_command import given_again, next_command
from etl.cli.options import jobs_argument, portal_option, sandbox_option, set_option
from etl.cli.plan import plan_job
from etl.cli.progress import watch_run
from etl.cli.session import in_portal, portal_definition, run_interruptibly, stop_on_signals
from etl.cli.summary_table import print_summary
from etl.core.exit_code import ExitCode
from etl.errors import EtlError, StoppedError
from etl.model import SUCCEEDED, Outcome
from etl.pipeline import run_job
from etl.run_folder import RunFolder, create_run_folder
from etl.settings import load_job
from etl.stop import Stop

if TYPE_CHECKING:
    from pathlib import Path

    from etl.model import Job
    from etl.pipeline import Observer
    from etl.sandbox import PortalDefinition
    from etl.summary import Summary

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
    given = given_again(overrides, sandbox=sandbox, portal=portal)
    codes = []
    for job in loaded:
        try:
            codes.append(_run_one(job, definition, given, as_json=as_json))
        except EtlError as error:
            # One job that can't begin is no reason to leave the others out.
            if len(loaded) > 1:
                click.echo(f"{job.name} did not begin:", err=True)
            codes.append(_told(job, error, as_json=as_json))
        if codes[-1] in _ENDS_THE_REST:
            break
    for job in loaded[len(codes) :]:
        click.echo(f"{job.name}: not run", err=True)
    raise SystemExit(_verdict(codes))


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
    click.echo(_last_line(job, folder, summary, given), err=True)
    return ExitCode(summary["exit_code"])


def _told(job: Job, error: EtlError, *, as_json: bool) -> ExitCode:
    """Tell why a job did not begin."""
    code = ExitCode(error.exit_code) if isinstance(error, StoppedError) else ExitCode.UNUSABLE
    tell(error)
    if as_json:
        told = {"job": job.name, "error": error.message, "hint": error.hint, "exit_code": int(code)}
        click.echo(msgspec.json.encode(told))
    return code


def _verdict(codes: list[ExitCode]) -> ExitCode:
    """Give the worst of several jobs; 2 says that nothing was sent, which has to hold for all."""
    worst = min(codes, key=_WORST_FIRST.index)
    if worst is ExitCode.UNUSABLE and set(codes) != {ExitCode.UNUSABLE}:
        return ExitCode.STOPPED
    return worst


async def _run(
    job: Job, folder: RunFolder, definition: PortalDefinition | None, observer: Observer
) -> Summary:
    stop = Stop()
    with stop_on_signals(stop):
        async with in_portal(job, definition) as job_there:
            return await run_job(job_there, folder, observer=observer, stop=stop)


def _last_line(job: Job, folder: RunFolder, summary: Summary, given: list[str]) -> str:
    """Name the folder and the next command."""
    if summary["exit_code"] == ExitCode.SUCCEEDED:
        told = "every row succeeded" if summary["rows"] else "the source has no rows"
        return f"{told}; look at it with: {shlex.join(['hubspot-assoc', 'show', str(folder.path)])}"
    outcomes = summary["outcomes"]
    not_sent = outcomes[Outcome.NOT_SENT]
    is_only_unsent = not_sent == sum(
        rows for outcome, rows in outcomes.items() if outcome not in SUCCEEDED
    )
    doing = "run the rest" if is_only_unsent else "correct failures.csv and run it"
    return f"{folder.path}: {doing} with: {next_command(job.file, folder, given)}"
