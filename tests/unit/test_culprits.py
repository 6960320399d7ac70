"""Whom an error means, in each shape that HubSpot has been seen to use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.hubspot.culprits import Culprits, Sides, culprits
from etl.hubspot.wire import ErrorDetail
from etl.model import MAX_ID

CONTACTS_TO_COMPANIES = Sides("contacts", "companies")
CONTACTS_TO_CONTACTS = Sides("contacts", "0-1")
CONTACTS_TO_CARS = Sides("0-1", "p345_car")


def named(
    context: dict[str, Any], *, message: str = "no", sides: Sides = CONTACTS_TO_COMPANIES
) -> Culprits:
    """Give the culprits of an error."""
    return culprits(ErrorDetail(message, "VALIDATION_ERROR", context), sides)


def ids(*numbers: int) -> frozenset[int]:
    """Make a set of ids."""
    return frozenset(numbers)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param(
            {"fromObjectId": ["1"], "toObjectId": ["2"]},
            Culprits(pair_from=ids(1), pair_to=ids(2)),
            id="a pair",
        ),
        pytest.param(
            {"fromObjectId": [1], "toObjectId": 2},
            Culprits(pair_from=ids(1), pair_to=ids(2)),
            id="a pair, as numbers",
        ),
        pytest.param(
            {"FROM_OBJECT_ID": ["1"], "to_object_ids": ["2", "3"]},
            Culprits(pair_from=ids(1), pair_to=ids(2, 3)),
            id="a pair, in other spellings",
        ),
        pytest.param({"fromObjectId": ["1"]}, Culprits(from_ids=ids(1)), id="one side"),
        pytest.param({"contactId": ["1"]}, Culprits(from_ids=ids(1)), id="by the object's name"),
        pytest.param({"companyIds": ["2"]}, Culprits(to_ids=ids(2)), id="by its name, plural"),
        pytest.param(
            {
                "INVALID_OBJECT_IDS": ["CONTACT=38374264688 is not valid"],
                "objectId": ["38374264688"],
                "objectType": ["CONTACT"],
            },
            Culprits(from_ids=ids(38374264688)),
            id="a record, told twice",
        ),
        pytest.param(
            {"INVALID_OBJECT_IDS": ["CONTACT=1 is not valid", "COMPANY=2 is not valid"]},
            Culprits(from_ids=ids(1), to_ids=ids(2)),
            id="records of both objects",
        ),
        pytest.param(
            {"INVALID_OBJECT_IDS": ["0-2=2 is not valid"]}, Culprits(to_ids=ids(2)), id="by type id"
        ),
        pytest.param(
            {"objectId": ["2"], "objectType": ["COMPANY"]},
            Culprits(to_ids=ids(2)),
            id="in two keys",
        ),
        pytest.param(
            {"objectType": ["COMPANY"], "objectId": ["2"]},
            Culprits(to_ids=ids(2)),
            id="in two keys, the type first",
        ),
        pytest.param(
            {"objectId": ["1", "2"], "objectType": ["CONTACT", "COMPANY"]},
            Culprits(either_ids=ids(1, 2)),
            id="two objects, nobody says whose",
        ),
        pytest.param(
            {"INVALID_OBJECT_IDS": ["CONTACT=1 is not valid"], "objectId": ["1"]},
            Culprits(from_ids=ids(1)),
            id="a record, told again without its object",
        ),
        pytest.param({"id": ["5"]}, Culprits(either_ids=ids(5)), id="a bare id"),
        pytest.param(
            {"portalId": ["5"], "INVALID_OBJECT_IDS": ["CONTACT=7 is not valid"]},
            Culprits(from_ids=ids(7)),
            id="a portal, whose id is no record's",
        ),
        pytest.param({"ids": "5, 6"}, Culprits(either_ids=ids(5, 6)), id="bare ids in one text"),
        pytest.param(
            {
                "INVALID_ASSOCIATION_TYPE_ID": [
                    "USER_DEFINED=3 is not a valid association definition id"
                ]
            },
            Culprits(types=frozenset({"USER_DEFINED:3"})),
            id="a type",
        ),
        pytest.param(
            {"INVALID_ASSOCIATION_TYPE_ID": ["USER_DEFINED=3 …"], "fromObjectId": ["1"]},
            Culprits(types=frozenset({"USER_DEFINED:3"}), from_ids=ids(1)),
            id="a type and a record",
        ),
    ],
)
def test_each_shape_names_its_culprits(context: dict[str, Any], expected: Culprits) -> None:
    """Rows fail for what HubSpot says of them, in whatever shape it says so."""
    found = named(context)
    assert found == expected
    assert not found.nobody


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"ids": None},
        {"ids": []},
        {"objectType": ["CONTACT"]},
        {"fromObjectTypeId": ["0-1"], "toObjectTypeId": ["0-2"]},
        {"missingScopes": ["crm.objects.contacts.write"]},
        {"propertyId": ["5"]},
        {"correlationId": ["4b8f-5-77"]},
        {"uuid": ["3d5f2a10-0000-4a6b-9c1d-000000000005"]},
        {"limit": ["50000"]},
    ],
)
def test_what_is_no_record_names_nobody(context: dict[str, Any]) -> None:
    """Type ids, scopes, limits and correlation ids are not mistaken for records."""
    assert named(context).nobody


@pytest.mark.parametrize(
    "text", ["CONTACT=5 is not valid", "contacts=5 is not valid", "0-1=5 is not valid"]
)
def test_objects_are_known_by_any_name(text: str) -> None:
    """Singular, plural, type id and case are one object."""
    assert named({"INVALID_OBJECT_IDS": [text]}).from_ids == ids(5)


def test_a_custom_object_is_known_by_its_name() -> None:
    """A custom object's fully qualified name tells the side."""
    found = named({"INVALID_OBJECT_IDS": ["p345_car=5 is not valid"]}, sides=CONTACTS_TO_CARS)
    assert found == Culprits(to_ids=ids(5))


