"""Labels can be defined, renamed and deleted, under HubSpot's rules, in every version."""

from __future__ import annotations

from typing import Any

import pytest

LABELS = "/crm/associations/v4/contacts/companies/labels"
ROOTS = (
    "/crm/associations/v4",
    "/crm/v4/associations",
    "/crm/associations/2025-09",
    "/crm/associations/2026-03",
    "/crm/associations/2026-09",
)


def made(label: str, name: str, inverse: str | None = None) -> dict[str, str]:
    """Write the body that defines a label."""
    paired = {} if inverse is None else {"inverseLabel": inverse}
    return {"label": label, "name": name, **paired}


async def custom(account: Any, from_object: str, to_object: str) -> dict[str, int]:
    """List the texts and ids of the labels that people defined, as the API tells them."""
    path = f"/crm/associations/v4/{from_object}/{to_object}/labels"
    results = (await account.get(path)).body["results"]
    return {each["label"]: each["typeId"] for each in results if each["category"] == "USER_DEFINED"}


@pytest.mark.parametrize("root", ROOTS)
async def test_a_label_lives_and_dies(account: Any, ask: Any, root: str) -> None:
    """A label is defined, used, renamed on what has it, and deleted from it; the records stay."""
    path = f"{root}/contacts/companies/labels"
    answer = await account.call("POST", path, made("Auditor", "auditor"))
    assert answer.status == 200
    there, back = answer.body["results"]
    assert {there["label"], back["label"]} == {"Auditor"}
    type_id = (await custom(account, "contacts", "companies"))["Auditor"]
    assert {there["typeId"], back["typeId"]} - {type_id} == {
        (await custom(account, "companies", "contacts"))["Auditor"]
    }
    create = "/crm/v4/associations/contacts/companies/batch/create"
    await account.post(create, ask(1, 2, f"USER_DEFINED:{type_id}"), ask(1, 3, "USER_DEFINED:1"))
    change = {"associationTypeId": type_id, "label": "Inspector"}
    assert (await account.call("PUT", path, change)).status == 204
    listed = await account.get("/crm/v4/objects/contacts/1/associations/companies")
    assert [each["label"] for each in listed.body["results"][0]["associationTypes"]] == [
        None,
        "Inspector",
    ]
    assert "Inspector" in await custom(account, "companies", "contacts")
    assert (await account.call("DELETE", f"{path}/{type_id}")).status == 204
    assert account.types("contacts", "companies", 1, 2) == {"HUBSPOT_DEFINED:279"}
    assert account.types("companies", "contacts", 2, 1) == {"HUBSPOT_DEFINED:280"}
    assert account.types("contacts", "companies", 1, 3) == {
        "HUBSPOT_DEFINED:279",
        "USER_DEFINED:1",
    }
    assert "Inspector" not in await custom(account, "companies", "contacts")
    assert (await account.call("DELETE", f"{path}/{type_id}")).status == 404


async def test_a_paired_label_has_two_texts(account: Any) -> None:
    """Each direction shows its own text; a rename of one side leaves the other as it is."""
    body = made("Auditor", "auditor", "Audited")
    answer = await account.call("POST", LABELS, body)
    assert [each["label"] for each in answer.body["results"]] == ["Auditor", "Audited"]
    there = answer.body["results"][0]["typeId"]
    change = {"associationTypeId": there, "label": "Inspector"}
    await account.call("PUT", LABELS, change)
    assert "Inspector" in await custom(account, "contacts", "companies")
    assert "Audited" in await custom(account, "companies", "contacts")
    await account.call("PUT", LABELS, {**change, "inverseLabel": "Inspected"})
    assert "Inspected" in await custom(account, "companies", "contacts")


