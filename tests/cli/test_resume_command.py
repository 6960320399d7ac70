"""The commands ``resume``, ``retry``, ``runs`` and ``show``: processes that are killed, and go on."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from commands import (
    SECONDS,
    Ended,
    batches_pushed,
    etl,
    follow,
    run_folders,
    served,
    started,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB: Final = """\
name: roles
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role}
existing_labels: keep
limits: {batch_size: 1, concurrency: 2, requests_per_10_seconds: 100000}
output: {directory: runs}
"""
PORTAL: Final = """\
labels: [{from: contacts, to: companies, label: VIP}]
records: {contacts: {missing: [7]}}
settings: {requests_per_10_seconds: null}
"""
SLOW: Final = "faults: [{fault: slow, on: write, seconds: 0.05}]\n"
UNHURRIED: Final = ("--set", "limits.requests_per_10_seconds=20")
"""Makes a run last longer than whatever a test does meanwhile."""
ROWS: Final = 60
COST: Final = ("attempts", "http_status", "correlation_id", "source_file")
"""What may differ between a run that was cut off and one that was not, in a folder of its own."""
LASTING: Final = (
    "job",
    "rows",
    "outcomes",
    "associations",
    "api_version",
    "labels",
    "stopped",
    "exit_code",
    "parent",
)
"""What a summary must tell alike, however often the run was cut off."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a job of one request a row, and what rehearsals of it need."""
    lines = [f"{number},{number + 100},VIP\n" for number in range(1, ROWS)] + ["x,1,VIP\n"]
    write_rows(tmp_path, *lines)
    (tmp_path / "roles.yaml").write_text(JOB, encoding="utf-8")
    (tmp_path / "portal.yaml").write_text(PORTAL, encoding="utf-8")
    (tmp_path / "slow.yaml").write_text(SLOW, encoding="utf-8")
    return tmp_path


@pytest.fixture
def hubspot(folder: Path) -> Iterator[dict[str, str]]:
    """Serve a slow account; give the settings that lead there."""
    with served("--portal", "portal.yaml", "--faults", "slow.yaml", cwd=folder) as settings:
        yield settings


def write_rows(folder: Path, *lines: str) -> None:
    """Write the job's source."""
    text = "contact,company,role\n" + "".join(lines)
    (folder / "rows.csv").write_text(text, encoding="utf-8")


def rehearse(folder: Path, *lines: str) -> Ended:
    """Run the job over a few rows to its end, against an account that is not slow."""
    write_rows(folder, *lines)
    return etl("run", "roles.yaml", "--portal", "portal.yaml", cwd=folder)


def summary_of(run: Path) -> dict[str, Any]:
    """Read what a run says of itself."""
    return dict(json.loads((run / "summary.json").read_bytes()))


def failures_of(run: Path) -> list[list[str]]:
    """Read the rows that did not succeed, but for HubSpot's id of the answer."""
    with (run / "failures.csv").open(encoding="utf-8", newline="") as file:
        return [line[:-1] for line in csv.reader(file)]


def contents(run: Path) -> dict[str, bytes]:
    """Read every file of a run."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def the_runs(folder: Path) -> list[dict[str, Any]]:
    """List runs as machines do."""
    ended = etl("runs", "--json", cwd=folder)
    assert (ended.code, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def nothing_was_begun(ended: Ended, *words: str) -> None:
    """Check that a command was refused, in words."""
    assert (ended.code, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    assert "Error: " in ended.stderr
    assert "Try: " in ended.stderr
    assert [word for word in words if word not in ended.stderr] == []


def interrupt_until_it_ends(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C again and again, as people do: not faster than a process can end."""
    for _ in range(SECONDS):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=1)
    raise AssertionError("it does not end")


# --- resume ---------------------------------------------------------------------------------------


