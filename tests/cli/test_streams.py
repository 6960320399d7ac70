"""Streams that nobody reads, that can't be written to, or that are closed: the work goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import pytest
from commands import SECONDS, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL: Final = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
"""
TWO_JOBS: Final = ("run", "a.yaml", "b.yaml", "--sandbox", "--json")
EXPORT: Final = ("export", "contacts", "companies", "--id", "101", "--sandbox")


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """Write two jobs, of which the second has a row that fails."""
    (tmp_path / "rows.csv").write_text("contact,company\n101,201\n", encoding="utf-8")
    (tmp_path / "bad.csv").write_text("contact,company\n101,201\n102,x\n", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(JOB + "output: {directory: runs}\n", encoding="utf-8")
    bad = JOB.replace("rows.csv", "bad.csv") + "output: {directory: runs}\n"
    (tmp_path / "b.yaml").write_text(bad, encoding="utf-8")
    return tmp_path


@contextmanager
def unread() -> Iterator[IO[bytes]]:
    """Give a pipe whose reader has gone away."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stream:
        yield stream


def run(
    *arguments: str,
    cwd: Path,
    stdout: IO[bytes] | int = subprocess.PIPE,
    stderr: IO[bytes] | int = subprocess.PIPE,
    closed: str = "",
    **settings: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command with streams of its own; `closed` is written as a shell does, such as 2>&-."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "etl", *arguments],
        cwd=cwd,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        timeout=SECONDS,
        check=False,
    )


def runs_of(folder: Path) -> list[str]:
    """Name the jobs that have been run to their end."""
    return sorted(path.parents[1].name for path in folder.glob("runs/*/*/summary.json"))


def test_a_reader_of_stdout_that_goes_away_changes_no_run(jobs: Path) -> None:
    """`run … --json | head` runs every job, ends with their code, and says that stdout is lost."""
    with unread() as pipe:
        ended = run(*TWO_JOBS, cwd=jobs, stdout=pipe)
    assert (ended.returncode, runs_of(jobs)) == (1, ["a", "b"])
    assert ended.stderr.count(b"Note: stdout can't be written any more: Broken pipe") == 1
    assert b"hubspot-assoc retry" in ended.stderr.splitlines()[-1]


def test_a_reader_of_both_streams_that_goes_away_changes_no_run(jobs: Path) -> None:
    """`run … 2>&1 | head -1` runs every job, and ends with their code."""
    with unread() as pipe:
        ended = run(*TWO_JOBS, cwd=jobs, stdout=pipe, stderr=pipe)
    assert (ended.returncode, runs_of(jobs)) == (1, ["a", "b"])


def test_words_that_nobody_reads_leave_the_data_alone(jobs: Path) -> None:
    """Where the reader of stderr is gone, stdout has its JSON and nothing else."""
    with unread() as pipe:
        ended = run(*TWO_JOBS, cwd=jobs, stderr=pipe)
    assert ended.returncode == 1
    assert [json.loads(line)["job"] for line in ended.stdout.splitlines()] == ["a", "b"]


@needs_full
def test_a_full_disk_below_stdout_changes_no_run(jobs: Path) -> None:
    """What `run` tells on stdout stands in its folder, too: the verdict is that of the rows."""
    with FULL.open("wb") as full:
        ended = run("run", "a.yaml", "--sandbox", "--json", cwd=jobs, stdout=full)
    assert (ended.returncode, runs_of(jobs)) == (0, ["a"])
    assert b"stdout can't be written any more: No space left on device" in ended.stderr


@needs_full
@pytest.mark.parametrize("command", [("types",), ("plan", "a.yaml", "--sandbox"), EXPORT])
def test_data_that_a_full_disk_has_lost_is_no_success(jobs: Path, command: tuple[str, ...]) -> None:
    """Whoever reads the file of a command that only tells would take half of it for the whole."""
    with FULL.open("wb") as full:
        ended = run(*command, cwd=jobs, stdout=full)
    assert ended.returncode == 3
    assert b"No space left on device" in ended.stderr


@pytest.mark.parametrize("command", [("types",), ("--help",), EXPORT])
def test_a_reader_who_has_seen_enough_is_no_failure(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """`types | head` ends well, also where a shell looks at each command of a pipe."""
    with unread() as pipe:
        ended = run(*command, cwd=tmp_path, stdout=pipe)
    assert ended.returncode == 0
    assert b"Error" not in ended.stderr


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_run(jobs: Path, closed: str) -> None:
    """A scheduler that closes streams gets the run and its code; no file of the run gets our words."""
    ended = run("run", "a.yaml", "--sandbox", "--json", cwd=jobs, closed=closed)
    assert (ended.returncode, runs_of(jobs)) == (0, ["a"])
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert bool(ended.stdout) == (">&-" not in closed.replace("2>&-", ""))
    [log] = jobs.glob("runs/a/*/run.log")
    assert all(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())


def test_a_closed_stdin_is_nobody_who_says_yes(tmp_path: Path) -> None:
    """What asks first is refused where nobody can answer."""
    ended = run(
        *("disassociate", "contacts", "101", "companies", "202"),
        cwd=tmp_path,
        closed="<&-",
        HUBSPOT_ACCESS_TOKEN="made-up",
    )
    assert ended.returncode == 2
    assert b"nobody has said yes" in ended.stderr
