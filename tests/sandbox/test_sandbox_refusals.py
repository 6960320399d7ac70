"""Every way in which the sandbox says no, in HubSpot's own forms."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from etl.sandbox import RecordRule, demo_portal

BATCH = "/crm/v4/associations/contacts/companies/batch"
MISSING = 900_000_000_000
"""The first id that the default portal doesn't have."""


def error_of(answer: Any) -> tuple[int, str, str]:
    """Pick status, category and message, and check the rest of the form."""
    assert answer.body["status"] == "error"
    assert len(answer.body["correlationId"]) == 36
    assert answer.headers["X-HubSpot-Correlation-Id"] == answer.body["correlationId"]
    return answer.status, answer.body["category"], answer.body["message"]


async def test_partial_failure_names_its_pair(account: Any, ask: Any) -> None:
    """A missing record and a wrong type fail alone, named by ids; the good input is made."""
    answer = await account.post(
        f"{BATCH}/create",
        ask(1, MISSING, "USER_DEFINED:1"),
        ask(1, 2, "USER_DEFINED:1"),
        ask(3, 4, "USER_DEFINED:1", "USER_DEFINED:999"),
    )
    assert answer.status == 207
    assert [each["fromObjectId"] for each in answer.body["results"]] == ["1"]
    assert answer.body["numErrors"] == 2
    missing, wrong_type = answer.body["errors"]
    assert missing["category"] == "OBJECT_NOT_FOUND"
    assert missing["context"] == {"fromObjectId": ["1"], "toObjectId": [str(MISSING)]}
    assert wrong_type["category"] == "VALIDATION_ERROR"
    assert wrong_type["message"] == "USER_DEFINED=999 is not a valid association definition id"
    assert wrong_type["context"] == {"fromObjectId": ["3"], "toObjectId": ["4"]}
    assert account.types("contacts", "companies", 3, 4) == set()


async def test_one_bad_input_can_refuse_all(open_account: Any, ask: Any) -> None:
    """A refusing portal answers 400, names the culprits in the context and writes nothing."""
    account = await open_account(bad_input="refuse")
    answer = await account.post(
        f"{BATCH}/create",
        ask(1, 2, "USER_DEFINED:1"),
        ask(MISSING, 2, "USER_DEFINED:1"),
        ask(1, 2, "USER_DEFINED:999"),
    )
    assert error_of(answer) == (400, "VALIDATION_ERROR", "One or more associations are invalid")
    assert answer.body["context"] == {
        "INVALID_OBJECT_IDS": [f"CONTACT={MISSING} is not valid"],
        "objectId": [str(MISSING)],
        "objectType": ["CONTACT"],
        "INVALID_ASSOCIATION_TYPE_ID": [
            "USER_DEFINED=999 is not a valid association definition id"
        ],
    }
    assert account.sandbox.portal.associations("contacts", "companies") == set()


async def test_the_other_directions_type_is_wrong(account: Any, ask: Any) -> None:
    """A type id of the direction company to contact isn't one from contact to company."""
    answer = await account.post(f"{BATCH}/create", ask(1, 2, "USER_DEFINED:2"))
    assert (answer.status, answer.body["results"]) == (207, [])


@pytest.mark.parametrize(
    ("version", "status"), [("2025-09", 207), ("2026-03", 207), ("2026-09", 200)]
)
async def test_each_version_has_its_status(
    account: Any, ask: Any, version: str, status: int
) -> None:
    """2026-09 knows no 207: its errors come with 200."""
    path = f"/crm/associations/{version}/contacts/companies/batch/create"
    answer = await account.post(path, ask(1, MISSING, "USER_DEFINED:1"))
    assert (answer.status, answer.body["numErrors"]) == (status, 1)


async def test_default_and_archive_tell_errors_too(account: Any, ask: Any) -> None:
    """associate/default answers 200 with errors; a dated labels/archive names its errors."""
    answer = await account.post(f"{BATCH}/associate/default", ask(1, 2), ask(MISSING, 2))
    assert (answer.status, len(answer.body["results"]), answer.body["numErrors"]) == (200, 2, 1)
    path = "/crm/associations/2026-03/contacts/companies/batch/labels/archive"
    answer = await account.post(path, ask(1, 2, "USER_DEFINED:999"))
    assert (answer.status, answer.body["numErrors"]) == (200, 1)