def test_four_kills_leave_no_trace(folder: Path, hubspot: dict[str, str]) -> None:
    """After four ``kill -9`` and as many resumes the files are those of a run without any."""
    calm = folder / "calm"
    calm.mkdir()
    for name in ("roles.yaml", "rows.csv", "portal.yaml"):
        (calm / name).write_bytes((folder / name).read_bytes())
    uninterrupted = etl("run", "roles.yaml", "--portal", "portal.yaml", cwd=calm)
    assert uninterrupted.code == 1, uninterrupted.stderr

    command = ("run", "roles.yaml")
    for batches in (3, 15, 27, 39):
        with started(*command, cwd=folder, **hubspot) as process:
            wait_until(lambda least=batches: batches_pushed(folder) >= least, process)  # type: ignore[misc]
            process.kill()
            assert process.wait(SECONDS) == -signal.SIGKILL
        command = ("resume", "latest")
    (folder / "rows.csv").unlink()
    ended = etl(*command, cwd=folder, **hubspot)
    assert ended.code == 1, ended.stderr

    [run], [expected] = run_folders(folder), run_folders(calm)
    results = [pl.read_parquet(each / "results.parquet").drop(COST) for each in (run, expected)]
    assert results[0].equals(results[1])
    assert failures_of(run) == failures_of(expected)
    told = [summary_of(each) for each in (run, expected)]
    assert {name: told[0][name] for name in LASTING} == {name: told[1][name] for name in LASTING}
    assert sorted(path.name for path in run.iterdir()) == sorted(
        path.name for path in expected.iterdir()
    )
    assert list(run.parent.glob(".*.lock")) == []
    # Four times two requests were in flight; nothing else was sent again.
    assert batches_pushed(folder) <= ROWS - 1 + 4 * 2


def test_a_finished_run_has_nothing_to_resume(folder: Path) -> None:
    """Whoever resumes to be on the safe side gets the run's own verdict, and changes no file."""
    assert rehearse(folder, "7,1,VIP\n", "5,1,VIP\n").code == 1
    [run] = run_folders(folder)
    before = contents(run)
    ended = etl("resume", "latest", cwd=folder)
    assert (ended.code, ended.stdout) == (1, "")
    assert "nothing to do" in ended.last_line
    assert contents(run) == before


@pytest.mark.parametrize("command", ["resume", "retry", "show"])
def test_what_is_no_run_is_refused(folder: Path, command: str) -> None:
    """A folder of something else is told as that."""
    nothing_was_begun(etl(command, ".", cwd=folder), f"{folder} is no run folder")


def test_a_run_that_is_not_there_is_refused(folder: Path) -> None:
    """A mistyped id is told with the folder that was looked through."""
    nothing_was_begun(etl("resume", "20261123T0", cwd=folder), "'20261123T0'", f"{folder}/runs")


def test_a_run_ended_by_a_scheduler_goes_on(folder: Path, hubspot: dict[str, str]) -> None:
    """SIGTERM ends a run with 143, and the last line is the command that ends the work."""
    with started("run", "roles.yaml", cwd=folder, **hubspot) as process:
        wait_until(lambda: batches_pushed(folder) > 3, process)
        process.terminate()
        stdout, stderr = process.communicate(timeout=SECONDS)
    ended = Ended(process.returncode, stdout, stderr)
    assert ended.code == 143
    [run] = run_folders(folder)
    assert summary_of(run)["outcomes"]["not_sent"] > 0
    assert [each["state"] for each in the_runs(folder)] == ["interrupted"]
    again = follow(ended, folder.parent, **hubspot)
    assert again.code == 1, again.stderr
    assert summary_of(run)["outcomes"]["associated"] == ROWS - 2
    assert batches_pushed(folder) == ROWS - 1


def test_a_second_signal_ends_at_once_and_can_be_resumed(folder: Path) -> None:
    """Ctrl-C pressed twice, while an answer never comes, costs nothing but that request."""
    (folder / "hang.yaml").write_text(
        "faults: [{fault: hang, on: write, after: 4, times: 1}]\n", encoding="utf-8"
    )
    with served("--portal", "portal.yaml", "--faults", "hang.yaml", cwd=folder) as hubspot:
        with started("run", "roles.yaml", cwd=folder, **hubspot) as process:
            wait_until(lambda: batches_pushed(folder) >= 6, process)
            stdout, stderr = interrupt_until_it_ends(process)
        [run] = run_folders(folder)
        ended = Ended(process.returncode, stdout, stderr)
        assert (ended.code, ended.stdout) == (130, "")
        assert ended.last_line == (
            f"interrupted by Ctrl-C at once; go on with: hubspot-assoc resume {run}"
        )
        again = follow(ended, folder, **hubspot)
        assert again.code == 1, again.stderr
        assert summary_of(run)["outcomes"]["associated"] == ROWS - 2


# --- one at a time --------------------------------------------------------------------------------


