"""Prove that a cell holds a record id, or at least a key, or say what is wrong with it.

Rule 1: an id is text until every character is a digit; no value passes through a float.
Rule 2: a row has one reason, the first of: a bad line, the from side, the to side.
Rule 3: nothing is repaired beyond white space around it; a guessed id links the wrong record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.model import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

RAGGED_LINE: Final = "RAGGED_LINE"
BLANK_ID: Final = "BLANK_ID"
INVALID_ID: Final = "INVALID_ID"
BLANK_KEY: Final = "BLANK_KEY"

SHOWN_CHARACTERS: Final = 40
"""How much of a bad value a message repeats: enough to find it, short enough for a log line."""

_DIGITS: Final = r"^[0-9]+$"
_TROUBLES: Final = (
    (r"^-[0-9]+$", "is negative; record ids start at 1"),
    (
        r"^[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+$",
        (
            "looks like a number that a spreadsheet has rounded, so the real id is lost; "
            "format the column as text and export it again"
        ),
    ),
    (r"^[0-9]+[.,][0-9]*$", "has a decimal or thousands mark; export the column as whole numbers"),
    ("^[\uff10-\uff19]+$", "is in full-width digits; type it in plain digits"),
    (r"^[0-9][0-9 ,.'_\u00a0\u202f-]*[0-9]$", "has marks between its digits; export plain digits"),
)


def normalize(
    frame: pl.DataFrame,
    *,
    from_column: str,
    to_column: str,
    flaw: str,
    names: Mapping[str, str],
    keyed: Container[str] = (),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows whose two cells are record ids from the rows that are rejected.

    Takes a frame with the String columns `from_column`, `to_column` and `flaw` (null where the
    line reads right), what messages call the two columns, and which of them are `keyed`: they hold
    keys, whose ids are not known yet. Gives two frames with all columns of the first: the good rows
    with ``from_id`` and ``to_id`` (Int64) added, and the rejected rows with ``error_category`` and
    ``error_message`` (String) added.
    """
    ends = ((from_column, "from_id"), (to_column, "to_id"))
    proven = _all_proven(frame, ends, keyed)
    if proven is not None and frame[flaw].null_count() == frame.height:
        nothing = (
            pl.lit(None, pl.String).alias(f"error_{name}") for name in ("category", "message")
        )
        return proven, proven.clear().with_columns(nothing)
    frame = frame.with_columns(
        (_unknown() if column in keyed else record_id(column)).alias(end) for column, end in ends
    )
    is_good = (
        _is_proven(from_column, "from_id", keyed)
        & _is_proven(to_column, "to_id", keyed)
        & pl.col(flaw).is_null()
    )
    # The reasons are worked out for the rejected rows alone: they cost ten times the proof.
    rejected = frame.filter(~is_good)
    from_trouble = _trouble(from_column, names[from_column], keyed)
    to_trouble = _trouble(to_column, names[to_column], keyed)
    return frame.filter(is_good), rejected.with_columns(
        pl.when(pl.col(flaw).is_not_null())
        .then(pl.lit(RAGGED_LINE))
        .when(from_trouble.is_not_null())
        .then(_category(from_column, keyed))
        .otherwise(_category(to_column, keyed))
        .alias("error_category"),
        pl.coalesce(flaw, from_trouble, to_trouble).alias("error_message"),
    )


def plain_numbers(text: pl.Series) -> pl.Series | None:
    """Read whole numbers from 1 on; None unless each is written as we would write it."""
    first = text.first()
    if first is None or not str(first).isdigit():
        return None
    numbers = text.cast(pl.Int64, strict=False)
    if numbers.null_count() or (numbers <= 0).any():
        return None
    # Polars reads an optional sign, then digits, nothing else: what is not plain is longer than
    # its number.
    shortest, longest = len(str(numbers.min())), len(str(numbers.max()))
    digits = numbers.len() * shortest + sum(
        int((numbers >= 10**power).sum()) for power in range(shortest, longest)
    )
    return numbers if text.str.len_bytes().sum() == digits else None


def _all_proven(
    frame: pl.DataFrame, ends: Iterable[tuple[str, str]], keyed: Container[str]
) -> pl.DataFrame | None:
    """Add the ids where every row has plain ones: most chunks do, and this is a tenth of the work."""
    ids: list[pl.Series] = []
    for column, end in ends:
        numbers = None if column in keyed else plain_numbers(frame[column])
        if numbers is None:
            return None
        ids.append(numbers.alias(end))
    return frame.with_columns(ids)


def record_id(column: str) -> pl.Expr:
    """Read a whole number from 1 to 2^63-1, or null."""
    number = _trimmed(column).cast(pl.Int64, strict=False)
    digits = _trimmed(column).str.contains(_DIGITS)
    return pl.when(digits & (number >= 1)).then(number)


def _trimmed(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars()


def _is_blank(column: str) -> pl.Expr:
    return _trimmed(column).fill_null("") == ""


def _unknown() -> pl.Expr:
    return pl.lit(None, pl.Int64)


def _is_proven(column: str, end: str, keyed: Container[str]) -> pl.Expr:
    return ~_is_blank(column) if column in keyed else pl.col(end).is_not_null()


def _category(column: str, keyed: Container[str]) -> pl.Expr:
    if column in keyed:
        return pl.lit(BLANK_KEY)
    return pl.when(_is_blank(column)).then(pl.lit(BLANK_ID)).otherwise(pl.lit(INVALID_ID))


def _trouble(column: str, name: str, keyed: Container[str]) -> pl.Expr:
    """Say what is wrong with a cell; null where it is an id, or a key."""
    if column in keyed:
        return pl.when(_is_blank(column)).then(pl.lit(f"{name} is blank"))
    text = _trimmed(column)
    digits = text.str.contains(_DIGITS)
    number = text.cast(pl.Int64, strict=False)
    reason = (
        pl.when(digits & number.is_null())
        .then(pl.lit(f"is larger than the largest record id, {MAX_ID}"))
        .when(digits & (number == 0))
        .then(pl.lit("is 0; record ids start at 1"))
    )
    for pattern, words in _TROUBLES:
        reason = reason.when(text.str.contains(pattern)).then(pl.lit(words))
    shown = text.str.slice(0, SHOWN_CHARACTERS)
    return (
        pl.when(_is_blank(column))
        .then(pl.lit(f"{name} is blank"))
        .when(record_id(column).is_null())
        .then(
            pl.concat_str(
                pl.lit(f"{name} '"),
                shown,
                pl.lit("' "),
                reason.otherwise(pl.lit("is not a whole number")),
            )
        )
    )
