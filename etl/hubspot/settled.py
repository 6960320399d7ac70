"""What is settled, counted and left out: frames of SETTLED beside the pairs that they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from etl.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RowsSettled:
    """Tell whoever listens that rows have come to their outcome."""

    rows: Mapping[Outcome, int]


def final(settled: pl.DataFrame) -> pl.DataFrame:
    """Leave out the verdicts about some types alone."""
    return settled.filter(pl.col("types").is_null())


def without(pairs: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Leave out the pairs that others are about."""
    if not others.height:
        return pairs
    return pairs.join(others, on="association_id", how="anti", maintain_order="left")


def rows_settled(outcomes: pl.DataFrame, pairs: pl.DataFrame) -> RowsSettled:
    """Count the rows behind associations by outcome."""
    told = final(outcomes).select("association_id", "outcome")
    if told.height == pairs.height and told["outcome"].n_unique() == 1:
        return RowsSettled({Outcome(told["outcome"][0]): int(pairs["rows"].sum())})
    rows = told.join(pairs, on="association_id", how="inner").group_by("outcome")
    counts = rows.agg(pl.col("rows").sum()).iter_rows()
    return RowsSettled({Outcome(name): count for name, count in counts})
