"""Compare what a file asks for with what HubSpot has: one line a pair of records and an action.

Rule 1: every pair that the file asks for, and every other pair that HubSpot has, is on one line.
Rule 2: a pair is the same when HubSpot has every type that the file asks for, in its direction.
Rule 3: a pair that the file removes is the same when HubSpot does not have it, and labels that it
        removes when the pair has none of them.
Rule 4: further labels of a pair count where the caller says so, and only custom ones: HubSpot gives
        and takes its own types, such as primary, by itself.
Rule 5: an association between records of one object shows from both ends; the end that the file
        does not name is no pair of its own.
Rule 6: a pair of which something could not be read is not judged.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl

from etl.model import Action

_PAIR: Final = {"from_id": pl.Int64, "to_id": pl.Int64}

ASKED: Final = {
    **_PAIR,
    "action": pl.String,
    "forward": pl.Int64,
    "reverse": pl.Int64,
    "row_number": pl.Int64,
}
"""A pair of the file, its types in each direction as bits, and the first row that asks for it.

A pair has a line for each of its actions: a file may give it one label and take another away."""

THERE: Final = {**_PAIR, "there_forward": pl.Int64, "there_reverse": pl.Int64}
"""A pair that HubSpot has, and its types as bits; null in a direction that was not read."""

COMPARED: Final = {"sign": pl.String, **ASKED, **THERE, "reason": pl.String}
"""Both, side by side; what one of them does not have is null."""


class Sign(StrEnum):
    """How a pair of the file and of HubSpot compare."""

    SAME = "="
    """HubSpot has what the file asks for."""
    MISSING = "+"
    """HubSpot does not have the pair: a run would add it."""
    OTHER = "*"
    """HubSpot has the pair with other labels."""
    EXTRA = "-"
    """Only HubSpot has the pair: the file lacks it, or removes it."""
    UNKNOWN = "?"
    """The two can't be compared."""


def compare(
    asked: pl.DataFrame,
    there: pl.DataFrame,
    *,
    unread: pl.DataFrame,
    mirrors: pl.DataFrame,
    custom_forward: int = 0,
    custom_reverse: int = 0,
) -> pl.DataFrame:
    """Give COMPARED, sorted by pair, from ASKED and THERE, which has one line a pair.

    `unread` has from_id, to_id, action and reason of what can't be judged. `mirrors` has from_id
    and to_id of the file's pairs seen from their other end, between records of one object.
    `custom_forward` and `custom_reverse` are the bits of types of which a pair may have no more than
    the file asks for; 0 where more labels do no harm.
    """
    pair = list(_PAIR)
    named = pl.concat([asked.select(pair), mirrors.select(pair)])
    extra = there.join(named, on=pair, how="anti")
    judged = (
        asked.join(there, on=pair, how="left")
        .join(unread, on=[*pair, "action"], how="left")
        .with_columns(_sign(custom_forward, custom_reverse).alias("sign"))
    )
    only_there = extra.with_columns(pl.lit(Sign.EXTRA.value).alias("sign"))
    return (
        pl.concat([judged, only_there], how="diagonal")
        .select(pl.col(name).cast(dtype) for name, dtype in COMPARED.items())
        .sort(*pair, "action")
    )


def _sign(custom_forward: int, custom_reverse: int) -> pl.Expr:
    has_forward, has_reverse = (
        pl.col(f"there_{direction}").fill_null(0) for direction in ("forward", "reverse")
    )
    is_there = pl.col("there_forward").is_not_null() | pl.col("there_reverse").is_not_null()
    lacks = (pl.col("forward") & ~has_forward != 0) | (pl.col("reverse") & ~has_reverse != 0)
    has_some = (pl.col("forward") & has_forward != 0) | (pl.col("reverse") & has_reverse != 0)
    # A label has a type in each direction, and HubSpot does not tell which belong together. But a
    # pair has as many custom types one way as the other: their number shows a label too many.
    wanted = _count(pl.col("forward"), custom_forward) + _count(pl.col("reverse"), custom_reverse)
    has_more = (_count(has_forward, custom_forward) > wanted) | (
        _count(has_reverse, custom_reverse) > wanted
    )
    action = pl.col("action")
    removes, removes_labels = action == Action.REMOVE.value, action == Action.REMOVE_LABELS.value
    is_made = ~removes & ~removes_labels
    return (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.lit(Sign.UNKNOWN.value))
        .when(is_made & ~is_there)
        .then(pl.lit(Sign.MISSING.value))
        .when(removes & is_there)
        .then(pl.lit(Sign.EXTRA.value))
        .when((is_made & (lacks | has_more)) | (removes_labels & has_some))
        .then(pl.lit(Sign.OTHER.value))
        .otherwise(pl.lit(Sign.SAME.value))
    )


def _count(types: pl.Expr, custom: int) -> pl.Expr:
    return (types & custom).bitwise_count_ones()
