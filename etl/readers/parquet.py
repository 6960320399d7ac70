"""Read parquet in batches, every value as text. The boundary for polars' parquet errors.

Whole numbers keep all digits. A float shows itself as one (``123.0``, ``1e+16``), so that an id that
went through a float is seen for what it is. Dates and times are ISO 8601, nested values JSON text.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING

import polars as pl

from etl.errors import SourceError
from etl.readers.chunk import FLAW, Table, cell_name, position_of
from etl.readers.cloud import CloudPath
from etl.readers.files import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.readers.files import SourceFile

MAGIC = b"PAR1"
"""How parquet files begin (its format's specification, "File format")."""

ROOM_HINT = "Make room for the whole file there, or set TMPDIR to a folder on a disk that has it."

WRAP = '{"":'
"""What JSON text starts with when a value stands in a struct of one nameless field."""


def read_parquet(file: SourceFile, used_columns: Sequence[str], batch_rows: int) -> Iterator[Table]:
    """Yield the header as an empty table, then the rows batch by batch."""
    row = 1
    for raw in _batches(file, batch_rows):
        batch = _spell_out_bytes(raw, used_columns, file, row)
        cells = [
            _as_text(pl.col(name), dtype).alias(cell_name(i))
            for i, (name, dtype) in enumerate(batch.schema.items())
        ]
        frame = batch.select(pl.lit(None, pl.String).alias(FLAW), *cells)
        yield Table(frame, tuple(batch.columns))
        row += batch.height


def _batches(file: SourceFile, batch_rows: int) -> Iterator[pl.DataFrame]:
    try:
        with _on_disk(file) as packed:
            if packed.read(len(MAGIC)) != MAGIC:
                raise _not_whole(file, f"it does not begin with {MAGIC.decode()}")
            packed.seek(0)
            scan = pl.scan_parquet(packed, glob=False, hive_partitioning=False)
            yield scan.collect_schema().to_frame()
            rows, expected = 0, scan.select(pl.len()).collect().item()
            for batch in scan.collect_batches(chunk_size=batch_rows, maintain_order=True):
                rows += batch.height
                yield batch
            # Where polars panics, as over a page that lies beyond the end, its batches just stop.
            if rows != expected:
                told = f"its footer tells of {expected:,} rows, {rows:,} could be read"
                raise _not_whole(file, told)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _not_whole(file, next(iter(str(error).splitlines()), "")) from error
    except OSError as error:
        raise unreadable(file, error) from error


def _not_whole(file: SourceFile, reason: str) -> SourceError:
    return SourceError(
        f"{file}: the file is no whole parquet file ({reason})",
        "Copy or export it again; if it is text, give it the extension of its format.",
    )


@contextmanager
def _on_disk(file: SourceFile) -> Iterator[IO[bytes]]:
    """Give polars a file that it reads bit by bit: an object in the cloud becomes a nameless copy.

    polars reads a file object that is none of the system's whole into memory. Its own way to the
    cloud would have credentials and error texts of its own, and would not notice an object that is
    replaced.
    """
    if not isinstance(file.path, CloudPath):
        with file.path.open("rb") as packed:
            yield packed
        return
    try:
        folder = gettempdir()
    except FileNotFoundError as error:
        raise SourceError(
            f"{file}: no copy can be written anywhere ({error.strerror})", ROOM_HINT
        ) from error
    try:
        copy = _copy(file.path)
    except OSError as error:
        raise SourceError(
            f"{file}: no copy can be written to {folder} ({error.strerror})", ROOM_HINT
        ) from error
    with copy:
        yield copy


def _copy(path: CloudPath) -> IO[bytes]:
    """Copy an object; an OSError is about the copy, since the object's own trouble is told apart."""
    with ExitStack() as undo:
        copy = undo.enter_context(TemporaryFile())
        with path.open("rb") as packed:
            shutil.copyfileobj(packed, copy)
        copy.seek(0)
        undo.pop_all()
    return copy


def _as_text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime | pl.Duration | pl.Time | pl.Date):
        return column.dt.to_string("iso:strict")
    if dtype.is_nested():
        text = pl.struct(column.alias("")).struct.json_encode()
        return pl.when(column.is_not_null()).then(text.str.strip_prefix(WRAP).str.strip_suffix("}"))
    return column.cast(pl.String)


def _spell_out_bytes(
    batch: pl.DataFrame, used_columns: Sequence[str], file: SourceFile, row: int
) -> pl.DataFrame:
    """Show a column of bytes that are no text as hex; refuse it if the job uses it."""
    used = {position_of(batch.columns, column) for column in used_columns}
    for position, cells in enumerate(batch):
        if cells.dtype != pl.Binary or _is_text(cells):
            continue
        if position in used:
            wrong = next(i for i in range(cells.len()) if not _is_text(cells.slice(i, 1)))
            raise SourceError(
                f"{file}, row {row + wrong}: the column {cells.name!r} holds bytes that are no utf-8 text",
                "Write the column as strings or whole numbers.",
            )
        batch = batch.with_columns(cells.bin.encode("hex"))
    return batch


def _is_text(cells: pl.Series) -> bool:
    try:
        cells.cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True
