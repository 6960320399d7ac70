"""``existing_labels: replace``: what is written, what is taken away, and what stays all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.keep import keep_existing
from etl.core.replace import replace_existing

PRIMARY, BILLING, MANAGER, MAKER = 1, 2, 4, 8
CUSTOM = MANAGER | MAKER

Pair: TypeAlias = tuple[int, int]
Types: TypeAlias = dict[Pair, int]

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
TYPES = st.dictionaries(PAIRS, st.integers(0, 15), max_size=9)
HOLDER = st.sampled_from(["from_id", "to_id"])
MASKS = st.sampled_from([0, CUSTOM, 15])


@dataclass(frozen=True)
class Change:
    """What becomes of a pair that is not as the source has it."""

    written: int | None
    """The types that are written; None where nothing is missing."""
    stale: int
    """The types that are taken away then."""


def as_frame(types: Types) -> pl.DataFrame:
    """Make a frame of from_id, to_id and types."""
    lines = [(from_id, to_id, mask) for (from_id, to_id), mask in types.items()]
    schema = {"from_id": pl.Int64, "to_id": pl.Int64, "types": pl.Int64}
    return pl.DataFrame(lines, schema=schema, orient="row")


def replaced(
    wanted: Types,
    there: Types,
    *,
    custom: int = CUSTOM,
    exclusive: int = PRIMARY,
    holder: str = "from_id",
    write_all: bool = False,
) -> tuple[dict[Pair, Change], Types]:
    """Give what is changed and what is unchanged; no pair is lost or in both."""
    pairs = as_frame(wanted)
    pairs = pairs.with_columns(pl.lit(custom, pl.Int64).alias("may_go"))
    changed, unchanged = replace_existing(
        pairs,
        as_frame(there),
        exclusive=exclusive,
        holder=holder,
        write_all=write_all,
    )
    assert changed.columns == [*pairs.columns, "writes", "stale"]
    assert unchanged.columns == pairs.columns
    assert changed.height + unchanged.height == pairs.height
    changes = {
        (f, t): Change(types if writes else None, stale)
        for f, t, types, writes, stale in changed.drop("may_go").iter_rows()
    }
    same = {(f, t): mask for f, t, mask in unchanged.drop("may_go").iter_rows()}
    assert changes.keys() | same.keys() == wanted.keys()
    return changes, same


def account(there: Types, changes: dict[Pair, Change], *, custom: int, adds: bool) -> Types:
    """Carry the changes out on a portal that adds labels, or on one that replaces them."""
    after = dict(there)
    for pair, change in changes.items():
        if change.written is not None:
            kept = after.get(pair, 0) & (-1 if adds or not change.written else ~custom)
            after[pair] = kept | change.written
        after[pair] &= ~change.stale
    return after


@given(wanted=TYPES, there=TYPES, adds=st.booleans(), write_all=st.booleans())
def test_a_pair_ends_with_the_labels_of_the_source(
    *, wanted: Types, there: Types, adds: bool, write_all: bool
) -> None:
    """Custom labels are the source's exactly, HubSpot's own stay, on a portal of either temper."""
    changes, _ = replaced(wanted, there, exclusive=0, write_all=write_all)
    after = account(there, changes, custom=CUSTOM, adds=adds)
    for pair, mask in wanted.items():
        assert after[pair] == mask | (there.get(pair, 0) & ~CUSTOM)
    assert {pair: after[pair] for pair in there.keys() - wanted.keys()} == {
        pair: there[pair] for pair in there.keys() - wanted.keys()
    }


@given(TYPES, TYPES, MASKS, HOLDER)
def test_only_custom_labels_that_are_there_are_stale(
    wanted: Types, there: Types, custom: int, holder: str
) -> None:
    """Nothing goes that the source asks for, that HubSpot has made itself, or that is not there."""
    changes, _ = replaced(wanted, there, custom=custom, holder=holder)
    for pair, change in changes.items():
        assert change.stale == there.get(pair, 0) & ~wanted[pair] & custom
        assert not (change.written or 0) & change.stale


@given(TYPES, TYPES, MASKS, HOLDER)
def test_a_pair_costs_only_the_requests_that_it_needs(
    wanted: Types, there: Types, custom: int, holder: str
) -> None:
    """Who has it all is not written, who has nothing else is not cut, and who is right is unchanged."""
    changes, unchanged = replaced(wanted, there, custom=custom, holder=holder)
    for pair, mask in wanted.items():
        has_all = pair in there and not mask & ~there[pair]
        has_more = bool(there.get(pair, 0) & ~mask & custom)
        assert (pair in unchanged) == (has_all and not has_more)
        if pair in changes:
            assert (changes[pair].written is None) == has_all


@given(TYPES, TYPES, MASKS, HOLDER)
def test_a_second_run_changes_nothing(
    wanted: Types, there: Types, custom: int, holder: str
) -> None:
    """Running the same job again finds every pair unchanged."""
    changes, _ = replaced(wanted, there, custom=custom, holder=holder)
    after = account(there, changes, custom=custom, adds=True)
    assert replaced(wanted, after, custom=custom, holder=holder) == ({}, wanted)


@given(TYPES, TYPES, HOLDER)
def test_without_custom_labels_replacing_is_keeping(
    wanted: Types, there: Types, holder: str
) -> None:
    """Where nothing may go, the same is written as by `keep`, the primary's move with it."""
    changes, unchanged = replaced(wanted, there, custom=0, holder=holder)
    write, same = keep_existing(as_frame(wanted), as_frame(there), exclusive=PRIMARY, holder=holder)
    assert changes == {(f, t): Change(mask, 0) for f, t, mask in write.iter_rows()}
    assert unchanged == {(f, t): mask for f, t, mask in same.iter_rows()}


