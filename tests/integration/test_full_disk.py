"""A disk that takes no more: an error in words, and whatever stood there before still stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest

from etl.errors import StoppedError
from etl.logs import open_log
from etl.run_folder import write_whole, writing

if TYPE_CHECKING:
    from pathlib import Path

FULL_AFTER_BYTES: Final = 8192

PROLOGUE: Final = f"""
from __future__ import annotations
import resource
import sys
from pathlib import Path
from etl.errors import StoppedError
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, ({FULL_AFTER_BYTES}, {FULL_AFTER_BYTES}))
def attempt(work):
    try:
        work()
    except StoppedError as error:
        print(error.message)
        print(error.hint)
"""


def on_a_full_disk(script: str, path: Path) -> list[str]:
    """Run a script in a process that may write a few kilobytes to a file; give the lines it tells."""
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + script, str(path)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_log_on_a_full_disk_stops_the_run(tmp_path: Path) -> None:
    """A run that can't keep its log ends with the file's name and the fix, and can be resumed."""
    path = tmp_path / "run.log"
    script = """
from etl.logs import open_log
def fill():
    with open_log(path, run_id="r") as log:
        for number in range(1000):
            log.info("batch.pushed", batch=number)
attempt(fill)
"""
    said, hint = on_a_full_disk(script, path)
    assert said == f"{path} can't be written: File too large"
    assert "make room on the disk" in hint
    # A disk may take a part of a line; the next sitting begins a line of its own.
    with open_log(path, run_id="r") as log:
        log.info("run.resumed")
    *before, last = path.read_bytes().splitlines()
    assert json.loads(last)["event"] == "run.resumed"
    assert [json.loads(line)["batch"] for line in before[:-1]] == list(range(len(before) - 1))


def test_a_file_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    """Results of an earlier sitting are not lost to a disk that is full now."""
    path = tmp_path / "results.bin"
    path.write_bytes(b"of an earlier sitting")
    script = """
from etl.run_folder import write_whole
attempt(lambda: write_whole(path, lambda partial: partial.write_bytes(b"x" * 100_000)))
"""
    said, _ = on_a_full_disk(script, path)
    assert said == f"{path} can't be written: File too large"
    assert path.read_bytes() == b"of an earlier sitting"


@pytest.mark.parametrize("write", ["sink_parquet", "sink_csv"])
def test_a_table_that_does_not_fit_is_told_like_any_file(tmp_path: Path, write: str) -> None:
    """Polars says it in its own way; the operator reads the path and the fix all the same."""
    path = tmp_path / "results"
    script = f"""
import polars as pl
from etl.run_folder import write_whole
table = pl.LazyFrame({{"a": [str(n * 7919 % 10_007) * 3 for n in range(200_000)]}})
attempt(lambda: write_whole(path, table.{write}))
"""
    said, hint = on_a_full_disk(script, path)
    assert said.startswith(f"{path} can't be written: ")
    assert "File too large" in said
    assert "make room on the disk" in hint
    assert not path.exists()


def test_a_journal_on_a_full_disk_stops_the_run(tmp_path: Path) -> None:
    """What can't be written down is not sent, and what was written down can be read."""
    path = tmp_path / "journal.sqlite"
    script = """
from etl.journal import open_journal
from etl.errors import UsageError
def fill():
    with open_journal(path) as journal:
        for number in range(10_000):
            journal.begin(0, {number: 1})
try:
    attempt(fill)
except UsageError as error:
    print(error.message)
    print(error.hint)
"""
    said, hint = on_a_full_disk(script, path)
    assert "journal" in said
    assert "disk" in hint


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Whoever looks while a file is written sees the old one or the new one, never a part."""
    path = tmp_path / "summary.json"
    path.write_text("old", encoding="utf-8")

    def write(partial: Path) -> None:
        partial.write_text("new", encoding="utf-8")
        assert partial.parent == path.parent, "a rename is whole within one folder only"
        assert path.read_text(encoding="utf-8") == "old"

    write_whole(path, write)
    assert path.read_text(encoding="utf-8") == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize(
    ("trouble", "said", "hint"),
    [
        (
            PermissionError(13, "Permission denied"),
            "Permission denied",
            "check the disk and the folder's permissions",
        ),
        (
            OSError(28, "No space left on device"),
            "No space left on device",
            "make room on the disk",
        ),
        (
            pl.exceptions.ComputeError("sink: io error: No space left (os error 28)"),
            "No space left (os error 28)",
            "make room on the disk",
        ),
    ],
)
def test_trouble_with_the_disk_names_the_file(
    tmp_path: Path, trouble: Exception, said: str, hint: str
) -> None:
    """Whoever reads the message knows which file, what happened and what to do."""
    path = tmp_path / "results.parquet"
    with pytest.raises(StoppedError) as caught, writing(path):
        raise trouble
    assert caught.value.message == f"{path} can't be written: {said}"
    assert caught.value.hint == hint


def test_a_log_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    """A folder in the place of run.log ends in words."""
    with pytest.raises(StoppedError, match=r"can't be written"), open_log(tmp_path):
        pass


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        pytest.param(b"", 1, id="new"),
        pytest.param(b'{"event":"a"}\n', 2, id="whole"),
        pytest.param(b'{"event":"a"}\n{"eve', 3, id="cut"),
        pytest.param(b'{"event":"a"}', 2, id="cut before its end"),
    ],
)
def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path, before: bytes, lines: int) -> None:
    """After a power cut the log goes on in a line of its own, without blank ones."""
    path = tmp_path / "run.log"
    path.write_bytes(before)
    with open_log(path, run_id="r") as log:
        log.info("run.resumed")
    written = path.read_bytes()
    assert written.startswith(before)
    assert len(written.splitlines()) == lines
    assert json.loads(written.splitlines()[-1])["event"] == "run.resumed"
