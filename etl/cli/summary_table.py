"""Show a run's summary as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from etl.model import SUCCEEDED, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from etl.summary import Mirrored, Summary

SHOWN_REASONS = 10
"""Reasons on a screen; ``summary.json`` has more."""

_MEANINGS = {
    Outcome.ASSOCIATED: "confirmed by HubSpot",
    Outcome.UNCHANGED: "already so, nothing sent",
    Outcome.REMOVED: "taken away",
    Outcome.REJECTED: "broke a rule of the job, never sent",
    Outcome.UNRESOLVED: "key or label unknown or ambiguous, never sent",
    Outcome.FAILED: "refused by HubSpot, or not answered",
    Outcome.UNCONFIRMED: "not named by HubSpot, not found by reading back",
    Outcome.NOT_SENT: "the run stopped first",
}


def print_summary(summary: Summary, console: Console) -> None:
    """Print the rows by outcome, then the cost of the run in one line."""
    _say(console, f"{summary['job']} · {summary['run_id']}")
    table = Table()
    table.add_column("outcome")
    table.add_column("rows", justify="right")
    table.add_column("")
    for outcome, meaning in _MEANINGS.items():
        rows = summary["outcomes"][outcome.value]
        if rows:
            style = "green" if outcome in SUCCEEDED else "red"
            table.add_row(outcome.value, f"{rows:,}", meaning, style=style)
    table.add_section()
    table.add_row("all", f"{summary['rows']:,}", "")
    console.print(table)
    _say(
        console,
        f"{summary['seconds']:.1f} s · {summary['rows_per_second']:,.0f} rows/s · "
        f"{summary['requests']:,} requests in {summary['attempts']:,} attempts · "
        f"{summary['http_429s']:,} answers of 429 · {_by_others(summary)}API {summary['api_version']}",
    )
    for said in _besides(summary):
        _say(console, said)
    if summary["reasons"]:
        reasons = Table(title="rows that did not succeed", title_justify="left")
        for heading in ("reason", "rows", "first row", "what is wrong there"):
            reasons.add_column(heading, overflow="fold")
        for line in summary["reasons"][:SHOWN_REASONS]:
            reasons.add_row(
                escape(line["error_category"] or line["outcome"]),
                f"{line['rows']:,}",
                f"{line['first_row']:,}",
                escape(line["error_message"] or line["hint"] or ""),
            )
        console.print(reasons)
    if not summary["rows"]:
        console.print("Warning: the source has no rows", style="yellow")
    if summary["stopped"]:
        _say(
            console,
            "stopped early: "
            + "; ".join(filter(None, (summary["stopped"], summary["stopped_hint"]))),
        )


def _by_others(summary: Summary) -> str:
    most = summary.get("most_by_others", 0)
    return f"others took up to {most:,} requests in 10 s · " if most else ""


def _besides(summary: Summary) -> Iterator[str]:
    """Tell what a run has done besides sending rows, a line each."""
    for label in summary.get("labels_made", ()):
        types = ", ".join(f"{kind['category']}:{kind['type_id']}" for kind in label["types"])
        yield f"made the label '{label['label']}': {types}"
    if summary.get("keys"):
        ends = (f"{end}: {key_words(keys)}" for end, keys in summary["keys"].items())
        yield f"keys {' · '.join(ends)}"
    if summary["mirror"] is not None:
        yield _mirrored(summary["mirror"])


def key_words(keys: Mapping[str, int]) -> str:
    """Tell how the look-up of one side's keys went."""
    return (
        f"{keys['looked_up']:,} looked up, {keys['from_cache']:,} from the cache, "
        f"{keys['not_found']:,} not found, {keys['found_twice']:,} found twice"
    )


def _mirrored(mirror: Mirrored) -> str:
    if mirror["skipped"] is not None:
        return (
            f"mirror: nothing was taken away, because {mirror['skipped']}; run the job again when "
            "they do"
        )
    if mirror["surplus"] is None or mirror["is_too_much"]:
        return "mirror: nothing was taken away yet"
    left = f", {mirror['failed']:,} could not be" if mirror["failed"] else ""
    if mirror["spared"]:
        left += f", {mirror['spared']:,} let be, as they were given something meanwhile"
    told = f"mirror: {mirror['removed']:,} of {mirror['existing']:,} associations taken away{left}"
    if not mirror["is_finished"]:
        return f"{told}, {_to_go(mirror):,} to go"
    return f"{told}; restore.yaml puts them back" if mirror["removed"] else told


def _to_go(mirror: Mirrored) -> int:
    return (mirror["surplus"] or 0) - mirror["removed"] - mirror["spared"] - mirror["failed"]


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
