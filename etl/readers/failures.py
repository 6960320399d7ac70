"""Give back the cells of a ``failures.csv`` as they were in the source that it comes from.

There, cells that a spreadsheet would run are written with a quote before them. No other file is
touched: a quote in it is the source's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.core.failure_columns import is_failures_file
from etl.core.spreadsheet import restore
from etl.readers.chunk import Table, cell_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def restored(tables: Iterator[Table]) -> Iterator[Table]:
    """Take our quotes away, in the header too."""
    for table in tables:
        if not is_failures_file(table.columns):
            yield table
            continue
        names = pl.Series(table.columns, dtype=pl.String).to_frame("name")
        columns = tuple(names.select(restore(pl.col("name"))).to_series())
        cells = [cell_name(place) for place in range(len(columns))]
        yield Table(table.frame.with_columns(restore(pl.col(cells))), columns, table.fixed)
