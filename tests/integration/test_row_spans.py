"""Lines about rows come back beside their rows, whatever order they were told in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.errors import StoppedError
from etl.row_spans import RowSpans

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = {"row_number": pl.Int64, "word": pl.String}


def lines_about(*rows: int) -> pl.LazyFrame:
    """Tell a word of each row."""
    return pl.LazyFrame([(row, f"of {row}") for row in rows], schema=SCHEMA, orient="row")


@pytest.fixture(autouse=True)
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a span be ten rows."""
    monkeypatch.setattr("etl.row_spans.SPAN_ROWS", 10)


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.integers(1, 60), max_size=40), sizes=st.lists(st.integers(1, 25), max_size=60)
)
def test_each_line_comes_back_once_with_its_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], sizes: list[int]
) -> None:
    """However the source was cut into chunks, nothing told of a row is lost, doubled or moved."""
    spans = RowSpans(lines_about(*rows), tmp_path_factory.mktemp("spans") / "lines")
    first, found = 1, []
    for size in [*sizes, 60]:
        cut = spans.within(first, first + size - 1)
        numbers = cut["row_number"].to_list()
        assert numbers == sorted(row for row in rows if first <= row < first + size)
        assert cut["word"].to_list() == [f"of {row}" for row in numbers]
        found += numbers
        first += size
    assert found == sorted(rows)


def test_rows_of_which_nothing_is_told_have_no_lines(tmp_path: Path) -> None:
    """A run in which nothing was said of any row, or of those of a span, has columns all the same."""
    assert RowSpans(lines_about(), tmp_path / "none").within(1, 100).schema == SCHEMA
    some = RowSpans(lines_about(35), tmp_path / "some")
    assert some.within(1, 30).schema == SCHEMA
    assert some.within(31, 40).height == 1


def test_lines_that_the_disk_does_not_take_stop_the_run(tmp_path: Path) -> None:
    """The operator reads which folder can't be written, and goes on once it can."""
    (tmp_path / "file").touch()
    with pytest.raises(StoppedError, match="can't be written"):
        RowSpans(lines_about(1), tmp_path / "file" / "lines")
