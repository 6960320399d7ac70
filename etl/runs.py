"""See how runs stand: those that are finished by their summary, all others by their journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from etl.core.tally import Tally
from etl.errors import UsageError
from etl.facts import Progress, RunBegun, SourceStaged
from etl.journal import open_journal
from etl.lock import holders
from etl.model import Outcome
from etl.run_folder import RunFolder, folders_in
from etl.summary import is_whole, read_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from etl.lock import Holder


class State(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    """A process is at it."""
    FINISHED = "finished"
    """Every row has its last outcome."""
    INTERRUPTED = "interrupted"
    """It was stopped or cut off, and can be resumed."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one run stands."""

    folder: Path
    run_id: str
    job: str
    state: State
    started_at: str
    rows: int | None
    """None while the source is being read."""
    outcomes: Mapping[str, int]
    """Rows by outcome so far; in a run that has not ended, the rest is not sent yet."""
    parent: str | None
    exit_code: int | None
    stopped: str | None
    """Why it ended early."""
    holder: Holder | None
    """Who is at it."""

    @property
    def not_succeeded(self) -> int:
        """Count the rows that need attention."""
        return Tally.of(self.outcomes).not_succeeded

    def as_dict(self) -> dict[str, Any]:
        """Give the facts to machines."""
        return {
            "run_id": self.run_id,
            "job": self.job,
            "state": self.state.value,
            "started_at": self.started_at,
            "rows": self.rows,
            "outcomes": dict(self.outcomes),
            "parent": self.parent,
            "exit_code": self.exit_code,
            "stopped": self.stopped,
            "folder": str(self.folder),
        }


def list_runs(
    directory: Path, on_unreadable: Callable[[UsageError], None] = lambda _: None
) -> list[Look]:
    """Look at all runs below an output directory, the newest first.

    `on_unreadable` hears of those that never began, are of another version, or may not be read.
    Raises UsageError where the directory itself may not be read.
    """
    folders: list[RunFolder] = []
    for job in folders_in(directory.absolute()):
        try:
            folders += map(RunFolder, folders_in(job))
        except UsageError as error:
            on_unreadable(error)
    looks = []
    for folder in sorted(folders, key=lambda each: each.run_id, reverse=True):
        try:
            folders_in(folder.path)  # or its journal would only seem to be missing
            if folder.journal.exists():
                looks.append(look_at(folder))
        except UsageError as error:
            on_unreadable(error)
    return looks


def look_at(folder: RunFolder) -> Look:
    """See how a run stands.

    Raises UsageError when the folder is no run's, may not be read, or is just being begun.
    """
    folders_in(folder.path)  # or its files would only seem to be missing
    holder = next(
        (each for each in holders(folder.path.parent) if each.run_id == folder.run_id), None
    )
    if folder.summary.exists() and holder is None:
        return _ended(folder)
    try:
        begun = recall_begun(folder)
    except UsageError as error:
        if holder is None:
            raise
        # Its files may be half made, and are nobody's to remove.
        raise UsageError(
            f"{folder.path} is just being begun by process {holder.pid} on {holder.host}",
            "wait a moment, and look again",
        ) from error
    with open_journal(folder.journal, read_only=True) as journal:
        staged, progress = journal.recall(SourceStaged), journal.recall(Progress) or Progress()
    outcomes = Tally.of(staged.unsent if staged is not None else {})
    outcomes.add(Tally.of(progress.outcomes).rows)
    rows = staged.rows if staged is not None else None
    if rows is not None:
        outcomes.add({Outcome.NOT_SENT: rows - outcomes.done})
    return Look(
        folder=folder.path,
        run_id=folder.run_id,
        job=begun.job["name"],
        state=State.INTERRUPTED if holder is None else State.RUNNING,
        started_at=begun.started_at,
        rows=rows,
        outcomes=outcomes.as_dict(),
        parent=begun.origin.parent,
        exit_code=None,
        stopped=None,
        holder=holder,
    )


def recall_begun(folder: RunFolder) -> RunBegun:
    """Read what a run began with. Raises UsageError when the folder does not tell."""
    if not folder.journal.exists():
        raise UsageError(
            f"{folder.path} is no run folder, or of a run that was cut off before it began",
            "give a run folder, a run id or 'latest'; where nothing was begun, run the job again",
        )
    with open_journal(folder.journal, read_only=True) as journal:
        begun = journal.recall(RunBegun)
    if begun is None:
        raise UsageError(
            f"{folder.path} was cut off before its first line was written, or is of another version",
            "remove the folder, and run the job again",
        )
    return begun


def _ended(folder: RunFolder) -> Look:
    summary = read_summary(folder)
    has_ended = is_whole(summary["outcomes"][Outcome.NOT_SENT], summary["mirror"])
    return Look(
        folder=folder.path,
        run_id=summary["run_id"],
        job=summary["job"],
        state=State.FINISHED if has_ended else State.INTERRUPTED,
        started_at=summary["started_at"],
        rows=summary["rows"],
        outcomes={name: count for name, count in summary["outcomes"].items() if count},
        parent=summary["parent"],
        exit_code=summary["exit_code"],
        stopped=summary["stopped"],
        holder=None,
    )