def test_a_running_job_is_not_started_again(folder: Path, hubspot: dict[str, str]) -> None:
    """A scheduler that starts too early is told who is at it; a rehearsal is in nobody's way."""
    with started("run", "roles.yaml", *UNHURRIED, cwd=folder, **hubspot) as process:
        wait_until(lambda: batches_pushed(folder) > 1, process)
        [run] = run_folders(folder)
        second = etl("run", "roles.yaml", cwd=folder, **hubspot)
        nothing_was_begun(second, "being run already", f"process {process.pid}", run.name)
        nothing_was_begun(etl("resume", run, cwd=folder, **hubspot), f"process {process.pid}")
        nothing_was_begun(etl("retry", run, cwd=folder, **hubspot), "not come to its end")
        assert run_folders(folder) == [run]
        [told] = the_runs(folder)
        assert (told["state"], told["rows"], told["exit_code"]) == ("running", ROWS, None)
        shown = etl("show", run, cwd=folder)
        assert f"by process {process.pid}" in shown.stdout
        rehearsal = etl("run", "roles.yaml", "--portal", "portal.yaml", cwd=folder)
        assert rehearsal.code == 1, rehearsal.stderr
        process.kill()
        process.wait(SECONDS)
    assert [each["state"] for each in the_runs(folder)] == ["finished", "interrupted"]


def test_a_run_that_still_reads_its_source_is_left_alone(
    folder: Path, hubspot: dict[str, str]
) -> None:
    """A resume that came too early swept the staged rows from under the run that was at them."""
    with started("run", "roles.yaml", cwd=folder, **hubspot) as process:
        wait_until(lambda: bool(list(folder.glob("runs/*/*/journal.sqlite"))), process)
        process.send_signal(signal.SIGSTOP)
        [run] = run_folders(folder)
        there = sorted(run.rglob("*"))
        early = etl("resume", run, cwd=folder, **hubspot)
        assert early.code == 2
        assert f"process {process.pid}" in early.stderr
        assert sorted(run.rglob("*")) == there
        process.send_signal(signal.SIGCONT)
        _, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, stderr
    assert summary_of(run)["outcomes"]["associated"] == ROWS - 2


def test_rehearsals_may_run_side_by_side(folder: Path) -> None:
    """Two people try the same job at the same time, each with a sandbox of their own."""
    command = ("run", "roles.yaml", "--portal", "portal.yaml")
    with started(*command, *UNHURRIED, cwd=folder) as one:
        wait_until(lambda: batches_pushed(folder) > 1, one)
        other = etl(*command, cwd=folder)
        assert other.code == 1, other.stderr
        assert one.poll() is None
    assert len(run_folders(folder)) == 2


# --- runs and show --------------------------------------------------------------------------------


def test_a_run_is_shown_as_it_stands(folder: Path, hubspot: dict[str, str]) -> None:
    """People and machines read the same of a run that was killed, and of the same run at its end."""
    with started("run", "roles.yaml", cwd=folder, **hubspot) as process:
        wait_until(lambda: batches_pushed(folder) > 5, process)
        process.kill()
        process.wait(SECONDS)
    [run] = run_folders(folder)
    [told] = the_runs(folder)
    assert (told["run_id"], told["job"], told["state"]) == (run.name, "roles", "interrupted")
    assert sum(told["outcomes"].values()) == told["rows"] == ROWS
    assert 0 < told["outcomes"]["not_sent"] < ROWS - 5
    shown = etl("show", "latest", cwd=folder)
    assert shown.code == 0
    assert "interrupted" in shown.stdout
    assert shown.stdout.rstrip().endswith(f"go on with: hubspot-assoc resume {run}")
    assert json.loads(etl("show", "latest", "--json", cwd=folder).stdout) == told
    assert "interrupted" in etl("runs", cwd=folder, COLUMNS="200").stdout

    assert etl("resume", "latest", cwd=folder, **hubspot).code == 1
    [told] = the_runs(folder)
    assert (told["state"], told["exit_code"]) == ("finished", 1)
    assert told["outcomes"] == {"associated": ROWS - 2, "rejected": 1, "failed": 1}
    shown = etl("show", "latest", "--json", cwd=folder)
    assert json.loads(shown.stdout).items() >= summary_of(run).items()
    listed = etl("runs", cwd=folder, COLUMNS="200").stdout
    assert "finished" in listed
    assert f"{ROWS - 2} associated" in listed


def test_no_runs_are_no_error(folder: Path) -> None:
    """In a new folder the list is empty, and says where it has looked."""
    ended = etl("runs", cwd=folder)
    assert (ended.code, ended.stdout) == (0, "")
    assert str(folder / "runs") in ended.stderr
    assert the_runs(folder) == []


