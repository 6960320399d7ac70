"""Lines about rows come back beside their rows, whatever order they were told in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.errors import StoppedError
from etl.row_spans import RowSpans

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = pl.Schema({"row_number": pl.Int64, "word": pl.String})


def lines_about(rows: list[int]) -> pl.DataFrame:
    """Tell a word of each row."""
    lines = [(row, f"of {row}") for row in rows]
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")


@pytest.fixture(autouse=True)
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a span be ten rows."""
    monkeypatch.setattr("etl.row_spans.SPAN_ROWS", 10)


@pytest.mark.parametrize("held_bytes", [1, 200, 1_000_000])
@given(
    told=st.lists(st.lists(st.integers(1, 60), max_size=8), max_size=8),
    sizes=st.lists(st.integers(1, 25), max_size=60),
)
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_each_line_comes_back_once_with_its_row(
    tmp_path_factory: pytest.TempPathFactory,
    held_bytes: int,
    told: list[list[int]],
    sizes: list[int],
) -> None:
    """However much memory holds and however the source was cut, nothing told of a row is lost or moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.row_spans.HELD_BYTES", held_bytes)
        spans = RowSpans(tmp_path_factory.mktemp("spans") / "lines", SCHEMA)
        for rows in told:
            spans.add(lines_about(rows))
        first, found = 1, []
        for size in [*sizes, 60]:
            cut = spans.within(first, first + size - 1)
            assert cut.schema == SCHEMA
            assert cut["word"].to_list() == [f"of {row}" for row in cut["row_number"]]
            found += cut["row_number"].to_list()
            first += size
    assert found == sorted(row for rows in told for row in rows)


def test_few_lines_leave_the_disk_alone(tmp_path: Path) -> None:
    """A run of a size that memory holds has nothing to write first."""
    spans = RowSpans(tmp_path / "lines", SCHEMA)
    spans.add(lines_about([3, 1, 2]))
    assert spans.within(1, 3)["row_number"].to_list() == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_lines_that_the_disk_does_not_take_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator reads which folder can't be written, and goes on once it can."""
    monkeypatch.setattr("etl.row_spans.HELD_BYTES", 1)
    (tmp_path / "file").touch()
    with pytest.raises(StoppedError, match="can't be written"):
        RowSpans(tmp_path / "file" / "lines", SCHEMA).add(lines_about([1]))
