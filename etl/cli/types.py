"""The command ``types``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.errors import UsageError
from etl.hubspot.builtin_types import (
    LEGACY_TABLE_DATE,
    TABLE_DATE,
    builtin_types,
    legacy_types,
    matching,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.hubspot.builtin_types import TypeLine

LABELS_ELSEWHERE: Final = (
    "custom labels differ by portal and are not in it: hubspot-assoc labels list FROM TO"
)


@dataclass(frozen=True, slots=True)
class _TypeTable:
    """One of the two tables, and what to call it."""

    api: str
    date: str
    lines: Sequence[TypeLine]
    words: str
    """The heading of its words: ``kind`` or ``note``."""


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc types                      the whole table
  hubspot-assoc types contacts             all types from and to contacts
  hubspot-assoc types contacts companies   both directions of one pair
  hubspot-assoc types --id 279             what a type id stands for
  hubspot-assoc types --kind primary       all primary types
  hubspot-assoc types --v1 deals           the other numbers of API v1
""",
)
@click.argument("from_object", metavar="[FROM", required=False)
@click.argument("to_object", metavar="[TO]]", required=False)
@click.option("--id", "type_id", type=int, metavar="TYPE_ID", help="Only this type id.")
@click.option(
    "--kind", default="", metavar="TEXT", help="Only kinds with this in them: primary, unlabeled, …"
)
@click.option("--v1", is_flag=True, help="Search the table of the legacy API v1 instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def types(
    from_object: str | None,
    to_object: str | None,
    type_id: int | None,
    kind: str,
    *,
    v1: bool,
    as_json: bool,
) -> None:
    """List HubSpot's own association types, offline. Custom labels differ by portal: `labels list`."""
    objects = [name for name in (from_object, to_object) if name is not None]
    table = (
        _TypeTable("v1", LEGACY_TABLE_DATE, legacy_types(), "note")
        if v1
        else _TypeTable("v4", TABLE_DATE, builtin_types(), "kind")
    )
    lines = matching(table.lines, objects=objects, type_id=type_id, kind=kind)
    if not lines:
        raise _nothing_found(table, objects, type_id, kind)
    if as_json:
        told = {"api": table.api, "date": table.date, "types": [asdict(line) for line in lines]}
        click.echo(msgspec.json.encode(told))
        return
    caption = f"HUBSPOT_DEFINED types of API {table.api}, as of {table.date};\n{LABELS_ELSEWHERE}"
    shown = Table(caption=caption, caption_justify="left")
    for heading in ("from", "to", "typeId", table.words):
        shown.add_column(heading)
    for line in lines:
        shown.add_row(line.from_object, line.to_object, str(line.type_id), escape(line.words))
    Console().print(shown)


def _nothing_found(
    table: _TypeTable, objects: Sequence[str], type_id: int | None, kind: str
) -> UsageError:
    """Say what was looked for, and what there is to be found."""
    asked = [
        f"between {' and '.join(objects)}" if objects else "",
        f"with type id {type_id}" if type_id is not None else "",
        f"of a kind like '{kind}'" if kind else "",
    ]
    known = sorted({line.from_object for line in table.lines})
    kinds = sorted({line.words for line in table.lines if line.words})
    hints = [
        f"use one or two of: {', '.join(known)}" if objects else "",
        f"use part of: {', '.join(kinds)}" if kind else "",
        LABELS_ELSEWHERE,
    ]
    return UsageError(
        f"the table of API {table.api} has no types {' '.join(filter(None, asked))}",
        "; ".join(filter(None, hints)),
    )