@given(TYPES, TYPES, MASKS)
def test_a_run_that_goes_on_writes_every_pair(wanted: Types, there: Types, custom: int) -> None:
    """After a cut nobody knows what has been written: each pair is, and what is stale now goes."""
    changes, unchanged = replaced(wanted, there, custom=custom, write_all=True)
    assert unchanged == {}
    for pair, change in changes.items():
        assert change.written is not None
        assert change.stale == there.get(pair, 0) & ~wanted[pair] & custom


@pytest.mark.parametrize(
    ("wanted", "there", "changes"),
    [
        pytest.param({(1, 7): 0}, {}, {(1, 7): Change(0, 0)}, id="new, no label"),
        pytest.param({(1, 7): 0}, {(1, 7): BILLING}, {}, id="no label, HubSpot's own stays"),
        pytest.param(
            {(1, 7): 0}, {(1, 7): MANAGER}, {(1, 7): Change(None, MANAGER)}, id="no label left"
        ),
        pytest.param(
            {(1, 7): MAKER},
            {(1, 7): MANAGER | PRIMARY},
            {(1, 7): Change(MAKER | PRIMARY, MANAGER)},
            id="another label, primary stays",
        ),
        pytest.param(
            {(1, 7): MAKER},
            {(1, 7): MANAGER | MAKER},
            {(1, 7): Change(None, MANAGER)},
            id="one of two goes",
        ),
        pytest.param(
            {(1, 7): PRIMARY, (1, 8): MAKER},
            {(1, 8): PRIMARY | MANAGER},
            {(1, 7): Change(PRIMARY, 0), (1, 8): Change(MAKER, MANAGER)},
            id="primary moves",
        ),
        pytest.param(
            {(1, 7): PRIMARY, (2, 8): MAKER},
            {(2, 8): PRIMARY},
            {(1, 7): Change(PRIMARY, 0), (2, 8): Change(MAKER | PRIMARY, 0)},
            id="primary of another record stays",
        ),
    ],
)
def test_what_is_changed(wanted: Types, there: Types, changes: dict[Pair, Change]) -> None:
    """New labels are written beside HubSpot's own, and the old custom ones are named to go."""
    assert replaced(wanted, there)[0] == changes
