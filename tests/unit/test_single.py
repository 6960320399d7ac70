"""What one pair needs, worked out from what is asked for and what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.keep import keep_existing
from etl.core.label_rules import custom_types
from etl.core.replace import replace_existing
from etl.core.single import Bond, stale, to_write
from etl.model import AssociationType, LabelDefinition

if TYPE_CHECKING:
    from etl.core.single import Types

UNLABELED: Final = AssociationType("HUBSPOT_DEFINED", 279)
PRIMARY: Final = AssociationType("HUBSPOT_DEFINED", 1)
CUSTOM: Final = frozenset(AssociationType("USER_DEFINED", number) for number in (1, 2, 3))

some_types = st.frozensets(st.sampled_from([UNLABELED, PRIMARY, *CUSTOM]))
bonds = st.one_of(st.just(Bond(exists=False)), st.builds(Bond, st.just(value=True), some_types))


def after(wanted: Types, bond: Bond, written: Types | None, *, replaces: bool) -> Bond:
    """Write to a portal that adds labels, or to one that replaces the custom ones."""
    if written is None:
        return bond
    kept = bond.types - CUSTOM if replaces and wanted else bond.types
    return Bond(exists=True, types=kept | written)


@given(wanted=some_types, bond=bonds, replaces=st.booleans())
def test_keeping_loses_nothing(wanted: Types, bond: Bond, *, replaces: bool) -> None:
    """Whether HubSpot adds or replaces, the pair has afterwards what it had and what was asked for."""
    left = after(wanted, bond, to_write(wanted, bond, CUSTOM, "keep"), replaces=replaces)
    assert left == Bond(exists=True, types=bond.types | wanted)


@given(wanted=some_types, bond=bonds, replaces=st.booleans())
def test_replacing_takes_custom_labels_alone(wanted: Types, bond: Bond, *, replaces: bool) -> None:
    """Once the stale are gone, the custom labels are those asked for, and HubSpot's own are all there."""
    written = after(wanted, bond, to_write(wanted, bond, CUSTOM, "replace"), replaces=replaces)
    left = written.types - stale(wanted, written, CUSTOM)
    assert left & CUSTOM == wanted & CUSTOM
    assert left - CUSTOM == (bond.types | wanted) - CUSTOM


@pytest.mark.parametrize("existing_labels", ["keep", "replace"])
def test_an_association_without_types_is_one(existing_labels: str) -> None:
    """Two records that are associated by no type that HubSpot names need no default association."""
    there = Bond(exists=True)
    assert to_write(frozenset(), there, CUSTOM, existing_labels) is None  # type: ignore[arg-type]
    assert to_write(frozenset(), Bond(exists=False), CUSTOM, "keep") == frozenset()


def test_custom_labels_are_what_people_have_defined() -> None:
    """A custom object's unlabeled type is USER_DEFINED too, and is no label that could go."""
    definitions = [
        LabelDefinition(AssociationType("USER_DEFINED", 1), "Partner"),
        LabelDefinition(AssociationType("USER_DEFINED", 2), None),
        LabelDefinition(PRIMARY, "Primary"),
        LabelDefinition(AssociationType("INTEGRATOR_DEFINED", 3), "Of an app"),
    ]
    assert custom_types(definitions) == {AssociationType("USER_DEFINED", 1)}


KINDS: Final = (PRIMARY, *sorted(CUSTOM)[:2])
"""A type a bit, from the lowest."""


def of_bits(mask: int) -> Types:
    """Read bits as types."""
    return frozenset(kind for bit, kind in enumerate(KINDS) if mask >> bit & 1)


def as_frame(mask: int | None) -> pl.DataFrame:
    """Write one pair as jobs have it; None for a pair that is not there."""
    schema = {"from_id": pl.Int64, "to_id": pl.Int64, "types": pl.Int64}
    return pl.DataFrame([] if mask is None else [(1, 2, mask)], schema=schema, orient="row")


@pytest.mark.parametrize("wanted", range(8))
@pytest.mark.parametrize("there", [None, *range(8)])
def test_one_pair_gets_what_a_job_would_give_it(wanted: int, there: int | None) -> None:
    """The command for one pair and a job of one row ask the same of HubSpot, and take the same away."""
    bond = Bond(exists=there is not None, types=of_bits(there or 0))
    pair, custom = of_bits(wanted), frozenset(KINDS[1:])
    kept, _ = keep_existing(as_frame(wanted), as_frame(there), exclusive=1, holder="from_id")
    assert to_write(pair, bond, custom, "keep") == (
        of_bits(kept["types"][0]) if kept.height else None
    )
    may_go = pl.lit(0b110, pl.Int64).alias("may_go")
    changed, _ = replace_existing(
        as_frame(wanted).with_columns(may_go), as_frame(there), exclusive=1, holder="from_id"
    )
    written = of_bits(changed["types"][0]) if changed.height and changed["writes"][0] else None
    taken = of_bits(changed["stale"][0]) if changed.height else frozenset()
    assert (to_write(pair, bond, custom, "replace"), stale(pair, bond, custom)) == (written, taken)
