"""How association limits, and what became of them, are shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.core.exit_code import ExitCode
from etl.hubspot.builtin_types import builtin_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.hubspot.labels import Labels
    from etl.hubspot.limit_wire import AssociationLimit
    from etl.hubspot.limits import ChangedLimit

_STYLES: Final = {"failed": "red", "unconfirmed": "yellow"}
"""Outcomes that are not what was asked for."""


def as_listed(
    limit: AssociationLimit, from_object: str | None, to_object: str | None
) -> dict[str, Any]:
    """Describe a limit; of all limits at once HubSpot does not say between which objects they are."""
    known = builtin_type(limit.type) if from_object is None else None
    return {
        "from": known.from_object if known else from_object,
        "to": known.to_object if known else to_object,
        "category": limit.type.category,
        "type_id": limit.type.type_id,
        "label": limit.label,
        "max": limit.most,
    }


def print_limits(lines: Sequence[dict[str, Any]]) -> None:
    """Print limits as a table."""
    table = Table()
    for heading in ("from", "to", "label", "category", "typeId"):
        table.add_column(heading, overflow="fold")
    table.add_column("max", justify="right")
    for line in lines:
        table.add_row(
            escape(line["from"] or "(not told)"),
            escape(line["to"] or "(not told)"),
            escape(line["label"] or "(no label)"),
            line["category"],
            str(line["type_id"]),
            f"{line['max']:,}",
        )
    Console().print(table)


def tell_changes(changes: Sequence[ChangedLimit], labels: Labels, *, as_json: bool) -> None:
    """Print what became of each limit, and exit with 1 where one is not as asked for."""
    texts = {definition.type: definition.text for definition in labels.forward}
    if as_json:
        lines = [
            {
                "category": change.type.category,
                "type_id": change.type.type_id,
                "label": texts.get(change.type),
                "before": change.before,
                "now": change.now,
                "outcome": change.outcome,
                "reason": change.reason,
            }
            for change in changes
        ]
        click.echo(msgspec.json.encode(lines))
    elif changes:
        table = Table()
        for heading in ("label", "type", "before", "now", "outcome", "reason"):
            table.add_column(heading, overflow="fold")
        for change in changes:
            table.add_row(
                escape(texts.get(change.type) or "(no label)"),
                str(change.type),
                _number(change.before),
                _number(change.now),
                change.outcome,
                escape(change.reason),
                style=_STYLES.get(change.outcome),
            )
        Console().print(table)
    undone = sum(change.outcome in _STYLES for change in changes)
    if undone:
        click.echo(f"{undone} of {len(changes)} limits are not as asked for", err=True)
        sys.exit(ExitCode.SOME_FAILED)


def _number(most: int | None) -> str:
    return "none" if most is None else f"{most:,}"
