"""Every answer has the status and the form that HubSpot's own OpenAPI specs give it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from etl.sandbox import AssociationLimit, demo_portal

SPECS = Path(__file__).parents[3] / "shared" / "hubspot" / "openapi"
VERSIONS = ("v4", "2025-09", "2026-03", "2026-09")
MISSING = 900_000_000_000
LABEL = "USER_DEFINED:1"
OTHERS = {"objects": "/batch/read", "limits-tracking": "/associations/", "account-info": "/"}
"""Specs that are about more than associations, and what the paths have that are."""

EXAMPLES = {
    "fromObjectType": "contacts",
    "toObjectType": "companies",
    "objectType": "contacts",
    "fromObjectTypeId": "0-1",
    "toObjectTypeId": "0-2",
    "fromObjectId": "1",
    "objectId": "1",
    "toObjectId": "2",
    "associationTypeId": "1",
    "userId": "1",
}

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason=f"HubSpot's OpenAPI specs are not at {SPECS}"
)


class Spec:
    """One OpenAPI file, closed so that a field it doesn't know is a failure too."""

    def __init__(self, name: str) -> None:
        self.document = json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))
        self.components = deepcopy(self.document["components"])
        schemas = self.components["schemas"]
        for schema in schemas.values():
            if schema.get("properties"):
                schema["additionalProperties"] = False
        # Where HubSpot itself leaves its specs: the unlabeled type has a null label (the guide),
        # subCategory is text, and an error has a status beside its message (answers seen).
        if "AssociationSpecWithLabel" in schemas:
            schemas["AssociationSpecWithLabel"]["properties"]["label"]["type"] = ["string", "null"]
        schemas.get("StandardError", {"properties": {}})["properties"]["subCategory"] = {
            "type": "string"
        }
        schemas["Error"]["properties"]["status"] = {"const": "error"}

    def check(self, method: str, path: str, answer: Any) -> None:
        """Fail unless this operation may answer so."""
        responses = self.document["paths"][path][method.lower()]["responses"]
        if answer.status >= 400:
            schema = {"$ref": "#/components/schemas/Error"}
        else:
            content = responses[str(answer.status)].get("content", {})
            if "application/json" not in content:
                assert answer.body is None
                return
            schema = content["application/json"]["schema"]
        jsonschema_rs.validator_for(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **schema,
                "components": self.components,
            },
            validate_formats=True,
        ).validate(answer.body)


def paths_of(version: str) -> tuple[str, str]:
    """Name the roots of batches and of single records."""
    if version == "v4":
        return "/crm/v4/associations", "/crm/v4/objects"
    return f"/crm/associations/{version}", f"/crm/objects/{version}"


@pytest.mark.parametrize(
    "name",
    [
        *(f"associations-{version}" for version in VERSIONS),
        *(f"associations-schema-{version}" for version in VERSIONS),
        *(f"{file}-{version}" for file in OTHERS for version in ("v3", "2026-09")),
    ],
)
async def test_every_operation_is_served(account: Any, name: str) -> None:
    """What a spec has about associations, their limits and records' keys, the sandbox has too."""
    file = name.removesuffix("-v3").removesuffix("-2026-09")
    served: list[str] = []
    for path, operations in Spec(name).document["paths"].items():
        if path.endswith("/search") or OTHERS.get(file, "") not in path:
            continue
        concrete = path
        for part, value in EXAMPLES.items():
            concrete = concrete.replace(f"{{{part}}}", value)
        for method in operations:
            served.append(f"{method} {path}")
            answer = await account.call(method.upper(), concrete, {})
            assert answer.status not in {404, 405}, served[-1]
    assert served


