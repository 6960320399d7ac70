"""Which type shows in one direction where another shows in the other: only what is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from etl.hubspot.culprits import Sides
from etl.hubspot.turned_types import turned_types
from etl.model import AssociationType, LabelDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIDES: Final = Sides("contacts", "companies")
UNLABELED: Final = ("HUBSPOT_DEFINED", 279, None), ("HUBSPOT_DEFINED", 280, None)
PRIMARY: Final = ("HUBSPOT_DEFINED", 1, "Primary"), ("HUBSPOT_DEFINED", 2, "Primary")
BOSS: Final = ("USER_DEFINED", 11, "Boss"), ("USER_DEFINED", 12, "Boss")
EMPLOYER: Final = ("USER_DEFINED", 21, "Employer"), ("USER_DEFINED", 22, "Employee")

Line = tuple[str, int, str | None]


def turned(
    *labels: tuple[Line | None, Line | None], sides: Sides = SIDES
) -> Mapping[tuple[str, int], tuple[str, int]] | None:
    """Ask about labels, each by its line in our direction and in the other one."""
    ours, theirs = (_definitions([label[way] for label in labels]) for way in (0, 1))
    found = turned_types(ours, theirs, sides)
    if found is None:
        return None
    return {
        (their.category, their.type_id): (our.category, our.type_id) for their, our in found.items()
    }


def _definitions(lines: Sequence[Line | None]) -> list[LabelDefinition]:
    return [
        LabelDefinition(AssociationType(line[0], line[1]), line[2])
        for line in lines
        if line is not None
    ]


def test_hubspots_own_types_are_known_by_its_table() -> None:
    """What HubSpot has defined itself is the same in every account."""
    assert turned(UNLABELED, PRIMARY) == {
        ("HUBSPOT_DEFINED", 280): ("HUBSPOT_DEFINED", 279),
        ("HUBSPOT_DEFINED", 2): ("HUBSPOT_DEFINED", 1),
    }


@pytest.mark.parametrize("only", [BOSS, EMPLOYER])
def test_a_custom_label_that_is_the_only_one_is_certain(only: tuple[Line, Line]) -> None:
    """One type each way can only belong together, whatever their texts."""
    known = turned(UNLABELED, only)
    assert known is not None
    assert known[only[1][:2]] == only[0][:2]


def test_of_several_custom_labels_none_is_certain() -> None:
    """Two paired labels may have each other's texts: a customer's supplier, a supplier's customer."""
    supplier = ("USER_DEFINED", 31, "Supplier"), ("USER_DEFINED", 32, "Customer")
    customer = ("USER_DEFINED", 33, "Customer"), ("USER_DEFINED", 34, "Supplier")
    for labels in ((BOSS, EMPLOYER), (supplier, customer)):
        assert turned(UNLABELED, *labels) == {("HUBSPOT_DEFINED", 280): ("HUBSPOT_DEFINED", 279)}


def test_a_type_of_the_other_direction_alone_is_left_out() -> None:
    """A pair that shows it is read from its own side."""
    assert turned(UNLABELED, (None, ("INTEGRATOR_DEFINED", 7, "Synced"))) == {
        ("HUBSPOT_DEFINED", 280): ("HUBSPOT_DEFINED", 279)
    }


@pytest.mark.parametrize(
    "labels",
    [
        [UNLABELED, (("HUBSPOT_DEFINED", 1, "Primary"), None)],
        [UNLABELED, (("INTEGRATOR_DEFINED", 7, "Synced"), ("INTEGRATOR_DEFINED", 8, "Synced"))],
        [(UNLABELED[0], None)],
        [UNLABELED, BOSS, (EMPLOYER[0], None)],
        [],
    ],
)
def test_nothing_is_told_where_a_type_may_be_hidden(
    labels: list[tuple[Line | None, Line | None]],
) -> None:
    """A type of ours that the other direction may not show would be lost by writing without it."""
    known = turned(*labels)
    assert known is None or not labels


def test_records_of_one_object_have_no_other_side() -> None:
    """Both directions are one list there, and one request."""
    both = ("HUBSPOT_DEFINED", 449, None)
    assert turned((both, both), sides=Sides("contacts", "contact")) is None
