"""parquet: every type as text that shows what it was."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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


MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("values", "dtype", "texts"),
    [
        ([2**63 - 1, None], pl.Int64, ["9223372036854775807", None]),
        ([2**64 - 1], pl.UInt64, ["18446744073709551615"]),
        ([123.0, 1e16, 0.1], pl.Float64, ["123.0", "1e+16", "0.1"]),
        ([True], pl.Boolean, ["true"]),
        (["", " a", None], pl.String, ["", " a", None]),
        (["a"], pl.Categorical, ["a"]),
        ([Decimal("12.30")], pl.Decimal(10, 2), ["12.30"]),
        ([MOMENT.date()], pl.Date, ["2026-01-02"]),
        ([MOMENT.replace(tzinfo=None)], pl.Datetime("ms"), ["2026-01-02T03:04:05.000"]),
        ([MOMENT], pl.Datetime("us", "UTC"), ["2026-01-02T03:04:05.000000+00:00"]),
        ([dt.timedelta(days=1)], pl.Duration, ["P1D"]),
        ([dt.time(1, 2, 3)], pl.Time, ["01:02:03"]),
        ([None], pl.Null, [None]),
        ([[1, 2], [], None], pl.List(pl.Int64), ["[1,2]", "[]", None]),
        (
            [{"a": 1, "b": "}"}, None],
            pl.Struct({"a": pl.Int64, "b": pl.String}),
            ['{"a":1,"b":"}"}', None],
        ),
        ([[1, 2]], pl.Array(pl.Int64, 2), ["[1,2]"]),
        (["é".encode(), None], pl.Binary, ["é", None]),
        ([b"\xff", None], pl.Binary, ["ff", None]),
    ],
)
def test_types(tmp_path: Path, values: list[Any], dtype: Any, texts: list[str | None]) -> None:
    """No digit is lost, a float shows itself as one, dates are ISO, nested values JSON."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"v": pl.Series(values, dtype=dtype)}).write_parquet(path)
    chunks = read(path)
    assert [cell for (cell,) in cells_of(chunks)] == texts
    assert chunks[0].frame.dtypes == [pl.Int64, pl.String, pl.String]


def test_bytes_in_a_used_column(tmp_path: Path) -> None:
    """Bytes that are no text are refused where the job needs the column."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [b"1", b"2", b"\xff"]}).write_parquet(path)
    with pytest.raises(SourceError, match="row 3: the column 'id' holds bytes"):
        read(path, "id", chunk_rows=2)


def test_row_groups(tmp_path: Path) -> None:
    """Rows come in the file's order, whatever the size of groups and chunks."""
    path = tmp_path / "a[1].parquet"
    pl.DataFrame({"id": range(1000)}).write_parquet(path, row_group_size=150)
    chunks = read(path, "id", chunk_rows=64)
    assert max(chunk.frame.height for chunk in chunks) <= 64
    assert cells_of(chunks) == [(str(i),) for i in range(1000)]
    assert [n for chunk in chunks for n in chunk.frame["row_number"]] == list(range(1, 1001))


def test_no_rows(tmp_path: Path) -> None:
    """A file without rows gives its columns, which are checked all the same."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": []}).write_parquet(path)
    (chunk,) = read(path, "id")
    assert chunk.frame.is_empty()
    assert chunk.columns == ("id",)
    with pytest.raises(SourceError, match=r"a\.parquet: the column 'idd' is missing"):
        read(path, "idd")


NOT_WHOLE = r"a\.parquet: the file is no whole parquet file \(.+\)$"


@pytest.fixture(scope="module")
def whole() -> bytes:
    """Hold a parquet of several row groups and columns."""
    file = io.BytesIO()
    frame = pl.DataFrame({"id": range(20_000), "x": [f"v{i * 7919}" for i in range(20_000)]})
    frame.write_parquet(file, row_group_size=3000)
    return file.getvalue()


def footer_of(content: bytes) -> bytes:
    """Take the footer: its length stands before the last four bytes."""
    return content[-int.from_bytes(content[-8:-4], "little") - 8 :]


@pytest.mark.parametrize("twentieths", range(20))
def test_cut_short(tmp_path: Path, whole: bytes, twentieths: int) -> None:
    """A parquet that ends early is refused by name, wherever it ends."""
    path = write(tmp_path / "a.parquet", whole[: len(whole) * twentieths // 20])
    with pytest.raises(SourceError, match=NOT_WHOLE) as caught:
        read(path, "id")
    assert "Copy or export it again" in caught.value.hint


def test_no_parquet(tmp_path: Path) -> None:
    """A text with the extension of a parquet is told apart."""
    with pytest.raises(SourceError, match=NOT_WHOLE) as caught:
        read(write(tmp_path / "a.parquet", b"id,x\n1,2\n"), "id")
    assert "extension" in caught.value.hint


def test_footer_alone(tmp_path: Path, whole: bytes) -> None:
    """The end of a parquet passed for one without rows."""
    with pytest.raises(SourceError, match="it does not begin with PAR1"):
        read(write(tmp_path / "a.parquet", footer_of(whole)), "id")


def test_rows_lost_before_the_footer(tmp_path: Path, whole: bytes) -> None:
    """A parquet that lost rows, but not its footer, passed for a shorter one."""
    path = write(tmp_path / "a.parquet", whole[: len(whole) // 2] + footer_of(whole))
    with pytest.raises(SourceError, match=r"its footer tells of 20,000 rows, [\d,]+ could be read"):
        read(path, "id")


@pytest.mark.parametrize("twentieths", range(1, 15))
def test_pages_overwritten(tmp_path: Path, whole: bytes, twentieths: int) -> None:
    """Pages that hold nothing but zeros, as after a download with holes, are no rows."""
    part = len(whole) // 20
    start, hole, content = twentieths * part, bytes(4 * part), bytearray(whole)
    content[start : start + len(hole)] = hole
    with pytest.raises(SourceError, match=NOT_WHOLE):
        read(write(tmp_path / "a.parquet", bytes(content)), "id")


def test_broken_page(tmp_path: Path) -> None:
    """Damage in the middle of a parquet is refused by name as well."""
    whole = tmp_path / "whole.parquet"
    pl.DataFrame({"id": range(100_000)}).write_parquet(whole)
    content = bytearray(whole.read_bytes())
    content[100:5000] = bytes(4900)
    with pytest.raises(SourceError, match=r"a\.parquet: the file is no whole parquet file"):
        read(write(tmp_path / "a.parquet", bytes(content)), "id")
