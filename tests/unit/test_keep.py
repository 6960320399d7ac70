"""``existing_labels: keep``: what is written, what is left alone, and what is never lost."""

from __future__ import annotations

from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.keep import keep_existing

PRIMARY, BILLING, MANAGER = 1, 2, 4

Types: TypeAlias = dict[tuple[int, int], int]

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
TYPES = st.dictionaries(PAIRS, st.integers(0, 15), max_size=9)
HOLDER = st.sampled_from(["from_id", "to_id"])


def as_frame(types: Types) -> pl.DataFrame:
    """Make a frame of from_id, to_id and types."""
    lines = [(from_id, to_id, mask) for (from_id, to_id), mask in types.items()]
    schema = {"from_id": pl.Int64, "to_id": pl.Int64, "types": pl.Int64}
    return pl.DataFrame(lines, schema=schema, orient="row")


def as_types(frame: pl.DataFrame) -> Types:
    """Read a frame back."""
    return {(f, t): mask for f, t, mask in frame.select("from_id", "to_id", "types").iter_rows()}


def kept(
    wanted: Types, existing: Types, exclusive: int = PRIMARY, holder: str = "from_id"
) -> tuple[Types, Types]:
    """Give what is written and what is unchanged."""
    write, unchanged = keep_existing(
        as_frame(wanted), as_frame(existing), exclusive=exclusive, holder=holder
    )
    return as_types(write), as_types(unchanged)


@given(TYPES, TYPES, st.integers(0, 15), HOLDER)
def test_every_pair_is_written_or_unchanged(
    wanted: Types, existing: Types, exclusive: int, holder: str
) -> None:
    """No pair is lost, none is on both sides, and none is made up from what the portal has."""
    write, unchanged = kept(wanted, existing, exclusive, holder)
    assert write.keys() | unchanged.keys() == wanted.keys()
    assert not write.keys() & unchanged.keys()


@given(TYPES, TYPES, st.integers(0, 15), HOLDER)
def test_a_pair_is_unchanged_when_it_has_everything(
    wanted: Types, existing: Types, exclusive: int, holder: str
) -> None:
    """A write is saved exactly where HubSpot has the pair with every type that is wanted."""
    _, unchanged = kept(wanted, existing, exclusive, holder)
    complete = {p for p, mask in wanted.items() if p in existing and mask & ~existing[p] == 0}
    assert unchanged == {pair: wanted[pair] for pair in complete}


@given(TYPES, TYPES, st.integers(0, 15), HOLDER)
def test_what_is_written_holds_what_is_wanted(
    wanted: Types, existing: Types, exclusive: int, holder: str
) -> None:
    """The union has every wanted type, and no type that neither the source nor HubSpot has."""
    write, _ = kept(wanted, existing, exclusive, holder)
    for pair, mask in write.items():
        assert mask & wanted[pair] == wanted[pair]
        assert mask & ~(wanted[pair] | existing.get(pair, 0)) == 0


@given(TYPES, TYPES, st.integers(0, 15), HOLDER)
def test_only_a_primary_claimed_elsewhere_is_let_go(
    wanted: Types, existing: Types, exclusive: int, holder: str
) -> None:
    """A label that HubSpot has stays, unless it is a primary the source gives to another pair."""
    write, _ = kept(wanted, existing, exclusive, holder)
    side = ("from_id", "to_id").index(holder)
    for pair, mask in write.items():
        claimed_elsewhere = not wanted[pair] & exclusive and any(
            other[side] == pair[side] and other_mask & exclusive
            for other, other_mask in wanted.items()
        )
        lost = existing.get(pair, 0) & ~mask
        assert lost == (existing.get(pair, 0) & exclusive if claimed_elsewhere else 0)


@given(TYPES, TYPES, st.integers(0, 15), HOLDER)
def test_a_second_run_writes_nothing(
    wanted: Types, existing: Types, exclusive: int, holder: str
) -> None:
    """Running the same job again finds every pair unchanged."""
    write, _ = kept(wanted, existing, exclusive, holder)
    again, unchanged = kept(wanted, existing | write, exclusive, holder)
    assert again == {}
    assert unchanged == wanted


@pytest.mark.parametrize(
    ("wanted", "existing", "write"),
    [
        pytest.param({(1, 7): 0}, {}, {(1, 7): 0}, id="default, not there"),
        pytest.param({(1, 7): 0}, {(1, 7): 0}, {}, id="default, there without a type"),
        pytest.param({(1, 7): 0}, {(1, 7): MANAGER}, {}, id="default, there with a label"),
        pytest.param({(1, 7): BILLING}, {}, {(1, 7): BILLING}, id="label, not there"),
        pytest.param({(1, 7): BILLING}, {(1, 7): BILLING | MANAGER}, {}, id="label, there"),
        pytest.param(
            {(1, 7): BILLING}, {(1, 7): MANAGER}, {(1, 7): BILLING | MANAGER}, id="label beside one"
        ),
        pytest.param(
            {(1, 7): PRIMARY, (1, 8): BILLING},
            {(1, 8): PRIMARY | MANAGER},
            {(1, 7): PRIMARY, (1, 8): BILLING | MANAGER},
            id="primary moves",
        ),
        pytest.param(
            {(1, 7): PRIMARY, (2, 8): BILLING},
            {(2, 8): PRIMARY},
            {(1, 7): PRIMARY, (2, 8): BILLING | PRIMARY},
            id="primary of another record stays",
        ),
        pytest.param(
            {(1, 7): BILLING, (1, 8): BILLING},
            {(1, 7): PRIMARY},
            {(1, 7): BILLING | PRIMARY, (1, 8): BILLING},
            id="primary that nobody claims stays",
        ),
    ],
)
def test_what_is_written(wanted: Types, existing: Types, write: Types) -> None:
    """The union goes out, and of two pairs of a record only one keeps its primary company."""
    assert kept(wanted, existing)[0] == write


def test_the_rest_of_a_pair_comes_along() -> None:
    """The association's number and rows stay with it, and the pairs keep their order."""
    pairs = as_frame({(2, 7): BILLING, (1, 7): BILLING, (3, 7): BILLING}).with_columns(
        association_id=pl.Series([5, 6, 7]), rows=pl.Series([1, 2, 3])
    )
    write, unchanged = keep_existing(
        pairs, as_frame({(1, 7): BILLING}), exclusive=PRIMARY, holder="to_id"
    )
    assert write.columns == unchanged.columns == pairs.columns
    assert write.select("association_id", "rows").rows() == [(5, 1), (7, 3)]
    assert unchanged.select("association_id", "rows").rows() == [(6, 2)]
