"""What ``summary.json`` says of a run. Written last: its presence means the run is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict

import msgspec

from etl.core.label_rules import name_of
from etl.core.versions import SUPPORT
from etl.errors import UsageError
from etl.model import Outcome
from etl.run_folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from etl.core.exit_code import ExitCode
    from etl.core.resolve_rows import SeenLabel
    from etl.facts import Progress, RunBegun, SourceStaged
    from etl.model import DefinedLabel, Direction, Job, LabelDefinition
    from etl.results import Told
    from etl.run_folder import RunFolder
    from etl.stop import Stop


class Reason(TypedDict):
    """Why rows did not succeed: one outcome and category."""

    outcome: str
    error_category: str | None
    rows: int
    first_row: int
    error_message: str | None
    hint: str | None


class Mirrored(TypedDict):
    """What a mirror has done."""

    existing: int | None
    """Associations that the source's from-records had before the run, once known."""
    surplus: int | None
    """Those that the source has not."""
    removed: int
    spared: int
    """Found in surplus, and let be: somebody had given them something by the time of a resume."""
    failed: int
    """Asked to go, and still there or not known to be gone."""
    skipped: str | None
    """Why nothing was taken away."""
    is_too_much: bool
    """More would go than the job allows."""
    is_finished: bool
    """False while `resume` has something to do."""


class Summary(TypedDict):
    """Every field of ``summary.json``."""

    job: str
    job_file: str
    source: str
    run_id: str
    parent: str | None
    portal_id: int | None
    started_at: str
    finished_at: str
    seconds: float
    rows: int
    outcomes: dict[str, int]
    reasons: list[Reason]
    associations: int
    requests: int
    attempts: int
    http_429s: int
    most_by_others: NotRequired[int]
    """Requests in ten seconds that others took of the account's limit; 0 where never much. Left out by
    versions that did not tell."""
    rows_per_second: float
    api_version: str
    api_version_supported_until: NotRequired[str]
    base_url: str
    labels: list[dict[str, Any]]
    labels_made: NotRequired[list[dict[str, Any]]]
    """Left out by versions that made none."""
    keys: NotRequired[dict[str, dict[str, int]]]
    """By side whose keys were looked up; summaries of older versions have none."""
    mirror: Mirrored | None
    stopped: str | None
    stopped_hint: str | None
    exit_code: int


_SUMMARY: Final = msgspec.json.Decoder(Summary)

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


def made_label(
    wanted: DefinedLabel, sides: Iterable[tuple[Direction, LabelDefinition]]
) -> dict[str, Any]:
    """Say of a label that was made what it is called and which types it has."""
    return {
        "label": wanted.label,
        "inverse": wanted.inverse,
        "name": name_of(wanted),
        "types": [
            {
                "label": line.text,
                "category": line.type.category,
                "type_id": line.type.type_id,
                "direction": direction.name.lower(),
            }
            for direction, line in sides
        ],
    }


def summarize(
    job: Job,
    begun: RunBegun,
    staged: SourceStaged,
    progress: Progress,
    told: Told,
    *,
    mirror: Mirrored | None,
    finished_at: datetime,
    exit_code: ExitCode,
    stop: Stop,
) -> Summary:
    """Put a run's facts in the order of the contract."""
    seconds = progress.seconds
    tally = told.tally
    settled = tally.done - tally.rows[Outcome.NOT_SENT]
    return {
        "job": job.name,
        "job_file": str(job.file),
        "source": job.source.path,
        "run_id": begun.run_id,
        "parent": begun.origin.parent,
        "portal_id": staged.portal_id,
        "started_at": begun.started_at,
        "finished_at": finished_at.isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 3),
        "rows": tally.done,
        "outcomes": {outcome.value: tally.rows[outcome] for outcome in Outcome},
        "reasons": sorted(
            (
                Reason(
                    outcome=line["outcome"],
                    error_category=line["error_category"],
                    rows=line["rows"],
                    first_row=line["row_number"],
                    error_message=line["error_message"],
                    hint=line["hint"],
                )
                for line in told.reasons.values()
            ),
            key=lambda line: -line["rows"],
        )[:LISTED_REASONS],
        "associations": sum(section.associations for section in staged.sections),
        "requests": progress.requests,
        "attempts": progress.attempts,
        "http_429s": progress.http_429s,
        "most_by_others": progress.most_by_others,
        "rows_per_second": round(settled / seconds, 1) if seconds else 0.0,
        "api_version": job.hubspot.api_version,
        "api_version_supported_until": str(SUPPORT[job.hubspot.api_version]),
        "base_url": job.hubspot.base_url,
        "labels": staged.labels,
        "labels_made": staged.labels_made,
        "keys": staged.keys,
        "mirror": mirror,
        "stopped": stop.reason,
        "stopped_hint": stop.hint or None,
        "exit_code": int(exit_code),
    }


def is_whole(not_sent: int, mirror: Mirrored | None) -> bool:
    """Tell whether `resume` has nothing left to do."""
    return not not_sent and (mirror is None or mirror["is_finished"])


def write_summary(folder: RunFolder, summary: Summary) -> None:
    """Write the summary for people and for machines: indented JSON."""
    body = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    write_whole(folder.summary, lambda path: path.write_bytes(body + b"\n"))


def read_summary(folder: RunFolder) -> Summary:
    """Read a finished run's summary. Raises UsageError when the run has none."""
    try:
        return _SUMMARY.decode(folder.summary.read_bytes())
    except FileNotFoundError as error:
        if not folder.log.exists():
            raise UsageError(
                f"{folder.path} is no run folder", "give a run folder, a run id or 'latest'"
            ) from error
        raise UsageError(
            f"{folder.path} is not finished: the run is still going on, or it was killed",
            f"see how far it has come: hubspot-assoc show {folder.path}",
        ) from error
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{folder.summary} is no summary of a run: {error}",
            "give a run folder that this version of hubspot-assoc has written",
        ) from error
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{folder.summary} can't be read: {error}", "look at results and run.log beside it"
        ) from error
