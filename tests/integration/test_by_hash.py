"""Lines of one record come in one part, whatever files they were in, and no file is read again for each."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.by_hash import parted
from etl.errors import StoppedError

SCHEMA: Final = pl.Schema({"record": pl.Int64, "line": pl.Int64})
RECORDS: Final = st.lists(st.integers(1, 30), max_size=60)


def lines_of(records: list[int]) -> pl.DataFrame:
    """Give each of some records a line."""
    return pl.DataFrame(list(zip(records, range(len(records)), strict=True)), SCHEMA, orient="row")


@given(one=RECORDS, other=RECORDS, count=st.integers(0, 9), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_each_line_is_in_one_part_and_each_record_too(
    one: list[int], other: list[int], count: int, seed: int
) -> None:
    """Nothing is lost or told twice, and of two frames a record is in parts of one number."""
    with TemporaryDirectory() as name:
        sides = [
            list(parted(lines_of(side).lazy(), "record", count, Path(name) / folder, seed=seed))
            for side, folder in ((one, "one"), (other, "other"))
        ]
        assert not list(Path(name).iterdir())
    for side, parts in zip((one, other), sides, strict=True):
        assert [part.schema for part in parts] == [SCHEMA] * max(1, count)
        assert pl.concat(parts).sort("line").equals(lines_of(side))
    numbers = [{r: n for n, part in enumerate(parts) for r in part["record"]} for parts in sides]
    assert all(numbers[1].get(record, number) == number for record, number in numbers[0].items())
    for parts in sides:
        assert sum(part["record"].n_unique() for part in parts) == len(
            set(pl.concat(parts)["record"])
        )


@pytest.mark.parametrize("count", [1, 2, 20])
def test_every_line_is_read_once(tmp_path: Path, count: int) -> None:
    """Ten times the parts take no more reads: time grows as the lines do, and not with their square."""
    reads: list[pl.DataFrame] = []

    def read() -> pl.DataFrame:
        reads.append(lines_of(list(range(600))))
        return reads[-1]

    lines = pl.defer(read, schema=SCHEMA)
    assert sum(part.height for part in parted(lines, "record", count, tmp_path / "parts")) == 600
    assert len(reads) == 1


def test_a_disk_that_takes_no_parts_stops_the_run(tmp_path: Path) -> None:
    """Where parts can't be put aside, the path and what to do is said."""
    (tmp_path / "parts").write_text("in the way")
    with pytest.raises(StoppedError, match="parts can't be written"):
        next(parted(lines_of([1, 2]).lazy(), "record", 2, tmp_path / "parts"))
