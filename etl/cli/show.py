"""What the command ``show`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console

from etl.cli.carry_out import command, last_line
from etl.cli.runs import by_outcome
from etl.cli.summary_table import print_summary
from etl.run_folder import find_run
from etl.runs import State, look_at
from etl.summary import read_summary

if TYPE_CHECKING:
    from pathlib import Path

    from etl.runs import Look


def show(run: str, directory: Path, *, as_json: bool) -> None:
    """Print a run's summary, or how far it has come."""
    folder = find_run(run, directory)
    look = look_at(folder)
    has_ended = look.exit_code is not None
    if as_json:
        told = look.as_dict() | (dict(read_summary(folder)) if has_ended else {})
        click.echo(msgspec.json.encode(told))
        return
    if has_ended:
        summary = read_summary(folder)
        print_summary(summary, Console())
        if look.parent:
            click.echo(f"a retry of {look.parent}")
        click.echo(f"files: {folder.path}")
        if summary["exit_code"]:
            click.echo(last_line(folder, summary))
        return
    _show_unended(look)
    if look.state is State.INTERRUPTED:
        click.echo(f"{folder.path}: go on with: {command('resume', folder)}")


def _show_unended(look: Look) -> None:
    click.echo(f"{look.job} · {look.run_id} · {look.state.value}")
    if look.holder is not None:
        click.echo(f"by process {look.holder.pid} on {look.holder.host} since {look.started_at}")
    if look.rows is None:
        click.echo("the source has not been read to its end; nothing was sent")
    else:
        click.echo(f"{look.rows:,} rows: {by_outcome(look)}")
