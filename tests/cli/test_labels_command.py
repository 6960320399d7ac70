"""The commands ``labels …`` as people and scripts call them: a process, its streams and its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from commands import SECONDS, Ended, environment, etl, served

from etl.sandbox import Sandbox, demo_portal

if TYPE_CHECKING:
    from pathlib import Path


def rehearse(*arguments: str, cwd: Path) -> Ended:
    """Run a command against a sandbox of its own."""
    return etl("labels", *arguments, "--sandbox", cwd=cwd)


def told(ended: Ended) -> Any:
    """Read the JSON of a command that went well."""
    assert ended.code == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_list_has_both_directions_and_the_room_that_is_left(tmp_path: Path) -> None:
    """People see every label with its typeId each way, which ones are theirs, and how many of ten."""
    dated = ("--api-version", "2026-03")
    shown = rehearse("list", "contacts", "companies", *dated, cwd=tmp_path)
    assert (shown.code, shown.stderr) == (0, "")
    assert "forward   │ Employer " in shown.stdout
    assert "reverse   │ Employee " in shown.stdout
    assert "(no label)" in shown.stdout
    assert "5 of 10 custom labels used" in shown.stdout
    listed = told(rehearse("list", "contacts", "companies", "--json", cwd=tmp_path))
    assert (listed["custom_labels"], listed["custom_labels_limit"]) == (5, 10)
    assert {
        "label": "Employee",
        "category": "USER_DEFINED",
        "type_id": 10,
        "direction": "reverse",
        "custom": True,
    } in listed["labels"]
    assert {line["label"]: line["custom"] for line in listed["labels"]}["Billing"] is False


def test_where_hubspot_does_not_tell_its_count_the_least_is_told(tmp_path: Path) -> None:
    """Its list does not say which two sides make a pair, so the command does not pretend to know."""
    told_by_hubspot = rehearse("list", "contacts", "contacts", cwd=tmp_path)
    assert "at least " not in told_by_hubspot.stdout
    write = (tmp_path / "portal.yaml").write_text
    write("objects: [{name: vendor, type_id: 2-123}]", encoding="utf-8")
    shown = rehearse("list", "p_vendor", "p_vendor", "--portal", "portal.yaml", cwd=tmp_path)
    assert "at least 0 of 10 custom labels used" in shown.stdout


def test_a_portal_with_labels_made_renamed_and_deleted(tmp_path: Path) -> None:
    """Against one account, a label goes its whole way by commands alone."""

    async def journey() -> None:
        async with Sandbox(demo_portal()) as sandbox:

            async def call(*arguments: str) -> Any:
                settings = {"HUBSPOT_BASE_URL": sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
                return told(
                    await asyncio.to_thread(
                        etl, "labels", *arguments, "--json", cwd=tmp_path, **settings
                    )
                )

            pair = ("contacts", "contacts")
            made = await call("create", *pair, "Chief", "--inverse", "Underling")
            assert (made["created"], made["name"]) == (True, "chief")
            assert [line["label"] for line in made["labels"]] == ["Chief", "Underling"]
            type_id = str(made["labels"][0]["type_id"])
            renamed = await call("update", *pair, type_id, "--label", "Boss")
            assert [(str(line["type_id"]), line["label"]) for line in renamed["labels"]] == [
                (type_id, "Boss")
            ]
            assert (await call("update", *pair, "boss", "--label", "Boss"))["labels"] == []
            gone = await call("delete", *pair, "boss", "--yes", "--api-version", "2026-09")
            assert [line["label"] for line in gone["labels"]] == ["Boss", "Underling"]
            listed = await call("list", *pair)
            assert "Boss" not in {line["label"] for line in listed["labels"]}

    asyncio.run(journey())


def test_everything_that_is_wrong_with_a_new_label_is_told_at_once(tmp_path: Path) -> None:
    """A label that can't be is refused with exit code 2, before HubSpot is asked to make it."""
    arguments = ("Partner", "--inverse", "Primary", "--name", "9-lives")
    ended = rehearse("create", "contacts", "companies", *arguments, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert [line for line in ended.stderr.splitlines() if line.startswith("Error")] == [
        "Error: label 'Partner': its name can't be '9-lives'",
        "Error: label 'Partner': HubSpot has 'Partner' for contacts → companies already (USER_DEFINED:7)",
        "Error: label 'Partner': HubSpot has 'Primary' for contacts → companies already (HUBSPOT_DEFINED:1)",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("delete", "contacts", "companies", "Partner"), "add --yes"),
        (("delete", "contacts", "companies", "Primary", "--yes"), "marks them as custom"),
        (("delete", "contacts", "companies", "Partnr", "--yes"), "did you mean 'Partner'?"),
        (("update", "contacts", "companies", "279", "--label", "x"), "marks them as custom"),
        (("update", "contacts", "companies", "Partner", "--label", " "), "--label: is blank"),
        (("list", "contacts", "nothings"), "check both objects"),
        (("create", "contacts", "companies", "決裁者"), "HubSpot has '決裁者'"),
    ],
)
def test_what_can_not_be_done_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """HubSpot's own labels, a deletion that nobody confirms, and slips of the pen change nothing."""
    ended = rehearse(*arguments, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert said in ended.stderr


def test_a_label_is_deleted_by_what_the_messages_call_it(tmp_path: Path) -> None:
    """The type that the commands show is one that they understand."""
    ended = rehearse("delete", "contacts", "companies", "USER_DEFINED:7", "--yes", cwd=tmp_path)
    assert ended.code == 0
    assert "deleting the label 'Partner' (USER_DEFINED:7)" in ended.stderr


def test_a_deletion_says_what_it_takes_along(tmp_path: Path) -> None:
    """Before a label goes, the command says how far that reaches and that nothing brings it back."""
    ended = rehearse("delete", "contacts", "companies", "Partner", "--yes", cwd=tmp_path)
    assert ended.code == 0
    assert "from every association that has it, in both directions; it can't be undone" in (
        ended.stderr
    )
    assert "forward   │ Partner" in ended.stdout


JOB = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role}
labels:
  create_missing: true
  define: [{label: Mentor, inverse: Mentee}, {label: Partner}]
