"""Frames that are written one after the other are one file, as its readers expect it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import pytest

from etl.sink import sink

if TYPE_CHECKING:
    from pathlib import Path

    from etl.model import ResultsFormat

WORDS: Final = pl.Schema(
    [("row", pl.Int64), ("outcome", pl.Enum(["good", "bad"])), ("file", pl.Categorical())]
)
FRAMES: Final = [
    {"row": [1, 2], "outcome": ["good", None], "file": ["a", "a"]},
    {"row": [3], "outcome": ["bad"], "file": ["b"]},
]


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_words_are_text_to_whoever_reads_the_file(
    tmp_path: Path, file_format: ResultsFormat
) -> None:
    """How words are kept while a file is written changes no column that people compare with text."""
    path = tmp_path / "file"
    sink((pl.DataFrame(each, schema=WORDS) for each in FRAMES), WORDS, path, file_format)
    found = pl.read_parquet(path) if file_format == "parquet" else pl.read_csv(path)
    assert found.schema == {"row": pl.Int64, "outcome": pl.String, "file": pl.String}
    assert found.rows() == [(1, "good", "a"), (2, None, "a"), (3, "bad", "b")]


def test_a_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    """A run without rows leaves results that can be read like any others."""
    path = tmp_path / "file.parquet"
    sink(iter([]), WORDS, path, "parquet")
    assert pl.read_parquet(path).schema == {
        "row": pl.Int64,
        "outcome": pl.String,
        "file": pl.String,
    }
