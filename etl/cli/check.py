"""What the command ``check`` does."""

from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.cli.first_signal import stop_on_signals
from etl.cli.outputs import refuse_to_overwrite, refuse_unwritable
from etl.cli.plan import print_reasons
from etl.cli.progress import Reading, watch_run
from etl.cli.session import Target, rehearsal_of
from etl.cli.version_notice import tell_support
from etl.core.compare import Sign
from etl.errors import UsageError
from etl.logs import open_log
from etl.pipeline import check_job, connect
from etl.run_folder import PRIVATE_FOLDER, RunFolder, stamp
from etl.settings import load_job
from etl.sink import format_of
from etl.stop import Stop

if TYPE_CHECKING:
    from etl.model import Job
    from etl.pipeline import Checked, Observer

_MEANINGS: Final = {
    Sign.SAME: "the same",
    Sign.MISSING: "missing in HubSpot",
    Sign.OTHER: "in HubSpot with other labels",
    Sign.EXTRA: "only in HubSpot",
    Sign.UNKNOWN: "can't be compared",
}


def check(
    job: Path,
    output: Path | None,
    overrides: tuple[str, ...],
    portal: Path | None,
    *,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Compare, write the report, and exit by what was found."""
    loaded = load_job(job, overrides, os.environ)
    report = _report_path(loaded, output)
    target = Target(rehearsal_of(sandbox=sandbox, portal=portal, faults=None))
    tell_support([loaded.hubspot.api_version])
    with tempfile.TemporaryDirectory(prefix="hubspot-assoc-") as folder, watch_run() as observer:
        checked = asyncio.run(_check(loaded, Path(folder), report, target, Reading(observer)))
    if as_json:
        click.echo(msgspec.json.encode({**checked.as_dict(), "file": str(report)}))
    else:
        _print(checked, report, Console())
    raise SystemExit(checked.exit_code)


def _report_path(job: Job, output: Path | None) -> Path:
    """Choose where the report goes. Raises UsageError before anything is asked of HubSpot."""
    if output is None:
        folder = (job.output.directory / job.name).absolute()
        try:
            folder.mkdir(parents=True, mode=PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the folder {folder} can't be made: {error.strerror}",
                "set output.directory to a folder that you may write to, or give --output",
            ) from error
        return folder / f"check-{stamp(datetime.now(UTC))}.{job.output.results}"
    report = output.absolute()
    format_of(report)
    if not report.parent.is_dir():
        raise UsageError(
            f"--output {output}: there is no folder {report.parent}", "make the folder first"
        )
    refuse_to_overwrite(report, job.source, job.file)
    refuse_unwritable(report)
    return report


async def _check(
    job: Job, folder: Path, report: Path, target: Target, observer: Observer
) -> Checked:
    stop = Stop()
    log_file = RunFolder(folder).log
    with stop_on_signals(stop, "nothing was written"), open_log(log_file, job=job.name) as log:
        async with (
            target.open(job) as there,
            connect(there.hubspot, there.limits, stop, log, observer) as client,
        ):
            return await check_job(
                there, client, folder, report, log=log, observer=observer, stop=stop
            )


def _print(checked: Checked, report: Path, console: Console) -> None:
    table = Table(title=escape(checked.job), title_justify="left")
    table.add_column("")
    table.add_column("lines", justify="right")
    table.add_column("")
    for sign, meaning in _MEANINGS.items():
        if lines := checked.signs.get(sign, 0):
            style = "green" if sign is Sign.SAME else "red"
            table.add_row(sign.value, f"{lines:,}", meaning, style=style)
    table.add_section()
    table.add_row("", f"{sum(checked.signs.values()):,}", "all")
    console.print(table)
    print_reasons(checked.reasons, "rows that can't be compared", console)
    click.echo(f"file: {report}")
