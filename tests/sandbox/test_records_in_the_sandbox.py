"""Records are read by id or by a unique property, as the portal file gives it to them."""

from __future__ import annotations

from typing import Any

import pytest

from etl.sandbox import Portal, PortalDefinition, PortalError, RecordRule

PATHS = {
    "v4": "/crm/v3/objects",
    "2025-09": "/crm/objects/2025-09",
    "2026-03": "/crm/objects/2026-03",
    "2026-09": "/crm/objects/2026-09",
}
PORTAL = PortalDefinition(
    records={
        "contacts": RecordRule(
            exist=((1, 100_000),),
            missing=(99,),
            keys={"email": "Person{id}@example.com", "code": None},
            values={
                "email": {7: "Ann@example.com", 8: "ann@example.com", 9: None, 10: "person11@example.com"},
                "hs_additional_emails": {7: "ann@old.example.com;A.Bell@example.com", 12: None},
                "code": {5: "C-5"},
                "firstname": {7: "Ann"},
            },
        ),
        "deals": RecordRule(keys={"erp_number": "ERP-{id}"}),
    }
)  # fmt: skip


async def read(
    account: Any, *keys: str, of: str = "contacts", root: str = PATHS["v4"], **body: object
) -> Any:
    """Read records by keys, contacts by their email."""
    asked = {"idProperty": "email", **body}
    asked = {name: each for name, each in asked.items() if each is not None}
    inputs = [{"id": key} for key in keys]
    return await account.call("POST", f"{root}/{of}/batch/read", {"inputs": inputs, **asked})


def found(answer: Any) -> list[int]:
    """List the ids of the records in an answer."""
    return [int(each["id"]) for each in answer.body["results"]]


@pytest.mark.parametrize(("version", "root"), PATHS.items())
async def test_keys_are_found_in_every_version(open_account: Any, version: str, root: str) -> None:
    """Keys without a record are told beside the others, but in 2026-09, which says nothing of them."""
    account = await open_account(PORTAL)
    answer = await read(account, "person3@example.com", "person4@example.com", root=root)
    assert (answer.status, found(answer)) == (200, [3, 4])
    answer = await read(
        account, "person3@example.com", "nobody@example.com", "person99@example.com", root=root
    )
    assert found(answer) == [3]
    if version == "2026-09":
        assert (answer.status, "errors" in answer.body) == (200, False)
    else:
        assert (answer.status, answer.body["numErrors"]) == (207, 1)
        error = answer.body["errors"][0]
        assert error["category"] == "OBJECT_NOT_FOUND"
        assert error["context"] == {"ids": ["nobody@example.com", "person99@example.com"]}


@pytest.mark.parametrize(
    ("key", "ids"),
    [
        ("PERSON3@Example.com", [3]),  # HubSpot keeps emails in lower case
        ("ann@example.com", [7, 8]),  # two records with one key
        ("person7@example.com", []),  # a record's own value takes the place of the template's
        ("person9@example.com", []),  # a record without the property
        ("person11@example.com", [10, 11]),  # a record's own value and another's by template
        ("a.bell@example.com", [7]),  # a secondary email
        ("person03@example.com", []),
        ("person100001@example.com", []),
        ("3", []),
        ("", []),
    ],
)
async def test_who_has_an_email(open_account: Any, key: str, ids: list[int]) -> None:
    """An email finds whom it belongs to: one record, several or none."""
    account = await open_account(PORTAL)
    assert found(await read(account, key)) == ids


async def test_a_record_asked_twice_comes_once(open_account: Any) -> None:
    """Two keys of one record give one result, which has the primary email."""
    account = await open_account(PORTAL)
    keys = ("ann@old.example.com", "a.bell@example.com")
    answer = await read(account, *keys, properties=["email", "hs_additional_emails"])
    assert found(answer) == [7]
    properties = answer.body["results"][0]["properties"]
    assert properties["email"] == "ann@example.com"
    assert properties["hs_additional_emails"] == "ann@old.example.com;A.Bell@example.com"
    assert properties["hs_object_id"] == "7"


async def test_properties_of_a_record(open_account: Any) -> None:
    """What is asked for comes, null where it isn't set; what doesn't exist is left out."""
    account = await open_account(PORTAL)
    asked = ["firstname", "email", "code", "no_such"]
    answer = await read(account, "7", "5", "9", idProperty=None, properties=asked)
    told = [each["properties"] for each in answer.body["results"]]
    assert [each["firstname"] for each in told] == ["Ann", None, None]
    assert [each["email"] for each in told] == ["ann@example.com", "person5@example.com", None]
    assert [each["code"] for each in told] == [None, "C-5", None]
    assert not any("no_such" in each for each in told)
    plain = await read(account, "7", idProperty=None)
    assert {"email", "firstname", "lastname"} <= plain.body["results"][0]["properties"].keys()


async def test_any_object_has_unique_properties(open_account: Any) -> None:
    """A property that the portal file makes unique finds records, in its own case."""
    account = await open_account(PORTAL)
    answer = await read(account, "ERP-12", "erp-13", of="deals", idProperty="erp_number")
    assert (found(answer), answer.body["errors"][0]["context"]["ids"]) == ([12], ["erp-13"])


@pytest.mark.parametrize("name", ["firstname", "no_such", "hs_additional_emails", "domain"])
async def test_only_unique_properties_find_records(open_account: Any, name: str) -> None:
    """A property that isn't there, or isn't unique, is refused with 400."""
    account = await open_account(PORTAL)
    answer = await read(account, "Ann", idProperty=name)
    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    assert repr(name) in answer.body["message"]


async def test_a_hundred_keys_at_most(open_account: Any) -> None:
    """A hundred keys are read at once, one more is refused with 400."""
    account = await open_account(PORTAL)
    keys = [f"person{i}@example.com" for i in range(200, 301)]
    assert found(await read(account, *keys[:100])) == list(range(200, 300))
    refused = await read(account, *keys)
    assert (refused.status, "is 100, got 101" in refused.body["message"]) == (400, True)


async def test_the_demo_portal_has_keys(account: Any) -> None:
    """Without a portal file, contacts have an email and companies a domain."""
    assert found(await read(account, "person101000001@example.com")) == [101000001]
    answer = await read(account, "Company5.example.com", of="0-2", idProperty="domain")
    assert found(answer) == [5]


async def test_reading_records_takes_their_scope(open_account: Any) -> None:
    """A token without the scope of the object is told so; an unknown object is refused."""
    account = await open_account(scopes=("crm.objects.companies.read",))
    answer = await read(account, "1")
    assert answer.body["context"]["missingScopes"] == ["crm.objects.contacts.read"]
    assert (await read(account, "1", of="no_such")).status == 400
    assert (await read(account, "1", of="companies", idProperty=None)).status == 200
    assert (await read(account, "x1", of="companies", idProperty=None)).status == 400


@pytest.mark.parametrize("template", ["person@example.com", "{id}-{id}"])
def test_a_template_without_the_id_is_refused(template: str) -> None:
    """A template that gives all records one value, or can't be read back, is told."""
    rule = RecordRule(keys={"email": template})
    with pytest.raises(PortalError, match=r"write \{id\} once"):
        Portal(PortalDefinition(records={"contacts": rule}))
