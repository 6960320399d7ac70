"""Give a pair the labels of the source and no other custom ones: ``existing_labels: replace``.

Rule 1: what HubSpot has defined itself is not the source's to take away: primary and its like stay,
        but for a primary that the source gives to another pair of the record (`core.keep`, rule 3).
Rule 2: what is missing is written, then what is stale is taken away: right whether HubSpot adds the
        labels that it is given or replaces those that it has.
Rule 3: a pair that has exactly this already is unchanged, and costs no write.
"""

from __future__ import annotations

import polars as pl

from etl.core.keep import keep_existing


def replace_existing(
    pairs: pl.DataFrame,
    existing: pl.DataFrame,
    *,
    exclusive: int,
    holder: str,
    write_all: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the pairs that need something from the unchanged ones.

    Takes what `keep_existing` takes, and in `pairs` the column may_go: the bits of the labels that
    are to go unless the pair wants them. The first frame has two columns more: writes (types have to
    be written) and stale (bits to take away).
    """
    known = pairs.join(existing, on=["from_id", "to_id"], how="inner", suffix="_there")
    stale = known.select(
        "from_id",
        "to_id",
        (pl.col("types_there") & ~pl.col("types") & pl.col("may_go")).alias("stale"),
        pl.col("types_there").alias("types"),
    )
    missing, whole = keep_existing(
        pairs,
        stale.with_columns(pl.col("types") & ~pl.col("stale")),
        exclusive=exclusive,
        holder=holder,
        write_all=write_all,
    )
    both = pl.concat(
        [
            missing.with_columns(pl.lit(value=True).alias("writes")),
            whole.with_columns(pl.lit(value=False).alias("writes")),
        ]
    ).join(stale.drop("types"), on=["from_id", "to_id"], how="left", maintain_order="left")
    both = both.with_columns(pl.col("stale").fill_null(0))
    is_changed = pl.col("writes") | (pl.col("stale") != 0)
    return both.filter(is_changed), both.filter(~is_changed).select(pairs.columns)
