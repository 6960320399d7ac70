"""``plan --write-lock`` and ``--locked``, as a scheduler meets them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from commands import Ended, etl, follow, run_folders

if TYPE_CHECKING:
    from pathlib import Path

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role}
output: {directory: runs}
"""
ROWS: Final = "contact,company,role\n1,2,Boss\n3,4,employee\n5,6,\n"
PORTAL: Final = """\
portal_id: 345
labels:
  - {from: contacts, to: companies, label: Boss, type_ids: [11, 12]}
  - {from: contacts, to: companies, label: Employer, inverse_label: Employee, type_ids: [21, 22]}
  - {from: contacts, to: companies, label: Spare, type_ids: [31, 32]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Put a job, its source and its portal into a folder, and lock the job."""
    write(tmp_path, "job.yaml", JOB)
    write(tmp_path, "rows.csv", ROWS)
    write(tmp_path, "portal.yaml", PORTAL)
    ended = plan(tmp_path, "--write-lock")
    assert ended.code == 0, ended.stderr
    assert f"wrote {tmp_path / 'job.lock.json'}: 2 labels of portal 345" in ended.stderr
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    """Write a file."""
    (folder / name).write_text(text, encoding="utf-8")


def plan(folder: Path, *arguments: str) -> Ended:
    """Plan the job against the portal."""
    return etl("plan", "job.yaml", "--portal", "portal.yaml", *arguments, cwd=folder)


def run(folder: Path, *arguments: str) -> Ended:
    """Run the job under its lock."""
    return etl("run", "job.yaml", "--portal", "portal.yaml", "--locked", *arguments, cwd=folder)


def errors(ended: Ended) -> list[str]:
    """List what was told, without the lock's path."""
    lines = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    return [line.partition("job.lock.json: ")[2] for line in lines]


def test_a_lock_pins_the_portal_and_the_labels_that_the_source_uses(folder: Path) -> None:
    """The file beside the job says what each label stands for, and nothing of where HubSpot is."""
    lock = json.loads((folder / "job.lock.json").read_bytes())
    assert lock.pop("written_at").startswith("20")
    assert lock == {
        "format": 1,
        "portal_id": 345,
        "from": "contacts",
        "to": "companies",
        "labels": [
            {"text": "Boss", "category": "USER_DEFINED", "type_id": 11, "direction": "forward"},
            {"text": "Employee", "category": "USER_DEFINED", "type_id": 22, "direction": "reverse"},
        ],
    }


def test_a_job_whose_labels_are_as_they_were_runs(folder: Path) -> None:
    """A label that the job does not use may come, go or change."""
    write(folder, "portal.yaml", PORTAL.replace("Spare", "Other"))
    assert plan(folder, "--locked").code == 0
    ended = run(folder)
    assert ended.code == 0, ended.stderr


def test_any_difference_stops_before_anything_is_sent(folder: Path) -> None:
    """Another portal, a rename, a new typeId and a new label in the file are told all at once."""
    changed = PORTAL.replace("345", "777").replace("Boss", "Chief").replace("[21, 22]", "[21, 23]")
    write(folder, "portal.yaml", changed)
    write(folder, "rows.csv", ROWS + "7,8,Spare\n")
    differences = [
        "the lock is for portal 345, and the access token is of 777",
        "'Boss' (USER_DEFINED:11, forward) is called 'Chief' now",
        "'Employee' (USER_DEFINED:22, reverse) is USER_DEFINED:23, reverse, now",
        "the job uses 'Spare' (USER_DEFINED:31, forward), which is not locked",
    ]
    for ended in (run(folder), run(folder, "--dry-run"), plan(folder, "--locked")):
        assert (ended.code, ended.stdout, errors(ended)) == (2, "", differences)
    assert run_folders(folder) == []
    told = json.loads(run(folder, "--json").stdout)
    assert [problem["message"] for problem in told["problems"]] == differences


def test_a_label_for_all_rows_is_told_as_deleted(folder: Path) -> None:
    """The lock says what became of it, not only that it is unknown."""
    write(folder, "job.yaml", JOB.replace("column: role", "value: Boss"))
    assert plan(folder, "--write-lock").code == 0
    write(folder, "portal.yaml", PORTAL.replace("Boss", "Chief"))
    assert errors(run(folder)) == ["'Boss' (USER_DEFINED:11, forward) is called 'Chief' now"]


@pytest.mark.parametrize(
    "more",
    ["label: {value: Spare}", "type: {id: 31, category: USER_DEFINED}"],
)
def test_what_the_job_itself_names_is_locked_without_a_row(folder: Path, more: str) -> None:
    """A source that is empty tonight does not make an empty lock."""
    write(folder, "rows.csv", "contact,company,role\n")
    write(folder, "job.yaml", JOB.replace("label: {column: role}", more) + DEFINE)
    assert plan(folder, "--write-lock").code == 0
    lock = json.loads((folder / "job.lock.json").read_bytes())
    assert [line["type_id"] for line in lock["labels"]] == [11, 21, 31, 22]


DEFINE: Final = """\
labels: {create_missing: true, define: [{label: Boss}, {label: Employer, inverse: Employee}]}
"""


def test_under_a_lock_nothing_is_made(folder: Path) -> None:
    """A label that HubSpot lacks is a difference, not a reason to make it; nor can it be locked."""
    write(folder, "job.yaml", JOB + DEFINE.replace("{label: Boss}", "{label: Boss}, {label: New}"))
    assert errors(run(folder)) == [
        "the job defines 'New', which HubSpot does not have",
        "the job uses 'Employer' (USER_DEFINED:21, forward), which is not locked",
    ]
    refused = plan(folder, "--write-lock")
    assert refused.code == 2
    assert "it does not have 'New' yet" in refused.stderr


def test_without_a_lock_no_job_is_begun(folder: Path) -> None:
    """Of several jobs none runs while one of them has no lock."""
    write(folder, "other.yaml", JOB)
    ended = etl("run", "job.yaml", "other.yaml", "--portal", "portal.yaml", "--locked", cwd=folder)
    assert ended.code == 2
    assert "other.lock.json: there is no lock" in ended.stderr
    assert run_folders(folder) == []


def test_retry_is_held_to_the_lock_as_it_is_then(folder: Path) -> None:
    """What failed in a locked run is run again under the lock, which may have been mended meanwhile."""
    write(folder, "rows.csv", ROWS + "x,8,Boss\n")
    ended = run(folder)
    assert ended.code == 1, ended.stderr
    (folder / "job.lock.json").unlink()
    refused = follow(ended, folder)
    assert refused.code == 2
    assert "there is no lock" in refused.stderr
    assert plan(folder, "--write-lock").code == 0
    assert follow(ended, folder).code == 1
