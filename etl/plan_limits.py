"""Hold a staged file against the limits of its records: who would go over, who gets two primaries.

Rule 1: only the file is counted; what HubSpot has already comes on top.
Rule 2: memory holds one partition of the file, or one part of its records, and a bounded list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

import polars as pl

from etl.by_hash import parted
from etl.core.over_limits import (
    CLAIM,
    Side,
    count_others,
    distinct_pairs,
    records_over,
    rival_primaries,
    sum_counts,
)
from etl.model import Action, Direction
from etl.run_folder import COMPRESSION, writing
from etl.staging import PARTITION_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from etl.core.over_limits import Ceiling
    from etl.hubspot.ceilings import Ceilings
    from etl.hubspot.labels import Portal
    from etl.model import Job
    from etl.staging import Dataset, Section

LISTED: Final = 1000
"""Records listed of each kind; all are counted."""

LISTED_CLAIMS: Final = 10
"""Others listed of one record that gets more than one primary."""

COUNTED: Final = "in this file alone; what HubSpot has already comes on top"


@dataclass(frozen=True, slots=True)
class LimitFindings:
    """What a file does to the limits of its records."""

    counted: str
    """What the counts are of, in words."""
    checked: list[dict[str, Any]]
    """The limits: object, to_object, label, category, type_id, limit, source."""
    not_checked: list[str]
    """What could not be checked, and why."""
    over_count: int
    """Records over a limit; one over two limits counts twice."""
    over: list[dict[str, Any]]
    """The first of them, the farthest over first: the limit's keys, record_id, associations."""
    rival_primaries_count: int
    """Records for which rows ask for more than one primary."""
    rival_primaries: list[dict[str, Any]]
    """The first of them in the file: object, record_id, others, claims."""


def check_limits(
    job: Job,
    portal: Portal,
    dataset: Dataset,
    ceilings: Ceilings,
    *,
    part_rows: int = PARTITION_ROWS,
) -> LimitFindings:
    """Count what is staged against the limits; `part_rows` counts are added up at once."""
    # No record can get more others than the file has associations.
    reachable = {
        number: ceiling
        for number, ceiling in enumerate(ceilings.known)
        if ceiling.most < dataset.associations
    }
    counts = [
        _Counts(dataset.folder / "counts" / side, side, of_side, part_rows)
        for side in get_args(Side)
        if (of_side := {n: each for n, each in reachable.items() if each.holder == side})
    ]
    claims = _Claims.of(portal)
    rivals = _Listing("row_number", "record_id")
    over = _Listing(pl.col("limit") - pl.col("associations"), "record_id", "ceiling")
    for number, links in dataset.links() if counts or claims.bits else ():
        sections = [
            each
            for each in dataset.sections
            if each.partition == number and each.action is Action.ASSOCIATE
        ]
        if not sections:
            continue
        if counts:
            wishes = pl.concat(_wishes(dataset, section) for section in sections)
            pairs = distinct_pairs(wishes, same_object=portal.same_object)
            for side in counts:
                side.add(pairs)
        if claims.bits:
            found = pl.concat(claims.within(dataset, section, links) for section in sections)
            rivals.add(rival_primaries(found, LISTED_CLAIMS))
    for side in counts:
        for found in side.over():
            over.add(found)
    holder, other = job.from_side.object, job.to_side.object
    if claims.holder == "to_id":
        holder, other = other, holder
    return LimitFindings(
        counted=COUNTED,
        checked=[_described(ceiling) for ceiling in ceilings.known],
        not_checked=list(ceilings.not_checked),
        over_count=over.count,
        over=[{**_described(ceilings.known[line.pop("ceiling")]), **line} for line in over.lines()],
        rival_primaries_count=rivals.count,
        rival_primaries=[
            {"object": holder, "other_object": other, **line} for line in rivals.lines()
        ],
    )