# --- retry ----------------------------------------------------------------------------------------


def test_a_retry_is_a_run_of_its_own(folder: Path) -> None:
    """Rows that fail again are in the new run's files; corrected there, they succeed."""
    first = rehearse(folder, "5,1,VIP\n", "7,2,VIP\n", "6,3,VIP\n", "x,4,VIP\n")
    assert first.code == 1, first.stderr
    [one] = run_folders(folder)
    before = contents(one)

    second = follow(first, folder.parent)
    assert second.code == 1, second.stderr
    two = run_folders(folder)[-1]
    told = summary_of(two)
    assert (told["parent"], told["rows"]) == (one.name, 2)
    assert told["outcomes"]["failed"] == told["outcomes"]["rejected"] == 1
    assert [line[:3] for line in failures_of(two)[1:]] == [["7", "2", "VIP"], ["x", "4", "VIP"]]
    assert contents(one) == before
    assert [each["parent"] for each in the_runs(folder)] == [one.name, None]
    assert f"retry of {one.name}" in etl("show", two, cwd=folder).stdout
    assert f"retry of {one.name}" in etl("runs", cwd=folder, COLUMNS="200").stdout

    failures = two / "failures.csv"
    text = failures.read_text(encoding="utf-8")
    failures.write_text(text.replace("\n7,", "\n8,").replace("\nx,", "\n9,"), encoding="utf-8")
    third = follow(second, folder)
    assert third.code == 0, third.stderr
    assert "every row succeeded" in third.last_line
    assert summary_of(run_folders(folder)[-1])["parent"] == two.name

    nothing = etl("retry", "latest", cwd=folder)
    assert (nothing.code, nothing.stdout) == (0, "")
    assert "nothing to do" in nothing.stderr
    assert len(run_folders(folder)) == 3


def test_a_retry_can_be_killed_and_resumed(folder: Path) -> None:
    """A retry is a run like any other: what holds for one holds for the other."""
    write_rows(folder, *(f"{number},1,\n" for number in range(1000, 1030)), "x,1,\n")
    (folder / "gone.yaml").write_text(
        "records: {contacts: {missing: [[1000, 1029]]}}\n", encoding="utf-8"
    )
    trouble = ("--portal", "gone.yaml", "--faults", "slow.yaml")
    failed = etl("run", "roles.yaml", *trouble, cwd=folder)
    assert failed.code == 1, failed.stderr
    [one] = run_folders(folder)
    (folder / "gone.yaml").write_bytes((folder / "portal.yaml").read_bytes())
    pushed = batches_pushed(folder)
    with started("retry", one, cwd=folder) as process:
        wait_until(lambda: batches_pushed(folder) > pushed + 3, process)
        process.kill()
        process.wait(SECONDS)
    ended = etl("resume", "latest", cwd=folder)
    assert ended.code == 1, ended.stderr
    told = summary_of(run_folders(folder)[-1])
    assert (told["parent"], told["rows"]) == (one.name, 31)
    assert told["outcomes"]["associated"] == 30


# --- rehearsals of trouble ------------------------------------------------------------------------


def test_a_bad_night_can_be_rehearsed(folder: Path) -> None:
    """``--faults`` alone takes the sandbox, needs no token, and the rows end as in a good night."""
    (folder / "faults.yaml").write_text(
        "faults:\n"
        "  - {fault: status, status: 500, on: write, times: 2}\n"
        "  - {fault: cut_after, on: write, after: 4, times: 1}\n"
        "  - {fault: forget, results: 1, on: write, after: 6, times: 1}\n",
        encoding="utf-8",
    )
    write_rows(folder, *(f"{number},1,Partner\n" for number in range(1, 9)))
    ended = etl("run", "roles.yaml", "--faults", "faults.yaml", "--json", cwd=folder)
    assert ended.code == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["outcomes"]["associated"] == told["rows"] == 8
    assert told["attempts"] == told["requests"] + 3
    assert told["base_url"].startswith("http://127.0.0.1:")


def test_a_bad_faults_file_is_told(folder: Path) -> None:
    """A slip in a faults file is told with what may stand there, before anything is begun."""
    (folder / "faults.yaml").write_text("faults: [{fault: slwo}]\n", encoding="utf-8")
    ended = etl("run", "roles.yaml", "--faults", "faults.yaml", cwd=folder)
    nothing_was_begun(ended, "faults.yaml", "slwo", "slow")
    assert run_folders(folder) == []
