"""Names of objects: every spelling of one object comes to one."""

from __future__ import annotations

import pytest

from etl.hubspot.builtin_types import builtin_types
from etl.hubspot.objects import OBJECT_TYPE_IDS, singular


@pytest.mark.parametrize(("name", "type_id"), OBJECT_TYPE_IDS.items())
def test_an_object_goes_by_name_and_number(name: str, type_id: str) -> None:
    """Job files may say the singular name or the type id, in any case, with blanks around."""
    assert {singular(name), singular(name.upper()), singular(f" {type_id} ")} == {name}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("contacts", "contact"),
        ("Companies", "company"),
        ("COMPANY", "company"),
        ("deals", "deal"),
        ("line_items", "line_item"),
        ("leads", "lead"),
        ("feedback_submissions", "feedback_submission"),
    ],
)
def test_plurals_are_brought_to_the_singular(spelling: str, name: str) -> None:
    """Errors say ``CONTACT`` where paths say ``contacts``: both are one object."""
    assert singular(spelling) == name


@pytest.mark.parametrize("name", ["2-123", "p_vendor", "p_vendors", "p345_vendor", "p345_vendors"])
def test_a_custom_object_keeps_its_name(name: str) -> None:
    """A name that a customer has chosen is not bent: ``p345_cars`` and ``p345_car`` may be two."""
    assert singular(name) == name
    assert singular(name.upper()) == name


@pytest.mark.parametrize(
    "name", sorted({line.from_object for line in builtin_types()} - {"tax", "data_sync"})
)
def test_names_of_the_built_in_table_are_settled(name: str) -> None:
    """Each object of HubSpot's own table is found by its singular and by its plural."""
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    assert singular(name) == name
    assert singular(plural) == name


def test_taxes_are_tax() -> None:
    """The one plural of the table in -es is found too."""
    assert singular("taxes") == singular("tax") == "tax"
