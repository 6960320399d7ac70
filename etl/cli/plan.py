"""The command ``plan``."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.cli.limit_findings import print_findings
from etl.cli.options import portal_option, sandbox_option, set_option
from etl.cli.progress import watch_run
from etl.cli.session import Target, rehearsal_of
from etl.cli.signals import stop_on_signals
from etl.cli.summary_table import key_words
from etl.cli.version_notice import tell_support
from etl.hubspot.ceilings import fetch_ceilings
from etl.logs import open_log
from etl.model import Action
from etl.pipeline import connect, prepare, reading_finder, stage
from etl.plan import Plan, plan_staged
from etl.plan_limits import check_limits
from etl.run_folder import RunFolder
from etl.settings import load_job
from etl.stop import Stop

if TYPE_CHECKING:
    from etl.model import Job
    from etl.pipeline import Observer

SHOWN_LABELS = 20
"""Labels on a screen, the most frequent first."""


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc plan jobs/quickstart.yaml --sandbox
  hubspot-assoc plan jobs/contact-roles.yaml --json
""",
)
@click.argument("job", type=click.Path(path_type=Path))
@sandbox_option
@portal_option
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    job: Path, overrides: tuple[str, ...], portal: Path | None, *, sandbox: bool, as_json: bool
) -> None:
    """Show what a run would do: rows, labels and their types, requests, time. Writes nothing."""
    target = Target(rehearsal_of(sandbox=sandbox, portal=portal, faults=None))
    loaded = load_job(job, overrides, os.environ)
    tell_support([loaded.hubspot.api_version])
    plan_job(loaded, target, as_json=as_json)


def plan_job(job: Job, target: Target, *, as_json: bool) -> None:
    """Plan one job and print the plan to stdout."""
    with tempfile.TemporaryDirectory(prefix="hubspot-assoc-") as folder, watch_run() as observer:
        planned = asyncio.run(_plan(job, RunFolder(Path(folder)), target, observer))
    if as_json:
        click.echo(msgspec.json.encode(planned.as_dict()))
    else:
        _print(planned, Console())


async def _plan(job: Job, folder: RunFolder, target: Target, observer: Observer) -> Plan:
    stop = Stop()
    with stop_on_signals(stop, "nothing was written"), open_log(folder.log, job=job.name) as log:
        async with (
            target.open(job) as there,
            connect(there.hubspot, there.limits, stop, log, observer) as client,
        ):
            portal = await prepare(there, client)
            finder = await reading_finder(there, client, log, observer=observer, stop=stop)
            staged = await stage(
                there, portal, folder.staging, finder=finder, observer=observer, stop=stop
            )
            ceilings = await fetch_ceilings(client, there, portal)
            limits = await asyncio.to_thread(check_limits, there, portal, staged.dataset, ceilings)
            return plan_staged(
                there,
                staged.dataset,
                staged.tally,
                labels=staged.labels,
                keys=staged.keys,
                requests_per_10_seconds=client.requests_per_10_seconds,
                daily_limit=client.meter.daily_limit,
                limits=limits,
            )


def _time(minutes: float) -> str:
    return f"{minutes:,.1f} minutes" if minutes >= 1 else f"{math.ceil(minutes * 60)} s"


def _print(planned: Plan, console: Console) -> None:
    facts = Table(title=escape(planned.job), title_justify="left", show_header=False)
    facts.add_row("rows", f"{planned.rows:,}")
    facts.add_row("rejected", f"{planned.rejected:,}")
    facts.add_row("unresolved", f"{planned.unresolved:,}")
    facts.add_row("duplicates", f"{planned.duplicates:,}")
    if set(planned.actions) - {Action.ASSOCIATE.value}:
        told = [f"{rows:,} {action}" for action, rows in planned.actions.items()]
        facts.add_row("rows by action", ", ".join(told))
    facts.add_row("associations", f"{planned.associations:,}")
    for end, keys in planned.keys.items():
        facts.add_row(f"{end} keys", key_words(keys))
    looking_up = f"{planned.look_up_requests:,} looking up, " if planned.keys else ""
    facts.add_row(
        "requests",
        f"{looking_up}{planned.read_requests:,} reading, {planned.write_requests:,} writing",
    )
    facts.add_row(
        "time",
        f"{_time(planned.minutes)} at {planned.requests_per_10_seconds:g} requests in 10 s",
    )
    facts.add_row(
        "daily limit", f"{planned.daily_limit_percent:.1f} % of {planned.daily_limit:,} calls"
    )
    console.print(facts)
    labels = Table(title="labels", title_justify="left")
    for heading in ("label", "rows", "category", "typeId", "direction"):
        labels.add_column(heading, overflow="fold")
    for line in planned.labels[:SHOWN_LABELS]:
        name = escape(line["label"]) or "(no label)"
        for kind in line["types"] or [{}]:
            labels.add_row(
                name,
                f"{line['rows']:,}",
                kind.get("category", escape(line.get("problem", "the default association"))),
                str(kind.get("type_id", "")),
                kind.get("direction", escape(line.get("hint", "forward"))),
            )
    console.print(labels)
    if len(planned.labels) > SHOWN_LABELS:
        console.print(f"… and {len(planned.labels) - SHOWN_LABELS:,} more labels: see --json")
    print_reasons(planned.reasons, "rows that will not be sent", console)
    print_findings(planned.limits, console)


def print_reasons(lines: list[dict[str, Any]], title: str, console: Console) -> None:
    """Print why rows are left out, where some are."""
    if not lines:
        return
    table = Table(title=title, title_justify="left")
    for heading in ("reason", "rows", "first row", "what is wrong there"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(
            escape(line["error_category"]),
            f"{line['rows']:,}",
            f"{line['first_row']:,}",
            escape(line["error_message"]),
        )
    console.print(table)