def test_an_object_that_is_not_ours_tells_no_side() -> None:
    """An id under another name (``p345_CAR`` as ``2-77``) may stand on either side."""
    found = named({"INVALID_OBJECT_IDS": ["2-77=5 is not valid"]}, sides=CONTACTS_TO_CARS)
    assert found == Culprits(either_ids=ids(5))


def test_records_of_one_object_may_stand_on_either_side() -> None:
    """Between contacts and contacts the object's name does not tell the side."""
    found = named({"INVALID_OBJECT_IDS": ["CONTACT=5 is not valid"]}, sides=CONTACTS_TO_CONTACTS)
    assert found == Culprits(either_ids=ids(5))
    sided = named({"fromObjectId": ["5"]}, sides=CONTACTS_TO_CONTACTS)
    assert sided == Culprits(from_ids=ids(5))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CONTACT=5 is not valid", Culprits(from_ids=ids(5))),
        ("COMPANY=6 and CONTACT=5 are not valid", Culprits(from_ids=ids(5), to_ids=ids(6))),
        ("2-77=5 is not valid", Culprits(either_ids=ids(5))),
        ("contact 5 does not exist", Culprits(either_ids=ids(5), guessed=True)),
        ("No contact with ID 5, 6", Culprits(either_ids=ids(5, 6), guessed=True)),
        ("portal 3d5f-77 of v4 says 2026-11-23", Culprits(guessed=True)),
        ("", Culprits(guessed=True)),
    ],
)
def test_a_message_is_read_when_the_context_names_nobody(message: str, expected: Culprits) -> None:
    """A number in a sentence is a guess, and is said to be one."""
    assert named({}, message=message) == expected


def test_the_context_comes_before_the_message() -> None:
    """Numbers of the sentence do not add to ids that are told properly."""
    assert named({"contactId": ["1"]}, message="contact 2 of 2000") == Culprits(from_ids=ids(1))


TEXTS = st.text() | st.integers(0, MAX_ID).map("CONTACT={} is not valid".format)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)
KEYS = st.text() | st.sampled_from(["objectId", "fromObjectId", "toObjectId", "ids", "objectType"])


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.text())
def test_any_context_can_be_read(context: dict[str, Any], message: str) -> None:
    """An error of a shape never seen is an error that names somebody or nobody, not a crash."""
    found = named(context, message=message)
    assert found.nobody == (found == Culprits(guessed=found.guessed))


@pytest.mark.parametrize(
    ("sides", "same"),
    [
        (Sides("contacts", "companies"), False),
        (Sides("contacts", "CONTACT"), True),
        (Sides("0-1", "contact"), True),
        (Sides("2-77", "2-78"), False),
        (Sides("p_car", "P_CAR"), True),
    ],
)
def test_sides_of_one_object_are_the_same(sides: Sides, *, same: bool) -> None:
    """Two spellings of one object are the same object."""
    assert sides.same is same
