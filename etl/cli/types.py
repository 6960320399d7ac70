"""The command ``types``."""

from __future__ import annotations

from dataclasses import asdict

import click
import msgspec
from rich.console import Console
from rich.table import Table

from etl.errors import UsageError
from etl.hubspot.builtin_types import TABLE_DATE, builtin_types
from etl.hubspot.objects import singular


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc types                      the whole table
  hubspot-assoc types contacts             all types from and to contacts
  hubspot-assoc types contacts companies   both directions of one pair
""",
)
@click.argument("from_object", metavar="[FROM", required=False)
@click.argument("to_object", metavar="[TO]]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def types(from_object: str | None, to_object: str | None, *, as_json: bool) -> None:
    """List HubSpot's own association types, offline. Custom labels differ by portal: see `plan`."""
    wanted = {singular(name) for name in (from_object, to_object) if name is not None}
    lines = [
        line
        for line in builtin_types()
        if wanted <= {line.from_object, line.to_object}
        # The same name twice asks for the types of an object to itself.
        and not (
            from_object and to_object and len(wanted) == 1 and line.from_object != line.to_object
        )
    ]
    if not lines:
        known = sorted({line.from_object for line in builtin_types()})
        raise UsageError(
            f"the table has no types for {' and '.join(filter(None, (from_object, to_object)))}",
            f"use one or two of: {', '.join(known)}; custom objects are not in it",
        )
    if as_json:
        click.echo(msgspec.json.encode([asdict(line) for line in lines]))
        return
    table = Table(caption=f"HUBSPOT_DEFINED types, as of {TABLE_DATE}", caption_justify="left")
    for heading in ("from", "to", "typeId", "kind"):
        table.add_column(heading)
    for line in lines:
        table.add_row(line.from_object, line.to_object, str(line.type_id), line.kind)
    Console().print(table)
