"""Find whom the errors of an answer mean, all errors at once.

HubSpot may send an error for each of two thousand inputs; looking through the batch for each of them
would take seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.model import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from etl.hubspot.culprits import Culprits

_ENDS = ("from_id", "to_id")


BLAMED = {
    "association_id": pl.Int64,
    "place": pl.Int64,
    "from_id": pl.Boolean,
    "to_id": pl.Boolean,
}
"""An association, the first error that names it, and which of its two records that is about."""


def blame(batch: pl.DataFrame, named: Sequence[Culprits]) -> tuple[pl.DataFrame, set[int]]:
    """Find of each association the first error that names it by record ids.

    `batch` has association_id, from_id and to_id. Gives BLAMED, where `place` is an index into
    `named`, and the places of all errors that name anybody of the batch.
    """
    ids = batch.select("association_id", *_ENDS)
    pair_from = _table(((place, each.pair_from) for place, each in enumerate(named)), "from_id")
    pair_to = _table(((place, each.pair_to) for place, each in enumerate(named)), "to_id")
    found = [ids.join(pair_from.join(pair_to, on="place", how="inner"), on=_ENDS, how="inner")]
    found[0] = found[0].select("association_id", "place", *_is(from_id=True, to_id=True))
    for end in _ENDS:
        is_from = end == "from_id"
        records = (
            (place, (each.from_ids if is_from else each.to_ids) | each.either_ids)
            for place, each in enumerate(named)
        )
        meant = ids.join(_table(records, end), on=end, how="inner")
        ends = _is(from_id=is_from, to_id=not is_from)
        found.append(meant.select("association_id", "place", *ends))
    all_found = pl.concat(found)
    first = all_found.filter(pl.col("place") == pl.col("place").min().over("association_id"))
    told = first.group_by("association_id", "place", maintain_order=True).agg(pl.col(_ENDS).any())
    return told.select(*BLAMED), set(all_found["place"].unique())


def _is(**values: bool) -> list[pl.Expr]:
    return [pl.lit(value).alias(name) for name, value in values.items()]


def _table(records: Iterable[tuple[int, Iterable[int]]], end: str) -> pl.DataFrame:
    return pl.DataFrame(_lines(records), schema={"place": pl.Int64, end: pl.Int64}, orient="row")


def _lines(records: Iterable[tuple[int, Iterable[int]]]) -> Iterator[tuple[int, int]]:
    # A number beyond 64 bits is no id of ours.
    return ((place, number) for place, ids in records for number in ids if number <= MAX_ID)
