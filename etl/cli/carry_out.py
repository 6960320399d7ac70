"""Carry out one run, new or resumed, and tell how it went."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console

from etl.cli import tell
from etl.cli.first_signal import stop_on_signals
from etl.cli.progress import watch_run
from etl.cli.summary_table import print_summary
from etl.core.exit_code import ExitCode
from etl.errors import EtlError, ProblemsError, StoppedError
from etl.model import Outcome
from etl.stop import Stop
from etl.summary import is_whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from etl.cli.session import Target
    from etl.model import Job
    from etl.pipeline import Observer
    from etl.run_folder import RunFolder
    from etl.summary import Summary

    Work = Callable[[Job, Observer, Stop], Awaitable[Summary]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, for the process."""

    code: ExitCode
    by_signal: bool = False
    """Whoever asked for the end wants no other run begun."""


def carry_out(work: Work, job: Job, folder: RunFolder, target: Target, *, as_json: bool) -> Ended:
    """Run to the end; print the summary, or why there is none, and the next command last."""
    stop = Stop()
    try:
        with watch_run() as observer:
            summary = asyncio.run(_at(target, work, job, folder, observer=observer, stop=stop))
    except EtlError as error:
        return _told(job, folder, error, stop, as_json=as_json)
    if as_json:
        click.echo(msgspec.json.encode({**summary, "folder": str(folder.path)}))
    else:
        print_summary(summary, Console(stderr=True))
    click.echo(last_line(folder, summary), err=True)
    return Ended(ExitCode(summary["exit_code"]), _is_by_signal(stop))


async def _at(
    target: Target, work: Work, job: Job, folder: RunFolder, *, observer: Observer, stop: Stop
) -> Summary:
    then = f"go on with: {command('resume', folder)}"
    with stop_on_signals(stop, then):
        async with target.open(job) as job_there:
            return await work(job_there, observer, stop)


def _told(job: Job, folder: RunFolder, error: EtlError, stop: Stop, *, as_json: bool) -> Ended:
    """Tell why a run did not begin, or could not be brought to its end."""
    code = ExitCode(error.exit_code) if isinstance(error, StoppedError) else ExitCode.UNUSABLE
    tell(error)
    if as_json:
        told = {"job": job.name, "error": error.message, "hint": error.hint, "exit_code": int(code)}
        if isinstance(error, ProblemsError):
            told["problems"] = [asdict(problem) for problem in error.problems]
        click.echo(msgspec.json.encode(told))
    if folder.journal.exists():
        click.echo(f"{folder.path}: go on with: {command('resume', folder)}", err=True)
    return Ended(code, _is_by_signal(stop))


def _is_by_signal(stop: Stop) -> bool:
    return stop.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}


def command(name: str, folder: RunFolder) -> str:
    """Write a command over a run, to be pasted in any folder."""
    return shlex.join(["hubspot-assoc", name, str(folder.path.absolute())])


def last_line(folder: RunFolder, summary: Summary) -> str:
    """Name the folder and the next command."""
    mirror = summary["mirror"]
    if summary["exit_code"] == ExitCode.SUCCEEDED:
        told = "every row succeeded" if summary["rows"] else "the source has no rows"
        return f"{told}; look at it with: {command('show', folder)}"
    if mirror is not None and mirror["is_too_much"]:
        allow = f"{command('resume', folder)} --max-removals {mirror['surplus']}"
        return f"{folder.path}: look at {folder.surplus.name}; if all of it is to go: {allow}"
    if not is_whole(summary["outcomes"][Outcome.NOT_SENT], mirror):
        return f"{folder.path}: go on with: {command('resume', folder)}"
    if mirror is not None:
        again = shlex.join(["hubspot-assoc", "run", summary["job_file"]])
        return f"{folder.path}: correct the source and run all of it again (a retry does not mirror): {again}"
    return f"{folder.path}: correct failures.csv and run it with: {command('retry', folder)}"
