"""Labels have a direction, associations are seen from both sides, and primary moves."""

from __future__ import annotations

from typing import Any

import pytest

BATCH = "/crm/v4/associations/contacts/companies/batch"
BACK = "/crm/v4/associations/companies/contacts/batch"
UNLABELED = "HUBSPOT_DEFINED:279"
UNLABELED_BACK = "HUBSPOT_DEFINED:280"


async def type_id_of(account: Any, from_object: str, to_object: str, text: str | None) -> str:
    """Look a label's type up as a client does."""
    answer = await account.get(f"/crm/v4/associations/{from_object}/{to_object}/labels")
    found = [each for each in answer.body["results"] if each["label"] == text]
    assert len(found) == 1
    return f"{found[0]['category']}:{found[0]['typeId']}"


async def test_labels_differ_by_direction(account: Any) -> None:
    """A label's type id belongs to one direction, and a paired label's text too."""
    there = await account.get("/crm/v4/associations/contacts/companies/labels")
    back = await account.get("/crm/v4/associations/0-2/0-1/labels")
    texts = {each["label"] for each in there.body["results"]}
    texts_back = {each["label"] for each in back.body["results"]}
    assert {None, "Primary", "Decision maker", "決裁者", "Employer"} <= texts
    assert "Employee" not in texts
    assert {None, "Contact with Primary Company", "決裁者", "Employee"} <= texts_back
    assert "Employer" not in texts_back
    keys = {(each["category"], each["typeId"]) for each in there.body["results"]}
    keys_back = {(each["category"], each["typeId"]) for each in back.body["results"]}
    assert not keys & keys_back


async def test_one_number_can_be_two_types(account: Any) -> None:
    """HUBSPOT_DEFINED 1 and USER_DEFINED 1 are different labels of the same direction."""
    answer = await account.get("/crm/v4/associations/contact/company/labels")
    assert {each["category"] for each in answer.body["results"] if each["typeId"] == 1} == {
        "HUBSPOT_DEFINED",
        "USER_DEFINED",
    }


async def test_both_sides_of_the_same_object_come_together(account: Any) -> None:
    """Contacts to contacts lists both texts of a pair, and one id for a single label."""
    answer = await account.get("/crm/associations/v4/contacts/contacts/labels")
    texts = [each["label"] for each in answer.body["results"]]
    assert texts.count("Manager") == texts.count("Direct report") == texts.count("Partner") == 1


async def test_a_label_is_seen_from_both_sides(account: Any, ask: Any) -> None:
    """Writing a label also makes the unlabeled association and the inverse of both."""
    label = await type_id_of(account, "contacts", "companies", "Employer")
    inverse = await type_id_of(account, "companies", "contacts", "Employee")
    answer = await account.post(f"{BATCH}/create", ask(7, 8, label))
    assert (answer.status, answer.body["results"][0]["labels"]) == (201, ["Employer"])
    assert account.types("contacts", "companies", 7, 8) == {label, UNLABELED}
    assert account.types("companies", "contacts", 8, 7) == {inverse, UNLABELED_BACK}
    read = await account.post(f"{BACK}/read", {"id": "8"})
    (only,) = read.body["results"][0]["to"]
    assert only["toObjectId"] == "7"
    assert {each["label"] for each in only["associationTypes"]} == {None, "Employee"}


async def test_a_paired_label_within_one_object_has_two_ends(account: Any, ask: Any) -> None:
    """If 1 is associated with 2 as Manager, then 2 shows 1 as Direct report."""
    manager = await type_id_of(account, "contacts", "contacts", "Manager")
    report = await type_id_of(account, "contacts", "contacts", "Direct report")
    path = "/crm/v4/associations/contacts/contacts/batch/create"
    await account.post(path, ask(1, 2, manager))
    assert account.types("contacts", "contacts", 1, 2) == {manager, "HUBSPOT_DEFINED:449"}
    assert account.types("contacts", "contacts", 2, 1) == {report, "HUBSPOT_DEFINED:449"}


