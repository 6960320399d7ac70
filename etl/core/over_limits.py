"""Count how many others each record of a file gets, and find the records over a limit.

Rule 1: a pair of records counts once, however many rows and labels ask for it.
Rule 2: a pair stands in one part of the file alone, so that the counts of parts add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.model import AssociationType

Side = Literal["from_id", "to_id"]

WISH: Final = {"from_id": pl.Int64, "to_id": pl.Int64, "forward": pl.Int64, "reverse": pl.Int64}
"""A pair of the job, and the types (bits) that it is to have in each direction."""

OVER: Final = {
    "record_id": pl.Int64,
    "ceiling": pl.Int64,
    "limit": pl.Int64,
    "associations": pl.Int64,
}
"""A record over a limit: the ceiling's number, what it allows, and how many others the record gets."""

CLAIM: Final = {"record_id": pl.Int64, "other_id": pl.Int64, "row_number": pl.Int64}
"""A row that asks for a primary."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How many others one record may have, and which of a file's pairs count."""

    holder: Side
    """Where such records stand in the job's pairs."""
    object: str
    to_object: str
    label: str | None
    """None where every association counts."""
    type: AssociationType | None
    """None for a limit of the record itself, whatever the types."""
    most: int
    source: str
    """Who says so."""
    forward: int = 0
    """Types as bits: a pair that is to have one of them from the job's `from` to its `to` counts."""
    reverse: int = 0
    """The same the other way round."""

    @property
    def counts_all(self) -> bool:
        """Tell whether every pair counts, whatever its label: each label implies the default."""
        return self.label is None


def distinct_pairs(wishes: pl.DataFrame, *, same_object: bool) -> pl.DataFrame:
    """Make WISH one line a pair; between records of one object, each pair from both of its ends."""
    if same_object:
        mirrored = wishes.select(
            pl.col("to_id").alias("from_id"),
            pl.col("from_id").alias("to_id"),
            pl.col("reverse").alias("forward"),
            pl.col("forward").alias("reverse"),
        )
        wishes = pl.concat([wishes, mirrored])
    return wishes.group_by("from_id", "to_id").agg(pl.col("forward", "reverse").bitwise_or())


def count_others(
    pairs: pl.DataFrame, ceilings: Mapping[int, Ceiling], holder: Side
) -> pl.DataFrame:
    """Count, for each record on one side of distinct pairs, what counts for each ceiling.

    Gives record_id and a column a ceiling, named by its number.
    """
    return pairs.group_by(pl.col(holder).alias("record_id")).agg(
        _counted(ceiling).cast(pl.Int64).alias(str(number)) for number, ceiling in ceilings.items()
    )


def sum_counts(counts: pl.DataFrame) -> pl.DataFrame:
    """Add up the counts of several parts."""
    return counts.group_by("record_id").agg(pl.exclude("record_id").sum())


def records_over(counts: pl.DataFrame, ceilings: Mapping[int, Ceiling]) -> pl.DataFrame:
    """List the records that get more than a ceiling allows: OVER."""
    return pl.concat(
        counts.filter(pl.col(str(number)) > ceiling.most).select(
            "record_id",
            pl.lit(number, pl.Int64).alias("ceiling"),
            pl.lit(ceiling.most, pl.Int64).alias("limit"),
            pl.col(str(number)).alias("associations"),
        )
        for number, ceiling in ceilings.items()
    )


def rival_primaries(claims: pl.DataFrame, most_others: int) -> pl.DataFrame:
    """List the records for which rows (CLAIM) ask for more than one primary, with their others.

    Gives record_id, row_number (the first), others (their count) and claims: the first
    `most_others`, each other_id, row_number (the first) and rows.
    """
    others = claims.group_by("record_id", "other_id").agg(
        pl.col("row_number").min(), pl.col("row_number").n_unique().cast(pl.Int64).alias("rows")
    )
    claim = pl.struct("other_id", "row_number", "rows")
    return (
        others.group_by("record_id")
        .agg(
            pl.col("row_number").min().alias("first_row"),
            pl.len().cast(pl.Int64).alias("others"),
            claim.sort_by("row_number", "other_id").head(most_others).alias("claims"),
        )
        .filter(pl.col("others") > 1)
        .rename({"first_row": "row_number"})
    )


def _counted(ceiling: Ceiling) -> pl.Expr:
    if ceiling.counts_all:
        return pl.len()
    asked_for = (pl.col("forward") & ceiling.forward) | (pl.col("reverse") & ceiling.reverse)
    return (asked_for != 0).sum()
