"""Columns: the ones a job uses are there once, and all files agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def test_missing_column(tmp_path: Path) -> None:
    """A mistyped column is told with file, line, the columns there are and the likely name."""
    path = write(tmp_path / "a.csv", "Contact ID,company_id\n1,2\n")
    with pytest.raises(SourceError) as caught:
        read(path, "contact_id")
    assert caught.value.message == (
        f"{path}, line 1: the column 'contact_id' is missing; the columns are 'Contact ID', 'company_id'"
    )
    assert "Did you mean 'Contact ID'?" in caught.value.hint


def test_missing_column_without_a_likely_name(tmp_path: Path) -> None:
    """Nothing is guessed where nothing is near."""
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path / "a.csv", "x,y\n1,2\n"), "contact_id")
    assert "Did you mean" not in caught.value.hint


@pytest.mark.parametrize(("delimiter", "shown"), [(";", "';'"), ("\t", r'"\t"'), ("|", "'|'")])
def test_header_cut_by_the_wrong_delimiter(tmp_path: Path, delimiter: str, shown: str) -> None:
    """A semicolon, tab or bar file that is read by commas says which setting mends it."""
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path / "a.csv", f"id{delimiter}role\n1{delimiter}2\n"), "id", "role")
    assert f"set source.csv.delimiter: {shown}" in caught.value.hint


def test_blanks_around_names(tmp_path: Path) -> None:
    """Blanks around a column's name do not hide it, and its name is kept as it stands."""
    chunks = read(write(tmp_path / "a.csv", "id , role\n1,2\n"), "id", "role")
    assert chunks[0].columns == ("id ", " role")
    assert chunks[0].cell_of("role") == "c1"
    with pytest.raises(KeyError):
        chunks[0].cell_of("nope")


def test_doubled_columns(tmp_path: Path) -> None:
    """Doubled and nameless columns only matter where the job uses them."""
    path = write(tmp_path / "a.csv", "id,x,x,,\n1,2,3,4,5\n")
    assert cells_of(read(path, "id")) == [("1", "2", "3", "4", "5")]
    with pytest.raises(SourceError, match="line 1: the column 'x' is there 2 times"):
        read(path, "x")


def test_names_that_clash_with_ours(tmp_path: Path) -> None:
    """A source may call its columns what it likes."""
    path = write(tmp_path / "a.csv", "row_number,flaw,c0,end\n9,8,7,6\n")
    assert cells_of(read(path, "c0")) == [("9", "8", "7", "6")]


def test_header_with_line_ends(tmp_path: Path) -> None:
    """A quoted name may stand on two lines, and line numbers still count the file's lines."""
    path = write(tmp_path / "a.csv", 'id,"two\nlines"\n1,2\n3\n')
    chunks = read(path, "two\nlines")
    flaws = [flaw for chunk in chunks for flaw in chunk.frame["flaw"] if flaw]
    assert chunks[0].columns == ("id", "two\nlines")
    assert flaws[0].startswith("line 4 has 1 field")


def test_other_order(tmp_path: Path) -> None:
    """Files whose columns stand in another order are put in the first one's."""
    write(tmp_path / "a.csv", "id,x,x\n1,2,3\n")
    write(tmp_path / "b.csv", "x,id,x\n5,4,6\n")
    chunks = read(tmp_path, "id")
    assert cells_of(chunks) == [("1", "2", "3"), ("4", "5", "6")]
    assert {chunk.columns for chunk in chunks} == {("id", "x", "x")}


def test_other_columns(tmp_path: Path) -> None:
    """A file with other columns is named with the difference, even if it has no rows."""
    write(tmp_path / "a.csv", "id,x\n1,2\n")
    path = write(tmp_path / "b.csv", "id,y\n")
    with pytest.raises(SourceError) as caught:
        read(tmp_path, "id")
    assert caught.value.message == (
        f"{path}: the columns differ from the first file's: it lacks 'x' and has also 'y'"
    )


def test_column_more_often(tmp_path: Path) -> None:
    """A doubled column that another file has once is a difference too."""
    write(tmp_path / "a.csv", "id,x\n1,2\n")
    write(tmp_path / "b.csv", "id,x,x\n")
    with pytest.raises(SourceError, match="more or less often"):
        read(tmp_path, "id")


def test_used_column_missing_in_a_later_file(tmp_path: Path) -> None:
    """Each file is checked for the columns the job uses, not the first alone."""
    write(tmp_path / "a.csv", "id\n1\n")
    write(tmp_path / "b.ndjson", '{"ident": 1}\n')
    with pytest.raises(SourceError, match=r"b\.ndjson, line 1: the column 'id' is missing"):
        read(tmp_path, "id")
