"""Bring lines about rows beside their rows, whatever order the lines come in.

What became of rows is known partition by partition, and any row may be in any partition; the rows
themselves come in source order.

Rule 1: each line is written and read at most once, so that time grows as the lines do.
Rule 2: memory holds `HELD_BYTES` of lines, or one span of rows; few lines never go to the disk.

On disk::

    00000/00000.arrow        lines of one span of rows, as they came
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.narrow import narrow, write_packed
from etl.run_folder import writing

if TYPE_CHECKING:
    from pathlib import Path

HELD_BYTES: Final = 32_000_000
"""Lines held before they go to the disk: what became of 2,500,000 rows."""

SPAN_ROWS: Final = 500_000
"""Rows of one span: 100 files each time that lines of 50,000,000 rows go to the disk, and at most
150 MB at once if something is told of every row."""


class RowSpans:
    """Lines with a ``row_number``."""

    def __init__(self, folder: Path, schema: pl.Schema) -> None:
        """Keep what memory does not hold below a folder that is not there yet."""
        self._folder = folder
        self._schema = schema
        self._held: list[pl.DataFrame] = []
        self._held_bytes = 0
        self._spills = 0
        self._span_number: int | None = None
        self._span = pl.DataFrame()

    def add(self, lines: pl.DataFrame) -> None:
        """Take lines, before any are asked for. Raises StoppedError."""
        if not lines.height:
            return
        self._held.append(narrow(lines))
        self._held_bytes += int(self._held[-1].estimated_size())
        if self._held_bytes >= HELD_BYTES:
            self._spill()

    def within(self, first_row: int, last_row: int) -> pl.DataFrame:
        """Give the lines of some rows, in their order; quick where rows are asked for in order."""
        numbers = range(first_row // SPAN_ROWS, last_row // SPAN_ROWS + 1)
        if not self._spills:
            numbers = range(1)
        found = [self._cut(number, first_row, last_row) for number in numbers]
        return pl.concat(found, how="vertical_relaxed").cast(self._schema)

    def _cut(self, number: int, first_row: int, last_row: int) -> pl.DataFrame:
        if number != self._span_number:
            # The span before goes first, so that there are never two in memory.
            self._span = pl.DataFrame()
            self._span = self._load(number)
            self._span_number = number
        rows = self._span["row_number"]
        begin = rows.search_sorted(first_row, side="left")
        end = rows.search_sorted(last_row, side="right")
        return self._span.slice(begin, end - begin)

    def _load(self, number: int) -> pl.DataFrame:
        if self._spills:
            self._spill()
            files = sorted((self._folder / f"{number:05}").glob("*.arrow"))
            lines = [pl.read_ipc(path) for path in files]
        else:
            lines, self._held = self._held, []
        nothing = pl.DataFrame(schema=self._schema)
        return pl.concat(lines or [nothing], how="vertical_relaxed").sort("row_number")

    def _spill(self) -> None:
        if not self._held:
            return
        span = (pl.col("row_number") // SPAN_ROWS).alias("span")
        lines = pl.concat(self._held, how="vertical_relaxed").with_columns(span)
        self._held.clear()
        self._held_bytes = 0
        with writing(self._folder):
            for (number,), part in lines.partition_by(
                "span", include_key=False, as_dict=True
            ).items():
                folder = self._folder / f"{number:05}"
                folder.mkdir(parents=True, exist_ok=True)
                write_packed(part, folder / f"{self._spills:05}.arrow")
        self._spills += 1
