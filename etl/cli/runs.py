"""What the command ``runs`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.runs import State, list_runs

if TYPE_CHECKING:
    from pathlib import Path

    from etl.runs import Look

_STYLES: Final = {State.RUNNING: "cyan", State.FINISHED: "green", State.INTERRUPTED: "yellow"}


def runs(directory: Path, job: str | None, *, as_json: bool) -> None:
    """Print the runs below a folder, as a table or a line of JSON each."""
    looks = list_runs(directory, lambda error: click.echo(f"left out: {error.message}", err=True))
    found = [look for look in looks if job in {None, look.job}]
    if as_json:
        for look in found:
            click.echo(msgspec.json.encode(look.as_dict()))
        return
    if not found:
        click.echo(f"there is no run below {directory.absolute()}; see --directory", err=True)
        return
    table = Table()
    table.add_column("run", no_wrap=True)
    table.add_column("job", overflow="fold")
    table.add_column("state")
    table.add_column("rows", justify="right")
    table.add_column("by outcome")
    for look in found:
        table.add_row(
            look.run_id + (f"\n└ retry of {look.parent}" if look.parent else ""),
            escape(look.job),
            look.state.value,
            "reading" if look.rows is None else f"{look.rows:,}",
            by_outcome(look, "\n"),
            style=_STYLES[look.state],
        )
    Console().print(table)


def by_outcome(look: Look, between: str = ", ") -> str:
    """Write the rows by outcome."""
    return between.join(f"{count:,} {outcome}" for outcome, count in look.outcomes.items())
