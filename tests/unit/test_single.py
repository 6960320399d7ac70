"""What one pair needs, worked out from what is asked for and what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.single import Bond, custom_types, stale, to_write
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
