"""``action: remove`` and ``remove_labels``: what is left to remove, and what is gone already."""

from __future__ import annotations

from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.remove import part_removals

Types: TypeAlias = dict[tuple[int, int], int]

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
LABELS = st.dictionaries(PAIRS, st.integers(1, 15), max_size=9)
THERE = st.dictionaries(PAIRS, st.integers(0, 15), max_size=9)


def as_frame(types: Types) -> pl.DataFrame:
    """Make a frame of from_id, to_id and types, with what comes along."""
    lines = [(at, *pair, mask) for at, (pair, mask) in enumerate(types.items())]
    schema = ("association_id", "from_id", "to_id", "types")
    return pl.DataFrame(lines, schema=dict.fromkeys(schema, pl.Int64), orient="row")


def parted(asked: Types, there: Types, *, labels_alone: bool) -> tuple[Types, Types]:
    """Give what is left to remove, and what is gone."""
    frame = as_frame(asked)
    parts = part_removals(frame, as_frame(there), labels_alone=labels_alone)
    for part in parts:
        assert part.schema == frame.schema
        assert part["association_id"].is_sorted()
    left, gone = ({(f, t): mask for _, f, t, mask in part.iter_rows()} for part in parts)
    assert not left.keys() & gone.keys()
    return left, gone


@given(LABELS, THERE)
def test_a_pair_is_removed_where_it_is_there(asked: Types, there: Types) -> None:
    """A whole association is left to remove exactly where HubSpot has it, by whatever types."""
    left, gone = parted(asked, there, labels_alone=False)
    assert left == {pair: mask for pair, mask in asked.items() if pair in there}
    assert gone == {pair: mask for pair, mask in asked.items() if pair not in there}


@given(LABELS, THERE)
def test_only_labels_that_are_there_are_removed(asked: Types, there: Types) -> None:
    """A pair that has none of the labels costs no write, and no label is asked to go that is not there."""
    left, gone = parted(asked, there, labels_alone=True)
    shared = {pair: mask & there.get(pair, 0) for pair, mask in asked.items()}
    assert left == {pair: mask for pair, mask in shared.items() if mask}
    assert gone == {pair: asked[pair] for pair, mask in shared.items() if not mask}


@given(asked=LABELS, there=THERE, labels_alone=st.booleans())
def test_a_second_run_removes_nothing(*, asked: Types, there: Types, labels_alone: bool) -> None:
    """What one run has removed, the next one finds gone."""
    left, _ = parted(asked, there, labels_alone=labels_alone)
    after = {
        pair: mask & ~left.get(pair, 0)
        for pair, mask in there.items()
        if labels_alone or pair not in left
    }
    assert parted(asked, after, labels_alone=labels_alone) == ({}, asked)


@pytest.mark.parametrize("labels_alone", [False, True])
def test_nothing_asked_is_nothing_removed(*, labels_alone: bool) -> None:
    """What HubSpot has beside the pairs of the source is nobody's to take away."""
    assert parted({}, {(1, 7): 3}, labels_alone=labels_alone) == ({}, {})