class _Listing:
    """Count what is found, and keep the first of it."""

    def __init__(self, *order: str | pl.Expr) -> None:
        self._order = order
        self._first: pl.DataFrame | None = None
        self.count = 0

    def add(self, found: pl.DataFrame) -> None:
        """Take in what one part has."""
        self.count += found.height
        listed = found if self._first is None else pl.concat([self._first, found])
        self._first = listed.sort(*self._order).head(LISTED)

    def lines(self) -> list[dict[str, Any]]:
        """Give the first LISTED, in order."""
        return [] if self._first is None else self._first.to_dicts()


class _Counts:
    """What the records of one side get, partition by partition, added up part by part."""

    def __init__(
        self, folder: Path, side: Side, ceilings: Mapping[int, Ceiling], part_rows: int
    ) -> None:
        self._folder = folder
        self._side = side
        self._ceilings = ceilings
        self._part_rows = part_rows
        self._files = self._lines = 0
        with writing(folder):
            (folder / "partitions").mkdir(parents=True)

    def add(self, pairs: pl.DataFrame) -> None:
        """Count one partition's pairs, and put the counts on the disk."""
        counts = count_others(pairs, self._ceilings, self._side)
        path = self._folder / "partitions" / f"{self._files:05}.parquet"
        with writing(self._folder):
            counts.write_parquet(path, compression=COMPRESSION)
        self._files += 1
        self._lines += counts.height

    def over(self) -> Iterator[pl.DataFrame]:
        """Yield the records over a limit: OVER."""
        if not self._lines:
            return
        counts = pl.scan_parquet(self._folder / "partitions" / "*.parquet")
        parts = math.ceil(self._lines / self._part_rows)
        for of_records in parted(counts, "record_id", parts, self._folder / "parts"):
            yield records_over(sum_counts(of_records), self._ceilings)


@dataclass(frozen=True, slots=True)
class _Claims:
    """The rows that ask for a primary."""

    holder: Side
    """Where records with at most one primary stand in the job's pairs."""
    bits: Mapping[Direction, int]
    """The primary types of each direction; empty where no row asks for any."""

    @classmethod
    def of(cls, portal: Portal) -> _Claims:
        bits = {
            way: sum(
                portal.bits[way].by_name.get(str(kind), 0)
                for kind in portal.endpoints[way, True].primary
            )
            for way in Direction
        }
        holder = portal.endpoints[Direction.FORWARD, True].primary_holder
        return cls(holder, bits if any(bits.values()) else {})

    def within(self, dataset: Dataset, section: Section, links: pl.DataFrame) -> pl.DataFrame:
        """List those of a section: CLAIM. All pairs of a holder are in one partition."""
        asks = (pl.col("types") & self.bits[section.direction]) != 0
        record, other = "from_id", "to_id"
        # The section has the request's own sides; turned round, the holder is in the other column.
        if (self.holder == "from_id") is not (section.direction is Direction.FORWARD):
            record, other = other, record
        pairs = (
            dataset.pairs(section)
            .filter(asks)
            .select(
                "association_id", pl.col(record).alias("record_id"), pl.col(other).alias("other_id")
            )
        )
        return links.filter(asks).join(pairs.collect(), on="association_id").select(*CLAIM)


def _wishes(dataset: Dataset, section: Section) -> pl.DataFrame:
    """Give a section's pairs the job's own sides: WISH."""
    pairs = dataset.pairs(section)
    none = pl.lit(0, pl.Int64)
    if section.direction is Direction.FORWARD:
        columns = [
            pl.col("from_id"),
            pl.col("to_id"),
            pl.col("types").alias("forward"),
            none.alias("reverse"),
        ]
    else:
        columns = [
            pl.col("to_id").alias("from_id"),
            pl.col("from_id").alias("to_id"),
            none.alias("forward"),
            pl.col("types").alias("reverse"),
        ]
    return pairs.select(columns).collect()


def _described(ceiling: Ceiling) -> dict[str, Any]:
    return {
        "object": ceiling.object,
        "to_object": ceiling.to_object,
        "label": ceiling.label,
        "category": ceiling.type.category if ceiling.type else None,
        "type_id": ceiling.type.type_id if ceiling.type else None,
        "limit": ceiling.most,
        "source": ceiling.source,
    }
