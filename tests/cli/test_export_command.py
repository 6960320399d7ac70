"""The command ``export``: lines on stdout or in a file, words on stderr, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from commands import etl

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER: Final = "from_id,to_id,category,type_id,label\n"
ENDS: Final = ("export", "contacts", "companies", "--sandbox")
QUIET: Final = ("--api-version", "2026-03")
"""A version of which there is nothing to tell on stderr."""


@pytest.fixture
def ids(tmp_path: Path) -> str:
    """Write a list of ids."""
    (tmp_path / "ids.csv").write_text("id\n1\n2\n2\n", encoding="utf-8")
    return "ids.csv"


def test_lines_go_to_stdout_and_words_to_stderr(tmp_path: Path, ids: str) -> None:
    """The lines can be piped; how many there are is told beside them."""
    ended = etl(*ENDS, "--ids", ids, *QUIET, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (0, HEADER)
    assert ended.stderr == "records: 2 · associations: 0 · lines: 0\n"


def test_counts_for_machines(tmp_path: Path, ids: str) -> None:
    """With a file for the lines, stdout has the counts."""
    ended = etl(*ENDS, "--ids", ids, "--output", "links.csv", "--json", cwd=tmp_path)
    assert (ended.code, (tmp_path / "links.csv").read_text(encoding="utf-8")) == (0, HEADER)
    assert json.loads(ended.stdout) == {
        "records": 2,
        "associations": 0,
        "lines": 0,
        "output": "links.csv",
        "unread": [],
    }


def test_what_could_not_be_read_is_exit_1(tmp_path: Path) -> None:
    """Lines are written all the same, and the record is named with HubSpot's words."""
    ended = etl(*ENDS, "--id", "1", "--id", "900000000001", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (1, HEADER)
    assert "contacts 900000000001: resource not found" in ended.stderr
    assert "Try: " in ended.stderr


def test_the_newest_version_lists_no_single_records(tmp_path: Path) -> None:
    """Where HubSpot has taken the operation away, the command says how it reads instead."""
    ended = etl(*ENDS, "--id", "1", "--api-version", "2026-09", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (0, HEADER)
    assert "API 2026-09 lists no single records" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --ids FILE, or --id"),
        (("--ids", "ids.csv", "--id", "1"), "give --ids FILE, or --id"),
        (("--id", "0"), "--id"),
        (("--ids", "none.csv"), "Correct --ids."),
        (("--ids", "ids.csv", "--column", "ids"), "Did you mean 'id'? Correct --column"),
        (("--ids", "japanese.csv"), "Set --encoding to how"),
        (("--ids", "semicolons.csv", "--column", "b"), "set --delimiter ';'"),
        (("--ids", "tabs.csv", "--column", "b"), r'set --delimiter "\t"'),
        (("--ids", "ids.csv", "--output", "links.xlsx"), ".csv or .parquet"),
        (("--ids", "ids.csv", "--output", "none/links.csv"), "no file can be written there"),
        (("--ids", "ids.csv", "--output", "./ids.csv"), "is the file"),
        (("--ids", "ids.csv", "--json"), "give --output FILE"),
    ],
)
def test_mistakes_ask_nothing(
    tmp_path: Path, ids: str, arguments: Sequence[str], said: str
) -> None:
    """A slip is exit 2 with the option that mends it, not the key of a job file."""
    assert ids == "ids.csv"
    (tmp_path / "japanese.csv").write_bytes("番号\n1\n".encode("cp932"))
    (tmp_path / "semicolons.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    (tmp_path / "tabs.csv").write_text("a\tb\n1\t2\n", encoding="utf-8")
    ended = etl(*ENDS, *arguments, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert said.casefold() in ended.stderr.casefold()
    assert "source." not in ended.stderr


def test_a_tab_is_written_as_messages_write_it(tmp_path: Path) -> None:
    """A shell gives no tab easily: the two characters that the hint shows do."""
    (tmp_path / "tabs.csv").write_text("a\tb\n1\t2\n3\t2\n", encoding="utf-8")
    options = ("--ids", "tabs.csv", "--column", "b", "--delimiter", r"\t")
    ended = etl(*ENDS, *options, *QUIET, cwd=tmp_path)
    assert (ended.code, ended.stderr) == (0, "records: 1 · associations: 0 · lines: 0\n")


def test_an_export_that_comes_to_nothing_writes_nothing(tmp_path: Path, ids: str) -> None:
    """An object that HubSpot does not know is told before there is a file."""
    ended = etl(
        "export",
        "contacts",
        "vendors",
        "--sandbox",
        "--ids",
        ids,
        "--output",
        "x.csv",
        cwd=tmp_path,
    )
    assert ended.code == 2
    assert "check both objects" in ended.stderr
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
@pytest.mark.parametrize(
    "command", [(*ENDS, "--id", "1"), ("check", "job.yaml", "--sandbox")], ids=["export", "check"]
)
def test_a_folder_that_takes_no_file(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Where nothing can be written is known before anything is asked, with path and reason."""
    (tmp_path / "rows.csv").write_text("contact,company\n1,2\n", encoding="utf-8")
    (tmp_path / "job.yaml").write_text(
        "source: {path: rows.csv}\n"
        "from: {object: contacts, column: contact}\n"
        "to: {object: companies, column: company}\n",
        encoding="utf-8",
    )
    ended = etl(*command, "--output", "/proc/x.csv", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "--output /proc/x.csv can't be written: /proc: No such file" in ended.stderr
    assert "room" not in ended.stderr
