"""Every version of HubSpot's API from the command line, and what is told of the one that ends."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final, get_args

import polars as pl
import pytest
from commands import Ended, etl, run_folders

from etl.model import ApiVersion
from etl.sandbox import Sandbox, demo_portal

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS: Final = get_args(ApiVersion)
NOTICE: Final = "its support of API version v4 on 2027-03-30"
JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role, separator: ";"}
limits: {requests_per_10_seconds: 100000}
output: {directory: runs}
"""
ROWS: Final = """\
contact,company,role
1,2,Partner
1,3,Decision maker;Employee
4,3,
4,3,Partner
900000000000,3,Partner
5,6,Nope
x,6,
7,8,Primary
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a job that meets rows of every kind."""
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "roles.yaml").write_text(JOB, encoding="utf-8")
    return tmp_path


def of_version(version: str) -> tuple[str, str]:
    """Give the option that sets a job's version."""
    return "--set", f"hubspot.api_version={version}"


async def test_every_version_ends_alike(folder: Path) -> None:
    """The same job leaves the same outcomes, and the same associations, in whichever version."""
    ends = {}
    for version in VERSIONS:
        async with Sandbox(demo_portal()) as sandbox:
            settings = {"HUBSPOT_BASE_URL": sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
            run = ("run", "roles.yaml", *of_version(version))
            ended = await asyncio.to_thread(etl, *run, cwd=folder, **settings)
            state = [
                sandbox.portal.associations(*ends)
                for ends in (("contacts", "companies"), ("companies", "contacts"))
            ]
        results = pl.read_parquet(run_folders(folder)[-1] / "results.parquet")
        told = results.select("outcome", "from_id", "to_id", "association_types")
        ends[version] = (ended.code, told.rows(), state)
    assert ends["v4"][0] == 1
    assert [row[0] for row in ends["v4"][1]] == [
        *["associated"] * 4,
        "failed",
        "unresolved",
        "rejected",
        "associated",
    ]
    assert all(state for state in ends["v4"][2])
    assert [version for version in VERSIONS if ends[version] != ends["v4"]] == []


@pytest.mark.parametrize("command", ["run", "plan"])
def test_v4_is_told_once(folder: Path, command: str) -> None:
    """A job that sets no version hears once, on stderr, when v4 ends and what to set."""
    ended = etl(command, "roles.yaml", "--sandbox", "--json", cwd=folder)
    assert ended.stderr.count(NOTICE) == 1
    assert "hubspot.api_version" in ended.stderr
    assert NOTICE not in ended.last_line
    json.loads(ended.stdout)
    assert NOTICE not in ended.stdout


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_dated_version_is_quiet(folder: Path, command: str) -> None:
    """A job with a version that goes on being supported hears nothing of support."""
    ended = etl(command, "roles.yaml", "--sandbox", *of_version("2026-09"), cwd=folder)
    assert "its support of" not in ended.stderr


def test_an_account_command_hears_it_too(tmp_path: Path) -> None:
    """A command without a job file names the option to give; with a dated version it is quiet."""
    pair = ("associate", "contacts", "1", "companies", "2", "--sandbox", "--json")
    ended = etl(*pair, cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert ended.stderr.count(NOTICE) == 1
    assert "--api-version" in ended.stderr
    json.loads(ended.stdout)
    assert NOTICE not in ended.stdout
    assert etl(*pair, "--api-version", "2026-09", cwd=tmp_path).stderr == ""


def test_several_jobs_hear_it_once(folder: Path) -> None:
    """A night of three jobs has one line about v4, and one in each run's own log."""
    jobs = []
    for name in ("a", "b", "c"):
        jobs.append(folder / f"{name}.yaml")
        jobs[-1].write_text(JOB, encoding="utf-8")
    ended = etl("run", *jobs, "--sandbox", cwd=folder)
    assert ended.stderr.count(NOTICE) == 1
    logs = [(run / "run.log").read_text(encoding="utf-8") for run in run_folders(folder)]
    assert [log.count(NOTICE) for log in logs] == [1, 1, 1]


def test_the_last_line_is_still_the_next_command(folder: Path) -> None:
    """The note about v4 does not push the folder and the next command off the end of stderr."""

    def check(ended: Ended, word: str) -> None:
        assert NOTICE in ended.stderr
        assert str(run_folders(folder)[-1]) in ended.last_line
        assert word in ended.last_line

    check(etl("run", "roles.yaml", "--sandbox", cwd=folder), "retry")
    check(etl("retry", "latest", cwd=folder), "retry")


def test_the_summary_names_the_end(folder: Path) -> None:
    """Whoever watches many runs reads from summary.json how long each one's version is supported."""
    etl("run", "roles.yaml", "--sandbox", cwd=folder)
    etl("run", "roles.yaml", "--sandbox", *of_version("2026-09"), cwd=folder)
    told = [json.loads((run / "summary.json").read_bytes()) for run in run_folders(folder)]
    assert [(each["api_version"], each["api_version_supported_until"]) for each in told] == [
        ("v4", "2027-03-30"),
        ("2026-09", "2028-03"),
    ]
