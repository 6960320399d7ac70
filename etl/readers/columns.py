"""Hold the columns of all files together: what the job needs is there, and the schema is one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
from rapidfuzz import process, utils

from etl.errors import SourceError
from etl.readers.chunk import FLAW, Table, cell_name, position_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.readers.files import SourceFile

SIMILAR = 70
"""Percent of likeness from which a name is worth a "did you mean"; ``compny_id`` has 95."""
DELIMITER_NAMES = {";": "';'", "\t": r'"\t"', "|": "'|'", ",": "','"}


def check_used(columns: Sequence[str], used_columns: Sequence[str], file: SourceFile) -> None:
    """Refuse a file that lacks a column the job uses, or has it twice."""
    for used in used_columns:
        count = [column.strip() for column in columns].count(used.strip())
        place = f"{file}, line 1" if file.format != "parquet" else str(file)
        if count > 1:
            raise SourceError(
                f"{place}: the column {used!r} is there {count} times",
                "Rename the others, so that it is clear which one is meant.",
            )
        if count == 0:
            there = ", ".join(map(repr, columns))
            raise SourceError(
                f"{place}: the column {used!r} is missing; the columns are {there}",
                _hint(columns, used, used_columns, file),
            )


def _hint(columns: Sequence[str], used: str, used_columns: Sequence[str], file: SourceFile) -> str:
    if len(columns) == 1 and file.format in ("csv", "tsv"):
        for delimiter, name in DELIMITER_NAMES.items():
            parts = columns[0].split(delimiter)
            if all(position_of(parts, each) is not None for each in used_columns):
                return f"The header is cut wrong: set source.csv.delimiter: {name}."
    near = process.extractOne(used, columns, processor=utils.default_process, score_cutoff=SIMILAR)
    if near:
        return f"Did you mean {near[0]!r}? Correct the job file or the file's header."
    return "Correct the column's name in the job file, or the file's header."


def align(table: Table, known: tuple[str, ...], schema: tuple[str, ...], file: SourceFile) -> Table:
    """Put a table's columns in the order of the run.

    ``schema`` is the first file's columns; ``known`` adds the keys that ndjson brought since. A table
    of a fixed format must have the schema's columns, in any order; an ndjson table may lack some
    (their cells are null) and bring others (they are appended).
    """
    if not table.fixed:
        return _pick(table, (*known, *_beyond(known, table.columns)))
    if sorted(map(str.strip, table.columns)) != sorted(map(str.strip, schema)):
        raise SourceError(
            _difference(table.columns, schema, file),
            "Give all files of the source the same columns, or name them apart in two jobs.",
        )
    return _pick(table, schema)


def _beyond(known: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    left = Counter(map(str.strip, known))
    for column in columns:
        if left[column.strip()]:
            left[column.strip()] -= 1
        else:
            yield column


def _pick(table: Table, wanted: tuple[str, ...]) -> Table:
    if table.columns == wanted:
        return table
    places: dict[str, list[int]] = {}
    for position, column in enumerate(table.columns):
        places.setdefault(column.strip(), []).append(position)
    cells = [
        (
            pl.col(cell_name(places[name].pop(0))) if places.get(name) else pl.lit(None, pl.String)
        ).alias(cell_name(i))
        for i, name in enumerate(map(str.strip, wanted))
    ]
    return Table(table.frame.select(FLAW, *cells), wanted, table.fixed)


def _difference(columns: Sequence[str], schema: Sequence[str], file: SourceFile) -> str:
    missing = [column for column in schema if position_of(columns, column) is None]
    surplus = [column for column in columns if position_of(schema, column) is None]
    parts = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
    parts += [f"has also {', '.join(map(repr, surplus))}"] if surplus else []
    parts = parts or ["has a column more or less often"]
    return f"{file}: the columns differ from the first file's: it {' and '.join(parts)}"