@pytest.mark.parametrize(("labels_written", "keeps"), [("add", True), ("replace", False)])
async def test_writing_adds_or_replaces(
    open_account: Any, ask: Any, labels_written: str, *, keeps: bool
) -> None:
    """A portal may keep or replace the custom labels a pair has; built-in ones always stay."""
    account = await open_account(labels_written=labels_written)
    first = await type_id_of(account, "contacts", "companies", "Decision maker")
    second = await type_id_of(account, "contacts", "companies", "Partner")
    first_back = await type_id_of(account, "companies", "contacts", "Decision maker")
    await account.post(f"{BATCH}/create", ask(1, 2, first, "HUBSPOT_DEFINED:1"))
    await account.post(f"{BATCH}/associate/default", ask(1, 2))
    assert first in account.types("contacts", "companies", 1, 2)
    await account.post(f"{BATCH}/create", ask(1, 2, second))
    types = account.types("contacts", "companies", 1, 2)
    assert {second, UNLABELED, "HUBSPOT_DEFINED:1"} <= types
    assert (first in types) is keeps
    assert (first_back in account.types("companies", "contacts", 2, 1)) is keeps


@pytest.mark.parametrize("from_the_company", [False, True])
async def test_primary_moves(account: Any, ask: Any, *, from_the_company: bool) -> None:
    """A contact has one primary company: making another primary demotes the first one only."""
    await account.post(f"{BATCH}/create", ask(1, 10, "HUBSPOT_DEFINED:1"))
    await account.post(f"{BATCH}/create", ask(2, 10, "HUBSPOT_DEFINED:1"))
    if from_the_company:
        await account.post(f"{BACK}/create", ask(11, 1, "HUBSPOT_DEFINED:2"))
    else:
        await account.post(f"{BATCH}/create", ask(1, 11, "HUBSPOT_DEFINED:1"))
    assert account.types("contacts", "companies", 1, 10) == {UNLABELED}
    assert account.types("companies", "contacts", 10, 1) == {UNLABELED_BACK}
    assert account.types("contacts", "companies", 1, 11) == {UNLABELED, "HUBSPOT_DEFINED:1"}
    assert account.types("companies", "contacts", 11, 1) == {UNLABELED_BACK, "HUBSPOT_DEFINED:2"}
    assert "HUBSPOT_DEFINED:1" in account.types("contacts", "companies", 2, 10)


async def test_default_answers_both_directions(account: Any, ask: Any) -> None:
    """One default association is answered with two results, one for each direction."""
    answer = await account.post(f"{BATCH}/associate/default", ask(1, 2))
    named = [
        (each["from"]["id"], each["to"]["id"], each["associationSpec"]["associationTypeId"])
        for each in answer.body["results"]
    ]
    assert (answer.status, named) == (200, [("1", "2", 279), ("2", "1", 280)])


async def test_no_types_associate_nothing(account: Any, ask: Any) -> None:
    """An input with empty types is accepted, isn't named in the results, and changes nothing."""
    answer = await account.post(f"{BATCH}/create", ask(1, 2))
    assert (answer.status, answer.body["results"]) == (201, [])
    one = await account.call("PUT", "/crm/v4/objects/contacts/1/associations/companies/2", [])
    assert (one.status, one.body["labels"]) == (201, [])
    assert account.sandbox.portal.associations("contacts", "companies") == set()


async def test_archive_takes_everything_between_two_records(account: Any, ask: Any) -> None:
    """Archiving a pair takes its labels away in both directions, and spares other pairs."""
    await account.post(f"{BATCH}/create", ask(1, 2, "USER_DEFINED:1"), ask(1, 3, "USER_DEFINED:1"))
    body = {"from": {"id": "1"}, "to": [{"id": "2"}, {"id": "99"}]}
    assert (await account.post(f"{BATCH}/archive", body)).status == 204
    assert account.types("contacts", "companies", 1, 2) == set()
    assert account.types("companies", "contacts", 2, 1) == set()
    assert account.types("contacts", "companies", 1, 3) == {UNLABELED, "USER_DEFINED:1"}


