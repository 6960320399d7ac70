"""Rows that remove and rows that associate in one file, from the command line to the files of the run."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Final

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
action: {column: op}
output: {directory: runs}
"""
PORTAL: Final = """\
labels:
  - {from: contacts, to: companies, label: VIP}
  - {from: contacts, to: companies, label: Partner}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a job of which each row says what it asks for."""
    (tmp_path / "portal.yaml").write_text(PORTAL, encoding="utf-8")
    (tmp_path / "roles.yaml").write_text(JOB, encoding="utf-8")
    return tmp_path


@pytest.fixture
def hubspot(folder: Path) -> Iterator[dict[str, str]]:
    """Serve an account; give the settings that lead there."""
    with served("--portal", "portal.yaml", cwd=folder) as settings:
        yield settings


def run_rows(folder: Path, *lines: str, hubspot: dict[str, str]) -> Ended:
    """Run the job over a few rows."""
    text = "contact,company,role,op\n" + "".join(f"{line}\n" for line in lines)
    (folder / "rows.csv").write_text(text, encoding="utf-8")
    return etl("run", "roles.yaml", cwd=folder, **hubspot)


def outcomes(run: Path) -> list[str]:
    """List the outcomes of a run in source order."""
    return list(pl.read_parquet(run / "results.parquet")["outcome"])


def test_rows_remove_and_associate_side_by_side(folder: Path, hubspot: dict[str, str]) -> None:
    """Each row ends as it asked; what was refused stands in failures.csv, is mended there and runs."""
    made = run_rows(folder, "1,11,VIP,", "2,12,VIP,associate", "3,13,Partner,", hubspot=hubspot)
    assert made.code == 0, made.stderr
    ended = run_rows(
        folder,
        "1,11,,remove",
        "2,12,VIP,remove_labels",
        "3,13,VIP,Remove labels",
        "4,14,,remove",
        "5,15,Partner,",
        "3,13,VIP,remove",
        "3,13,,remove_labels",
        "6,16,VIP,delete",
        "7,17,VIP,",
        "7,17,,remove",
        hubspot=hubspot,
    )
    assert ended.code == 1, ended.stderr
    run = run_folders(folder)[-1]
    assert outcomes(run) == [
        *("removed", "removed", "unchanged", "unchanged", "associated"),
        *["rejected"] * 5,
    ]
    told = json.loads((run / "summary.json").read_bytes())
    assert (told["rows"], told["exit_code"]) == (10, 1)
    counts = {name: rows for name, rows in told["outcomes"].items() if rows}
    assert counts == {"removed": 2, "unchanged": 2, "associated": 1, "rejected": 5}
    assert "removed" in ended.stderr
    with (run / "failures.csv").open(encoding="utf-8", newline="") as file:
        failed = list(csv.DictReader(file))
    assert [row["_error_category"] for row in failed] == [
        "LABEL_WITH_REMOVE",
        "UNLABELED_REMOVES_ALL",
        "UNKNOWN_ACTION",
        "CONTRADICTING_ROWS",
        "CONTRADICTING_ROWS",
    ]
    assert all(row["_error_message"] and row["_hint"] for row in failed)
    assert failed[2]["_error_message"] == "op 'delete' is no action"

    # As it is, the file says the same again; mended, its rows are done.
    again = follow(ended, folder, **hubspot)
    assert again.code == 1, again.stderr
    assert outcomes(run_folders(folder)[-1]) == ["rejected"] * 5
    failures = run_folders(folder)[-1] / "failures.csv"
    text = failures.read_text(encoding="utf-8")
    text = text.replace("3,13,VIP,remove,", "3,13,Partner,remove labels,")
    text = text.replace("3,13,,remove_labels,", "3,13,Partner,remove labels,")
    text = text.replace("6,16,VIP,delete,", "6,16,VIP,,").replace("7,17,,remove,", "7,18,,remove,")
    failures.write_text(text, encoding="utf-8")
    mended = follow(again, folder, **hubspot)
    assert mended.code == 0, mended.stderr
    assert outcomes(run_folders(folder)[-1]) == [
        *("removed", "removed", "associated", "associated", "unchanged")
    ]


@pytest.mark.parametrize("label", ["{value: unlabeled}", "{value: No label}"])
def test_taking_the_unlabeled_type_from_all_rows_is_refused(
    folder: Path, hubspot: dict[str, str], label: str
) -> None:
    """A job that would part every pair by way of its labels ends before anything is sent."""
    made = run_rows(folder, "1,11,VIP,", hubspot=hubspot)
    assert made.code == 0, made.stderr
    text = JOB.replace("{column: role}", label).replace("{column: op}", "remove_labels")
    (folder / "roles.yaml").write_text(text, encoding="utf-8")
    ended = run_rows(folder, "1,11,VIP,", hubspot=hubspot)
    assert ended.code == 2, ended.stderr
    assert "the label is the unlabeled type" in ended.stderr
    assert "action: remove" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(run_folders(folder)) == 1
    (folder / "roles.yaml").write_text(JOB, encoding="utf-8")
    same = run_rows(folder, "1,11,VIP,", hubspot=hubspot)
    assert same.code == 0, same.stderr
    assert outcomes(run_folders(folder)[-1]) == ["unchanged"]


def test_a_type_given_by_number_is_held_to_the_same_rule(
    folder: Path, hubspot: dict[str, str]
) -> None:
    """279 and 280 are the unlabeled type by their numbers, the second from the company's side."""
    for type_id in (279, 280):
        text = JOB.replace(
            "label: {column: role}", f"type: {{id: {type_id}, category: HUBSPOT_DEFINED}}"
        ).replace("{column: op}", "remove_labels")
        (folder / "roles.yaml").write_text(text, encoding="utf-8")
        ended = run_rows(folder, "1,11,VIP,", hubspot=hubspot)
        assert ended.code == 2, ended.stderr
        assert "the label is the unlabeled type" in ended.stderr
    assert run_folders(folder) == []


def test_a_retry_leaves_what_other_rows_of_the_pair_were_given(
    folder: Path, hubspot: dict[str, str]
) -> None:
    """One of a pair's two rows failed; retried alone, it took away what the other had been given."""
    text = JOB.replace("action: {column: op}", "existing_labels: replace")
    (folder / "roles.yaml").write_text(text, encoding="utf-8")
    ended = run_rows(folder, "1,11,VIP,", "1,11,Partnr,", hubspot=hubspot)
    assert ended.code == 1, ended.stderr
    failures = run_folders(folder)[-1] / "failures.csv"
    mended = failures.read_text(encoding="utf-8").replace("Partnr,", "Partner,", 1)
    failures.write_text(mended, encoding="utf-8")
    again = follow(ended, folder, **hubspot)
    assert again.code == 0, again.stderr
    assert "a retry takes no old labels away" in again.stderr
    # The whole file, corrected, finds both labels where they are.
    whole = run_rows(folder, "1,11,VIP,", "1,11,Partner,", hubspot=hubspot)
    assert whole.code == 0, whole.stderr
    assert outcomes(run_folders(folder)[-1]) == ["unchanged", "unchanged"]
