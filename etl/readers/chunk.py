"""What readers hand on: chunks, and the tables that each format makes of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

ROW_NUMBER = "row_number"
FLAW = "flaw"


def cell_name(position: int) -> str:
    """Name the frame's column for a position: source names can be doubled, empty or ours."""
    return f"c{position}"


def position_of(columns: Sequence[str], name: str) -> int | None:
    """Find a source column; blanks around a name in the file do not count."""
    wanted = name.strip()
    return next((i for i, column in enumerate(columns) if column.strip() == wanted), None)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows read at once."""

    frame: pl.DataFrame
    """``row_number`` (Int64), ``flaw`` (String, null when the line reads right), then one String
    column ``c0``, ``c1``, … a source column."""
    columns: tuple[str, ...]
    """The source's own names: ``columns[i]`` is ``c{i}``.

    Every chunk begins with the first chunk's columns. A key that ndjson brings later is appended
    and keeps its position, so the columns of any two chunks are a prefix of one another."""
    source_file: str
    """The file, as an absolute path."""
    first_row_number: int

    def cell_of(self, column: str) -> str:
        """Name the frame's column that holds a source column."""
        position = position_of(self.columns, column)
        if position is None:
            raise KeyError(column)
        return cell_name(position)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file as its format gives them: ``flaw`` and the cells, not numbered yet."""

    frame: pl.DataFrame
    columns: tuple[str, ...]
    fixed: bool = True
    """False when a row may leave columns out and bring new ones (ndjson)."""