async def test_archiving_a_label_keeps_the_association(account: Any, ask: Any) -> None:
    """Archiving one label leaves the others; archiving the unlabeled type takes all of them."""
    types = ("USER_DEFINED:1", "USER_DEFINED:7")
    await account.post(f"{BATCH}/create", ask(1, 2, *types))
    await account.post(f"{BATCH}/labels/archive", ask(1, 2, types[0]), ask(5, 6, types[0]))
    assert account.types("contacts", "companies", 1, 2) == {UNLABELED, types[1]}
    assert account.types("companies", "contacts", 2, 1) == {UNLABELED_BACK, "USER_DEFINED:8"}
    await account.post(f"{BATCH}/labels/archive", ask(1, 2, UNLABELED))
    assert account.types("contacts", "companies", 1, 2) == set()
    assert account.types("companies", "contacts", 2, 1) == set()


async def test_reading_goes_page_by_page(open_account: Any, ask: Any) -> None:
    """A record with more associations than a page holds is read with cursors, nothing twice."""
    account = await open_account(page_size=2)
    await account.post(f"{BATCH}/associate/default", *(ask(1, each) for each in range(1, 6)))
    seen: list[str] = []
    after: str | None = None
    sizes = []
    while True:
        asked = {"id": "1"} if after is None else {"id": "1", "after": after}
        (result,) = (await account.post(f"{BATCH}/read", asked)).body["results"]
        seen += [each["toObjectId"] for each in result["to"]]
        sizes.append(len(result["to"]))
        if "paging" not in result:
            break
        after = result["paging"]["next"]["after"]
    assert (seen, sizes) == (["1", "2", "3", "4", "5"], [2, 2, 1])


async def test_listing_one_record_goes_page_by_page(account: Any, ask: Any) -> None:
    """The list of one record takes a limit and gives a link to the next page."""
    await account.post(f"{BATCH}/associate/default", *(ask(1, each) for each in (5, 6, 7)))
    first = await account.get("/crm/v4/objects/contacts/1/associations/companies?limit=2")
    assert [each["toObjectId"] for each in first.body["results"]] == ["5", "6"]
    link = first.body["paging"]["next"]["link"].removeprefix(account.sandbox.base_url)
    second = await account.get(link)
    assert [each["toObjectId"] for each in second.body["results"]] == ["7"]
    assert "paging" not in second.body


async def test_ids_can_come_as_numbers(open_account: Any, ask: Any) -> None:
    """A portal may write record ids as numbers in every result, as HubSpot has been seen to."""
    account = await open_account(ids="numbers")
    made = await account.post(f"{BATCH}/create", ask(1, 2, "USER_DEFINED:1"))
    default = await account.post(f"{BATCH}/associate/default", ask(1, 2))
    read = await account.post(f"{BATCH}/read", {"id": "1"})
    assert (made.body["results"][0]["fromObjectId"], default.body["results"][0]["to"]["id"]) == (
        1,
        2,
    )
    assert read.body["results"][0]["from"]["id"] == 1
    assert read.body["results"][0]["to"][0]["toObjectId"] == 2


@pytest.mark.parametrize("name", ["2-123", "p_vendor", "p345_vendor", "P_VENDOR"])
async def test_custom_objects_have_three_names(account: Any, ask: Any, name: str) -> None:
    """A custom object is found by its type id, by p_ and by the portal's own prefix."""
    label = await type_id_of(account, name, "companies", "Supplier")
    answer = await account.post(
        f"/crm/v4/associations/{name}/companies/batch/create", ask(1, 2, label)
    )
    assert answer.body["results"][0]["fromObjectTypeId"] == "2-123"


async def test_one_way_types_stay_one_way(account: Any, ask: Any) -> None:
    """A built-in type without an inverse is seen from its own side; the other side is unlabeled."""
    path = "/crm/v4/associations/leads/contacts/batch/create"
    await account.post(path, ask(1, 2, "HUBSPOT_DEFINED:578"))
    assert account.types("leads", "contacts", 1, 2) == {
        "HUBSPOT_DEFINED:578",
        "HUBSPOT_DEFINED:608",
    }
    assert account.types("contacts", "leads", 2, 1) == {"HUBSPOT_DEFINED:609"}
