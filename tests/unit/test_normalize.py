"""Which cells are record ids, and what a user is told about the others."""

from __future__ import annotations

import re
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.normalize import (
    BLANK_ID,
    INVALID_ID,
    RAGGED_LINE,
    SHOWN_CHARACTERS,
    normalize,
    plain_numbers,
    record_id,
)
from etl.model import MAX_ID

NAMES = {"c0": "contact_id", "c1": "company_id"}
WHITE_SPACE = st.text(" \t\n\r\x0b\x0c\x85\xa0\u2003\u2009\u2028\u202f\u3000", max_size=4)

Cells: TypeAlias = list[tuple[str | None, str | None]]


def parted(cells: Cells, flaws: list[str | None] | None = None) -> tuple[pl.DataFrame, ...]:
    """Normalize rows of a from cell and a to cell."""
    frame = pl.DataFrame(cells, schema={"c0": pl.String, "c1": pl.String}, orient="row")
    flaw = pl.Series("flaw", flaws or [None] * len(cells), dtype=pl.String)
    frame = frame.with_columns(flaw).with_row_index("row_number", 1)
    return normalize(frame, from_column="c0", to_column="c1", flaw="flaw", names=NAMES)


def told(cell: str | None) -> tuple[str, str]:
    """Give the category and the message for a from cell that is no id."""
    good, rejected = parted([(cell, "7")])
    assert good.height == 0
    category, message = rejected.select("error_category", "error_message").row(0)
    return category, message


@given(
    st.lists(st.tuples(st.integers(1, MAX_ID), WHITE_SPACE, WHITE_SPACE), min_size=1, max_size=20)
)
def test_every_id_reads_back(ids: list[tuple[int, str, str]]) -> None:
    """Any id HubSpot can give is read exactly, to the last digit, whatever blanks surround it."""
    good, rejected = parted([(f"{left}{n}{right}", f"{n}") for n, left, right in ids])
    assert rejected.height == 0
    assert good["from_id"].to_list() == good["to_id"].to_list() == [n for n, _, _ in ids]


NEAR_IDS = st.from_regex(r"[0-9 .,eE+_'\-０-９٠-٩]{1,24}", fullmatch=True)


@given(
    st.lists(
        st.one_of(st.integers(-1, MAX_ID + 1).map(str), st.none(), st.text(max_size=3), NEAR_IDS),
        min_size=1,
        max_size=3,
    )
)
def test_only_numbers_as_we_write_them_are_plain(texts: list[str | None]) -> None:
    """A column is kept as numbers only if every cell comes back from them to the letter."""
    numbers = plain_numbers(pl.Series(texts, dtype=pl.String))
    plain = [text is not None and bool(re.fullmatch("[1-9][0-9]*", text)) for text in texts]
    if all(plain) and max(int(text or 0) for text in texts) <= MAX_ID:
        assert numbers is not None
        assert numbers.to_list() == [int(text or 0) for text in texts]
    else:
        assert numbers is None


@given(st.lists(st.one_of(st.text(), NEAR_IDS, st.floats().map(str)), min_size=1, max_size=20))
def test_no_other_text_becomes_an_id(texts: list[str]) -> None:
    """Text that is not digits alone is rejected with a reason, never rounded, cut or guessed."""
    cells = [text for text in texts if not re.fullmatch(r"[0-9]+", text.strip())]
    good, rejected = parted([(cell, "7") for cell in cells])
    assert good.height == 0
    assert rejected.height == len(cells)
    assert set(rejected["error_category"]) <= {BLANK_ID, INVALID_ID}
    assert all(message.startswith("contact_id ") for message in rejected["error_message"])


