"""Cells that a spreadsheet would run are harmless in failures.csv, and read back as they were."""

from __future__ import annotations

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.spreadsheet import neutralise, restore

SIGNS = "=+-@＝＋－＠\t\r\n"
BLANKS = " \x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u3000\x00\u200b\ufeff"
CELLS = st.one_of(
    st.none(),
    st.text(),
    st.text(SIGNS + BLANKS + "''''019.,eEa", max_size=8),
    st.from_regex(r"'{0,3}[+-]?[0-9]{1,3}([.,][0-9]{1,2})?\n?", fullmatch=True),
)
FRAMES = st.lists(CELLS, min_size=1, max_size=30)

Cells = list[str | None]


def neutralised(cells: Cells) -> Cells:
    """Make cells harmless."""
    return pl.select(neutralise(pl.lit(pl.Series(cells, dtype=pl.String)))).to_series().to_list()


def restored(cells: Cells) -> Cells:
    """Take cells back from the spreadsheet."""
    return pl.select(restore(pl.lit(pl.Series(cells, dtype=pl.String)))).to_series().to_list()


def is_number(cell: str) -> bool:
    """Tell whether a spreadsheet shows the cell and computes nothing."""
    return re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", cell, re.ASCII) is not None


def without_blanks(cell: str) -> str:
    """Drop what a spreadsheet may trim or not show, before the first sign that people see."""
    return cell.lstrip(
        "".join(c for c in set(cell) if c.isspace() or unicodedata.category(c) in {"Cc", "Cf"})
    )


@given(FRAMES)
def test_every_cell_reads_back(cells: Cells) -> None:
    """A retry sends the very values of the source, whatever they look like."""
    assert restored(neutralised(cells)) == cells


@given(FRAMES)
def test_no_cell_runs(cells: Cells) -> None:
    """Opening failures.csv computes nothing, also when the spreadsheet trims cells first."""
    for cell in neutralised(cells):
        if cell is not None and not is_number(cell):
            for shown in (cell, cell.strip(" "), cell.strip(), without_blanks(cell)):
                assert shown[:1] not in list(SIGNS)


@given(FRAMES)
def test_twice_there_is_twice_back(cells: Cells) -> None:
    """The failures of failures.csv have a quote more, and lose one each time they are read."""
    twice = neutralised(neutralised(cells))
    assert restored(twice) == neutralised(cells)
    assert restored(restored(twice)) == cells


@pytest.mark.parametrize(
    "cell",
    [
        '=HYPERLINK("https://example.com","look")',
        "@SUM(A1)",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "-",
        "-5\n",
        "-1e5",
        "+81 90 1234",
        "＝1+1",
        "－５",
        "\t=1",
        "\r\nx",
        "  =1",
        "\u3000＠x",
        "\ufeff=1",
        "'=1",
        "''\t",
        "'-5\n=1",
    ],
)
def test_a_formula_gets_one_quote(cell: str) -> None:
    """What a spreadsheet would run is shown as text, with one quote before it."""
    assert neutralised([cell]) == [f"'{cell}"]
    assert restored([f"'{cell}"]) == [cell]


@pytest.mark.parametrize(
    "cell",
    [
        None,
        "",
        "12345678901",
        "-5",
        "+5",
        "-1,50",
        "+819012345678",
        "Decision maker",
        "a=b",
        "a\n=1",
        "x@example.com",
        "'",
        "'quoted'",
        "O'Neil",
        "株式会社",
        " blank",
    ],
)
def test_an_ordinary_cell_is_let_be(cell: str | None) -> None:
    """Ids, numbers, names and addresses stand in failures.csv as in the source."""
    assert neutralised([cell]) == [cell]
    assert restored([cell]) == [cell]


def test_a_quote_before_a_number_is_the_sources_own() -> None:
    """Reading back takes no quote that was not put there: '-5 is text in many sources."""
    assert restored(["'-5"]) == ["'-5"]
    assert neutralised(["'-5"]) == ["''-5"]
    assert restored(["''-5"]) == ["'-5"]


def test_columns_keep_their_names() -> None:
    """All columns of a frame can be made harmless in one go."""
    frame = pl.DataFrame({"a": ["=1", None], "b": ["x", "@"]})
    harmless = frame.with_columns(neutralise(pl.col("a", "b")))
    assert harmless.to_dict(as_series=False) == {"a": ["'=1", None], "b": ["x", "'@"]}
    assert harmless.with_columns(restore(pl.col("a", "b"))).equals(frame)
