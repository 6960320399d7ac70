"""Read what pairs have from whichever of their two records takes fewer requests.

A million contacts of 200 companies are a thousand reads from one side and ten from the other. What a
record has besides the pairs of the file shows only when it is read, so a side is given up where it
takes more than was thought.

Rule 1: what is read is the same from either side: of a pair whose types can't be told for certain
        from the other side, the first side is read.
Rule 2: no reading costs more than a few times what the cheaper side would have cost.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.hubspot.existing import ROUND_COST, Existing, TooManyPagesError, back
from etl.hubspot.record_wire import PAGE_SIZE
from etl.hubspot.wire import PAIR, TYPED_PAIR, swapped
from etl.model import MAX_READ_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.existing import ExistingReader
    from etl.model import AssociationType

MARGIN: Final = 2
"""How many times cheaper the other side has to look, and how many times dearer than the other a side
may turn out before it is given up: the pairs of a file are the least that its records have."""


class EitherSide:
    """Read pairs from the side of a request's from-records, or from that of its to-records."""

    def __init__(self, reader: ExistingReader) -> None:
        self._reader = reader
        self._dear: set[str] = set()
        """Directions whose far side has turned out dear."""

    async def read(self, pairs: pl.DataFrame, endpoint: Endpoint) -> Existing:
        """Read what the pairs (from_id, to_id, types) have, as `ExistingReader.read` does."""
        turned = endpoint.turned
        if turned is None or not _are_certain(pairs, endpoint, turned):
            return await self._reader.read(pairs, endpoint)
        direction = endpoint.paths.read
        if direction in self._dear:
            return await self._reader.read(pairs, endpoint)
        near = await asyncio.to_thread(cost, pairs["from_id"])
        far = await asyncio.to_thread(cost, pairs["to_id"])
        if far * MARGIN > near:
            with suppress(TooManyPagesError):
                return await self._reader.read(pairs, endpoint, most_cost=far * MARGIN)
        try:
            most_cost = max(near, far * MARGIN)
            return await read_from_far(self._reader, pairs, endpoint, turned, most_cost=most_cost)
        except TooManyPagesError:
            self._dear.add(direction)
            return await self._reader.read(pairs, endpoint)


async def read_from_far(
    reader: ExistingReader,
    pairs: pl.DataFrame,
    endpoint: Endpoint,
    turned: Mapping[AssociationType, AssociationType],
    *,
    most_cost: int | None = None,
) -> Existing:
    """Read pairs from their to-records, and those that stay unclear from their from-records.

    Raises TooManyPagesError, and what `ExistingReader.read` raises.
    """
    there = await reader.read(swapped(pairs), back(endpoint), most_cost=most_cost)
    types = swapped(there.types).join(
        _table(turned), on=["category", "type_id"], how="left", maintain_order="left"
    )
    is_unclear = pl.any_horizontal(pl.col(f"our_{name}").is_null() for name in _TYPE)
    unclear = pl.concat(
        [
            types.filter(is_unclear).select(*PAIR),
            pairs.join(there.unread, left_on="to_id", right_on="from_id", how="semi").select(*PAIR),
        ]
    ).unique()
    clear = types.join(unclear, on=[*PAIR], how="anti").select(
        *PAIR, *(pl.col(f"our_{name}").alias(name) for name in _TYPE)
    )
    if not unclear.height:
        return Existing(clear, there.unread.clear())
    near = await reader.read(unclear, endpoint)
    return Existing(pl.concat([clear, near.types]), near.unread)


def cost(records: pl.Series) -> int:
    """Count what it costs to read records that have these pairs alone; an id stands once a pair."""
    pages = (records.value_counts()["count"] - 1) // PAGE_SIZE + 1
    by_pages = pages.value_counts(name="records").sort(pages.name)
    # Of the records with 3 and 7 pages, all are asked for 3 times, then some of them 4 times more.
    left = by_pages["records"].sum() - by_pages["records"].cum_sum().shift(fill_value=0)
    rounds = by_pages[pages.name].diff().fill_null(by_pages[pages.name])
    return int((rounds * ((left - 1) // MAX_READ_SIZE + 1 + ROUND_COST)).sum())


def _are_certain(
    pairs: pl.DataFrame,
    endpoint: Endpoint,
    turned: Mapping[AssociationType, AssociationType],
) -> bool:
    """Tell whether all that is asked of the pairs can be told from their other side."""
    certain = set(turned.values())
    masks = pairs["types"].unique().to_list()
    return all(certain.issuperset(endpoint.bits.types(mask)) for mask in masks)


_TYPE: Final = ("category", "type_id")


def _table(turned: Mapping[AssociationType, AssociationType]) -> pl.DataFrame:
    schema = {name: TYPED_PAIR[name] for name in _TYPE}
    lines = [
        (their.category, their.type_id, our.category, our.type_id) for their, our in turned.items()
    ]
    ours = {f"our_{name}": dtype for name, dtype in schema.items()}
    return pl.DataFrame(lines, schema={**schema, **ours}, orient="row")
