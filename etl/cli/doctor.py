"""What the command ``doctor`` does."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from etl.cli.first_signal import stop_on_signals
from etl.cli.progress import watch_run
from etl.cli.session import Target, rehearsal_of
from etl.core.finding import Finding, Status, verdict_of
from etl.errors import UsageError
from etl.logs import open_log
from etl.model import ApiVersion, HubspotSettings
from etl.pipeline import Observer, diagnose
from etl.run_folder import RunFolder
from etl.settings import load_account, load_job
from etl.stop import Stop

if TYPE_CHECKING:
    from etl.model import Job

_COLORS: Final = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}
_WIDTH: Final = max(map(len, Status)) + 1


def doctor(
    job: Path | None,
    api_version: ApiVersion | None,
    portal: Path | None,
    overrides: tuple[str, ...],
    *,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Print what each check found, and exit by the worst."""
    loaded, hubspot = _subject(job, api_version, overrides)
    target = Target(rehearsal_of(sandbox=sandbox, portal=portal, faults=None))
    with watch_run() as observer:
        findings = asyncio.run(_diagnose(hubspot, loaded, target, observer))
    if as_json:
        click.echo(msgspec.json.encode([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(_line(finding))
    raise SystemExit(verdict_of(findings))


def _subject(
    path: Path | None, api_version: ApiVersion | None, overrides: tuple[str, ...]
) -> tuple[Job | None, HubspotSettings]:
    """Load what is to be checked. Raises UsageError."""
    if path is None:
        if overrides:
            raise UsageError("--set changes a job, and there is none", "give the job file, too")
        version = api_version or HubspotSettings(None).api_version
        return None, load_account(os.environ, version)
    if api_version is not None:
        raise UsageError(
            "--api-version is for the account alone: a job names its own",
            f"give --set hubspot.api_version={api_version}",
        )
    job = load_job(path, overrides, os.environ)
    return job, job.hubspot


async def _diagnose(
    hubspot: HubspotSettings, job: Job | None, target: Target, observer: Observer
) -> list[Finding]:
    stop = Stop()
    with (
        tempfile.TemporaryDirectory(prefix="hubspot-assoc-") as folder,
        open_log(RunFolder(Path(folder)).log) as log,
        stop_on_signals(stop, "nothing was written"),
    ):
        async with target.open_account(hubspot) as there:
            return await diagnose(
                there,
                job,
                today=datetime.now(UTC).date(),
                stop=stop,
                log=log,
                observer=observer,
            )


def _line(finding: Finding) -> str:
    verdict = click.style(f"{finding.verdict:<{_WIDTH}}", fg=_COLORS.get(finding.verdict))
    fix = f"; try: {finding.fix}" if finding.fix else ""
    return f"{verdict}{finding.check}: {finding.said}{fix}"
