"""The command ``run`` as people and schedulers call it: a process, its streams and its exit code."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from aiohttp import web
from commands import REPOSITORY, Ended, etl, follow

from etl.run_folder import RunFolder
from etl.runs import recall_begun
from etl.sandbox import Sandbox, demo_portal

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.typedefs import Handler

TOKEN: Final = "pat-na1-made-up-0123456789"

FILES: Final = ["failures.csv", "journal.sqlite", "results.parquet", "run.log", "summary.json"]

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role}
output: {directory: runs}
"""


def write(folder: Path, rows: str, job: str = JOB, name: str = "roles.yaml") -> Path:
    """Put a job and its source into a folder."""
    (folder / "rows.csv").write_text("contact,company,role\n" + rows, encoding="utf-8")
    path = folder / name
    path.write_text(job, encoding="utf-8")
    return path


def only_run(folder: Path) -> Path:
    """Find the one run below a folder."""
    [found] = (folder / "runs").glob("*/*")
    return found


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """Copy the example jobs and their sources, so that their runs end up there too."""
    for name in ("jobs", "sample_data"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    return tmp_path


def test_the_quickstart_runs(examples: Path) -> None:
    """The first command of the README ends well and leaves the files that it promises."""
    ended = etl("run", "jobs/quickstart.yaml", "--sandbox", cwd=examples)
    assert (ended.code, ended.stdout) == (0, "")
    assert "associated │ 3,000 │ confirmed by HubSpot" in ended.stderr
    run = only_run(examples)
    assert sorted(path.name for path in run.iterdir()) == FILES
    assert pl.read_parquet(run / "results.parquet")["outcome"].unique().to_list() == ["associated"]
    assert "every row succeeded" in ended.last_line
    assert str(run) in ended.last_line
    # The command works wherever it is pasted, not only beside the runs.
    shown = follow(ended, examples / "jobs")
    assert (shown.code, shown.stderr) == (0, "")
    assert "associated │ 3,000 │" in shown.stdout


def test_a_plan_reads_from_the_side_that_the_run_reads_from(tmp_path: Path) -> None:
    """Many contacts of a few companies are one read, and the plan does not tell of twenty-four."""
    job = JOB.replace("label: {column: role}", "existing_labels: keep")
    rows = "".join(f"{number},{number % 100 + 1},\n" for number in range(1, 24_001))
    path = write(tmp_path, rows, job)
    planned = json.loads(etl("plan", path, "--sandbox", "--json", cwd=tmp_path).stdout)
    assert (planned["read_requests"], planned["write_requests"]) == (1, 12)
    told = json.loads(etl("run", path, "--sandbox", "--json", cwd=tmp_path).stdout)
    for_labels = 3
    assert told["requests"] == for_labels + 1 + 12


def test_a_summary_tells_what_others_took(tmp_path: Path) -> None:
    """A run that took longer because it made room says so; one that had the limit alone does not."""
    assert etl("run", write(tmp_path, "1,2,\n"), "--sandbox", cwd=tmp_path).code == 0
    summary = only_run(tmp_path) / "summary.json"
    told = json.loads(summary.read_text(encoding="utf-8"))
    assert told["most_by_others"] == 0
    assert "others took" not in etl("show", "latest", cwd=tmp_path, COLUMNS="200").stdout
    summary.write_text(json.dumps({**told, "most_by_others": 120}), encoding="utf-8")
    shown = etl("show", "latest", cwd=tmp_path, COLUMNS="200").stdout
    assert "answers of 429 · others took up to 120 requests in 10 s · API" in shown


def test_a_mistake_in_one_job_file_stops_all(tmp_path: Path) -> None:
    """Nothing is sent for any of several jobs before all of their files are right, and each is told."""
    write(tmp_path, "1,2,\n", name="good.yaml")
    write(tmp_path, "1,2,\n", JOB.replace("role}", "role, odd: 1}"), name="bad.yaml")
    ended = etl("run", "good.yaml", "bad.yaml", "--sandbox", cwd=tmp_path)
    assert ended.code == 2
    assert ended.stderr.startswith("good.yaml: not run\nError: bad.yaml:4")
    assert not (tmp_path / "runs").exists()


def test_mistakes_are_told_with_a_way_on(examples: Path) -> None:
    """Rows that did not succeed make exit code 1, and the last line is a command that runs them."""
    ended = etl("run", "jobs/mistakes.yaml", "--sandbox", cwd=examples)
    assert (ended.code, ended.stdout) == (1, "")
    run = only_run(examples)
    assert str(run) in ended.last_line
    told = json.loads((run / "summary.json").read_bytes())
    with (run / "failures.csv").open(encoding="utf-8", newline="") as file:
        failed = len(list(csv.DictReader(file)))
    assert failed == told["rows"] - told["outcomes"]["associated"] == 9

    again = follow(ended, examples / "jobs")
    assert again.code == 1
    assert f"│ all        │    {failed} │" in again.stderr
    assert len(list(examples.glob("runs/mistakes/*"))) == 2


def test_the_next_command_repeats_what_this_one_was_given(tmp_path: Path) -> None:
    """A command line with its own portal and settings is told again with both of them."""
    write(tmp_path, "")
    (tmp_path / "other.csv").write_text(
        "contact;company;role\n7;8;VIP\n5;6;VIP\n", encoding="utf-8"
    )
    (tmp_path / "portal.yaml").write_text(
        "labels: [{from: contacts, to: companies, label: VIP}]\n"
        "records: {contacts: {missing: [7]}}\n",
        encoding="utf-8",
    )
    ended = etl(
        "run",
        "roles.yaml",
        "--sandbox",
        "--portal",
        "portal.yaml",
        "--set",
        "source.path=other.csv",
        "--set",
        "source.csv.delimiter=;",
        cwd=tmp_path,
    )
    assert ended.code == 1, ended.stderr
    again = follow(ended, tmp_path)
    assert again.code == 1, again.stderr
    failed = [path.read_text(encoding="utf-8") for path in tmp_path.glob("runs/*/*/failures.csv")]
    assert [text.splitlines()[1].split(";")[:3] for text in failed] == [["7", "8", "VIP"]] * 2


@pytest.mark.parametrize("alone", [True, False])
def test_the_next_command_has_the_sandbox_and_a_portal_from_anywhere(
    tmp_path: Path, *, alone: bool
) -> None:
    """The next command forgot the sandbox, and would have sent rows of a trial to HubSpot."""
    job = write(tmp_path, "7,8,VIP\n5,6,VIP\n")
    portal = tmp_path / "portal.yaml"
    portal.write_text(
        "labels: [{from: contacts, to: companies, label: VIP}]\n"
        "records: {contacts: {missing: [7]}}\n",
        encoding="utf-8",
    )
    flags = ["--portal", "portal.yaml"] if alone else ["--sandbox", "--portal", "portal.yaml"]
    ended = etl("run", job, *flags, cwd=tmp_path)
    assert ended.code == 1, ended.stderr
    assert ended.last_line.endswith(f"hubspot-assoc retry {only_run(tmp_path)}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # Without a token nothing but the sandbox answers, and the demo portal has no such label.
    again = follow(ended, elsewhere)
    assert again.code == 1, again.stderr
    assert "│ all     │    1 │" in again.stderr
    assert "OBJECT_NOT_FOUND" in again.stderr


def test_the_next_command_of_a_folder_with_an_odd_name_works(tmp_path: Path) -> None:
    """In a folder named 'x #y' the next command read the path up to the blank, as YAML does."""
    folder = tmp_path / "x #y"
    folder.mkdir()
    ended = etl("run", write(folder, "1,2,Partner\nx,2,\n"), "--sandbox", cwd=tmp_path)
    assert ended.code == 1, ended.stderr
    again = follow(ended, tmp_path)
    assert again.code == 1, again.stderr
    [first, second] = sorted(folder.glob("runs/*/*"))
    assert json.loads((second / "summary.json").read_bytes())["rows"] == 1
    assert json.loads((second / "summary.json").read_bytes())["source"] == str(
        first / "failures.csv"
    )


def test_json_is_for_machines(tmp_path: Path) -> None:
    """With --json stdout is one JSON document, whatever stands on stderr."""
    job = write(tmp_path, "1,2,Partner\n,2,\n")
    ended = etl("run", job, "--sandbox", "--json", cwd=tmp_path)
    assert ended.code == 1
    told = json.loads(ended.stdout)
    assert (told["rows"], told["outcomes"]["associated"], told["exit_code"]) == (2, 1, 1)
    assert told["folder"] == str(only_run(tmp_path))
    stored = json.loads((only_run(tmp_path) / "summary.json").read_bytes())
    assert {**stored, "folder": told["folder"]} == told
    shown = etl("show", "latest", "--json", cwd=tmp_path)
    assert json.loads(shown.stdout)["run_id"] == told["run_id"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """A dry run says what would happen and leaves no folder."""
    job = write(tmp_path, "1,2,Partner\n1,2,Partner\nx,2,\n3,4,Nope\n")
    ended = etl("run", job, "--sandbox", "--dry-run", cwd=tmp_path)
    assert ended.code == 0
    assert not (tmp_path / "runs").exists()
    assert "INVALID_ID" in ended.stdout
    assert "UNKNOWN_LABEL" in ended.stdout


def test_several_jobs_run_one_after_the_other(tmp_path: Path) -> None:
    """Each job has its own folder, and the exit code is that of the worst."""
    good = write(tmp_path, "1,2,Partner\n", name="good.yaml")
    (tmp_path / "bad.csv").write_text("contact,company,role\nx,2,\n", encoding="utf-8")
    bad = tmp_path / "bad.yaml"
    bad.write_text(JOB.replace("rows.csv", "bad.csv"), encoding="utf-8")
    ended = etl("run", bad, good, "--sandbox", "--json", cwd=tmp_path)
    assert ended.code == 1
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(line["job"], line["exit_code"]) for line in told] == [("bad", 1), ("good", 0)]
    assert sorted(path.parent.name for path in tmp_path.glob("runs/*/*")) == ["bad", "good"]


def test_a_job_that_can_not_begin_leaves_the_others_running(tmp_path: Path) -> None:
    """A wrong column in one of three jobs kept the night's other jobs from being run."""
    jobs = [write(tmp_path, "1,2,Partner\n", name=f"{name}.yaml") for name in ("a", "b", "c")]
    jobs[1].write_text(JOB.replace("column: contact}", "column: person}"), encoding="utf-8")
    ended = etl("run", *jobs, "--sandbox", cwd=tmp_path)
    # 2 would say that nothing was sent.
    assert ended.code == 3
    assert "'person'" in ended.stderr
    assert sorted(path.parent.name for path in tmp_path.glob("runs/*/*")) == ["a", "c"]

    told = etl("run", *jobs, "--sandbox", "--json", cwd=tmp_path)
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert [(line["job"], line["exit_code"]) for line in lines] == [("a", 0), ("b", 2), ("c", 0)]
    assert "'person'" in lines[1]["error"]
    assert lines[1]["hint"]
    assert told.code == 3


def test_jobs_of_which_none_can_begin(tmp_path: Path) -> None:
    """When no job of several could begin, schedulers read 2: nothing was sent."""
    wrong = JOB.replace("column: contact}", "column: person}")
    jobs = [write(tmp_path, "1,2,Partner\n", wrong, f"{name}.yaml") for name in ("a", "b")]
    ended = etl("run", *jobs, "--sandbox", "--json", cwd=tmp_path)
    assert ended.code == 2
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(line["job"], line["exit_code"]) for line in lines] == [("a", 2), ("b", 2)]
    assert list(tmp_path.glob("runs/*/*")) == []


# --- text that a terminal could take for its own --------------------------------------------------


def test_a_label_in_brackets_does_not_break_the_tables(tmp_path: Path) -> None:
    """A label such as [/x] ended plan and run in a traceback, as markup of the terminal."""
    job = write(tmp_path, "1,2,[/x]\n3,4,[bold]\n")
    planned = etl("plan", job, "--sandbox", cwd=tmp_path, COLUMNS="200")
    assert planned.code == 0, planned.stderr
    assert "[/x]" in planned.stdout
    assert "[bold]" in planned.stdout
    ended = etl("run", job, "--sandbox", cwd=tmp_path, COLUMNS="200")
    assert ended.code == 1, ended.stderr
    assert "[/x]" in ended.stderr
    shown = etl("show", "latest", cwd=tmp_path, COLUMNS="200")
    assert shown.code == 0, shown.stderr
    assert "[/x]" in shown.stdout


@pytest.mark.parametrize("spoken", ["message", "category"])
async def test_words_of_hubspot_in_brackets_do_not_break_the_table(
    tmp_path: Path, spoken: str
) -> None:
    """A run that was over ended in a traceback because HubSpot's words for a row had brackets."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.endswith("/create"):
            return await handler(request)
        refusal = {"message": "no", "category": "VALIDATION_ERROR", spoken: "[/x] is [bold]"}
        return web.json_response(refusal, status=400)

    job = write(tmp_path, "1,2,Partner\n")
    settings = {"HUBSPOT_ACCESS_TOKEN": TOKEN, "COLUMNS": "200"}
    async with Sandbox(demo_portal(), middlewares=[refuse]) as sandbox:
        settings["HUBSPOT_BASE_URL"] = sandbox.base_url
        ended = await asyncio.to_thread(etl, "run", job, cwd=tmp_path, **settings)
    assert ended.code == 1, ended.stderr
    assert "[/x] is [bold]" in ended.stderr
    shown = etl("show", "latest", cwd=tmp_path, COLUMNS="200")
    assert shown.code == 0, shown.stderr
    assert "[/x] is [bold]" in shown.stdout


# --- what ends with exit code 2 and sends nothing -------------------------------------------------


def refused(ended: Ended, folder: Path, *words: str) -> None:
    """Check that a command ended before anything was sent, in words."""
    assert ended.code == 2, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "Error: " in ended.stderr
    assert "Try: " in ended.stderr
    assert [word for word in words if word not in ended.stderr] == []
    assert list(folder.glob("runs/*/*")) == []


def test_an_unknown_label_for_all_rows(tmp_path: Path) -> None:
    """A label that HubSpot does not have is told with the nearest one, before anything is sent."""
    fixed = JOB.replace("{column: role}", "{value: Decison maker}")
    job = write(tmp_path, "1,2,\n", fixed)
    ended = etl("run", job, "--sandbox", cwd=tmp_path)
    refused(ended, tmp_path, "'Decison maker' does not exist", "did you mean 'Decision maker'?")


def test_no_token(tmp_path: Path) -> None:
    """Without a token the variable to set is named, and the sandbox offered."""
    job = write(tmp_path, "1,2,\n")
    refused(etl("run", job, cwd=tmp_path), tmp_path, "HUBSPOT_ACCESS_TOKEN", "--sandbox")


def test_no_source(tmp_path: Path) -> None:
    """A missing file is named as it was looked for."""
    job = write(tmp_path, "")
    (tmp_path / "rows.csv").unlink()
    ended = etl("run", job, "--sandbox", cwd=tmp_path)
    refused(ended, tmp_path, str(tmp_path / "rows.csv"), "source.path")


def test_no_such_column(tmp_path: Path) -> None:
    """A column that the source lacks is told with those that it has."""
    job = write(tmp_path, "1,2,\n", JOB.replace("column: contact}", "column: contact_id}"))
    refused(etl("run", job, "--sandbox", cwd=tmp_path), tmp_path, "contact_id", "company")


def test_a_bad_job_among_good_ones_begins_none(tmp_path: Path) -> None:
    """All job files are checked before the first one sends."""
    good = write(tmp_path, "1,2,\n", name="good.yaml")
    bad = write(tmp_path, "1,2,\n", JOB + "existing: keep\n", name="bad.yaml")
    ended = etl("run", good, bad, "--sandbox", cwd=tmp_path)
    refused(ended, tmp_path, f"{bad}:6:1", "existing_labels")


def test_a_bad_portal_file(tmp_path: Path) -> None:
    """A portal file with a slip is told with its name."""
    job = write(tmp_path, "1,2,\n")
    (tmp_path / "portal.yaml").write_text("lables: []\n", encoding="utf-8")
    ended = etl("run", job, "--sandbox", "--portal", "portal.yaml", cwd=tmp_path)
    refused(ended, tmp_path, "portal.yaml", "lables")


# --- the token ------------------------------------------------------------------------------------


@pytest.mark.parametrize("accepted", [True, False])
def test_the_token_is_in_no_file_and_no_stream(tmp_path: Path, *, accepted: bool) -> None:
    """Whether HubSpot takes the token or not, nobody reads it anywhere afterwards."""
    job = write(tmp_path, "1,2,Partner\nx,2,\n", JOB + "hubspot: {access_token: '${SECRET}'}\n")
    portal = tmp_path / "portal.yaml"
    portal.write_text(
        f"settings: {{access_token: {TOKEN if accepted else 'other'}}}\n", encoding="utf-8"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "etl", "sandbox", "--port", "0", "--portal", str(portal)],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    ) as sandbox:
        try:
            assert sandbox.stderr is not None
            base_url = sandbox.stderr.readline().rsplit("=", 1)[1].strip()
            ended = etl("run", job, cwd=tmp_path, SECRET=TOKEN, HUBSPOT_BASE_URL=base_url)
        finally:
            sandbox.terminate()
    assert ended.code == (1 if accepted else 2), ended.stderr
    portal.unlink()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [path for path, content in written.items() if TOKEN.encode() in content] == []
    assert TOKEN not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "override",
    [
        f"hubspot={{access_token: {TOKEN}}}",
        f"hubspot = {{access_token: {TOKEN}}}",
        f"hubspot.access_token={TOKEN}",
        f"hubspot.access_token={TOKEN}${{EMPTY}}",
        f"hubspot.access_token ={TOKEN}",
        f" hubspot.access_token = {TOKEN}",
    ],
)
def test_a_token_on_the_command_line_is_refused_unseen(tmp_path: Path, override: str) -> None:
    """A token given with --set, in any spelling, was printed into the log with the next command."""
    job = write(tmp_path, "x,2,\n")
    ended = etl("run", job, "--sandbox", "--set", override, cwd=tmp_path)
    refused(ended, tmp_path, "hubspot.access_token (not shown)", "${NAME}")
    assert TOKEN not in ended.stdout + ended.stderr


def test_a_retry_has_the_settings_of_its_run(tmp_path: Path) -> None:
    """What --set said once is not typed again, and the token's variable is all that is kept of it."""
    job = write(tmp_path, "x,2,\n")
    words = ["hubspot.access_token=${SECRET}", "limits.batch_size=7"]
    ended = etl(
        "run", job, "--sandbox", "--set", words[0], "--set", words[1], cwd=tmp_path, SECRET=TOKEN
    )
    assert ended.code == 1, ended.stderr
    again = follow(ended, tmp_path, SECRET=TOKEN)
    assert again.code == 1, again.stderr
    begun = [recall_begun(RunFolder(run)) for run in sorted(tmp_path.glob("runs/*/*"))]
    assert [each.job["limits"]["batch_size"] for each in begun] == [7, 7]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert [content for content in written if TOKEN.encode() in content] == []
    assert TOKEN not in ended.stdout + ended.stderr + again.stdout + again.stderr