@pytest.mark.parametrize("bad_input", ["partial", "refuse"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_batch_answers(open_account: Any, ask: Any, version: str, bad_input: str) -> None:
    """Batches answer by the spec of their version, when all goes well and when some goes wrong."""
    spec, (root, _) = Spec(f"associations-{version}"), paths_of(version)
    account = await open_account(bad_input=bad_input, page_size=1)
    archive = {"from": {"id": "1"}, "to": [{"id": "2"}]}
    calls: list[tuple[str, list[object]]] = [
        ("create", [ask(1, 2, LABEL), ask(1, 3, LABEL)]),
        ("create", [ask(1, 2, LABEL), ask(1, MISSING, LABEL), ask(1, 2, "WORK:5")]),
        ("create", [ask(1, 2)]),
        ("create", [{"from": {"id": "1"}}]),
        ("associate/default", [ask(1, 2)]),
        ("associate/default", [ask(1, 2), ask(MISSING, 2)]),
        ("read", [{"id": "1"}]),
        ("read", [{"id": "1", "after": "2"}, {"id": "77"}]),
        ("labels/archive", [ask(1, 2, LABEL)]),
        ("labels/archive", [ask(1, 2, "WORK:5")]),
        ("archive", [archive]),
    ]
    for endpoint, inputs in calls:
        answer = await account.post(f"{root}/contacts/companies/batch/{endpoint}", *inputs)
        spec.check("POST", f"{root}/{{fromObjectType}}/{{toObjectType}}/batch/{endpoint}", answer)


@pytest.mark.parametrize("version", VERSIONS)
async def test_single_record_answers(account: Any, ask: Any, version: str) -> None:
    """Single records answer by the spec; the list is where the spec of the version has one."""
    spec, (_, root) = Spec(f"associations-{version}"), paths_of(version)
    listed = f"{root}/{{objectType}}/{{objectId}}/associations/{{toObjectType}}"
    one = f"{listed}/{{toObjectId}}"
    default = (
        f"{root}/{{fromObjectType}}/{{fromObjectId}}/associations/default"
        "/{toObjectType}/{toObjectId}"
    )
    record = f"{root}/contacts/1/associations"
    types = ask(1, 2, LABEL)["types"]
    for to_id in (2, MISSING):
        answer = await account.call("PUT", f"{record}/default/companies/{to_id}")
        spec.check("PUT", default, answer)
        answer = await account.call("PUT", f"{record}/companies/{to_id}", types)
        spec.check("PUT", one, answer)
    await account.call("PUT", f"{record}/default/companies/3")
    answer = await account.get(f"{record}/companies?limit=1")
    if listed in spec.document["paths"]:
        spec.check("GET", listed, answer)
        assert "next" in answer.body["paging"]
    else:
        assert answer.status == 404
    spec.check("DELETE", one, await account.call("DELETE", f"{record}/companies/2"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("from_object", "to_object"), [("contacts", "companies"), ("0-1", "0-1")])
async def test_label_answers(account: Any, version: str, from_object: str, to_object: str) -> None:
    """Labels answer by the spec of their version."""
    root = f"/crm/associations/{version}"
    answer = await account.get(f"{root}/{from_object}/{to_object}/labels")
    path = f"{root}/{{fromObjectType}}/{{toObjectType}}/labels"
    Spec(f"associations-schema-{version}").check("GET", path, answer)
    assert answer.body["results"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_changed_label_answers(account: Any, version: str) -> None:
    """Labels are defined, renamed and deleted by the spec of their version, or refused by it."""
    spec = Spec(f"associations-schema-{version}")
    root = f"/crm/associations/{version}"
    labels, path = f"{root}/{{fromObjectType}}/{{toObjectType}}/labels", f"{root}/0-1/0-2/labels"
    made = {"label": "Auditor", "name": "auditor", "inverseLabel": "Audited"}
    answers = [await account.call("POST", path, made) for _ in range(2)]
    assert [each.status for each in answers] == [200, 400]
    for answer in answers:
        spec.check("POST", labels, answer)
    type_id = answers[0].body["results"][0]["typeId"]
    for number in (type_id, 279, 9999):
        change = {"associationTypeId": number, "label": "Inspector"}
        spec.check("PUT", labels, await account.call("PUT", path, change))
        answer = await account.call("DELETE", f"{path}/{number}")
        spec.check("DELETE", f"{labels}/{{associationTypeId}}", answer)


@pytest.mark.parametrize("version", VERSIONS)
async def test_limit_answers(account: Any, version: str) -> None:
    """Limits are listed, set, changed and cleared by the spec of their version."""
    spec = Spec(f"associations-schema-{version}")
    # The limit of the unlabeled type has a null label (the guide), which the spec doesn't say.
    configuration = spec.components["schemas"]["PublicAssociationDefinitionUserConfiguration"]
    configuration["properties"]["label"]["type"] = ["string", "null"]
    root = f"/crm/associations/{version}/definitions/configurations"
    templated, path = f"{root}/{{fromObjectType}}/{{toObjectType}}", f"{root}/contacts/companies"
    unlabeled = {"category": "HUBSPOT_DEFINED", "typeId": 279, "maxToObjectIds": 5}
    unknown = {"category": "USER_DEFINED", "typeId": 999, "maxToObjectIds": 5}
    for operation, inputs in (
        ("create", [unlabeled]),
        ("create", [unlabeled, unknown]),
        ("create", [{"category": "USER_DEFINED"}]),
        ("update", [unlabeled]),
        ("update", [unlabeled, unknown]),
    ):
        answer = await account.post(f"{path}/batch/{operation}", *inputs)
        spec.check("POST", f"{templated}/batch/{operation}", answer)
    for listed, template in ((f"{root}/all", f"{root}/all"), (path, templated)):
        answer = await account.get(listed)
        assert len(answer.body["results"]) == 1
        spec.check("GET", template, answer)
    answer = await account.post(f"{path}/batch/purge", *(unlabeled, unknown))
    spec.check("POST", f"{templated}/batch/purge", answer)


@pytest.mark.parametrize("version", ["v3", "2026-09"])
async def test_record_answers(account: Any, version: str) -> None:
    """Records answer by the spec, also where some keys have no record or a request is refused."""
    spec = Spec(f"objects-{version}")
    # A property without a value is null (answers seen), which the spec doesn't say.
    properties = spec.components["schemas"]["SimplePublicObject"]["properties"]["properties"]
    properties["additionalProperties"]["type"] = ["string", "null"]
    root = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
    for keys, id_property in (
        (["person1@example.com"], "email"),
        (["person1@example.com", "nobody@example.com"], "email"),
        (["person1@example.com"], "no_such"),
        (["1", str(MISSING)], None),
    ):
        named = {} if id_property is None else {"idProperty": id_property}
        asked = {"properties": ["email", "firstname"], "propertiesWithHistory": [], **named}
        body = {"inputs": [{"id": key} for key in keys], **asked}
        answer = await account.call("POST", f"{root}/contacts/batch/read", body)
        spec.check("POST", f"{root}/{{objectType}}/batch/read", answer)


@pytest.mark.parametrize("version", ["v3", "2026-09"])
async def test_account_answers(account: Any, version: str) -> None:
    """The account's details and its calls of today answer by the spec."""
    for name in ("details", "api-usage/daily/private-apps"):
        path = f"/account-info/{version}/{name}"
        Spec(f"account-info-{version}").check("GET", path, await account.get(path))


@pytest.mark.parametrize("version", VERSIONS)
async def test_report_answers(account: Any, version: str) -> None:
    """The report of high usage is ordered, or refused, by the spec of its version."""
    root = f"{paths_of(version)[0]}/usage/high-usage-report"
    for user in ("77", "nobody"):
        answer = await account.call("POST", f"{root}/{user}")
        Spec(f"associations-{version}").check("POST", f"{root}/{{userId}}", answer)


@pytest.mark.parametrize(
    ("version", "root"), [("v3", "/crm/v3/limits"), ("2026-09", "/crm/limits/2026-09")]
)
async def test_usage_answers(open_account: Any, ask: Any, version: str, root: str) -> None:
    """What is used of the limits is told by the spec of limits tracking."""
    limits = (
        AssociationLimit(from_object="contacts", to_object="companies", max=5),
        AssociationLimit(from_object="companies", to_object="contacts", max=1),
    )
    account = await open_account(msgspec.structs.replace(demo_portal(), limits=limits))
    create = "/crm/v4/associations/contacts/companies/batch/create"
    await account.post(create, *(ask(1, to_id, LABEL) for to_id in range(2, 6)))
    spec, root = Spec(f"limits-tracking-{version}"), f"{root}/associations"
    templated = f"{root}/records/{{fromObjectTypeId}}"
    for path, template in (
        (f"{root}/labels", f"{root}/labels"),
        (f"{root}/labels?fromObjectTypeId=0-1&toObjectTypeId=0-2", f"{root}/labels"),
        (f"{root}/records/from", f"{root}/records/from"),
        (f"{root}/records/0-1/to", f"{templated}/to"),
        (f"{root}/records/0-1/0-2", f"{templated}/{{toObjectTypeId}}"),
        (f"{root}/records/0-2/0-1", f"{templated}/{{toObjectTypeId}}"),
    ):
        answer = await account.get(path)
        assert answer.status == 200
        spec.check("GET", template, answer)


async def test_refusals_of_the_gate(open_account: Any) -> None:
    """Missing tokens, missing scopes and used-up limits have the form of the spec's errors."""
    path = "/crm/associations/v4/contacts/companies/labels"
    spec = Spec("associations-schema-v4")
    templated = "/crm/associations/v4/{fromObjectType}/{toObjectType}/labels"
    error = spec.components["schemas"]["Error"]["properties"]
    # A 429 carries these two beside the spec's fields (HubSpot's guide to errors).
    error.update({"errorType": {"type": "string"}, "policyName": {"type": "string"}})
    account = await open_account(scopes=(), requests_per_10_seconds=1)
    answers = [await account.get(path), await account.get(path)]
    account.headers = {}
    answers.append(await account.get(path))
    assert [answer.status for answer in answers] == [403, 429, 401]
    for answer in answers:
        spec.check("GET", templated, answer)
