"""Write ``failures.csv``: the rows that did not succeed, as a source for the same job.

Rule 1: a spreadsheet runs nothing of it.
Rule 2: cells that ``results`` does not repeat are read for rows that failed, and for no others.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import polars as pl

from etl.core.failure_columns import FAILURE_COLUMNS
from etl.core.spreadsheet import neutralise
from etl.staging import read_rows, row_columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO


class Failures:
    """Append rows to ``failures.csv``."""

    def __init__(
        self, file: BinaryIO, columns: Sequence[str], *, delimiter: str, encoding: str
    ) -> None:
        """Write the header; `columns` are the source's, and `encoding` the one its job names."""
        # Those that we add may have been the source's own, if it was such a file itself.
        own = {n: name for n, name in enumerate(columns) if name not in FAILURE_COLUMNS}
        self._file = file
        self._delimiter = delimiter
        self._cells = [f"c{place}" for place in own]
        file.write(_header(list(own.values()), delimiter).encode(_encoding(encoding)))

    def add(self, rows: pl.DataFrame, path: Path) -> None:
        """Append rows of one staged file, with their outcome, as in ``results``, and a hint."""
        there = row_columns(path)
        others = [cell for cell in self._cells if cell in there and cell not in rows.columns]
        if others:
            cells = read_rows(path, ["row_number", *others])
            rows = rows.join(cells, on="row_number", how="left", maintain_order="left")
        # A file of the source may have fewer columns than a later one.
        missing = (pl.lit(None, pl.String).alias(c) for c in self._cells if c not in there)
        rows = rows.with_columns(missing)
        # An empty cell is written empty, as in the source, and not as two quotes.
        own = (pl.col(cell).replace("", None) for cell in self._cells)
        rows = rows.select(*own, *FAILURE_COLUMNS.values()).cast({"outcome": pl.String})
        rows.with_columns(neutralise(pl.col(pl.String))).write_csv(
            self._file, include_header=False, separator=self._delimiter
        )


def _header(own: list[str], delimiter: str) -> str:
    line = io.StringIO()
    names = pl.Series("name", own, pl.String).to_frame().select(neutralise(pl.col("name")))
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(
        [*names.to_series(), *FAILURE_COLUMNS]
    )
    return line.getvalue()


def _encoding(of_source: str) -> str:
    """UTF-8; a byte order mark says so to a reader that the job sets to another encoding."""
    return "utf-8" if of_source.casefold() in {"utf-8", "utf8"} else "utf-8-sig"
