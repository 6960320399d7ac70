"""What waits on the disk comes back as it was, however little room it takes there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.model import MAX_ID
from etl.narrow import has_values, read_narrow, write_narrow

NUMBERS = st.one_of(st.none(), st.integers(-300, 300), st.sampled_from([0, MAX_ID, 2**31]))
TEXTS = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.sampled_from(["1", "7", "07", "+7", "-7", "0", " 7", "7 ", "1e3", "٣", str(MAX_ID)]),
    st.integers(1, 10**12).map(str),
)


@settings(deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda height: st.tuples(
            st.lists(NUMBERS, min_size=height, max_size=height),
            st.lists(TEXTS, min_size=height, max_size=height),
            TEXTS.map(lambda text: [text] * height),
        )
    )
)
def test_a_frame_comes_back_as_it_was(
    columns: tuple[list[int | None], list[str | None], list[str | None]],
) -> None:
    """No cell of failures.csv differs from the source's: neither a zero in front nor a blank."""
    schema = {"number": pl.Int64(), "text": pl.String(), "same": pl.String()}
    frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frame.arrow")
        write_narrow(frame, path)
        assert read_narrow(path, schema).equals(frame)
        assert read_narrow(path, {"number": pl.Int64()}, ["same", "number"]).equals(
            frame.select("same", "number")
        )
        assert has_values(path, "text") is (frame["text"].null_count() < frame.height)


@pytest.mark.parametrize(
    ("column", "most"),
    [
        (pl.Series([None] * 10_000, dtype=pl.String), 0),
        (pl.Series(["a/file/of/the/source.csv"] * 10_000), 1),
        (pl.Series([1] * 10_000, dtype=pl.Int64), 1),
        (pl.Series(range(1_000_000, 1_010_000)).cast(pl.String), 4),
    ],
    ids=["nothing", "one text", "one number", "7-digit ids"],
)
def test_what_says_little_takes_little_room(tmp_path: Path, column: pl.Series, most: int) -> None:
    """Staging takes less than three times the room of its source."""
    path = tmp_path / "frame.arrow"
    write_narrow(column.to_frame("column"), path)
    assert path.stat().st_size < most * column.len() + 2000


def test_a_frame_without_rows_comes_back(tmp_path: Path) -> None:
    """A source whose rows are all rejected links to nothing."""
    schema = {"number": pl.Int64(), "text": pl.String()}
    write_narrow(pl.DataFrame(schema=schema), tmp_path / "frame.arrow")
    assert read_narrow(tmp_path / "frame.arrow", schema).equals(pl.DataFrame(schema=schema))


def test_columns_of_one_word_are_as_long_as_the_frame(tmp_path: Path) -> None:
    """Whoever reads only what all rows say alike gets it for each row."""
    frame = pl.DataFrame(
        {"file": ["a.csv"] * 3, "none": [None] * 3}, schema_overrides={"none": pl.String}
    )
    write_narrow(frame, tmp_path / "frame.arrow")
    assert read_narrow(tmp_path / "frame.arrow", {}).equals(frame)
    assert read_narrow(tmp_path / "frame.arrow", {}, ["file"])["file"].to_list() == ["a.csv"] * 3
