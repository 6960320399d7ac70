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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from etl.hubspot.existing import ROUND_COST, Existing, TooManyPagesError, back
from etl.hubspot.record_wire import PAGE_SIZE
from etl.hubspot.wire import PAIR, TYPED_PAIR, swapped
from etl.model import MAX_READ_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.existing import ExistingReader
    from etl.logs import Log
    from etl.model import AssociationType

MARGIN: Final = 2
"""How many times cheaper the other side has to look, and how many times dearer than the other a side
may turn out before it is given up: the pairs of a file are the least that its records have."""


Side = Literal["from", "to"]
"""Whose records are asked: the near side is that of the from-records, the far side the other."""


@dataclass(frozen=True, slots=True)
class Load:
    """What it takes to read records that have the pairs of the file alone."""

    requests: int
    rounds: int
    """How often the next pages have to be waited for."""

    @property
    def cost(self) -> int:
        """Tell what that costs, in requests."""
        return self.requests + self.rounds * ROUND_COST


@dataclass(frozen=True, slots=True)
class Loads:
    """What reading some pairs takes from either side."""

    near: Load
    far: Load | None
    """None where not all that is asked of the pairs can be told from there."""

    @property
    def first(self) -> Side:
        """Choose the side to begin with."""
        is_far = self.far is not None and self.far.cost * MARGIN <= self.near.cost
        return "to" if is_far else "from"

    @property
    def requests(self) -> int:
        """Count the requests of the side to begin with."""
        return (self.far if self.far is not None and self.first == "to" else self.near).requests


class EitherSide:
    """Read pairs from the side of a request's from-records, or from that of its to-records."""

    def __init__(self, reader: ExistingReader, log: Log) -> None:
        self._reader = reader
        self._log = log
        self._dear: set[str] = set()
        """Directions whose far side has turned out dear."""

    async def read(self, pairs: pl.DataFrame, endpoint: Endpoint) -> tuple[Existing, Side]:
        """Read what the pairs (from_id, to_id, types) have, as `ExistingReader.read` does.

        Tells beside it from which side.
        """
        turned, direction = endpoint.turned, endpoint.paths.read
        if turned is None or direction in self._dear:
            return await self._reader.read(pairs, endpoint), "from"
        loads = await asyncio.to_thread(loads_of, pairs, endpoint)
        if loads.far is None:
            return await self._reader.read(pairs, endpoint), "from"
        far_cost = loads.far.cost * MARGIN
        if loads.first == "from":
            try:
                return await self._reader.read(pairs, endpoint, most_cost=far_cost), "from"
            except TooManyPagesError:
                self._give_up("from", direction)
        try:
            most_cost = max(loads.near.cost, far_cost)
            read = await read_from_far(self._reader, pairs, endpoint, turned, most_cost=most_cost)
        except TooManyPagesError:
            self._give_up("to", direction)
            self._dear.add(direction)
            return await self._reader.read(pairs, endpoint), "from"
        return read, "to"

    def _give_up(self, side: Side, direction: str) -> None:
        self._log.info("side.given_up", side=side, path=direction)


def loads_of(pairs: pl.DataFrame, endpoint: Endpoint) -> Loads:
    """Tell what reading the pairs (from_id, to_id, types) takes from either side."""
    is_certain = endpoint.turned is not None and _are_certain(pairs, endpoint, endpoint.turned)
    return Loads(load(pairs["from_id"]), load(pairs["to_id"]) if is_certain else None)


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


def load(records: pl.Series) -> Load:
    """Count what it takes to read records that have these pairs alone; an id stands once a pair."""
    pages = (records.value_counts()["count"] - 1) // PAGE_SIZE + 1
    by_pages = pages.value_counts(name="records").sort(pages.name)
    # Of the records with 3 and 7 pages, all are asked for 3 times, then some of them 4 times more.
    left = by_pages["records"].sum() - by_pages["records"].cum_sum().shift(fill_value=0)
    rounds = by_pages[pages.name].diff().fill_null(by_pages[pages.name])
    requests = (rounds * ((left - 1) // MAX_READ_SIZE + 1)).sum()
    return Load(requests=int(requests), rounds=int(rounds.sum()))


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
