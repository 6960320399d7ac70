"""What counts as one key, what keys lead to, and what a row is told whose key leads nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.keys import (
    FOUND,
    KEY,
    KEY_FOUND_TWICE,
    KEY_NOT_FOUND,
    Matched,
    UniqueProperty,
    identify,
)
from etl.core.normalize import BLANK_KEY, INVALID_ID, RAGGED_LINE, SHOWN_CHARACTERS, normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

EMAIL = UniqueProperty("contacts", "email")
DOMAIN = UniqueProperty("companies", "domain")
NUMBER = UniqueProperty("deals", "erp_number")


def keys(*values: str) -> pl.DataFrame:
    """Make a frame of keys."""
    return pl.DataFrame({"key": values}, schema=KEY)


def key_of(by: UniqueProperty, *cells: str | None) -> list[str | None]:
    """Bring cells to their keys."""
    frame = pl.DataFrame({"cell": cells}, schema={"cell": pl.String})
    return frame.select(by.key(pl.col("cell"))).to_series().to_list()


def led_to(by: UniqueProperty, *hits: tuple[str, int]) -> list[tuple[str, int | None, str | None]]:
    """List what keys lead to by the records that have them."""
    schema = {"key": pl.String, "record_id": pl.Int64}
    found = by.found(pl.DataFrame(hits, schema=schema, orient="row"))
    assert found.schema == FOUND
    return sorted(found.select("key", "record_id", "error_category").rows())


@pytest.mark.parametrize("by", [EMAIL, DOMAIN])
def test_emails_and_domains_are_one_key_however_they_are_written(by: UniqueProperty) -> None:
    """HubSpot keeps them in lower case, so two ways of writing cost one look-up."""
    assert key_of(by, " Ada@Example.COM\t", "ada@example.com\u3000") == ["ada@example.com"] * 2


def test_any_other_property_is_kept_as_it_is_written() -> None:
    """An ERP number in other letters may be another deal: only blanks around it are no part of it."""
    assert key_of(NUMBER, " a-1 ", "A-1", "007", "7", "a b") == ["a-1", "A-1", "007", "7", "a b"]


@given(st.text(), st.sampled_from([EMAIL, NUMBER]))
def test_a_key_is_its_own_key(cell: str, by: UniqueProperty) -> None:
    """What HubSpot answers is brought to the same form as what was asked."""
    [key] = key_of(by, cell)
    assert key_of(by, key) == [key]
    assert (key is None) == (key_of(NUMBER, cell) == [None])


@pytest.mark.parametrize("cell", ["", " \t", None])
def test_a_blank_cell_has_no_key(cell: str | None) -> None:
    """Nobody is asked who has no email."""
    assert key_of(EMAIL, cell) == [None]


def test_a_key_of_one_record_leads_to_it() -> None:
    """It does not matter how often an answer names the record."""
    assert led_to(EMAIL, ("b", 2), ("a", 1), ("b", 2)) == [("a", 1, None), ("b", 2, None)]


def test_a_key_of_two_records_leads_to_neither() -> None:
    """Which of two companies with one domain is meant, nobody can tell for the user."""
    found = DOMAIN.found(pl.DataFrame({"key": ["x.com", "x.com"], "record_id": [20, 3]}))
    assert found.row(0) == (
        "x.com",
        None,
        KEY_FOUND_TWICE,
        "is the domain of more than one record of companies: 3, 20",
    )


def normalized(
    cells: Sequence[tuple[str | None, str | None]], *keyed: str, flaw: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Normalize rows of a from cell and a to cell, some of whose columns hold keys."""
    frame = pl.DataFrame(cells, schema={"c0": pl.String, "c1": pl.String}, orient="row")
    frame = frame.with_columns(pl.lit(flaw, pl.String).alias("flaw")).with_row_index("row_number")
    names = {"c0": "mail", "c1": "site"}
    return normalize(frame, from_column="c0", to_column="c1", flaw="flaw", names=names, keyed=keyed)


def test_a_blank_key_is_rejected() -> None:
    """A row without a key is told which column to fill in, and never asked for."""
    good, rejected = normalized(
        [("ada@x.com", "x.com"), ("  ", "x.com"), ("a@x.com", None)], "c0", "c1"
    )
    assert good.select("c0", "from_id", "to_id").rows() == [("ada@x.com", None, None)]
    assert rejected.select("error_category", "error_message").rows() == [
        (BLANK_KEY, "mail is blank"),
        (BLANK_KEY, "site is blank"),
    ]


def test_the_other_side_still_needs_its_record_id() -> None:
    """A key on one side changes nothing for ids on the other."""
    good, rejected = normalized([("ada@x.com", "7"), ("ada@x.com", "x.com")], "c0")
    assert good.select("from_id", "to_id").rows() == [(None, 7)]
    assert rejected["error_category"].to_list() == [INVALID_ID]
    _, ragged = normalized([("", "7")], "c0", flaw="3 fields")
    assert ragged["error_category"].to_list() == [RAGGED_LINE]


PLACES = {"mail": "c0", "site": "c1"}


def identified(
    cells: list[tuple[str, str]], *matches: Matched
) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
    """List the ids of the rows that have both, and what the others are told."""
    good, _ = normalized(cells, *(PLACES[match.column] for match in matches))
    found, lost = identify(good, matches, PLACES)
    if lost.is_empty():
        return found.select("from_id", "to_id").rows(), []
    return found.select("from_id", "to_id").rows(), lost.select(
        "error_category", "error_message"
    ).rows()


def test_every_row_of_a_key_gets_its_record() -> None:
    """Rows stay in order, however their keys are written and wherever the answers stand."""
    hits = pl.DataFrame({"key": ["b@x.com", "a@x.com"], "record_id": [2, 1]})
    mails = Matched("from", "mail", EMAIL, EMAIL.found(hits))
    cells = [("a@x.com", "9"), ("B@x.com ", "8"), (" A@X.com", "7")]
    assert identified(cells, mails) == ([(1, 9), (2, 8), (1, 7)], [])
    assert identified([("3", "4")]) == ([(3, 4)], [])


def test_a_lost_row_is_told_which_key_leads_nowhere() -> None:
    """The message names the column, the value and the property; the from side comes first."""
    mails = Matched("from", "mail", EMAIL, EMAIL.not_found(keys("a@x.com")))
    hits = pl.DataFrame({"key": ["x.com"], "record_id": [5]})
    sites = pl.concat([DOMAIN.found(hits), DOMAIN.refused(keys("?"), "no domain")])
    both = Matched("to", "site", DOMAIN, sites)
    found, lost = identified([("A@x.com", "x.com"), ("a@x.com", "?")], mails, both)
    assert found == []
    assert lost == [
        (KEY_NOT_FOUND, "mail 'A@x.com' is the email of no record of contacts"),
        (KEY_NOT_FOUND, "mail 'a@x.com' is the email of no record of contacts"),
    ]
    ids = Matched("from", "mail", EMAIL, EMAIL.found(hits.with_columns(key=pl.lit("a@x.com"))))
    found, lost = identified([("a@x.com", "x.com"), ("a@x.com", "?")], ids, both)
    assert found == [(5, 5)]
    assert lost == [(KEY_NOT_FOUND, "site '?' is refused by HubSpot: no domain")]


def test_a_long_key_is_shown_in_part() -> None:
    """A message stays one line of a log."""
    key = "a" * 500
    match = Matched("from", "mail", EMAIL, EMAIL.not_found(keys(key)))
    _, [(_, message)] = identified([(key, "1")], match)
    assert f"'{key[:SHOWN_CHARACTERS]}'" in message
    assert len(message) < 100
