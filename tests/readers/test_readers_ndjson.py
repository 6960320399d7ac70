"""ndjson: values as text, keys that come late, lines that are no objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from etl.errors import SourceError
from etl.model import Source
from etl.readers import FLAW, ROW_NUMBER, Chunk, find_files, read_chunks

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: bytes | str) -> Path:
    """Put a file there, and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, *used: str, chunk_rows: int = 1000, block_bytes: int = 16) -> list[Chunk]:
    """Read a source whole, in blocks so small that records stand across them."""
    source = Source(str(path))
    return list(read_chunks(find_files(source), source, used, chunk_rows, block_bytes=block_bytes))


def cells_of(chunks: list[Chunk]) -> list[tuple[str | None, ...]]:
    """Show the source's cells alone: row numbers and flaws have tests of their own."""
    return [row for chunk in chunks for row in chunk.frame.drop(ROW_NUMBER, FLAW).rows()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1.23E+11", "1.23E+11"),
        ("12345678901234567.0", "12345678901234567.0"),
        ("-1.50", "-1.50"),
        ("1e400", "1e400"),
        ("123.0 ", "123.0"),
        ('"007"', "007"),
        ('""', ""),
        ('"\\u00e9\\n\\"x\\": 1.5,"', 'é\n"x": 1.5,'),
        ('":1.5,"', ":1.5,"),
        ("null", None),
        ("true", "true"),
        ('[1,{"k":"v"}]', '[1, {"k": "v"}]'),
    ],
)
def test_values(tmp_path: Path, value: str, text: str | None) -> None:
    """A value is the text of the file, so that no id is rounded on the way."""
    path = write(tmp_path / "a.ndjson", f'{{"id": {value}, "x":"y"}}\n')
    assert cells_of(read(path, "id")) == [(text, "y")]


def test_missing_keys_and_blank_lines(tmp_path: Path) -> None:
    """A key that a row leaves out is null; blank lines are no rows; CRLF is a line end."""
    path = write(tmp_path / "a.jsonl", '{"id": 1}\r\n\r\n  \n{"id": 2, "x": "y"}\n')
    chunks = read(path, "id", block_bytes=1000)
    assert cells_of(chunks) == [("1", None), ("2", "y")]
    assert chunks[0].frame["row_number"].to_list() == [1, 2]


def test_late_keys(tmp_path: Path) -> None:
    """A key that only later rows have is appended, and earlier columns keep their places."""
    path = write(tmp_path / "a.ndjson", '{"id": 1, "x": 2}\n{"y": 3, "id": 4}\n{"id": 5}\n')
    chunks = read(path, "id", block_bytes=20)
    assert [chunk.columns for chunk in chunks] == [("id", "x"), ("id", "x", "y"), ("id", "x", "y")]
    assert cells_of(chunks) == [("1", "2"), ("4", None, "3"), ("5", None, None)]


def test_late_keys_of_several_files(tmp_path: Path) -> None:
    """A column keeps its place through all files, also where a csv stands between them."""
    write(tmp_path / "a.ndjson", '{"id": 1}\n')
    write(tmp_path / "b.ndjson", '{"z": 3, "id": 2}\n')
    write(tmp_path / "c.csv", "id\n3\n")
    write(tmp_path / "d.ndjson", '{"y": 5, "id": 4}\n')
    chunks = read(tmp_path, "id")
    assert [chunk.columns for chunk in chunks] == [("id",), ("id", "z"), ("id",), ("id", "z", "y")]
    assert cells_of(chunks) == [("1",), ("2", "3"), ("3",), ("4", None, "5")]


@pytest.mark.parametrize("block_bytes", [5, 1000])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 1', "delimiter"),
        ('{"id": 1} x', "Extra data"),
        ('{"id": 1}{"id": 2}', "Extra data"),
        ("[1, 2]", "it is \\[1, 2\\]"),
        ("null", "it is null"),
        ("id,x", "Expecting value"),
    ],
)
def test_lines_that_are_no_objects(
    tmp_path: Path, block_bytes: int, line: str, reason: str
) -> None:
    """A line that is no object is named with its number and the reason."""
    path = write(tmp_path / "a.ndjson", f'{{"id": 0}}\n\n{{"id": 1}}\n{line}\n{{"id": 2}}\nnope\n')
    with pytest.raises(SourceError, match=rf"a\.ndjson, line 4: .*{reason}"):
        read(path, "id", block_bytes=block_bytes)


LAST_LINE = '{"id": 12, "x": [true, {"y": -1.5}], "z": "a\\\\b\\u00e9\\"é"}'


@pytest.mark.parametrize("block_bytes", [7, 1000])
def test_cut_short(tmp_path: Path, block_bytes: int) -> None:
    """A file that ends inside its last line is cut short, not full of wrong JSON."""
    for end in range(1, len(LAST_LINE)):
        path = write(tmp_path / "a.ndjson", '{"id": 1}\n' + LAST_LINE[:end])
        with pytest.raises(SourceError, match=r"line 2: the file ends in the middle of") as caught:
            read(path, "id", block_bytes=block_bytes)
        assert "cut short" in caught.value.hint
    read(write(tmp_path / "a.ndjson", '{"id": 1}\n' + LAST_LINE), "id", block_bytes=block_bytes)


@pytest.mark.parametrize("line", ["{id: 1}", '{"id" "x"}', '{"id": 1} {"id"', "[1", '{"id": 1'])
def test_wrong_but_not_cut_short(tmp_path: Path, line: str) -> None:
    """What is wrong in a last line, or stands in a line with an end, is told as wrong."""
    end = "\n" if line == '{"id": 1' else ""
    with pytest.raises(SourceError, match="line 1: the line is no JSON object"):
        read(write(tmp_path / "a.ndjson", line + end), "id")


@pytest.mark.parametrize("line", ['{"id":' * 100_000, '{"id":' * 100_000 + "1" + "}" * 100_000])
def test_values_nested_too_deeply(tmp_path: Path, line: str) -> None:
    """Values inside values without end ended in a traceback."""
    with pytest.raises(SourceError, match=r"line 1: .*its values are nested too deeply"):
        read(write(tmp_path / "a.ndjson", line), "id", block_bytes=1_000_000)


def test_other_encodings(tmp_path: Path) -> None:
    """By its standard ndjson is utf-8; other bytes are named by their line."""
    with pytest.raises(SourceError, match="line 2: byte 0x8E is not utf-8") as caught:
        read(write(tmp_path / "a.ndjson", b'{"id": 1}\n{"id": "' + "山".encode("cp932") + b'"}\n'))
    assert "iconv" in caught.value.hint


def test_empty_ndjson(tmp_path: Path) -> None:
    """No line is no row: an ndjson has no header to miss."""
    assert read(write(tmp_path / "a.ndjson", ""), "id") == []


def test_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JSON array on one line is refused before it fills the memory."""
    monkeypatch.setattr("etl.readers.ndjson.MAX_RECORD_BYTES", 100)
    with pytest.raises(SourceError, match="line 2: the line is longer than") as caught:
        read(write(tmp_path / "a.ndjson", '{"id": 1}\n[' + '{"id": 1},' * 50), "id")
    assert "jq" in caught.value.hint


def test_columns_are_text(tmp_path: Path) -> None:
    """Every cell column is a String column, also one that holds nothing."""
    (chunk,) = read(write(tmp_path / "a.ndjson", '{"id": 1, "x": null}\n'), "id", block_bytes=1000)
    assert chunk.frame.dtypes == [pl.Int64, pl.String, pl.String, pl.String]