async def test_a_label_between_records_of_one_object(account: Any) -> None:
    """A single label has one id there, a paired label two, and both are listed in one call."""
    path = "/crm/associations/v4/contacts/contacts/labels"
    single = await account.call("POST", path, made("Friend", "friend"))
    paired = await account.call("POST", path, made("Boss", "boss", "Staff"))
    assert (len(single.body["results"]), len(paired.body["results"])) == (1, 2)
    assert {"Friend", "Boss", "Staff"} <= (await custom(account, "contacts", "contacts")).keys()
    friend = single.body["results"][0]["typeId"]
    change = {"associationTypeId": friend, "label": "Mate", "inverseLabel": "Other"}
    assert (await account.call("PUT", path, change)).status == 400
    boss = paired.body["results"][0]["typeId"]
    change = {"associationTypeId": boss, "label": "Same", "inverseLabel": "Same"}
    assert (await account.call("PUT", path, change)).status == 400


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (made("Decision maker", "maker"), "defined twice"),
        (made("Auditor", "aud-itor"), "$.name"),
        (made("Auditor", "1auditor"), "$.name"),
        (made("Auditor", ""), "$.name"),
        (made("", "auditor"), "$.label"),
        ({"label": "Auditor"}, "[name]"),
        (made("Auditor", "known"), "the name 'known'"),
        (made("Auditor", "auditor", "Employee"), "'Employee' (company to contact)"),
    ],
)
async def test_a_label_that_breaks_a_rule(account: Any, body: object, says: str) -> None:
    """A label with a wrong or taken name or a taken text is refused with 400, and isn't there."""
    await account.call("POST", LABELS, made("Known", "known"))
    before = await custom(account, "contacts", "companies")
    refused = await account.call("POST", LABELS, body)
    assert (refused.status, refused.body["category"]) == (400, "VALIDATION_ERROR")
    assert says in refused.body["message"]
    assert await custom(account, "contacts", "companies") == before


async def test_an_eleventh_label_is_refused(account: Any) -> None:
    """Two objects have at most ten labels, where a paired one counts once."""
    path = "/crm/associations/v4/deals/deals/labels"
    for number in range(10):
        body = made(f"A{number}", f"a{number}", f"B{number}")
        assert (await account.call("POST", path, body)).status == 200
    refused = await account.call("POST", path, made("C", "c"))
    assert (refused.status, "at most 10" in refused.body["message"]) == (400, True)


@pytest.mark.parametrize(("type_id", "status"), [(279, 400), (9999, 404), ("x", 400)])
async def test_only_labels_of_people_can_be_changed(
    account: Any, type_id: int | str, status: int
) -> None:
    """HubSpot's own types can't be renamed or deleted, nor what isn't there."""
    change = {"associationTypeId": type_id, "label": "Mine"}
    assert (await account.call("PUT", LABELS, change)).status == status
    assert (await account.call("DELETE", f"{LABELS}/{type_id}")).status == status


async def test_a_rename_to_a_taken_text_is_refused(account: Any) -> None:
    """A rename can't make two labels of one pair look the same."""
    change = {"associationTypeId": 1, "label": "Billing contact"}
    refused = await account.call("PUT", LABELS, change)
    assert (refused.status, "defined twice" in refused.body["message"]) == (400, True)
    assert (await account.call("PUT", LABELS, {**change, "label": "Decision maker"})).status == 204


async def test_the_id_of_a_deleted_label_is_not_given_again(account: Any) -> None:
    """An old plan can't write to a new label because it got the number of a deleted one."""
    first = await account.call("POST", LABELS, made("A", "a"))
    ids = {each["typeId"] for each in first.body["results"]}
    await account.call("DELETE", f"{LABELS}/{first.body['results'][0]['typeId']}")
    second = await account.call("POST", LABELS, made("A", "a"))
    assert not ids & {each["typeId"] for each in second.body["results"]}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_changing_labels_takes_write_scopes(open_account: Any, method: str) -> None:
    """A token that may only read records can't change their labels."""
    account = await open_account(scopes=("crm.objects.contacts.read", "crm.objects.companies.read"))
    path = f"{LABELS}/1" if method == "DELETE" else LABELS
    assert (await account.call(method, path, {})).status == 403
