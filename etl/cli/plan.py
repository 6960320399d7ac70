"""What the command ``plan`` does."""

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

from etl.cli.first_signal import stop_on_signals
from etl.cli.limit_findings import print_findings
from etl.cli.progress import watch_run
from etl.cli.session import Target, rehearsal_of
from etl.cli.summary_table import key_words
from etl.cli.version_notice import tell_support
from etl.core.label_lock import PORTAL_UNKNOWN, PORTAL_UNPINNED
from etl.hubspot.account import Account, fetch_account
from etl.hubspot.ceilings import fetch_ceilings
from etl.label_lock_file import read_lock, told_of, write_lock
from etl.logs import open_log
from etl.model import Action
from etl.pipeline import Pin, connect, lock_of, prepare, reading_finder, stage
from etl.plan import Plan, plan_staged
from etl.plan_limits import check_limits
from etl.run_folder import RunFolder
from etl.settings import load_job
from etl.stop import Stop

if TYPE_CHECKING:
    from etl.model import Job, LabelLock
    from etl.pipeline import Observer

SHOWN_LABELS = 20
"""Labels on a screen, the most frequent first."""


def plan(
    job: Path,
    overrides: tuple[str, ...],
    portal: Path | None,
    *,
    sandbox: bool,
    locked: bool,
    writes_lock: bool,
    as_json: bool,
) -> None:
    """Plan a job; write its lock, too, where that is asked for."""
    target = Target(rehearsal_of(sandbox=sandbox, portal=portal, faults=None))
    loaded = load_job(job, overrides, os.environ)
    tell_support([loaded.hubspot.api_version])
    lock = read_lock(loaded.file) if locked else None
    plan_job(loaded, target, as_json=as_json, lock=lock, writes_lock=writes_lock)


def plan_job(
    job: Job,
    target: Target,
    *,
    as_json: bool,
    lock: LabelLock | None = None,
    writes_lock: bool = False,
) -> None:
    """Plan one job, held to its lock where there is one, and print the plan to stdout."""
    with tempfile.TemporaryDirectory(prefix="hubspot-assoc-") as folder, watch_run() as observer:
        work = _plan(job, RunFolder(Path(folder)), target, observer, lock, writes_lock=writes_lock)
        planned, new_lock = asyncio.run(work)
    facts = planned.as_dict()
    if new_lock is not None:
        path = write_lock(job.file, new_lock)
        facts["lock"] = str(path)
        if new_lock.portal_id is None:
            click.echo(f"Warning: {PORTAL_UNPINNED}", err=True)
        pinned = f"{len(new_lock.labels)} labels of portal {new_lock.portal_id or '(not known)'}"
        click.echo(f"wrote {path}: {pinned}", err=True)
    if as_json:
        click.echo(msgspec.json.encode(facts))
    else:
        _print(planned, Console())


async def _plan(
    job: Job,
    folder: RunFolder,
    target: Target,
    observer: Observer,
    lock: LabelLock | None,
    *,
    writes_lock: bool,
) -> tuple[Plan, LabelLock | None]:
    stop = Stop()
    with stop_on_signals(stop, "nothing was written"), open_log(folder.log, job=job.name) as log:
        async with (
            target.open(job) as there,
            connect(there.hubspot, there.limits, stop, log, observer) as client,
        ):
            needs_account = writes_lock or lock is not None
            account = await fetch_account(client) if needs_account else Account()
            pin = None if lock is None else Pin(lock, told_of(job.file), account.portal_id)
            if pin is not None and pin.is_portal_unknown:
                observer.note(PORTAL_UNKNOWN)
            portal = await prepare(there, client, pin=pin)
            finder = await reading_finder(there, client, log, observer=observer, stop=stop)
            staged = await stage(
                there,
                portal,
                folder.staging,
                finder=finder,
                observer=observer,
                stop=stop,
                pin=pin,
            )
            ceilings = await fetch_ceilings(client, there, portal)
            limits = await asyncio.to_thread(check_limits, there, portal, staged.dataset, ceilings)
            planned = plan_staged(
                there,
                staged.dataset,
                staged.tally,
                labels=staged.labels,
                to_be_made=portal.to_be_made,
                keys=staged.keys,
                requests_per_10_seconds=client.requests_per_10_seconds,
                daily_limit=client.meter.daily_limit,
                limits=limits,
            )
            return planned, lock_of(there, portal, account.portal_id) if writes_lock else None


def _time(minutes: float) -> str:
    return f"{minutes:,.1f} minutes" if minutes >= 1 else f"{math.ceil(minutes * 60)} s"


def _print(planned: Plan, console: Console) -> None:
    facts = Table(title=escape(planned.job), title_justify="left", show_header=False)
    facts.add_row("rows", f"{planned.rows:,}")
    facts.add_row("rejected", f"{planned.rejected:,}")
    facts.add_row("unresolved", f"{planned.unresolved:,}")
    facts.add_row("duplicates", f"{planned.duplicates:,}")
    if set(planned.actions) - {Action.ASSOCIATE.value}:
        counts = (f"{rows:,} {action}" for action, rows in planned.actions.items())
        facts.add_row("rows by action", ", ".join(counts))
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
            category = kind.get("category", escape(line.get("problem", "the default association")))
            labels.add_row(
                name,
                f"{line['rows']:,}",
                category or "(to be made)",
                str(kind.get("type_id") or ""),
                kind.get("direction", escape(line.get("hint", "forward"))),
            )
    console.print(labels)
    if len(planned.labels) > SHOWN_LABELS:
        console.print(f"… and {len(planned.labels) - SHOWN_LABELS:,} more labels: see --json")
    for said in planned.takes_away:
        console.print(said, highlight=False, markup=False, style="yellow")
    for label in planned.labels_to_make:
        paired = f" / '{label['inverse']}'" if label["inverse"] else ""
        told = f"a run makes the label '{label['label']}'{paired} first: {label['rows']:,} rows"
        console.print(told, highlight=False, markup=False)
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
