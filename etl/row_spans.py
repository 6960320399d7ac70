"""Lay lines about rows out by spans of row numbers, to be read back beside the rows.

What became of rows is known partition by partition, where any row may be in any partition; the rows
themselves come in source order.

Rule 1: each line is written once and read once, so that time grows as the lines do.
Rule 2: memory holds one span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.run_folder import writing
from etl.staging import COMPRESSION

if TYPE_CHECKING:
    from pathlib import Path

SPAN_ROWS: Final = 500_000
"""Rows of one span. Each span is a file that is open while lines are laid out, and in memory while
its rows are read: 100 files and 20 MB of fates at 50 million rows."""

_SPAN: Final = "span"


class RowSpans:
    """Lines with a ``row_number`` on disk, any number for a row."""

    def __init__(self, lines: pl.LazyFrame, folder: Path) -> None:
        """Write the lines below a folder that is not there yet. Raises StoppedError."""
        self._folder = folder
        self._none = pl.DataFrame(schema=lines.collect_schema())
        self._number, self._span = -1, self._none
        with writing(folder):
            lines.with_columns((pl.col("row_number") // SPAN_ROWS).alias(_SPAN)).sink_parquet(
                pl.PartitionBy(
                    folder, key=_SPAN, include_key=False, approximate_bytes_per_file=None
                ),
                compression=COMPRESSION,
                mkdir=True,
            )

    def within(self, first_row: int, last_row: int) -> pl.DataFrame:
        """Give the lines of some rows, in their order; quick where rows are asked for in order."""
        numbers = range(first_row // SPAN_ROWS, last_row // SPAN_ROWS + 1)
        return pl.concat([self._cut(number, first_row, last_row) for number in numbers])

    def _cut(self, number: int, first_row: int, last_row: int) -> pl.DataFrame:
        if number != self._number:
            path = self._folder / f"{_SPAN}={number}"
            # The span before goes first, so that there are never two in memory.
            self._span = self._none
            if path.exists():
                self._span = pl.read_parquet(path / "*.parquet").sort("row_number")
            self._number = number
        rows = self._span["row_number"]
        begin = rows.search_sorted(first_row, side="left")
        end = rows.search_sorted(last_row, side="right")
        return self._span.slice(begin, end - begin)
