"""Association limits can be listed, set, changed and cleared, and are kept on every write."""

from __future__ import annotations

from typing import Any

import pytest

from etl.sandbox import AssociationLimit, CustomLabel, Portal, PortalDefinition, PortalError

ROOTS = {
    "/crm/associations/v4": (201, 207, 204),
    "/crm/v4/associations": (201, 207, 204),
    "/crm/associations/2025-09": (200, 200, 200),
    "/crm/associations/2026-03": (201, 207, 200),
    "/crm/associations/2026-09": (200, 200, 200),
}
"""Where limits are, and the statuses of setting them all, setting some, and clearing them."""

CREATE = "/crm/v4/associations/contacts/companies/batch/create"
DEFAULT = "/crm/v4/associations/contacts/companies/batch/associate/default"
UNLABELED, LABEL = "HUBSPOT_DEFINED:279", "USER_DEFINED:1"
PORTAL = PortalDefinition(
    labels=(CustomLabel(from_object="contacts", to_object="companies", label="Decision maker"),),
    limits=(
        AssociationLimit(from_object="contacts", to_object="companies", max=3),
        AssociationLimit(
            from_object="companies", to_object="contacts", label="Decision maker", max=1
        ),
    ),
)


def limit(type_name: str, most: int | None = None) -> dict[str, object]:
    """Write the input that sets a limit, or without a number the one that clears it."""
    category, type_id = type_name.split(":")
    named = {"category": category, "typeId": int(type_id)}
    return named if most is None else {**named, "maxToObjectIds": most}


async def limits(account: Any, path: str) -> dict[str, int]:
    """List limits by the type that they are for."""
    results = (await account.get(path)).body["results"]
    return {f"{i['category']}:{i['typeId']}": i["userEnforcedMaxToObjectIds"] for i in results}


@pytest.mark.parametrize(("root", "statuses"), ROOTS.items())
async def test_a_limit_lives_and_dies(
    account: Any, root: str, statuses: tuple[int, int, int]
) -> None:
    """A limit is set once, changed where it is, cleared, and told for its pair and among all."""
    created, partial, cleared = statuses
    everywhere = f"{root}/definitions/configurations/all"
    pair = f"{root}/definitions/configurations/contacts/companies"
    assert await limits(account, everywhere) == {}
    answer = await account.post(f"{pair}/batch/create", limit(UNLABELED, 5), limit(LABEL, 1))
    assert answer.status == created
    assert [each["label"] for each in answer.body["results"]] == [None, "Decision maker"]
    answer = await account.post(f"{pair}/batch/create", limit(LABEL, 9), limit("WORK:1", 9))
    assert (answer.status, answer.body["results"]) == (partial, [])
    assert [each["context"]["typeId"] for each in answer.body["errors"]] == [["1"], ["1"]]
    answer = await account.post(
        f"{pair}/batch/update", limit(LABEL, 2), limit("USER_DEFINED:3", 2), limit("WORK:1", 9)
    )
    assert (answer.status, answer.body["numErrors"]) == (partial, 2)
    assert answer.body["results"] == [{**limit(LABEL), "userEnforcedMaxToObjectIds": 2}]
    answer = await account.post(f"{pair}/batch/update", limit(LABEL, 2))
    assert answer.status == 200
    both = {UNLABELED: 5, LABEL: 2}
    assert await limits(account, everywhere) == await limits(account, pair) == both
    back = f"{root}/definitions/configurations/companies/contacts"
    assert await limits(account, back) == {}
    answer = await account.post(f"{pair}/batch/purge", limit(LABEL), limit("USER_DEFINED:3"))
    assert answer.status == cleared
    assert await limits(account, pair) == {UNLABELED: 5}


@pytest.mark.parametrize("most", [0, -1, "five", None])
async def test_a_limit_is_a_number(account: Any, most: object) -> None:
    """A limit that is no number from 1 is refused with 400, and none is set."""
    path = "/crm/associations/v4/definitions/configurations/contacts/companies"
    answer = await account.post(f"{path}/batch/create", {**limit(LABEL), "maxToObjectIds": most})
    assert (answer.status, "maxToObjectIds" in answer.body["message"]) == (400, True)
    assert await limits(account, path) == {}


async def test_a_limit_goes_with_its_label(account: Any) -> None:
    """A deleted label leaves no limit behind."""
    path = "/crm/associations/v4/definitions/configurations/contacts/companies"
    await account.post(f"{path}/batch/create", limit(LABEL, 1))
    await account.call("DELETE", "/crm/associations/v4/contacts/companies/labels/1")
    assert await limits(account, path) == {}


