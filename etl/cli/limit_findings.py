"""How a plan shows what a file does to the limits of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from etl.plan_limits import LimitFindings

SHOWN_RECORDS: Final = 10
"""Records on a screen; --json has more of them."""

SHOWN_CLAIMS: Final = 3
"""Others on a screen of one record that gets more than one primary."""


def print_findings(found: LimitFindings, console: Console) -> None:
    """Print the records over a limit, those with rival primaries, and what was not checked."""
    if found.over:
        _print_over(found, console)
    if found.rival_primaries:
        _print_rivals(found, console)
    lines = [f"limits checked, {found.counted}:"] if found.checked else []
    lines += [
        f"  {line['object']} → {line['to_object']}, {_label(line)}: "
        f"{line['limit']:,} ({line['source']})"
        for line in found.checked
    ]
    lines += ["limits not checked:"] if found.not_checked else []
    lines += [f"  {said}" for said in found.not_checked]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_over(found: LimitFindings, console: Console) -> None:
    table = Table(title=f"over a limit, {found.counted}", title_justify="left")
    for heading in ("record", "towards", "label", "in the file", "limit", "source"):
        table.add_column(heading, overflow="fold")
    for line in found.over[:SHOWN_RECORDS]:
        table.add_row(
            f"{escape(line['object'])} {line['record_id']}",
            escape(line["to_object"]),
            escape(_label(line)),
            f"{line['associations']:,}",
            f"{line['limit']:,}",
            escape(line["source"]),
        )
    console.print(table)
    _print_rest(found.over_count, console)


def _print_rivals(found: LimitFindings, console: Console) -> None:
    table = Table(title="more than one primary; the last one sent stays", title_justify="left")
    for heading in ("record", "primaries", "rows that ask for them"):
        table.add_column(heading, overflow="fold")
    for line in found.rival_primaries[:SHOWN_RECORDS]:
        table.add_row(
            f"{escape(line['object'])} {line['record_id']}", f"{line['others']:,}", _claims(line)
        )
    console.print(table)
    _print_rest(found.rival_primaries_count, console)


def _label(line: dict[str, Any]) -> str:
    label = "any label" if line["label"] is None else line["label"]
    return f"{label} ({line['category']}:{line['type_id']})" if line["category"] else label


def _claims(line: dict[str, Any]) -> str:
    other = escape(line["other_object"])
    shown = line["claims"][:SHOWN_CLAIMS]
    told = ", ".join(f"{other} {each['other_id']} (row {each['row_number']:,})" for each in shown)
    more = line["others"] - len(shown)
    return told + (f" and {more:,} more" if more else "")


def _print_rest(count: int, console: Console) -> None:
    if count > SHOWN_RECORDS:
        console.print(f"… and {count - SHOWN_RECORDS:,} more, {count:,} in all: see --json")