@given(st.one_of(st.just(0), st.integers(min_value=MAX_ID + 1)))
def test_numbers_out_of_range_are_no_ids(number: int) -> None:
    """Zero, and what is beyond 64 bits, is rejected instead of wrapping round to another record."""
    category, message = told(str(number))
    assert category == INVALID_ID
    expected = "is 0" if number == 0 else "is larger than the largest record id"
    assert expected in message


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("0", "contact_id '0' is 0; record ids start at 1"),
        ("-5", "contact_id '-5' is negative; record ids start at 1"),
        (
            str(MAX_ID + 1),
            f"contact_id '{MAX_ID + 1}' is larger than the largest record id, {MAX_ID}",
        ),
        (
            "3.84E+10",
            (
                "contact_id '3.84E+10' looks like a number that a spreadsheet has rounded, so the "
                "real id is lost; format the column as text and export it again"
            ),
        ),
        (
            "101.0",
            "contact_id '101.0' has a decimal or thousands mark; export the column as whole numbers",
        ),
        (
            "1,234",
            "contact_id '1,234' has a decimal or thousands mark; export the column as whole numbers",
        ),
        (
            "1,234,567",
            "contact_id '1,234,567' has marks between its digits; export plain digits",
        ),
        ("12 34", "contact_id '12 34' has marks between its digits; export plain digits"),
        ("１２３", "contact_id '１２３' is in full-width digits; type it in plain digits"),
        ("N/A", "contact_id 'N/A' is not a whole number"),
        ("+5", "contact_id '+5' is not a whole number"),
        ("0x1F", "contact_id '0x1F' is not a whole number"),
        ("inf", "contact_id 'inf' is not a whole number"),
    ],
)
def test_the_message_says_what_is_wrong(cell: str, message: str) -> None:
    """Each way in which spreadsheets spoil ids is named with the value and the way out."""
    assert told(cell) == (INVALID_ID, message)


@pytest.mark.parametrize("cell", ["-", "--", ".", ","])
def test_a_placeholder_is_not_said_to_have_digits(cell: str) -> None:
    """A dash typed for "nothing here" is told as no number, not as digits with marks between."""
    assert told(cell) == (INVALID_ID, f"contact_id '{cell}' is not a whole number")


@pytest.mark.parametrize("cell", [None, "", "  ", "\t", "\u3000"])
def test_a_cell_without_text_is_blank(cell: str | None) -> None:
    """An empty cell, a missing one and one of blanks alone are the same trouble."""
    assert told(cell) == (BLANK_ID, "contact_id is blank")


def test_a_long_value_is_cut_in_the_message() -> None:
    """A pasted paragraph does not flood the log: the message shows its beginning."""
    _, message = told("x" * 5000)
    assert message == f"contact_id '{'x' * SHOWN_CHARACTERS}' is not a whole number"


@pytest.mark.parametrize(
    ("from_cell", "to_cell", "flaw", "category", "message"),
    [
        ("", "x", "line 3 has 2 cells", RAGGED_LINE, "line 3 has 2 cells"),
        ("1", "2", "line 3 has 2 cells", RAGGED_LINE, "line 3 has 2 cells"),
        ("", "x", None, BLANK_ID, "contact_id is blank"),
        ("x", "", None, INVALID_ID, "contact_id 'x' is not a whole number"),
        ("1", "", None, BLANK_ID, "company_id is blank"),
        ("1", "x", None, INVALID_ID, "company_id 'x' is not a whole number"),
    ],
)
def test_a_row_has_one_reason(
    from_cell: str, to_cell: str, flaw: str | None, category: str, message: str
) -> None:
    """Of several troubles the first is told: the line, then the from side, then the to side."""
    good, rejected = parted([(from_cell, to_cell)], [flaw])
    assert good.height == 0
    assert rejected.select("error_category", "error_message").row(0) == (category, message)


CELL = st.sampled_from(["1", " 22 ", "", "x", "0", None])


@given(st.lists(st.tuples(CELL, CELL), max_size=20))
def test_every_row_is_on_one_side(cells: Cells) -> None:
    """No row is lost or doubled, and each keeps its order and its cells as they were read."""
    good, rejected = parted(cells)
    kept = pl.concat([good, rejected], how="diagonal").sort("row_number")
    assert kept.select("c0", "c1").rows() == cells
    assert good["row_number"].is_sorted()
    assert rejected["row_number"].is_sorted()
    assert good.select("from_id", "to_id").null_count().row(0) == (0, 0)
    assert rejected.select("error_category", "error_message").null_count().row(0) == (0, 0)


def test_a_record_id_stands_alone_as_an_expression() -> None:
    """The proof is one expression that gives the number or null."""
    frame = pl.DataFrame({"key": [" 38374264688 ", "38374264688.0", None]})
    assert frame.select(record_id("key")).to_series().to_list() == [38374264688, None, None]
