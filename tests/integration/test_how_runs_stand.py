"""How runs stand is read off their folders, whatever they were in the middle of."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from etl.errors import UsageError
from etl.facts import Origin, Progress, RunBegun, SourceStaged
from etl.ingest import SourceShape
from etl.journal import open_journal
from etl.lock import hold
from etl.run_folder import create_run_folder
from etl.runs import State, list_runs, look_at, recall_begun

if TYPE_CHECKING:
    from pathlib import Path

    from etl.run_folder import RunFolder

MORNING: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)


def begin(
    directory: Path, job: str = "a", *, hour: int = 6, parent: str | None = None
) -> RunFolder:
    """Make the folder of a run that has begun, and no more."""
    folder = create_run_folder(directory, job, MORNING.replace(hour=hour))
    with open_journal(folder.journal) as journal:
        journal.remember(
            RunBegun(
                run_id=folder.run_id,
                started_at="2026-11-23T06:00:00Z",
                job={"name": job},
                origin=Origin(parent=parent),
            )
        )
    return folder


def stage(folder: RunFolder, rows: int, **unsent: int) -> None:
    """Go on to where the source is on disk."""
    staged = SourceStaged(
        locks=("p",),
        portal_id=1,
        rows=rows,
        sections=(),
        source=SourceShape(columns=("a", "b"), from_cell="c0", to_cell="c1"),
        labels=[],
        unsent=unsent,
        types=((), ()),
    )
    with open_journal(folder.journal) as journal:
        journal.remember(staged)


def test_a_run_that_was_cut_off_while_reading_is_interrupted(tmp_path: Path) -> None:
    """Before the source is on disk nobody knows how many rows there are, and none is made up."""
    folder = begin(tmp_path, parent="r-0")
    look = look_at(folder)
    assert (look.state, look.rows, dict(look.outcomes)) == (State.INTERRUPTED, None, {})
    assert (look.run_id, look.job, look.parent) == (folder.run_id, "a", "r-0")
    assert (look.exit_code, look.stopped, look.holder) == (None, None, None)


def test_a_run_that_was_cut_off_while_sending_adds_up(tmp_path: Path) -> None:
    """Rows that were never sent, rows that are settled and rows that are left are all the rows."""
    folder = begin(tmp_path)
    stage(folder, 10, rejected=2)
    assert dict(look_at(folder).outcomes) == {"rejected": 2, "not_sent": 8}
    with open_journal(folder.journal) as journal:
        journal.remember(Progress(outcomes={"associated": 4, "failed": 1}))
    look = look_at(folder)
    assert look.rows == 10
    assert dict(look.outcomes) == {"rejected": 2, "associated": 4, "failed": 1, "not_sent": 3}
    assert look.not_succeeded == 6


def test_a_run_that_was_cut_off_in_its_first_moment_says_so(tmp_path: Path) -> None:
    """A journal without a table was told as a broken disk, and the operator looked there."""
    folder = create_run_folder(tmp_path, "a")
    folder.journal.touch()
    with pytest.raises(UsageError, match="cut off before its first line") as caught:
        look_at(folder)
    assert "run the job again" in caught.value.hint
    unreadable: list[UsageError] = []
    assert list_runs(tmp_path, unreadable.append) == []
    assert len(unreadable) == 1, "and it does not hide the others"


def test_a_run_in_the_first_moment_of_its_process_is_left_alone(tmp_path: Path) -> None:
    """A resume that came too early told the operator to remove the folder of a living run."""
    folder = create_run_folder(tmp_path, "a")
    folder.journal.touch()
    with hold(folder.path.parent, portal="p", run_id=folder.run_id):
        with pytest.raises(UsageError, match=f"being begun by process {os.getpid()}") as caught:
            look_at(folder)
        assert "wait" in caught.value.hint


def test_a_run_that_somebody_is_at_is_running(tmp_path: Path) -> None:
    """A look tells who is at a run, and that another run of the same job is not it."""
    folder, other = begin(tmp_path), begin(tmp_path, hour=7)
    with hold(folder.path.parent, portal="p", run_id=folder.run_id):
        look = look_at(folder)
        assert look.state is State.RUNNING
        assert look.holder is not None
        assert look.holder.run_id == folder.run_id
        assert look_at(other).state is State.INTERRUPTED
    assert look_at(folder).state is State.INTERRUPTED


def test_runs_of_all_jobs_are_listed_from_the_newest(tmp_path: Path) -> None:
    """The run that people ask about is at the top; folders without a journal are not runs."""
    early, late, between = (
        begin(tmp_path, job, hour=hour) for job, hour in [("a", 6), ("a", 9), ("b", 7)]
    )
    (tmp_path / "a" / "notes").mkdir()
    assert [look.run_id for look in list_runs(tmp_path)] == [
        each.run_id for each in (late, between, early)
    ]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    """A slip in the folder, and a run cut off before its first line, end in words."""
    folder = create_run_folder(tmp_path, "a")
    with pytest.raises(UsageError, match="is no run folder"):
        recall_begun(folder)
    with open_journal(folder.journal):
        pass
    with pytest.raises(UsageError, match="cut off before its first line"):
        recall_begun(folder)
