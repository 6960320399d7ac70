"""The command ``check`` as a process: its streams, its file and its exit code."""

from __future__ import annotations

import asyncio
import csv
import json
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from aiohttp import web
from commands import Ended, etl

from etl.sandbox import Sandbox, demo_portal

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.typedefs import Handler

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role, separator: ";"}
limits: {requests_per_10_seconds: 100000}
output: {directory: runs}
"""
GOOD: Final = "1,2,Partner\n1,3,Decision maker;Employee\n4,3,\n4,3,Partner\n"


def write(folder: Path, rows: str) -> Path:
    """Put the job and its source into a folder."""
    (folder / "rows.csv").write_text("contact,company,role\n" + rows, encoding="utf-8")
    path = folder / "roles.yaml"
    path.write_text(JOB, encoding="utf-8")
    return path


def names(folder: Path) -> list[str]:
    """List what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


async def against(sandbox: Sandbox, *arguments: str, cwd: Path) -> Ended:
    """Run a command against a sandbox that outlives it."""
    settings = {"HUBSPOT_BASE_URL": sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
    return await asyncio.to_thread(etl, *arguments, cwd=cwd, **settings)


async def test_a_check_after_a_run_is_all_the_same(tmp_path: Path) -> None:
    """A run, then a check: every pair has the sign =, the exit code is 0, and HubSpot is as it was."""
    write(tmp_path, GOOD)
    async with Sandbox(demo_portal()) as sandbox:
        before = await against(sandbox, "check", "roles.yaml", "--json", cwd=tmp_path)
        assert before.code == 1, before.stderr
        assert json.loads(before.stdout)["signs"] == {"=": 0, "+": 3, "*": 0, "-": 0, "?": 0}
        assert sandbox.portal.associations("contacts", "companies") == set()

        ended = await against(sandbox, "run", "roles.yaml", cwd=tmp_path)
        assert ended.code == 0, ended.stderr
        state = sandbox.portal.associations("contacts", "companies")
        after = await against(sandbox, "check", "roles.yaml", cwd=tmp_path)
        assert after.code == 0, after.stderr
        assert sandbox.portal.associations("contacts", "companies") == state
    assert "│ = │     3 │ the same │" in after.stdout
    report = after.stdout.rstrip("\n").rpartition("file: ")[2]
    assert pl.read_parquet(report)["sign"].to_list() == ["="] * 3


async def test_differences_are_told_in_a_file(tmp_path: Path) -> None:
    """The file named by --output has a line a pair and one a bad row; its counts are on stdout."""
    write(tmp_path, GOOD)
    async with Sandbox(demo_portal()) as sandbox:
        await against(sandbox, "run", "roles.yaml", cwd=tmp_path)
        write(tmp_path, "1,2,Partner;決裁者\n4,3,\n4,5,\nx,3,\n4,3,Prtner\n")
        command = ("check", "roles.yaml", "--output", "differences.csv")
        ended = await against(sandbox, *command, cwd=tmp_path)
        told = await against(sandbox, *command, "--json", cwd=tmp_path)
    assert ended.code == told.code == 1, ended.stderr
    report = tmp_path / "differences.csv"
    with report.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [
        (line["sign"], line["from_id"], line["to_id"], line["row_number"]) for line in lines
    ] == [
        ("*", "1", "2", "1"),
        ("-", "1", "3", ""),
        ("=", "4", "3", "2"),
        ("+", "4", "5", "3"),
        ("?", "", "3", "4"),
        ("?", "4", "3", "5"),
    ]
    assert lines[0]["file_labels"] == "決裁者;Partner"
    assert lines[0]["hubspot_labels"] == "Partner"
    assert "'Prtner'" in lines[5]["reason"]
    assert oct(report.stat().st_mode & 0o777) == "0o600"
    facts = json.loads(told.stdout)
    assert facts["signs"] == {"=": 1, "+": 1, "*": 1, "-": 1, "?": 2}
    assert (facts["rows"], facts["exit_code"], facts["file"]) == (5, 1, str(report))
    assert {line["error_category"]: line["rows"] for line in facts["reasons"]} == {
        "INVALID_ID": 1,
        "UNKNOWN_LABEL": 1,
    }
    assert "UNKNOWN_LABEL" in ended.stdout
    # Nothing is left beside the report.
    assert names(tmp_path) == [
        "differences.csv",
        "roles.yaml",
        "rows.csv",
        "runs",
    ]


def test_without_output_the_report_is_below_the_runs(tmp_path: Path) -> None:
    """The report of a nightly check has the time in its name, and is no run to resume or show."""
    write(tmp_path, "1,2,\n")
    ended = etl("check", "roles.yaml", "--sandbox", "--json", cwd=tmp_path)
    [report] = (tmp_path / "runs" / "roles").iterdir()
    assert json.loads(ended.stdout)["file"] == str(report)
    assert report.name.startswith("check-2")
    assert oct(report.stat().st_mode & 0o777) == "0o600"
    assert etl("runs", "--json", cwd=tmp_path).code == 0
    assert etl("show", "latest", cwd=tmp_path).code == 2


def test_the_ending_says_the_format_in_any_case(tmp_path: Path) -> None:
    """A file that is called R.CSV gets lines of text; one that says no format is refused beforehand."""
    write(tmp_path, "1,2,\n")
    etl("check", "roles.yaml", "--sandbox", "--output", "R.CSV", cwd=tmp_path)
    assert (tmp_path / "R.CSV").read_text(encoding="utf-8").startswith("sign,from_id,to_id")
    refused = etl("check", "roles.yaml", "--sandbox", "--output", "r.txt", cwd=tmp_path)
    assert refused.code == 2
    assert "name the file by its format: .csv or .parquet" in refused.stderr


def test_a_source_without_rows_differs_in_nothing(tmp_path: Path) -> None:
    """An empty night's file makes a report with a header alone, and exit code 0."""
    write(tmp_path, "")
    ended = etl("check", "roles.yaml", "--sandbox", "--output", "report.csv", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert len((tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("report.xlsx", ("'.xlsx'", ".csv or .parquet")),
        ("none/report.csv", ("no folder", "none")),
        ("./rows.csv", ("is the file", "which is read")),
    ],
)
def test_a_report_that_can_not_be_written(
    tmp_path: Path, output: str, words: tuple[str, ...]
) -> None:
    """A wrong --output is told before anything is asked of HubSpot: no token is needed for that."""
    write(tmp_path, GOOD)
    ended = etl("check", "roles.yaml", "--output", output, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert [word for word in words if word not in ended.stderr] == []
    assert "Try: " in ended.stderr
    assert names(tmp_path) == ["roles.yaml", "rows.csv"]
    assert "1,2,Partner" in (tmp_path / "rows.csv").read_text(encoding="utf-8")


async def test_a_hubspot_that_goes_away(tmp_path: Path) -> None:
    """When the token is revoked in the middle, the exit code is 3 and there is no report."""

    @web.middleware
    async def revoke(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/batch/read"):
            return web.json_response({"message": "expired"}, status=401)
        return await handler(request)

    write(tmp_path, GOOD)
    async with Sandbox(demo_portal(), middlewares=[revoke]) as sandbox:
        ended = await against(
            sandbox, "check", "roles.yaml", "--output", "report.csv", cwd=tmp_path
        )
    assert (ended.code, ended.stdout) == (3, "")
    assert "expired" in ended.stderr
    assert names(tmp_path) == ["roles.yaml", "rows.csv"]


async def test_a_file_of_emails_is_checked_by_its_records(tmp_path: Path) -> None:
    """Keys are looked up as a run does; one that no record has can't be compared."""
    write(tmp_path, "person1@example.com,2,Partner\n")
    by_email = ("--set", "from={object: contacts, column: contact, match_by: email}")
    async with Sandbox(demo_portal()) as sandbox:
        await against(sandbox, "run", "roles.yaml", *by_email, cwd=tmp_path)
        check = ("check", "roles.yaml", "--json", *by_email)
        same = await against(sandbox, *check, cwd=tmp_path)
        write(tmp_path, "person1@example.com,2,Partner\nnobody@example.com,2,\n")
        differs = await against(sandbox, *check, cwd=tmp_path)
    assert same.code == 0, same.stderr
    assert json.loads(same.stdout)["signs"] == {"=": 1, "+": 0, "*": 0, "-": 0, "?": 0}
    assert differs.code == 1
    assert json.loads(differs.stdout)["signs"] == {"=": 1, "+": 0, "*": 0, "-": 0, "?": 1}


async def test_a_mirror_leaves_nothing_that_only_hubspot_has(tmp_path: Path) -> None:
    """Before a mirror's run, check shows what would go; after it, all is the same."""
    write(tmp_path, GOOD)
    fewer = ("--set", "mirror={scope: from, max_removals: 100%}", "--set", "source.path=fewer.csv")
    (tmp_path / "fewer.csv").write_text(
        "contact,company,role\n1,2,Partner\n4,3,\n", encoding="utf-8"
    )
    async with Sandbox(demo_portal()) as sandbox:
        await against(sandbox, "run", "roles.yaml", cwd=tmp_path)
        check = ("check", "roles.yaml", "--json", *fewer)
        before = await against(sandbox, *check, cwd=tmp_path)
        ended = await against(sandbox, "run", "roles.yaml", *fewer, cwd=tmp_path)
        after = await against(sandbox, *check, cwd=tmp_path)
    assert json.loads(before.stdout)["signs"] == {"=": 2, "+": 0, "*": 0, "-": 1, "?": 0}
    assert ended.code == 0, ended.stderr
    assert after.code == 0, after.stderr
    assert json.loads(after.stdout)["signs"] == {"=": 2, "+": 0, "*": 0, "-": 0, "?": 0}


async def test_a_job_that_removes_is_checked_for_what_is_gone(tmp_path: Path) -> None:
    """After a run that removes, a check is all =; before it, what is still there differs."""
    write(tmp_path, GOOD)
    remove = ("--set", "action={column: op}", "--set", "source.path=removals.csv")
    (tmp_path / "removals.csv").write_text(
        "contact,company,role,op\n1,2,Partner,remove_labels\n1,3,,remove\n4,3,Partner,\n",
        encoding="utf-8",
    )
    async with Sandbox(demo_portal()) as sandbox:
        await against(sandbox, "run", "roles.yaml", cwd=tmp_path)
        check = ("check", "roles.yaml", "--json", *remove)
        before = await against(sandbox, *check, cwd=tmp_path)
        await against(sandbox, "run", "roles.yaml", *remove, cwd=tmp_path)
        after = await against(sandbox, *check, cwd=tmp_path)
    assert before.code == 1, before.stderr
    assert json.loads(before.stdout)["signs"] == {"=": 1, "+": 0, "*": 1, "-": 1, "?": 0}
    assert after.code == 0, after.stderr
    assert json.loads(after.stdout)["signs"] == {"=": 3, "+": 0, "*": 0, "-": 0, "?": 0}
    # Rows that contradict one another are no pair that could be compared.
    (tmp_path / "removals.csv").write_text(
        "contact,company,role,op\n1,2,,remove\n1,2,,\n", encoding="utf-8"
    )
    async with Sandbox(demo_portal()) as sandbox:
        clash = await against(sandbox, *check, cwd=tmp_path)
    assert json.loads(clash.stdout)["signs"] == {"=": 0, "+": 0, "*": 0, "-": 0, "?": 2}
    assert json.loads(clash.stdout)["reasons"][0]["error_category"] == "CONTRADICTING_ROWS"