async def test_single_records_have_only_the_whole_refusal(account: Any, ask: Any) -> None:
    """One pair can't fail in part: a missing record or type is a 400, a missing list a 404."""
    path = f"/crm/v4/objects/contacts/1/associations/companies/{MISSING}"
    types = ask(1, 2, "USER_DEFINED:1")["types"]
    assert (await account.call("PUT", path, types)).body["context"]["objectId"] == [str(MISSING)]
    default = f"/crm/v4/objects/contacts/1/associations/default/companies/{MISSING}"
    assert (await account.call("PUT", default)).status == 400
    listed = await account.get(f"/crm/v4/objects/contacts/{MISSING}/associations/companies")
    assert error_of(listed)[:2] == (404, "OBJECT_NOT_FOUND")


async def test_reading_a_record_without_associations(account: Any, ask: Any) -> None:
    """batch/read names a lonely record in its errors, beside the results of the others."""
    await account.post(f"{BATCH}/associate/default", ask(1, 2))
    answer = await account.post(f"{BATCH}/read", {"id": "1"}, {"id": "9"})
    assert (answer.status, len(answer.body["results"])) == (207, 1)
    (error,) = answer.body["errors"]
    assert error["category"] == "OBJECT_NOT_FOUND"
    assert error["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert error["message"] == "No company is associated with contact 9."
    assert error["context"]["fromObjectId"] == ["9"]


@pytest.mark.parametrize(
    ("endpoint", "most"),
    [
        ("create", 2000),
        ("associate/default", 2000),
        ("archive", 2000),
        ("labels/archive", 2000),
        ("read", 1000),
    ],
)
async def test_batches_have_a_maximum(account: Any, ask: Any, endpoint: str, most: int) -> None:
    """One input over HubSpot's maximum refuses the batch; the maximum itself is fine."""
    one = {"create": ask(1, 2), "archive": {"from": {"id": "1"}, "to": []}, "read": {"id": "1"}}
    inputs = [one.get(endpoint, ask(1, 2))] * (most + 1)
    over = await account.post(f"{BATCH}/{endpoint}", *inputs)
    assert error_of(over)[:2] == (400, "VALIDATION_ERROR")
    assert str(most) in over.body["message"]
    assert (await account.post(f"{BATCH}/{endpoint}", *inputs[1:])).status < 300


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{oops}", "Invalid input JSON on line 1, column 2: "),
        (b'{"inputs":\n  [x]}', "Invalid input JSON on line 2, column 4: "),
        (b"", "Invalid input JSON on line 1, column 1: "),
        (b"[]", "Invalid input JSON on line 1, column 2: Expected `object`, got `array`"),
        (b"{}", "Invalid input JSON on line 1, column 2. Some required fields were not set"),
        (b'{"inputs":[{"from":{"id":1},"to":{"id":"2"},"types":[]}]}', "Invalid input JSON"),
        (b'{"inputs":[{"from":{"id":"a"},"to":{"id":"2"},"types":[]}]}', "Invalid record id 'a'"),
        (b'{"inputs":[{"from":{"id":""},"to":{"id":"2"},"types":[]}]}', "Invalid record id ''"),
        (b'{"inputs":[{"from":{"id":"-1"},"to":{"id":"2"},"types":[]}]}', "Invalid record id"),
        ('{"inputs":[{"from":{"id":"１"},"to":{"id":"2"},"types":[]}]}'.encode(), "Invalid rec"),
        (b'{"inputs":[{"from":{"id":"' + b"9" * 5000 + b'"},"to":{"id":"2"},"types":[]}]}', "In"),
        (b'{"inputs":[{"from":{"id":"\xff"}}]}', "Invalid input JSON"),
    ],
)
async def test_bad_bodies(account: Any, raw: bytes, message: str) -> None:
    """A body that isn't what the spec says is a 400 with HubSpot's words, whatever the bytes."""
    status, category, said = error_of(await account.call("POST", f"{BATCH}/create", raw=raw))
    assert (status, category) == (400, "VALIDATION_ERROR")
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/crm/v4/associations/foo/companies/labels", 400),
        ("GET", "/crm/v4/associations/vendor/companies/labels", 400),
        ("GET", "/crm/v4/associations/p346_vendor/companies/labels", 400),
        ("GET", "/crm/v9/associations/contacts/companies/labels", 404),
        ("GET", "/crm/objects/2026-09/contacts/1/associations/companies", 404),
        ("GET", f"{BATCH}/create", 405),
        ("GET", "/crm/v4/objects/contacts/1/associations/companies?limit=501", 400),
        ("GET", "/crm/v4/objects/contacts/1/associations/companies?after=x", 400),
        ("GET", "/crm/v4/objects/contacts/x/associations/companies", 400),
        ("PUT", "/crm/v4/objects/tasks/1/associations/default/notes/2", 400),
    ],
)
async def test_bad_paths(account: Any, method: str, path: str, status: int) -> None:
    """Unknown objects, paths, methods and parameters are refused in the form of all errors."""
    assert error_of(await account.call(method, path))[0] == status


