"""Add to what a pair has, and take nothing away: ``existing_labels: keep``.

Rule 1: the union of old and new is written, right whether HubSpot adds labels or replaces them.
Rule 2: a pair that has everything already is unchanged, and costs no write.
Rule 3: a record has one primary; where the source gives it to one pair, the others of that record
        let go of it, or the union would move it back.
"""

from __future__ import annotations

import polars as pl


def keep_existing(
    pairs: pl.DataFrame,
    existing: pl.DataFrame,
    *,
    exclusive: int,
    holder: str,
    write_all: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the pairs to write, with the union of their types, from the unchanged ones.

    `pairs` has from_id, to_id and types (bits; 0 for the default association); `existing` has
    from_id, to_id and types of the pairs that HubSpot has. `exclusive` are the bits of primary
    types, of which the record in column `holder` has at most one. `write_all` takes no pair for
    unchanged.
    """
    joined = pairs.join(
        existing.select("from_id", "to_id", pl.col("types").alias("existing")),
        on=["from_id", "to_id"],
        how="left",
        maintain_order="left",
    )
    has_all = (
        pl.lit(not write_all)
        & pl.col("existing").is_not_null()
        & ((pl.col("types") & pl.col("existing")) == pl.col("types"))
    )
    unchanged = joined.filter(has_all).drop("existing")
    if exclusive:
        claims = (pl.col("types") & exclusive) != 0
        lets_go = ~claims & claims.any().over(holder)
        joined = joined.with_columns(
            pl.when(lets_go)
            .then(pl.col("existing") & ~exclusive)
            .otherwise("existing")
            .alias("existing")
        )
    union = pl.col("types") | pl.col("existing").fill_null(0)
    return joined.filter(~has_all).with_columns(union).drop("existing"), unchanged