output: {directory: runs}
"""


@pytest.mark.parametrize("command", [("plan",), ("run", "--dry-run")])
def test_a_plan_makes_no_label_and_counts_its_rows(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A plan says which labels a run would make, and takes the rows that ask for them as good."""
    (tmp_path / "rows.csv").write_text(
        "contact,company,role\n1,2,Mentor\n3,4,mentee\n5,6,Partner\n7,8,Mentro\n", encoding="utf-8"
    )
    (tmp_path / "job.yaml").write_text(JOB, encoding="utf-8")

    async def plan() -> Any:
        async with Sandbox(demo_portal()) as sandbox:
            settings = {"HUBSPOT_BASE_URL": sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
            ended = await asyncio.to_thread(
                etl, *command, "job.yaml", "--json", cwd=tmp_path, **settings
            )
            custom = sandbox.portal.catalogue.custom_labels("contact", "company")
            assert "Mentor" not in [each.text for each in custom]
            return told(ended)

    planned = asyncio.run(plan())
    assert planned["labels_to_make"] == [
        {"label": "Mentor", "inverse": "Mentee", "name": "mentor", "rows": 2}
    ]
    assert (planned["associations"], planned["unresolved"]) == (3, 1)
    types = {line["label"]: line["types"] for line in planned["labels"]}
    assert types["mentee"] == [
        {"category": None, "type_id": None, "direction": "reverse", "to_be_made": True}
    ]
    assert "to_be_made" not in types["Partner"][0]
    shown = etl(*command, "job.yaml", "--sandbox", cwd=tmp_path)
    assert "a run makes the label 'Mentor' / 'Mentee' first: 2 rows" in shown.stdout


def test_a_run_tells_the_labels_that_it_lacks_and_those_that_it_makes(tmp_path: Path) -> None:
    """Whoever starts a run sees what is missing, with the command that makes it; or what was made."""
    (tmp_path / "rows.csv").write_text("contact,company,role\n1,2,Mentor\n", encoding="utf-8")
    (tmp_path / "job.yaml").write_text(JOB, encoding="utf-8")
    lacking = etl(
        "run",
        "job.yaml",
        "--sandbox",
        "--json",
        "--set",
        "labels.create_missing=false",
        cwd=tmp_path,
    )
    assert lacking.code == 2
    assert "Error: labels.define: 'Mentor': HubSpot does not have it" in lacking.stderr
    [problem] = json.loads(lacking.stdout)["problems"]
    assert problem["hint"].endswith("labels create contacts companies Mentor --inverse Mentee")
    made = etl("run", "job.yaml", "--sandbox", cwd=tmp_path)
    assert made.code == 0, made.stderr
    assert "label 'Mentor' was made for contacts → companies: Mentor USER_DEFINED:" in made.stderr
    assert "made the label 'Mentor': USER_DEFINED:" in made.stderr


def test_the_command_for_a_label_that_looks_like_an_option(tmp_path: Path) -> None:
    """The command that a run prints makes the label, also where its text begins with a dash."""
    (tmp_path / "rows.csv").write_text("contact,company,role\n1,2,-x\n", encoding="utf-8")
    job = JOB.replace("true", "false").replace("label: Mentor, inverse: Mentee", "label: -x")
    (tmp_path / "job.yaml").write_text(job, encoding="utf-8")
    with served(cwd=tmp_path) as hubspot:
        lacking = etl("run", "job.yaml", "--json", cwd=tmp_path, **hubspot)
        [problem] = json.loads(lacking.stdout)["problems"]
        _, _, command = problem["hint"].partition("hubspot-assoc ")
        made = etl(*shlex.split(command), cwd=tmp_path, **hubspot)
        assert (made.code, etl("run", "job.yaml", cwd=tmp_path, **hubspot).code) == (0, 0)


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 2)])
def test_somebody_at_a_terminal_is_asked(tmp_path: Path, answer: bytes, code: int) -> None:
    """A label goes only when the person who sees what that means says yes."""
    delete = ("delete", "contacts", "companies", "Partner")
    terminal, stdin = os.openpty()
    try:
        os.write(terminal, answer)
        ended = subprocess.run(
            [sys.executable, "-m", "etl", "labels", *delete, "--sandbox", "--json"],
            cwd=tmp_path,
            env=environment(),
            stdin=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(stdin)
        os.close(terminal)
    assert ended.returncode == code, ended.stderr
    assert b"Delete it? [y/N]" in ended.stderr
    assert (b"Partner" in ended.stdout) == (code == 0)
