"""Read all files of a source as one stream of numbered chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.ahead import ahead
from etl.readers.chunk import ROW_NUMBER, Chunk, Table
from etl.readers.columns import align, check_used
from etl.readers.delimited import read_delimited
from etl.readers.failures import restored
from etl.readers.ndjson import read_ndjson
from etl.readers.parquet import read_parquet
from etl.readers.unchanged import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from etl.model import Source
    from etl.readers.files import SourceFile

CHUNK_ROWS = 250_000
"""The most rows in a chunk: what one step of staging and reporting holds in memory."""

BLOCK_BYTES = 8 * 2**20
"""Bytes of text read at once. Measured: bigger blocks read no faster and only take memory."""


def read_chunks(
    source_files: Iterable[SourceFile],
    source: Source,
    used_columns: Sequence[str],
    chunk_rows: int = CHUNK_ROWS,
    *,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Chunk]:
    """Yield the rows of all files in order, numbered from 1, at most ``chunk_rows`` at once.

    A source without rows yields one empty chunk, for its columns. That a file changed while it was
    read shows after its last chunk: what is made of the chunks counts when all have come.
    """
    schema: tuple[str, ...] | None = None
    known: tuple[str, ...] = ()
    row_number = 1
    for file in source_files:
        with unchanged(file):
            for table in ahead(_read_tables(file, source, used_columns, chunk_rows, block_bytes)):
                check_used(table.columns, used_columns, file)
                if schema is None:
                    schema = known = table.columns
                aligned = align(table, known, schema, file)
                known = max(known, aligned.columns, key=len)
                for frame in aligned.frame.iter_slices(chunk_rows):
                    if frame.height:
                        yield _number(frame, aligned.columns, file, row_number)
                        row_number += frame.height
    if row_number == 1 and known:
        yield _number(aligned.frame, known, file, row_number)


def _read_tables(
    file: SourceFile,
    source: Source,
    used_columns: Sequence[str],
    chunk_rows: int,
    block_bytes: int,
) -> Iterator[Table]:
    match file.format:
        case "csv" | "tsv":
            return restored(read_delimited(file, source.csv, block_bytes))
        case "ndjson":
            return read_ndjson(file, block_bytes)
        case "parquet":
            return read_parquet(file, used_columns, chunk_rows)


def _number(frame: pl.DataFrame, columns: tuple[str, ...], file: SourceFile, first: int) -> Chunk:
    numbers = pl.int_range(first, first + frame.height, dtype=pl.Int64).alias(ROW_NUMBER)
    return Chunk(frame.select(numbers, pl.all()), columns, str(file), first)
