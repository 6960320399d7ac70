"""Rows of one record come together, however they came and whether they all fit into memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.merge import PAIR
from etl.model import MAX_ID, Action
from etl.partitions import Partitions

IDS = st.one_of(st.integers(1, 9), st.sampled_from([300, 70_000, 5_000_000_000, MAX_ID]))
ROWS = st.lists(
    st.tuples(
        IDS,
        IDS,
        st.integers(0, 300),
        st.integers(0, 1),
        st.sampled_from([None, *(action.value for action in Action)]),
    ),
    max_size=40,
)


def taken(
    folder: Path, frame: pl.DataFrame, chunk_rows: int, partition_rows: int, spill_rows: int
) -> list[pl.DataFrame]:
    """Add rows chunk by chunk, and take them as parts."""
    partitions = Partitions(
        folder / "buckets", pl.col("from_id"), partition_rows, spill_rows=spill_rows
    )
    for chunk in frame.iter_slices(chunk_rows):
        partitions.add(chunk)
    return list(partitions.take())


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 4, 10, 1000]))
def test_every_row_comes_once_and_beside_those_of_its_record(
    rows: list[tuple[int, int, int, int, str | None]],
    chunk_rows: int,
    partition_rows: int,
    spill_rows: int,
) -> None:
    """A source larger than memory loses no row and no order, whatever its numbers and wishes are."""
    numbered = [(number, *row) for number, row in enumerate(rows, 1)]
    frame = pl.DataFrame(numbered, schema=PAIR, orient="row")
    with tempfile.TemporaryDirectory() as folder:
        parts = taken(Path(folder), frame, chunk_rows, partition_rows, spill_rows)
    assert all(part.schema == frame.schema for part in parts)
    assert sorted(line for part in parts for line in part.iter_rows()) == numbered
    records = [part.group_by("from_id").agg("row_number") for part in parts]
    homes = Counter(record for each in records for record in each["from_id"])
    assert all(times == 1 for times in homes.values())
    assert all(of_one.is_sorted() for each in records for of_one in each["row_number"])


def test_a_part_is_about_as_large_as_asked(tmp_path: Path) -> None:
    """Memory stays within a few parts' size, and requests are full: buckets are put together and cut."""
    rows = [(number, number, 5, 1, 0, "associate") for number in range(1, 6001)]
    frame = pl.DataFrame(rows, schema=PAIR, orient="row")
    for spill_rows in (600, 2000, 10_000):
        parts = taken(tmp_path, frame, 100, 200, spill_rows)
        assert max(part.height for part in parts) < 300
        assert len(parts) < 50


@pytest.mark.parametrize("spill_rows", [700, 100_000])
def test_a_record_of_very_many_rows_is_split_where_it_may_be(
    tmp_path: Path, spill_rows: int
) -> None:
    """One company with every contact takes no more memory than many; a pair stays whole."""
    rows = [
        (number, *((7, number % 1500 + 8) if number < 3000 else (number % 1500 + 8, 7)), 1, 0, None)
        for number in range(6000)
    ]
    frame = pl.DataFrame(rows, schema=PAIR, orient="row")
    record = pl.min_horizontal("from_id", "to_id")
    sizes: dict[bool, int] = {}
    for splits in (False, True):
        partitions = Partitions(tmp_path / str(splits), record, 200, spill_rows=spill_rows)
        for chunk in frame.iter_slices(100):
            partitions.add(chunk)
        parts = list(partitions.take(splits_records=splits))
        sizes[splits] = max(part.height for part in parts)
        assert sum(part.height for part in parts) == len(rows)
        ends = [(record, pl.max_horizontal("from_id", "to_id").alias("other"))] * len(parts)
        pairs = [part.select(*each).unique() for part, each in zip(parts, ends, strict=True)]
        assert pl.concat(pairs).is_unique().all()
    assert sizes[False] == len(rows)
    assert sizes[True] < 400


def test_a_source_that_memory_holds_never_goes_to_the_disk(tmp_path: Path) -> None:
    """A nightly file of 10,000 rows is staged without a file that is read back and thrown away."""
    partitions = Partitions(tmp_path / "buckets", pl.col("from_id"), 10, spill_rows=100)
    rows = [(number, number, 5, 1, 0, "associate") for number in range(99)]
    partitions.add(pl.DataFrame(rows, schema=PAIR, orient="row"))
    assert sum(part.height for part in partitions.take()) == len(rows)
    assert not (tmp_path / "buckets").exists()


def test_what_was_taken_is_gone_from_the_disk(tmp_path: Path) -> None:
    """Disk is needed once for what waits, not until the run ends."""
    rows = [(number, number, 5, 1, 0, "associate") for number in range(1, 100)]
    partitions = Partitions(tmp_path / "buckets", pl.col("from_id"), 10, spill_rows=20)
    partitions.add(pl.DataFrame(rows, schema=PAIR, orient="row"))
    assert list((tmp_path / "buckets").iterdir())
    assert sum(part.height for part in partitions.take()) == len(rows)
    assert list((tmp_path / "buckets").iterdir()) == []
