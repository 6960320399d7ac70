"""Commands that need no HubSpot, and the plan: what they print, and where."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

REPOSITORY: Final = Path(__file__).parents[2]
SECONDS: Final = 60

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role, separator: ";"}
output: {directory: runs}
"""


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str


def etl(*arguments: str | Path, cwd: Path) -> Ended:
    """Run the command line in a folder of its own, without any setting from outside."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HUBSPOT_")}
    done = subprocess.run(
        [sys.executable, "-m", "etl", *map(str, arguments)],
        cwd=cwd,
        env=inherited | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Write a job and its source."""
    rows = [
        "1,2,Partner",
        "1,2,Partner",
        "1,2,Decision maker;Employee",
        "x,2,",
        ",3,",
        "4,5,Prtner",
    ]
    text = "contact,company,role\n" + "".join(f"{row}\n" for row in rows)
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    path = tmp_path / "roles.yaml"
    path.write_text(JOB, encoding="utf-8")
    return path


def test_good_jobs_pass(tmp_path: Path) -> None:
    """The jobs that come with the product are good, and lint says so for each."""
    jobs = sorted((REPOSITORY / "jobs").glob("*.yaml"))
    ended = etl("lint", *jobs, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr.splitlines() == [f"{path}: good" for path in jobs]


def test_all_problems_are_told_with_their_places(tmp_path: Path) -> None:
    """Every slip of a file comes at once, with file, line, column and the fix."""
    bad = JOB.replace("separator", "seperator") + "existing_labels: replac\n"
    (tmp_path / "bad.yaml").write_text(bad, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(JOB, encoding="utf-8")
    ended = etl("lint", "bad.yaml", "good.yaml", "gone.yaml", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert re.search(r"^Error: bad\.yaml:4:23: .*seperator", ended.stderr, re.MULTILINE)
    assert "did you mean 'separator'?" in ended.stderr
    assert re.search(r"^Error: bad\.yaml:6:18: .*replac", ended.stderr, re.MULTILINE)
    assert "good.yaml: good" in ended.stderr
    assert "Error: gone.yaml: there is no such job file" in ended.stderr

    told = etl("lint", "bad.yaml", "gone.yaml", "--json", cwd=tmp_path)
    assert (told.code, told.stderr) == (2, "")
    places = [problem["place"] for problem in json.loads(told.stdout)]
    assert places[:2] == ["bad.yaml:4:23", "bad.yaml:6:18"]


def test_lint_takes_overrides(tmp_path: Path) -> None:
    """A value that would be given to run with --set is checked as well."""
    (tmp_path / "good.yaml").write_text(JOB, encoding="utf-8")
    ended = etl("lint", "good.yaml", "--set", "limits.batch_size=2001", cwd=tmp_path)
    assert ended.code == 2
    assert "--set limits.batch_size" in ended.stderr


def test_the_schema_is_a_json_schema_that_the_jobs_fit(tmp_path: Path) -> None:
    """Editors complete and check job files with what this command prints."""
    ended = etl("schema", cwd=tmp_path)
    assert (ended.code, ended.stderr) == (0, "")
    schema = json.loads(ended.stdout)
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.validator_for(schema)
    for path in (REPOSITORY / "jobs").glob("*.yaml"):
        validator.validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
    assert not validator.is_valid({"source": {"path": "a.csv"}, "form": {}})


def test_types_lists_the_table_both_ways(tmp_path: Path) -> None:
    """Type ids can be looked up without HubSpot, as a table or as JSON, by any name of an object."""
    ended = etl("types", "contacts", "0-2", "--json", cwd=tmp_path)
    assert (ended.code, ended.stderr) == (0, "")
    lines = json.loads(ended.stdout)["types"]
    found = {(line["from_object"], line["type_id"], line["kind"]) for line in lines}
    assert found >= {("contact", 279, "unlabeled"), ("company", 280, "unlabeled")}
    assert {line["from_object"] for line in lines} == {"contact", "company"}
    assert re.search(
        r"contact\s*│ company\s*│ 279\s*│ unlabeled", etl("types", "contact", cwd=tmp_path).stdout
    )


def test_types_of_an_unknown_object(tmp_path: Path) -> None:
    """A name that the table does not have is told with those that it has."""
    ended = etl("types", "contcts", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "contact" in ended.stderr.partition("Try:")[2]


def test_types_are_found_by_number_and_by_kind(tmp_path: Path) -> None:
    """A number in an old script, or a word in mind, leads to the type as well as its objects do."""
    [line] = json.loads(etl("types", "--id", "279", "--json", cwd=tmp_path).stdout)["types"]
    assert (line["from_object"], line["to_object"], line["kind"]) == (
        "contact",
        "company",
        "unlabeled",
    )
    primaries = json.loads(
        etl("types", "contacts", "--kind", "Primary", "--json", cwd=tmp_path).stdout
    )
    assert {line["kind"] for line in primaries["types"]} == {"primary"}
    assert {line["type_id"] for line in primaries["types"]} >= {1, 2}
    ended = etl("types", "--kind", "parent to child", "--json", cwd=tmp_path)
    assert [line["type_id"] for line in json.loads(ended.stdout)["types"]] == [13]


def test_types_of_the_legacy_api(tmp_path: Path) -> None:
    """API v1 has numbers of its own, down to engagements, and its table its own date."""
    whole = json.loads(etl("types", "--v1", "--json", cwd=tmp_path).stdout)
    assert (whole["api"], whole["date"], len(whole["types"])) == ("v1", "2025-08-22", 25)
    ended = etl("types", "--v1", "companies", "0-1", "--json", cwd=tmp_path)
    assert json.loads(ended.stdout)["types"] == [
        {"type_id": 1, "from_object": "contact", "to_object": "company", "note": ""},
        {"type_id": 2, "from_object": "company", "to_object": "contact", "note": "default"},
        {"type_id": 280, "from_object": "company", "to_object": "contact", "note": "all labels"},
    ]
    shown = etl("types", "--v1", "engagements", "--kind", "", cwd=tmp_path).stdout
    assert "engagement" in shown
    assert "note" in shown


@pytest.mark.parametrize(("flags", "date"), [([], "2026-03-30"), (["--v1"], "2025-08-22")])
def test_types_tell_their_date(tmp_path: Path, flags: list[str], date: str) -> None:
    """A table in a package grows old: it says of what day it is, and where custom labels are."""
    assert json.loads(etl("types", *flags, "--json", cwd=tmp_path).stdout)["date"] == date
    shown = " ".join(etl("types", "contacts", *flags, cwd=tmp_path).stdout.split())
    assert f"as of {date}" in shown
    assert "labels list FROM TO" in shown


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--id", "36"), "has no types with type id 36"),
        (("--kind", "primry"), "of a kind like 'primry'"),
        (("--v1", "invoices"), "the table of API v1 has no types between invoices"),
        (("contacts", "contacts", "--kind", "primary"), "between contacts and contacts"),
    ],
)
def test_types_that_are_not_in_the_table(tmp_path: Path, asked: tuple[str, ...], said: str) -> None:
    """What the table does not have is told with what it has, and where custom labels are."""
    ended = etl("types", *asked, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert "labels list" in ended.stderr.partition("Try:")[2]


def test_a_plan_says_what_a_run_would_do(job: Path) -> None:
    """Rows, reasons, labels with their types, duplicates and requests, before anything is sent."""
    ended = etl("plan", job, "--sandbox", "--json", cwd=job.parent)
    assert ended.code == 0
    plan = json.loads(ended.stdout)
    counts = ("rows", "rejected", "unresolved", "duplicates", "associations", "write_requests")
    assert [plan[name] for name in counts] == [6, 2, 1, 1, 2, 2]
    reasons = {line["error_category"]: line["first_row"] for line in plan["reasons"]}
    assert reasons == {"INVALID_ID": 4, "BLANK_ID": 5, "UNKNOWN_LABEL": 6}
    labels = {line["label"]: line for line in plan["labels"]}
    kinds = {kind["direction"] for kind in labels["Decision maker;Employee"]["types"]}
    assert kinds == {"forward", "reverse"}
    assert labels["Prtner"]["hint"] == "did you mean 'Partner'?"
    assert plan["minutes"] > 0
    assert not (job.parent / "runs").exists()


def test_a_plan_for_people(job: Path) -> None:
    """The same facts as tables, without a line that only machines read."""
    ended = etl("plan", job, "--sandbox", cwd=job.parent)
    assert ended.code == 0
    assert re.search(r"duplicates\s*│ 1 ", ended.stdout)
    assert "did you mean 'Partner'?" in " ".join(ended.stdout.split())
    assert "daily limit" in ended.stdout
    assert not (job.parent / "runs").exists()


@pytest.mark.parametrize("command", [("runs",), ("show", "latest"), ("resume", "latest")])
def test_a_folder_that_can_not_be_read_is_not_one_without_runs(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Who may not see runs is told so, and not that there are none."""
    (tmp_path / "runs").symlink_to("runs")
    ended = etl(*command, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert f"Error: {tmp_path / 'runs'} can't be read: Too many levels" in ended.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("hidden", ["runs", "runs/job", "runs/job/1"])
def test_whose_permissions_are_missing_is_told(tmp_path: Path, hidden: str) -> None:
    """A colleague's runs are told as such: which folder, and who may not read it."""
    (tmp_path / "runs" / "job" / "1").mkdir(parents=True)
    (tmp_path / hidden).chmod(0)
    try:
        listed, shown = etl("runs", cwd=tmp_path), etl("show", "latest", cwd=tmp_path)
    finally:
        (tmp_path / hidden).chmod(0o700)
    said = f"{tmp_path / hidden} can't be read by user {os.geteuid()}: Permission denied"
    assert said in listed.stderr
    assert (shown.code, said in shown.stderr) == (2, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("usage-report", "abc"), "'abc' is no id: an id is a whole number from 1"),
        (("usage-report", "0"), "'0' is no id"),
        (("associate", "contacts", "-1", "companies", "2"), "'-1' is no id"),
        (("disassociate", "contacts", "1", "companies", "x"), "'x' is no id"),
        (("associate", "contacts", "1", "companies", "2", "--lable", "x"), "No such option"),
        (("resume", "latest", "--max-removals", "x"), "--max-removals can't be 'x'"),
    ],
)
def test_what_can_not_be_is_refused_in_words(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    """A value that can't be is told with what it may be, before anything is looked up."""
    ended = etl(*command, cwd=tmp_path)
    assert (ended.code, said in ended.stderr) == (2, True), ended.stderr


def test_a_run_with_an_impossible_name(tmp_path: Path) -> None:
    """A text pasted in the place of a run is a mistake in the command, not of the disk."""
    ended = etl("show", "x" * 300, cwd=tmp_path)
    assert ended.code == 2
    assert "can't be read: File name too long" in ended.stderr


def test_nothing_to_show(tmp_path: Path) -> None:
    """Asking for a run where none is ends with a way on."""
    ended = etl("show", "latest", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "--directory" in ended.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "is no run folder", id="missing"),
        pytest.param(b"", "can't be read", id="empty"),
        pytest.param(b'{"outcomes": {', "can't be read", id="cut off"),
        pytest.param(b"\xff\xfe\x00", "can't be read", id="not text"),
        pytest.param(b"[1, 2]", "is no summary of a run", id="a list"),
        pytest.param(b'{"name": "x"}', "is no summary of a run", id="of another program"),
        pytest.param(b'{"outcomes": {}}', "is no summary of a run", id="nearly one"),
        pytest.param(b'{"outcomes": 5}', "is no summary of a run", id="a likeness"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_summary_that_is_none(
    tmp_path: Path, content: bytes | None, said: str, flags: list[str]
) -> None:
    """A folder without a summary of ours ended `show` in a traceback and exit code 3."""
    folder = tmp_path / "runs" / "job" / "20261123T175400123Z-1a2b3c"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "summary.json").write_bytes(content)
    ended = etl("show", "latest", *flags, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, ""), ended.stderr
    assert "Traceback" not in ended.stderr
    assert said in ended.stderr
    assert "Try: " in ended.stderr
