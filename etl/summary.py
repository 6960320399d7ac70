"""What ``summary.json`` says of a run. Written last: its presence means the run is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from etl.model import Outcome
from etl.run_folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from etl.core.exit_code import ExitCode
    from etl.core.resolve_rows import SeenLabel
    from etl.hubspot.client import Meter
    from etl.model import Job
    from etl.results import Told
    from etl.run_folder import RunFolder
    from etl.stop import Stop

LISTED_REASONS: Final = 100

LISTED_LABELS: Final = 1000
"""Resolved labels in a summary: a file of more distinct labels than this holds something else."""


def resolved_labels(seen: Iterable[SeenLabel]) -> list[dict[str, Any]]:
    """Say of each distinct label what it stands for, or why it stands for nothing."""
    lines = []
    for label in sorted(seen, key=lambda label: (-label.rows, label.cell))[:LISTED_LABELS]:
        resolution = label.resolution
        line: dict[str, Any] = {"label": label.cell, "rows": label.rows}
        if resolution.trouble is not None:
            line |= {"problem": resolution.trouble.message, "hint": resolution.trouble.hint}
        line["types"] = [
            {"category": kind.category, "type_id": kind.type_id, "direction": direction}
            for direction, kinds in (
                ("forward", resolution.forward),
                ("reverse", resolution.reverse),
            )
            for kind in kinds
        ]
        lines.append(line)
    return lines


def summarize(
    job: Job,
    folder: RunFolder,
    told: Told,
    meter: Meter,
    *,
    started_at: datetime,
    finished_at: datetime,
    associations: int,
    labels: Iterable[SeenLabel],
    exit_code: ExitCode,
    stop: Stop,
) -> dict[str, Any]:
    """Put a run's facts in the order of the contract."""
    seconds = (finished_at - started_at).total_seconds()
    tally = told.tally
    settled = tally.done - tally.rows[Outcome.NOT_SENT]
    return {
        "job": job.name,
        "job_file": str(job.file),
        "source": job.source.path,
        "run_id": folder.run_id,
        "started_at": started_at.isoformat(timespec="milliseconds"),
        "finished_at": finished_at.isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 3),
        "rows": tally.done,
        "outcomes": {outcome.value: tally.rows[outcome] for outcome in Outcome},
        "reasons": sorted(
            (
                {
                    "outcome": line["outcome"],
                    "error_category": line["error_category"],
                    "rows": line["rows"],
                    "first_row": line["row_number"],
                    "error_message": line["error_message"],
                    "hint": line["hint"],
                }
                for line in told.reasons.values()
            ),
            key=lambda line: -line["rows"],
        )[:LISTED_REASONS],
        "associations": associations,
        "requests": meter.requests,
        "attempts": meter.attempts,
        "http_429s": meter.http_429s,
        "rows_per_second": round(settled / seconds, 1) if seconds else 0.0,
        "api_version": job.hubspot.api_version,
        "base_url": job.hubspot.base_url,
        "labels": resolved_labels(labels),
        "stopped": stop.reason,
        "stopped_hint": stop.hint or None,
        "exit_code": int(exit_code),
    }


def write_summary(folder: RunFolder, summary: dict[str, Any]) -> None:
    """Write the summary for people and for machines: indented JSON."""
    body = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    write_whole(folder.summary, lambda path: path.write_bytes(body + b"\n"))