@pytest.mark.parametrize("path", [CREATE, DEFAULT])
async def test_an_association_over_a_limit_fails_alone(
    open_account: Any, ask: Any, path: str
) -> None:
    """What is over the limit is an error of its own input; what is there already may come again."""
    account = await open_account(PORTAL)
    await account.post(path, ask(1, 2, UNLABELED))
    inputs = [ask(1, to_id, UNLABELED) for to_id in (2, 3, 4, 5)]
    answer = await account.post(path, *inputs, ask(2, 5, UNLABELED))
    assert answer.status == (207 if path == CREATE else 200)
    assert [each["context"] for each in answer.body["errors"]] == [
        {"fromObjectId": ["1"], "toObjectId": ["5"]}
    ]
    made = account.sandbox.portal.associations("contacts", "companies")
    assert {(one, other) for one, other, _, _ in made} == {(1, 2), (1, 3), (1, 4), (2, 5)}


async def test_a_limit_of_the_other_direction(open_account: Any, ask: Any) -> None:
    """A company with one decision maker at most takes no second one, from whichever side."""
    account = await open_account(PORTAL)
    answer = await account.post(CREATE, ask(1, 9, LABEL), ask(2, 9, LABEL), ask(2, 9, UNLABELED))
    assert [each["context"]["fromObjectId"] for each in answer.body["errors"]] == [["2"]]
    assert account.types("companies", "contacts", 9, 2) == {"HUBSPOT_DEFINED:280"}
    answer = await account.post(
        "/crm/v4/associations/companies/contacts/batch/create", ask(9, 3, "USER_DEFINED:2")
    )
    assert answer.body["numErrors"] == 1
    remove = "/crm/v4/associations/contacts/companies/batch/labels/archive"
    await account.post(remove, ask(1, 9, LABEL))
    answer = await account.post(CREATE, ask(2, 9, LABEL))
    assert answer.status == 201


async def test_a_limit_refuses_a_whole_request(open_account: Any, ask: Any) -> None:
    """A portal that refuses whole requests does so for a limit, and makes nothing."""
    account = await open_account(PORTAL, bad_input="refuse")
    answer = await account.post(CREATE, *(ask(1, to_id, UNLABELED) for to_id in range(2, 6)))
    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    assert "limit" in answer.body["message"]
    assert account.sandbox.portal.associations("contacts", "companies") == set()


async def test_a_limit_refuses_a_single_pair(open_account: Any, ask: Any) -> None:
    """A pair over a limit is refused with 400, with a label or without."""
    account = await open_account(PORTAL)
    await account.post(CREATE, *(ask(1, to_id, UNLABELED) for to_id in (2, 3, 4)))
    record = "/crm/v4/objects/contacts/1/associations"
    answer = await account.call("PUT", f"{record}/companies/5", ask(1, 5, LABEL)["types"])
    assert answer.status == 400
    assert (await account.call("PUT", f"{record}/default/companies/5")).status == 400
    assert (await account.call("PUT", f"{record}/default/companies/4")).status == 200


async def test_a_primary_moves_under_any_limit(open_account: Any, ask: Any) -> None:
    """A limit of one primary doesn't keep another company from becoming it."""
    account = await open_account()
    path = "/crm/associations/v4/definitions/configurations/contacts/companies"
    await account.post(f"{path}/batch/create", limit("HUBSPOT_DEFINED:1", 1))
    for to_id in (2, 3):
        assert (await account.post(CREATE, ask(1, to_id, "HUBSPOT_DEFINED:1"))).status == 201


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (AssociationLimit(from_object="foo", to_object="deals", max=1), "'foo'"),
        (AssociationLimit(from_object="deals", to_object="contacts", label="X", max=1), "'X'"),
    ],
)
def test_a_limit_of_nothing_is_told(wrong: AssociationLimit, says: str) -> None:
    """A portal file's limit names objects and a label that are there."""
    with pytest.raises(PortalError, match=f"`limits` names .*{says}"):
        Portal(PortalDefinition(limits=(wrong,)))


async def test_limits_take_scopes(open_account: Any) -> None:
    """Listing all takes some scope of an object; setting takes those of both, to write."""
    path = "/crm/associations/v4/definitions/configurations"
    nobody = await open_account(scopes=("oauth",))
    assert (await nobody.get(f"{path}/all")).status == 403
    reader = await open_account(scopes=("crm.objects.contacts.read", "crm.objects.companies.read"))
    assert (await reader.get(f"{path}/all")).status == 200
    assert (await reader.get(f"{path}/contacts/companies")).status == 200
    for operation in ("create", "update", "purge"):
        answer = await reader.post(f"{path}/contacts/companies/batch/{operation}")
        assert answer.status == 403
