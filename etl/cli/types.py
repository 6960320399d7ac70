"""What the command ``types`` does."""

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


def types(
    from_object: str | None,
    to_object: str | None,
    type_id: int | None,
    kind: str,
    *,
    v1: bool,
    as_json: bool,
) -> None:
    """Print the types that are asked for."""
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
