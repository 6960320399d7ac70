"""HubSpot's own association types, offline."""

from __future__ import annotations

from collections import Counter

import pytest

from etl.hubspot.builtin_types import (
    LEGACY_TABLE_DATE,
    TABLE_DATE,
    builtin_types,
    kinds_between,
    legacy_types,
    matching,
)
from etl.model import AssociationType


def hubspot(*numbers: int) -> frozenset[AssociationType]:
    """Make built-in types."""
    return frozenset(AssociationType("HUBSPOT_DEFINED", number) for number in numbers)


def test_a_type_id_is_listed_once() -> None:
    """Each number stands for one direction of one pair of objects."""
    assert max(Counter(line.type_id for line in builtin_types()).values()) == 1


def test_the_table_is_whole() -> None:
    """The packaged table has every line of HubSpot's guide, with nothing left blank."""
    assert len(builtin_types()) == 410
    assert all(line.from_object and line.to_object and line.kind for line in builtin_types())
    assert TABLE_DATE == "2026-03-30"


def test_the_legacy_table_is_whole() -> None:
    """The table of API v1 has the 25 lines of the guide, each number once."""
    assert len({line.type_id for line in legacy_types()}) == len(legacy_types()) == 25
    assert [line.note for line in legacy_types() if line.type_id == 13] == ["parent to child"]
    assert LEGACY_TABLE_DATE == "2025-08-22"


@pytest.mark.parametrize(
    ("kind", "found"),
    [("unlabeled", {449}), ("No label", {449}), ("ラベルなし", {449}), ("primary", set())],
)
def test_the_unlabeled_type_is_found_by_its_names(kind: str, found: set[int]) -> None:
    """What people write for "no label" in a file finds the type here too; twice one object is itself."""
    lines = matching(builtin_types(), objects=["contacts", "0-1"], kind=kind)
    assert {line.type_id for line in lines} == found


@pytest.mark.parametrize(
    ("type_id", "ends", "kind"),
    [
        (1, ("contact", "company"), "primary"),
        (2, ("company", "contact"), "primary"),
        (279, ("contact", "company"), "unlabeled"),
        (280, ("company", "contact"), "unlabeled"),
        (341, ("deal", "company"), "unlabeled"),
        (5, ("deal", "company"), "primary"),
        (13, ("company", "company"), "parent_to_child"),
    ],
)
def test_known_types_are_in_the_table(type_id: int, ends: tuple[str, str], kind: str) -> None:
    """The numbers that people know by heart are the ones of the guide."""
    (line,) = (line for line in builtin_types() if line.type_id == type_id)
    assert ((line.from_object, line.to_object), line.kind) == (ends, kind)


@pytest.mark.parametrize(
    "ends",
    [("contacts", "companies"), ("companies", "contacts"), ("0-1", "0-2"), ("CONTACT", "0-2")],
)
def test_kinds_have_both_directions(ends: tuple[str, str]) -> None:
    """Primary and billing are found from either side and by any spelling; unlabeled is no kind."""
    assert kinds_between(*ends) == {"primary": hubspot(1, 2), "billing": hubspot(930, 931)}


@pytest.mark.parametrize(
    ("ends", "kinds"),
    [
        (
            ("companies", "companies"),
            {"parent_to_child": hubspot(13), "child_to_parent": hubspot(14)},
        ),
        (("leads", "contacts"), {"primary": hubspot(578)}),
        (("contacts", "contacts"), {}),
        (("contacts", "2-123"), {}),
    ],
)
def test_kinds_belong_to_their_objects(
    ends: tuple[str, str], kinds: dict[str, frozenset[AssociationType]]
) -> None:
    """A pair of objects has its own kinds, and a custom object has none."""
    assert kinds_between(*ends) == kinds
