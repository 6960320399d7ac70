"""The checks of ``doctor`` that look at files and folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etl.core.finding import Status
from etl.doctor import machine
from etl.model import Output
from etl.settings import load_job

if TYPE_CHECKING:
    from etl.model import Job

JOB = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
output: {directory: runs}
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Write a job and its source."""
    (tmp_path / "rows.csv").write_text("contact,company,note\n1,2,\n", encoding="utf-8")
    path = tmp_path / "roles.yaml"
    path.write_text(JOB, encoding="utf-8")
    return load_job(path, [], {})


def test_a_source_is_told_with_its_columns(job: Job, tmp_path: Path) -> None:
    """Who checks a job sees which file it reads and what is in it."""
    finding = machine.source(job)
    assert finding.verdict is Status.OK
    assert finding.said == f"{tmp_path / 'rows.csv'}: contact, company, note"


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        (None, Status.FAIL, "no such file"),
        ("contact,firm\n1,2\n", Status.FAIL, "company"),
        ("contact,company\n", Status.WARN, "has no rows"),
        ("", Status.FAIL, "empty"),
    ],
)
def test_a_source_that_would_stop_a_run(
    job: Job, tmp_path: Path, text: str | None, verdict: Status, said: str
) -> None:
    """A missing file, a missing column or an empty file is known before the night."""
    path = tmp_path / "rows.csv"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    finding = machine.source(job)
    assert finding.verdict is verdict, finding
    assert said in finding.said
    assert finding.fix


def test_a_folder_to_be_made(job: Job, tmp_path: Path) -> None:
    """A folder that a run would make is fine, and is not made by looking."""
    finding = machine.output_folder(job)
    assert finding.verdict is not Status.FAIL
    assert "GB free" in finding.said
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_can_not_be_made(job: Job, tmp_path: Path) -> None:
    """A file in the place of the folder is known before a run."""
    (tmp_path / "runs").write_text("", encoding="utf-8")
    finding = machine.output_folder(job)
    assert finding.verdict is Status.FAIL
    assert "no folder" in finding.said
    assert "output.directory" in finding.fix


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
def test_a_place_that_takes_no_folder(job: Job) -> None:
    """Where the permissions alone would allow a folder, looking tries it."""
    finding = machine.output_folder(replace(job, output=Output(Path("/proc/nope"))))
    assert finding.verdict is Status.FAIL
    assert "/proc takes no folder" in finding.said


def test_looking_leaves_nothing(job: Job, tmp_path: Path) -> None:
    """What is made to try whether it can be made is gone afterwards."""
    before = sorted(tmp_path.iterdir())
    machine.output_folder(job)
    assert sorted(tmp_path.iterdir()) == before


def test_a_disk_with_little_room(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that would fill the disk is told with what it may take."""
    monkeypatch.setattr(machine, "ROOM", 2**80)
    finding = machine.output_folder(job)
    assert finding.verdict is Status.WARN
    assert "a run wants" in finding.said
    (tmp_path / "rows.csv").unlink()
    assert machine.output_folder(job).verdict is not Status.FAIL
