"""Read record ids out of a file of any format that a job reads.

Rule 1: a cell that is no record id spoils the whole file: an export that leaves records out in
        silence would be taken for all there is. All of them are told, by file and row.
Rule 2: an id is asked for once, however often it stands there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.normalize import normalize
from etl.errors import SourceError
from etl.readers import FLAW, ROW_NUMBER, find_files, read_chunks

if TYPE_CHECKING:
    from etl.model import Source
    from etl.readers import Chunk

SHOWN_ROWS: Final = 20
"""Bad rows that a message lists; it counts the others."""


@dataclass(slots=True)
class _Bad:
    """Rows that hold no record id."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, rejected: pl.DataFrame, file: str, rows_before: int) -> None:
        """Count them, and keep the words about the first."""
        self.count += rejected.height
        for line in rejected.head(SHOWN_ROWS - len(self.first)).iter_rows(named=True):
            row = line[ROW_NUMBER] - rows_before
            self.first.append(f"{file}, row {row}: {line['error_message']}")


def read_ids(source: Source, column: str | None = None) -> pl.Series:
    """Give the ids of a column, the first one unless it is named: each once, in order.

    Raises SourceError. A row is a line of data: the header is not counted.
    """
    found, bad, rows = pl.Series("from_id", dtype=pl.Int64), _Bad(), 0
    file, rows_before = "", 0
    used = [] if column is None else [column]
    for chunk in read_chunks(find_files(source), source, used):
        if chunk.source_file != file:
            file, rows_before = chunk.source_file, chunk.first_row_number - 1
        good, rejected = _part(chunk, column or _first_column(chunk))
        found = pl.concat([found, good["from_id"]]).unique()
        bad.add(rejected, file, rows_before)
        rows += chunk.frame.height
    if bad.count:
        more = f"; the first {len(bad.first)} are" if bad.count > len(bad.first) else ""
        raise SourceError(
            f"{bad.count:,} of {rows:,} rows hold no record id{more}:\n"
            + "\n".join(f"  {line}" for line in bad.first),
            "correct these rows or take them out; nothing was asked of HubSpot",
        )
    return found.sort()


def _part(chunk: Chunk, column: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    cell = chunk.cell_of(column)
    return normalize(chunk.frame, from_column=cell, to_column=cell, flaw=FLAW, names={cell: column})


def _first_column(chunk: Chunk) -> str:
    """Name the first column; refuse a list of ids without a header, which would lose the first id."""
    name = chunk.columns[0]
    if name.strip().isdecimal():
        raise SourceError(
            f"{chunk.source_file}, line 1: '{name}' stands where the name of the column should",
            "put a header such as record_id above the ids, or name a column outright",
        )
    return name