async def test_an_unknown_object_is_named(account: Any) -> None:
    """The words for an unknown object are HubSpot's own."""
    answer = await account.get("/crm/v4/associations/foo/companies/labels")
    assert answer.body["message"] == "Unable to infer object type from: foo"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
async def test_a_token_is_needed(account: Any, header: str | None) -> None:
    """A missing or malformed bearer token is 401, and tells nothing of the account's limits."""
    account.headers = {} if header is None else {"Authorization": header}
    answer = await account.get("/account-info/v3/details")
    assert error_of(answer)[:2] == (401, "INVALID_AUTHENTICATION")
    assert "X-HubSpot-RateLimit-Max" not in answer.headers


async def test_only_the_configured_token(open_account: Any) -> None:
    """A portal with a token lets no other in."""
    account = await open_account(access_token="the-one")
    assert (await account.get("/account-info/v3/details")).status == 401
    account.headers = {"Authorization": "Bearer the-one"}
    answer = await account.get("/account-info/v3/details")
    assert (answer.status, answer.body["portalId"]) == (200, 345)


async def test_missing_scopes_are_named(open_account: Any, ask: Any) -> None:
    """A token without a scope gets 403 with the scopes it lacks, per object and access."""
    account = await open_account(scopes=("crm.objects.contacts.read", "crm.objects.companies.read"))
    assert (await account.get("/crm/v4/associations/contacts/companies/labels")).status == 200
    answer = await account.post(f"{BATCH}/create", ask(1, 2, "USER_DEFINED:1"))
    lacking = ["crm.objects.companies.write", "crm.objects.contacts.write"]
    assert error_of(answer)[:2] == (403, "MISSING_SCOPES")
    assert answer.body["context"]["missingScopes"] == lacking
    assert answer.body["errors"][0]["context"]["requiredGranularScopes"] == lacking


@pytest.mark.parametrize(
    ("from_object", "to_object", "scopes"),
    [
        ("tickets", "contacts", ["crm.objects.contacts.read", "tickets"]),
        ("2-123", "2-123", ["crm.objects.custom.read"]),
        ("payment", "deals", ["crm.objects.commercepayments.read", "crm.objects.deals.read"]),
    ],
)
async def test_scopes_have_their_own_names(
    open_account: Any, from_object: str, to_object: str, scopes: list[str]
) -> None:
    """Tickets have one old scope, and all custom objects share one."""
    account = await open_account(scopes=())
    answer = await account.get(f"/crm/v4/associations/{from_object}/{to_object}/labels")
    assert answer.body["context"]["missingScopes"] == scopes


async def test_a_portal_lists_its_records(open_account: Any, ask: Any) -> None:
    """A portal file can say which records exist, by range, by id and by what is missing."""
    records = {
        "contacts": RecordRule(exist=((1, 5), 9)),
        "0-2": RecordRule(missing=(3, (7, 8))),
    }
    account = await open_account(msgspec.structs.replace(demo_portal(), records=records))
    wanted = [(5, 1), (6, 1), (9, 1), (1, 3), (1, 7), (1, 8), (1, 9)]
    answer = await account.post(
        f"{BATCH}/create", *(ask(*each, "USER_DEFINED:1") for each in wanted)
    )
    made = {(int(e["fromObjectId"]), int(e["toObjectId"])) for e in answer.body["results"]}
    assert made == {(5, 1), (9, 1), (1, 9)}
    failed = {e["context"]["fromObjectId"][0] for e in answer.body["errors"]}
    assert failed == {"6", "1"}


async def test_a_huge_body_is_refused(account: Any) -> None:
    """A body beyond the server's limit is told so, as an error like the others."""
    answer = await account.call("POST", f"{BATCH}/create", raw=b" " * (8 * 1024 * 1024 + 1))
    assert error_of(answer)[0] == 413
