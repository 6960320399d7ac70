"""Settle associations of which old labels have to go: write what is missing, then take the rest away.

Rule 1: an association is settled when both are done; until then the journal knows nothing of it.
Rule 2: where the old labels can't be taken away the row has failed, and says what is there now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.verdict import SETTLED
from etl.model import Action, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from etl.core.verdict import SharedVerdict
    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.settle import Settler

HALF_DONE: Final = "its new labels are there, but old ones could not be taken away: "


async def settle_replacing(
    settler: Settler, frame: pl.DataFrame, endpoint: Endpoint, *, batch: int, ids: bytes | None
) -> AsyncIterator[pl.DataFrame | SharedVerdict]:
    """Yield what `Settler.settle` does for its frame with writes and stale, as answers come.

    Raises what `Settler.settle` raises; what was yielded before stays true.
    """
    if not (frame["stale"] != 0).any():
        # Nearly every batch of nearly every job.
        async for told in settler.settle(frame, endpoint, batch=batch, ids=ids):
            yield told
        return
    has_stale = frame.filter(pl.col("stale") != 0)
    written = [pl.DataFrame(schema=SETTLED)]
    async for outcomes in settler.settle_each(frame.filter("writes"), endpoint, batch=batch):
        is_half = outcomes.join(has_stale, on="association_id", how="semi").filter(
            pl.col("outcome") == Outcome.ASSOCIATED.value
        )
        written.append(is_half)
        yield outcomes.join(is_half, on="association_id", how="anti", maintain_order="left")
    half = pl.concat(written)
    wanting = has_stale.filter(
        ~pl.col("writes") | pl.col("association_id").is_in(half["association_id"].implode())
    ).with_columns(pl.col("stale").alias("types"), pl.col("stale").alias("wanted"))
    failed = half.select("association_id").clear()
    removing = endpoint.to(Action.REMOVE_LABELS)
    async for outcomes in settler.settle_each(wanting, removing, batch=batch):
        # A label that HubSpot refuses to take away fails the association once, and whole.
        told = outcomes.join(failed, on="association_id", how="anti", maintain_order="left").unique(
            "association_id", keep="first", maintain_order=True
        )
        is_gone = pl.col("outcome").is_in([Outcome.REMOVED.value, Outcome.UNCHANGED.value])
        done, left = told.filter(is_gone), told.filter(~is_gone)
        failed = pl.concat([failed, left.select("association_id")])
        yield _counting(
            pl.concat(
                [
                    done.with_columns(pl.lit(Outcome.ASSOCIATED.value).alias("outcome")),
                    left.with_columns(
                        pl.lit(None, pl.Int64).alias("types"),
                        pl.concat_str(pl.lit(HALF_DONE), "error_message").alias("error_message"),
                    ),
                ]
            ),
            half,
        )


def _counting(outcomes: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Add the attempts that writing took before."""
    cost = before.select("association_id", pl.col("attempts").alias("earlier"))
    return (
        outcomes.join(cost, on="association_id", how="left", maintain_order="left")
        .with_columns(pl.col("attempts") + pl.col("earlier").fill_null(0))
        .drop("earlier")
    )
