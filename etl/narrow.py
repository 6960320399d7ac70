"""Keep frames of a run on the disk, each column as narrow as its values are.

Most columns of a staged frame say next to nothing: the same file and types in every row, no error, no
duplicate. A byte a row, or none, holds them; so nothing has to be packed, which would take longer
than all the rest of writing. Ids are text in the source, and half as long as numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.core.normalize import plain_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from polars._typing import PolarsDataType


def narrow(frame: pl.DataFrame) -> pl.DataFrame:
    """Give each number the narrowest type that holds its column, and none to columns of nulls.

    Such frames of one schema are concatenated with ``how="vertical_relaxed"``.
    """
    return frame.select(_narrow(column) for column in frame)


def write_narrow(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame to a file of its own."""
    write_packed(narrow(frame.select(_narrow_text(column) for column in frame)), path)


def write_packed(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame that is narrow already to a file of its own."""
    # Numbers are as small as packing would make them; text is not.
    has_text = pl.String in frame.dtypes
    frame.write_ipc(path, compression="lz4" if has_text else "uncompressed")


def read_narrow(
    path: Path, schema: Mapping[str, PolarsDataType], columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read a frame, or some columns of it, as wide as it was; columns without a type are text."""
    frame = pl.read_ipc(path, columns=None if columns is None else list(columns))
    return frame.with_columns(_wide(column, schema.get(column.name, pl.String)) for column in frame)


def has_values(path: Path, column: str) -> bool:
    """Tell, without reading the rows, whether a column of a frame has anything but nulls."""
    return pl.read_ipc_schema(path)[column] != pl.Null


def _narrow(column: pl.Series) -> pl.Series:
    if column.null_count() == column.len():
        return column.cast(pl.Null)
    if column.dtype.is_integer():
        return column.shrink_dtype()
    return column


def _narrow_text(text: pl.Series) -> pl.Series:
    """Write text that is numbers as numbers, and one word in all rows as that word."""
    if text.dtype != pl.String or not text.len():
        return text
    if (numbers := plain_numbers(text)) is not None:
        return numbers
    if text[0] is not None and text[0] == text[-1] and (text == text[0]).all(ignore_nulls=False):
        return text.cast(pl.Enum([text[0]]))
    return text


def _wide(column: pl.Series, dtype: PolarsDataType) -> pl.Expr:
    """Give a column its own type again; one word in all rows is said once, and not row by row."""
    kind = column.dtype
    if isinstance(kind, pl.Enum) and len(kind.categories) == 1 and not column.null_count():
        return pl.lit(kind.categories[0], dtype).alias(column.name)
    return pl.col(column.name).cast(dtype)
