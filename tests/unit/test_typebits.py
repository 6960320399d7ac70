"""A set of association types as one integer, there and back."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.typebits import MAX_TYPES, TypeBits
from etl.errors import UsageError
from etl.model import AssociationType

TYPES = [AssociationType("USER_DEFINED", number) for number in range(1, MAX_TYPES + 1)]
SETS = st.sets(st.sampled_from(TYPES))


@given(st.lists(SETS, max_size=8))
def test_a_set_of_types_reads_back(sets: list[set[AssociationType]]) -> None:
    """Whatever is numbered before or after it, a set of types comes back whole."""
    bits = TypeBits()
    masks = [bits.mask(types) for types in sets]
    assert [set(bits.types(mask)) for mask in masks] == sets


@given(SETS, SETS)
def test_merging_masks_merges_sets(one: set[AssociationType], other: set[AssociationType]) -> None:
    """Two rows of the same pair, merged by a bitwise or, ask for the types of both."""
    bits = TypeBits()
    assert set(bits.types(bits.mask(one) | bits.mask(other))) == one | other


def test_types_come_in_the_order_of_first_use() -> None:
    """The same source gives the same request bodies, run after run."""
    bits = TypeBits()
    bits.mask([TYPES[2]])
    bits.mask([TYPES[0], TYPES[2]])
    assert bits.types(bits.mask([TYPES[0], TYPES[2]])) == (TYPES[2], TYPES[0])


def test_the_number_alone_is_not_the_type() -> None:
    """USER_DEFINED 1 and HUBSPOT_DEFINED 1 are two types."""
    bits = TypeBits()
    user, hubspot = AssociationType("USER_DEFINED", 1), AssociationType("HUBSPOT_DEFINED", 1)
    assert bits.mask([user]) & bits.mask([hubspot]) == 0
    assert bits.types(bits.mask([user, hubspot])) == (user, hubspot)


def test_no_types_are_the_default_association() -> None:
    """The empty set is zero, which stands for the default association."""
    bits = TypeBits()
    assert bits.mask([]) == 0
    assert bits.types(0) == ()


def test_the_last_bit_fits_a_column() -> None:
    """All types that can be numbered fit a signed 64-bit column together."""
    bits = TypeBits()
    column = pl.Series([bits.mask(TYPES)], dtype=pl.Int64)
    assert bits.types(column.item()) == tuple(TYPES)


def test_one_type_too_many_is_told_with_a_way_out() -> None:
    """A run that meets more types than bits stops with the type, the limit and what to do."""
    bits = TypeBits()
    bits.mask(TYPES)
    with pytest.raises(UsageError, match=r"more than 63 .* WORK:64 is one too many") as raised:
        bits.mask([AssociationType("WORK", 64)])
    assert raised.value.hint == "split the source by label and run one job for each part"
