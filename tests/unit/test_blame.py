"""Whom the errors of an answer mean, all of them at once, against a look at each row and each error."""

from __future__ import annotations

from typing import TypeAlias

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from etl.hubspot.blame import BLAMED, blame
from etl.hubspot.culprits import Culprits
from etl.model import MAX_ID

Pair: TypeAlias = tuple[int, int]
Told: TypeAlias = dict[int, tuple[int, bool, bool]]
"""By association: the place of its error, and whether that is about the one record or the other."""


def batch_of(pairs: list[Pair]) -> pl.DataFrame:
    """Make a batch of associations, numbered from 100."""
    lines = [(100 + place, *pair) for place, pair in enumerate(pairs)]
    columns = {"association_id": pl.Int64, "from_id": pl.Int64, "to_id": pl.Int64}
    return pl.DataFrame(lines, schema=columns, orient="row")


def by_hand(pairs: list[Pair], named: list[Culprits]) -> tuple[Told, set[int]]:
    """Look at each pair and each error, as a person would."""
    told: Told = {}
    places: set[int] = set()
    for number, (from_id, to_id) in enumerate(pairs, 100):
        for place, each in enumerate(named):
            is_pair = from_id in each.pair_from and to_id in each.pair_to
            is_from = is_pair or from_id in each.from_ids | each.either_ids
            is_to = is_pair or to_id in each.to_ids | each.either_ids
            if is_from or is_to:
                places.add(place)
                told.setdefault(number, (place, is_from, is_to))
    return told, places


def told_of(blamed: pl.DataFrame) -> Told:
    """Read BLAMED; an association is blamed once."""
    assert blamed.schema == pl.Schema(BLAMED)
    assert blamed["association_id"].is_unique().all()
    return {number: (place, is_from, is_to) for number, place, is_from, is_to in blamed.rows()}


IDS = st.frozensets(st.integers(1, 6) | st.just(MAX_ID) | st.just(MAX_ID + 1), max_size=3)
CULPRITS = st.builds(Culprits, pair_from=IDS, pair_to=IDS, from_ids=IDS, to_ids=IDS, either_ids=IDS)
END = st.integers(1, 6) | st.just(MAX_ID)
PAIRS = st.lists(st.tuples(END, END), max_size=12, unique=True)


@given(PAIRS, st.lists(CULPRITS, max_size=5))
def test_all_at_once_is_as_one_by_one(pairs: list[Pair], named: list[Culprits]) -> None:
    """Each row gets the first error that names it, and the records that this error means."""
    blamed, places = blame(batch_of(pairs), named)
    assert (told_of(blamed), places) == by_hand(pairs, named)


def test_a_number_beyond_64_bits_is_nobodys_id() -> None:
    """An error with a number that no id can be is an answer like any other, not a crash."""
    named = [Culprits(from_ids=frozenset({MAX_ID + 1})), Culprits(to_ids=frozenset({MAX_ID}))]
    blamed, places = blame(batch_of([(1, MAX_ID), (2, 3)]), named)
    assert (told_of(blamed), places) == ({100: (1, False, True)}, {1})


def test_nobody_named_blames_nobody() -> None:
    """An error without ids leaves all rows alone."""
    blamed, places = blame(batch_of([(1, 2)]), [Culprits()])
    assert (told_of(blamed), places) == ({}, set())
