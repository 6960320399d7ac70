"""The sandbox tells what is used: of labels, of associations, and of the calls of a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.sandbox import AssociationLimit, CustomLabel, PortalDefinition, RecordRule

PORTAL = PortalDefinition(
    labels=(
        CustomLabel(from_object="contacts", to_object="companies", label="A", inverse_label="B"),
        CustomLabel(from_object="deals", to_object="deals", label="Twin", inverse_label="Other"),
    ),
    limits=(AssociationLimit(from_object="contacts", to_object="companies", max=5),),
    records={"contacts": RecordRule(keys={"email": "person{id}@example.com"})},
)
ROOTS = ("/crm/v3/limits/associations", "/crm/limits/2026-09/associations")
CREATE = "/crm/v4/associations/contacts/companies/batch/associate/default"


@pytest.mark.parametrize("root", ROOTS)
async def test_usage_of_labels(open_account: Any, root: str) -> None:
    """Labels are counted for each direction that has any, a paired one once."""
    account = await open_account(PORTAL)
    told = {
        (each["fromObjectType"]["objectTypeId"], each["toObjectType"]["objectTypeId"]): (
            each["allLabels"],
            each["usage"],
            each["limit"],
            each["percentage"],
        )
        for each in (await account.get(f"{root}/labels")).body["results"]
    }
    assert told == {
        ("0-1", "0-2"): (["A"], 1, 10, 10.0),
        ("0-2", "0-1"): (["B"], 1, 10, 10.0),
        ("0-3", "0-3"): (["Twin", "Other"], 1, 10, 10.0),
    }
    one = (await account.get(f"{root}/labels?fromObjectTypeId=0-2")).body["results"]
    assert [each["allLabels"] for each in one] == [["B"]]
    none = (await account.get(f"{root}/labels?fromObjectTypeId=0-1&toObjectTypeId=0-5")).body
    assert [each["usage"] for each in none["results"]] == [0]
    assert (await account.get(f"{root}/labels?toObjectTypeId=no_such")).status == 400


@pytest.mark.parametrize("root", ROOTS)
async def test_usage_of_associations(open_account: Any, ask: Any, root: str) -> None:
    """Records from 80 % of a limit on are near it, and are named with what they have."""
    account = await open_account(PORTAL)
    assert (await account.get(f"{root}/records/from")).body["results"] == []
    for from_id, companies in ((1, 3), (2, 4), (3, 5)):
        await account.post(CREATE, *(ask(from_id, 10 + each) for each in range(companies)))
    contact = {"objectTypeId": "0-1", "singularLabel": "Contact", "pluralLabel": "Contacts"}
    company = {"objectTypeId": "0-2", "singularLabel": "Company", "pluralLabel": "Companies"}
    both = {"hasRecordsNearLimit": True, "hasRecordsAtLimit": True}
    assert (await account.get(f"{root}/records/from")).body["results"] == [contact | both]
    assert (await account.get(f"{root}/records/0-1/to")).body["results"] == [company | both]
    assert (await account.get(f"{root}/records/0-2/to")).body["results"] == []
    told = (await account.get(f"{root}/records/0-1/0-2")).body
    assert told == {
        "limit": 5,
        "totalRecordsAtLimit": 1,
        "totalRecordsNearLimit": 1,
        "atLimitFromRecordSamples": [{"objectId": 3, "label": "person3@example.com"}],
        "nearLimitFromRecordSamples": [
            {"objectId": 2, "label": "person2@example.com", "usage": 4, "percentage": 80.0}
        ],
    }
    back = (await account.get(f"{root}/records/0-2/0-1")).body
    assert (back["limit"], back["totalRecordsAtLimit"]) == (50_000, 0)


@pytest.mark.parametrize("version", ["v3", "2026-09"])
async def test_calls_of_today(open_account: Any, version: str) -> None:
    """The calls of today are told, this one among them, with the midnight that ends them."""
    account = await open_account(
        started_at=datetime(2026, 11, 23, 20, tzinfo=UTC),
        clock=lambda: 0.0,
        time_zone="Asia/Tokyo",
        requests_per_day=100,
    )
    await account.get("/account-info/v3/details")
    answer = await account.get(f"/account-info/{version}/api-usage/daily/private-apps")
    (usage,) = answer.body["results"]
    assert (usage["usageLimit"], usage["currentUsage"]) == (100, 2)
    assert datetime.fromisoformat(usage["resetsAt"]) == datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "98"


async def test_a_rehearsed_midnight_is_told_to_the_second(open_account: Any) -> None:
    """A midnight that comes soon after the start is told as the moment when the limit ends."""
    start = datetime(2026, 11, 23, 20, 0, 7, tzinfo=UTC)
    account = await open_account(started_at=start, clock=lambda: 0.0, seconds_until_midnight=42)
    answer = await account.get("/account-info/v3/api-usage/daily/private-apps")
    (usage,) = answer.body["results"]
    assert datetime.fromisoformat(usage["resetsAt"]) == start + timedelta(seconds=42)


async def test_calls_without_a_limit(open_account: Any) -> None:
    """An account without a daily limit has nothing to tell of it."""
    account = await open_account(requests_per_day=None)
    answer = await account.get("/account-info/v3/api-usage/daily/private-apps")
    assert answer.body == {"results": []}


@pytest.mark.parametrize(
    ("user", "status"), [("77", 200), ("0", 400), ("2147483648", 400), ("ann", 400)]
)
async def test_a_report_is_for_a_user(account: Any, user: str, status: int) -> None:
    """The report is ordered for a user by number."""
    answer = await account.call("POST", f"/crm/v4/associations/usage/high-usage-report/{user}")
    assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/crm/v3/limits/associations/labels"),
        ("GET", "/crm/v3/limits/associations/records/from"),
        ("GET", "/crm/v3/limits/associations/records/0-1/to"),
        ("GET", "/crm/v3/limits/associations/records/0-1/0-2"),
        ("POST", "/crm/associations/2026-03/usage/high-usage-report/7"),
    ],
)
async def test_usage_takes_a_scope(open_account: Any, method: str, path: str) -> None:
    """A token without any scope of an object is told so."""
    account = await open_account(scopes=("oauth",))
    assert (await account.call(method, path)).status == 403
