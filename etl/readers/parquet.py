"""Read parquet in batches, every value as text. The boundary for polars' parquet errors.

Whole numbers keep all digits. A float shows itself as one (``123.0``, ``1e+16``), so that an id that
went through a float is seen for what it is. Dates and times are ISO 8601, nested values JSON text.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
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
        with _on_disk(file) as source:
            scan = pl.scan_parquet(source, glob=False, hive_partitioning=False)
            yield scan.collect_schema().to_frame()
            yield from scan.collect_batches(chunk_size=batch_rows, maintain_order=True)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError(
            f"{file}: the file is no whole parquet file ({str(error).splitlines()[0]})",
            "Copy or export it again; if it is text, give it the extension of its format.",
        ) from error
    except OSError as error:
        raise unreadable(file, error) from error


@contextmanager
def _on_disk(file: SourceFile) -> Iterator[str | IO[bytes]]:
    """Give polars something it reads bit by bit: an object in the cloud becomes a nameless copy.

    polars reads any other file object whole into memory. Its own way to the cloud would have
    credentials and error texts of its own, and would not notice an object that is replaced.
    """
    if not isinstance(file.path, CloudPath):
        yield str(file.path)
        return
    with TemporaryFile() as copy:
        with file.path.open("rb") as packed:
            try:
                shutil.copyfileobj(packed, copy)
                copy.seek(0)
            except OSError as error:
                raise SourceError(
                    f"{file}: no copy can be written to {gettempdir()} ({error.strerror})",
                    "Make room for the whole file there, or set TMPDIR to a folder that has it.",
                ) from error
        yield copy


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
