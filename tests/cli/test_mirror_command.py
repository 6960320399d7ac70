"""A mirror as operators meet it: too much, then meant, then put back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from commands import Ended, etl, follow, run_folders, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB: Final = """\
name: roles
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role}
output: {directory: runs}
"""
PORTAL: Final = """\
labels: [{from: contacts, to: companies, label: VIP}]
records: {contacts: {missing: [7]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a job that mirrors and one that does not."""
    (tmp_path / "portal.yaml").write_text(PORTAL, encoding="utf-8")
    (tmp_path / "roles.yaml").write_text(JOB, encoding="utf-8")
    mirror = JOB + "mirror: {scope: from}\n"
    (tmp_path / "mirror.yaml").write_text(mirror, encoding="utf-8")
    return tmp_path


@pytest.fixture
def hubspot(folder: Path) -> Iterator[dict[str, str]]:
    """Serve an account; give the settings that lead there."""
    with served("--portal", "portal.yaml", cwd=folder) as settings:
        yield settings


def run_rows(folder: Path, job: str, *lines: str, hubspot: dict[str, str]) -> Ended:
    """Run a job over a few rows."""
    text = "contact,company,role\n" + "".join(f"{line}\n" for line in lines)
    (folder / "rows.csv").write_text(text, encoding="utf-8")
    return etl("run", job, cwd=folder, **hubspot)


def mirror_of(run: Path) -> dict[str, Any]:
    """Read what a run's summary says of its mirror."""
    return dict(json.loads((run / "summary.json").read_bytes())["mirror"])


def test_too_much_then_meant_then_put_back(folder: Path, hubspot: dict[str, str]) -> None:
    """The run stops and says how many would go; resume takes them; restore.yaml brings them back."""
    run_rows(folder, "roles.yaml", "1,11,VIP", "1,12,", "2,12,VIP", hubspot=hubspot)
    stopped = run_rows(folder, "mirror.yaml", "1,11,VIP", "2,12,", hubspot=hubspot)
    assert stopped.code == 3, stopped.stderr
    assert "the mirror would take away 1 of the 3 associations" in stopped.stderr
    run = run_folders(folder)[-1]
    assert stopped.last_line.startswith(f"{run}: look at surplus.parquet; if all of it is to go: ")
    assert "interrupted" in etl("runs", cwd=folder).stdout
    again = etl("resume", run, cwd=folder, **hubspot)
    assert again.code == 3, "it has not become less"
    meant = follow(stopped, folder, **hubspot)
    assert meant.code == 0, meant.stderr
    assert "mirror: 1 of 3 associations taken away; restore.yaml puts them back" in meant.stderr
    assert mirror_of(run)["removed"] == 1
    assert pl.read_parquet(run / "removed.parquet").select("from_id", "to_id").rows() == [(1, 12)]
    again = etl("resume", run, cwd=folder, **hubspot)
    assert (again.code, "nothing to do" in again.stderr) == (0, True)
    restored = etl("run", run / "restore.yaml", cwd=folder, **hubspot)
    assert restored.code == 0, restored.stderr
    so = run_rows(folder, "roles.yaml", "1,11,VIP", "1,12,", "2,12,VIP", hubspot=hubspot)
    assert json.loads((run_folders(folder)[-1] / "summary.json").read_bytes())["outcomes"][
        "unchanged"
    ], so.stderr


def test_rows_that_fail_keep_the_mirror_back(folder: Path, hubspot: dict[str, str]) -> None:
    """The summary says why nothing went; a retry of the failures does not mirror them alone."""
    run_rows(folder, "roles.yaml", "1,11,VIP", "1,12,", hubspot=hubspot)
    failed = run_rows(folder, "mirror.yaml", "1,11,VIP", "7,11,", hubspot=hubspot)
    assert failed.code == 1, failed.stderr
    assert "nothing was taken away, because 1 rows did not succeed" in failed.stderr
    job = folder / "mirror.yaml"
    assert failed.last_line.endswith(f"(a retry does not mirror): hubspot-assoc run {job}")
    planned = etl("plan", "mirror.yaml", cwd=folder, **hubspot)
    assert "mirror takes away what these from-records have" in planned.stdout
    failures = run_folders(folder)[-1] / "failures.csv"
    failures.write_text(failures.read_text(encoding="utf-8").replace("7,11", "2,11"), "utf-8")
    retried = etl("retry", "latest", cwd=folder, **hubspot)
    assert retried.code == 0, retried.stderr
    assert "mirror is left out of a retry" in retried.stderr
    by_hand = etl("run", "mirror.yaml", "--set", f"source.path={failures}", cwd=folder, **hubspot)
    assert by_hand.code == 2
    assert "is a failures file" in by_hand.stderr


@pytest.mark.parametrize(
    ("job", "value", "said"),
    [
        ("roles.yaml", "1", "has no mirror"),
        ("mirror.yaml", "many", "--max-removals can't be 'many'"),
        ("mirror.yaml", "101%", "--max-removals can't be '101%'"),
    ],
)
def test_a_bound_without_a_meaning_is_refused(
    folder: Path, hubspot: dict[str, str], job: str, value: str, said: str
) -> None:
    """A slip in the option ends in words, before anything is asked of HubSpot."""
    run_rows(folder, "roles.yaml", "1,12,", hubspot=hubspot)
    text = (folder / job).read_text(encoding="utf-8")
    (folder / job).write_text(f"{text}limits: {{max_failures: 0}}\n", encoding="utf-8")
    ended = run_rows(folder, job, "1,11,VIP", "7,11,", "7,12,", hubspot=hubspot)
    run = run_folders(folder)[-1]
    assert ended.code == 3 or (run / "summary.json").exists()
    (run / "summary.json").unlink()
    refused = etl("resume", run, "--max-removals", value, cwd=folder, **hubspot)
    assert refused.code == 2
    assert said in refused.stderr
