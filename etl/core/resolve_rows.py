"""Give every row its types: the resolver's answers for distinct cells, joined back as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.errors import SettingsError
from etl.model import Direction, ExplicitType, LabelColumn, LabelValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.core.resolve import Resolution, Resolver
    from etl.core.typebits import TypeBits
    from etl.model import Labelling

REMEMBERED_CELLS: Final = 50_000
"""Distinct cells kept resolved: a column with more of them holds no labels, but must not fill memory."""

LONGEST_REMEMBERED: Final = 1000
"""Characters of a cell that is kept resolved: what is longer is no label, or many."""

RESOLVED: Final = {
    "forward": pl.Int64,
    "reverse": pl.Int64,
    "is_unlabeled": pl.Boolean,
    "association_types": pl.String,
    "error_category": pl.String,
    "error_message": pl.String,
    "hint": pl.String,
}
"""What a row's label stands for; the three error columns are null where it stands for something.

`is_unlabeled` tells that this is the unlabeled type, given outright or by no label at all.
"""

_CELL: Final = "label_cell"
_BETWEEN: Final = "\x1f"
"""Joins category and type id into one cell: a separator that no file uses."""


@dataclass(slots=True)
class SeenLabel:
    """One distinct cell of the source and what became of it."""

    cell: str
    resolution: Resolution
    rows: int = 0


class RowResolver:
    """Resolve frames of rows, remembering the cells seen."""

    def __init__(
        self, resolver: Resolver, labelling: Labelling, bits: Mapping[Direction, TypeBits]
    ) -> None:
        """Raise SettingsError when a label or type fixed for every row is unknown."""
        self._resolver = resolver
        self._labelling = labelling
        self._bits = bits
        self._unlabeled = str(resolver.unlabeled) if resolver.unlabeled else ""
        self.seen: dict[str, SeenLabel] = {}
        self.fixed = self._resolve(self._fixed_cell()) if self._is_fixed() else None
        """What stands for every row, where no row says it itself."""
        if self.fixed is not None and (trouble := self.fixed.trouble) is not None:
            raise SettingsError(trouble.message, trouble.hint)

    def resolve(self, frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
        """Add RESOLVED to a frame; `columns` maps the job's column names to the frame's."""
        frame = frame.with_columns(self._cell(columns).alias(_CELL))
        # Sorted: the types get the same bits, and requests the same bytes, in every run of a source.
        counts = frame[_CELL].value_counts(name="rows").sort(_CELL)
        lines = []
        for cell, rows in counts.iter_rows():
            seen = self._see(cell)
            seen.rows += rows
            lines.append((cell, *self._line(seen.resolution)))
        answers = pl.DataFrame(lines, schema={_CELL: pl.String, **RESOLVED}, orient="row")
        if answers.height == 1:
            only = answers.row(0, named=True)
            return frame.with_columns(
                pl.lit(only[name], dtype).alias(name) for name, dtype in RESOLVED.items()
            )
        return frame.join(answers, on=_CELL, how="left", maintain_order="left")

    def _see(self, cell: str) -> SeenLabel:
        seen = self.seen.get(cell)
        if seen is None:
            shown = cell[:LONGEST_REMEMBERED].replace(_BETWEEN, ":")
            seen = SeenLabel(shown, self._resolve(cell))
            if len(self.seen) < REMEMBERED_CELLS and len(cell) <= LONGEST_REMEMBERED:
                self.seen[cell] = seen
        return seen

    def _line(
        self, resolution: Resolution
    ) -> tuple[int, int, bool, str, str | None, str | None, str | None]:
        if (trouble := resolution.trouble) is not None:
            return 0, 0, False, "", trouble.category, trouble.message, trouble.hint
        forward, reverse = resolution.forward, resolution.reverse
        return (
            self._bits[Direction.FORWARD].mask(forward),
            self._bits[Direction.REVERSE].mask(reverse),
            self._resolver.is_unlabeled(resolution),
            ";".join(map(str, (*forward, *reverse))) or self._unlabeled,
            None,
            None,
            None,
        )

    def _resolve(self, cell: str) -> Resolution:
        match self._labelling:
            case ExplicitType():
                category, _, type_id = cell.partition(_BETWEEN)
                return self._resolver.resolve_type(category, type_id)
            case LabelColumn(separator=separator):
                return self._resolver.resolve_labels(cell, separator)
            case _:
                return self._resolver.resolve_labels(cell)

    def _is_fixed(self) -> bool:
        match self._labelling:
            case LabelColumn():
                return False
            case ExplicitType(id_column=id_column, category_column=category_column):
                return id_column is None and category_column is None
            case _:
                return True

    def _fixed_cell(self) -> str:
        match self._labelling:
            case LabelValue(value=value):
                return value
            case ExplicitType(id=type_id, category=category):
                return f"{category or ''}{_BETWEEN}{type_id or ''}"
            case _:
                return ""

    def _cell(self, columns: Mapping[str, str]) -> pl.Expr:
        """Build the text that stands for a row's wish; blank for the default association."""
        match self._labelling:
            case LabelColumn(column=column):
                return pl.col(columns[column]).fill_null("")
            case ExplicitType() as kind if not self._is_fixed():
                type_id = _column_or(kind.id_column, columns, str(kind.id))
                category = _column_or(kind.category_column, columns, str(kind.category))
                # A fixed half says nothing in a row that leaves the other half blank.
                cell = pl.concat_str(category, pl.lit(_BETWEEN), type_id)
                is_blank = pl.lit(value=True)
                for name in (kind.id_column, kind.category_column):
                    if name is not None:
                        is_blank &= pl.col(columns[name]).fill_null("").str.strip_chars() == ""
                return pl.when(is_blank).then(pl.lit(_BETWEEN)).otherwise(cell)
            case _:
                return pl.lit(self._fixed_cell())


def _column_or(column: str | None, columns: Mapping[str, str], fixed: str) -> pl.Expr:
    return pl.col(columns[column]).fill_null("") if column is not None else pl.lit(fixed)
