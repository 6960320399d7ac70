"""What a staged source asks for, pair by pair, all pairs of a from-record together.

Staging lays a run out by endpoint and phase; a comparison needs each pair once, with both its
directions, beside everything else that its from-record has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.by_hash import parted
from etl.core.compare import ASKED
from etl.hubspot.wire import swapped
from etl.model import Direction
from etl.run_folder import COMPRESSION, writing
from etl.staging import PARTITION_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.staging import Dataset, Section

_LINE: Final = {**ASKED, "is_mirror": pl.Boolean}


@dataclass(frozen=True, slots=True)
class Asked:
    """The pairs of some from-records."""

    pairs: pl.DataFrame
    """ASKED: all pairs of these records."""
    mirrors: pl.DataFrame
    """from_id and to_id of pairs that other records of the same object have with these."""


def asked_by_record(
    dataset: Dataset, folder: Path, *, same_object: bool, partition_rows: int = PARTITION_ROWS
) -> Iterator[Asked]:
    """Yield the pairs of the whole source, each from-record whole; memory holds one partition."""
    with writing(folder):
        (folder / "pairs").mkdir(parents=True)
        for partition, links in dataset.links():
            lines = _pairs(dataset, partition, links)
            if same_object:
                lines = pl.concat([lines, _mirrored(lines)])
            lines.write_parquet(
                folder / "pairs" / f"{partition:05}.parquet", compression=COMPRESSION
            )
    for lines in _by_record(folder, partition_rows):
        is_mirror = pl.col("is_mirror")
        yield Asked(
            lines.filter(~is_mirror).select(*ASKED),
            lines.filter(is_mirror).select("from_id", "to_id"),
        )


def _pairs(dataset: Dataset, partition: int, links: pl.DataFrame) -> pl.DataFrame:
    """Merge a partition's sections into one line a pair and action, seen from the job's own side."""
    first_rows = links.group_by("association_id").agg(pl.col("row_number").min())
    sides = [
        _seen_from_the_job(dataset.pairs(section), section).collect()
        for section in dataset.sections
        if section.partition == partition
    ]
    if not sides:
        return pl.DataFrame(schema=_LINE)
    return (
        pl.concat(sides)
        .join(first_rows, on="association_id", how="left")
        .group_by("from_id", "to_id", "action")
        .agg(pl.col("forward", "reverse").bitwise_or(), pl.col("row_number").min())
        .with_columns(pl.lit(value=False).alias("is_mirror"))
        .select(*_LINE)
    )


def _seen_from_the_job(pairs: pl.LazyFrame, section: Section) -> pl.LazyFrame:
    types, nothing = pl.col("types"), pl.lit(0, pl.Int64)
    if section.direction is Direction.FORWARD:
        ids = [pl.col("from_id"), pl.col("to_id")]
        masks = [types.alias("forward"), nothing.alias("reverse")]
    else:
        ids = [pl.col("to_id").alias("from_id"), pl.col("from_id").alias("to_id")]
        masks = [nothing.alias("forward"), types.alias("reverse")]
    action = pl.lit(section.action.value).alias("action")
    return pairs.select("association_id", *ids, action, *masks)


def _mirrored(lines: pl.DataFrame) -> pl.DataFrame:
    return swapped(lines).with_columns(pl.lit(value=True).alias("is_mirror"))


def _by_record(folder: Path, partition_rows: int) -> Iterator[pl.DataFrame]:
    """Give the lines so that a from-record is in one part."""
    files = sorted((folder / "pairs").iterdir())
    if not files:
        return iter(())
    lines = pl.scan_parquet(files)
    count = math.ceil(int(lines.select(pl.len()).collect().item()) / partition_rows)
    return parted(lines, "from_id", count, folder / "by_record")
