"""Tell what is left to remove from what is gone: ``action: remove`` and ``remove_labels``.

Rule 1: a pair that has nothing of what is to go is unchanged, and costs no write.
Rule 2: only labels that are there are asked to go.
"""

from __future__ import annotations

import polars as pl


def part_removals(
    pairs: pl.DataFrame, existing: pl.DataFrame, *, labels_alone: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the pairs of which HubSpot has what is to go from those of which it has nothing.

    `pairs` has from_id, to_id and types (bits; of no meaning where whole associations go);
    `existing` has from_id, to_id and types of the pairs that HubSpot has. Gives two frames with the
    columns of `pairs`; in the first, types are those that are there.
    """
    joined = pairs.join(
        existing.select("from_id", "to_id", pl.col("types").alias("existing")),
        on=["from_id", "to_id"],
        how="left",
        maintain_order="left",
    )
    left = pl.col("types") & pl.col("existing").fill_null(0)
    is_there = left != 0 if labels_alone else pl.col("existing").is_not_null()
    there = joined.filter(is_there)
    if labels_alone:
        there = there.with_columns(left.alias("types"))
    return there.drop("existing"), joined.filter(~is_there).drop("existing")
