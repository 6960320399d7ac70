"""HubSpot's own Python client works against the sandbox as it does against HubSpot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest
from hubspot import HubSpot  # type: ignore[import-untyped]
from hubspot.crm import objects  # type: ignore[import-untyped]
from hubspot.crm.associations import v4  # type: ignore[import-untyped]
from hubspot.crm.associations.v4 import schema  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

FROM, TO = "contacts", "companies"
Result = TypeVar("Result")


@pytest.fixture
def client(account: Any) -> Any:
    """Point the official client at the sandbox."""
    return HubSpot(access_token="made-up", host=account.sandbox.base_url)


async def off_loop(call: Callable[..., Result], *arguments: object, **named: object) -> Result:
    """Run the client, which blocks, beside the sandbox's event loop."""
    return await asyncio.to_thread(call, *arguments, **named)


def labelled(from_id: int, to_id: int, type_id: int = 1) -> Any:
    """Write an input with a custom label."""
    return v4.PublicAssociationMultiPost(
        types=[v4.AssociationSpec("USER_DEFINED", type_id)],
        _from=v4.PublicObjectId(id=str(from_id)),
        to=v4.PublicObjectId(id=str(to_id)),
    )


async def create(client: Any, *inputs: Any) -> Any:
    """Send a batch of labelled inputs."""
    batch = v4.BatchInputPublicAssociationMultiPost(inputs=list(inputs))
    return await off_loop(client.crm.associations.v4.batch_api.create, FROM, TO, batch)


async def test_it_lists_labels(client: Any) -> None:
    """The client finds the custom labels and the unlabeled type."""
    api = client.crm.associations.v4.schema.definitions_api
    labels = (await off_loop(api.get_all, FROM, TO)).results
    assert ("USER_DEFINED", "決裁者") in {(each.category, each.label) for each in labels}
    assert [each.type_id for each in labels if each.label is None] == [279]


async def test_it_changes_labels(client: Any) -> None:
    """The client defines a paired label, renames it and deletes it."""
    api = client.crm.associations.v4.schema.definitions_api
    made = schema.PublicAssociationDefinitionCreateRequest(
        label="Auditor", name="auditor", inverse_label="Audited"
    )
    sides = (await off_loop(api.create, FROM, TO, made)).results
    assert [each.label for each in sides] == ["Auditor", "Audited"]
    change = schema.PublicAssociationDefinitionUpdateRequest(
        association_type_id=sides[0].type_id, label="Inspector"
    )
    await off_loop(api.update, FROM, TO, change)
    labels = (await off_loop(api.get_all, FROM, TO)).results
    assert {each.type_id: each.label for each in labels}[sides[0].type_id] == "Inspector"
    await off_loop(api.remove, FROM, TO, sides[0].type_id)
    labels = (await off_loop(api.get_all, FROM, TO)).results
    assert sides[0].type_id not in {each.type_id for each in labels}


async def test_it_sets_limits(client: Any) -> None:
    """The client sets a limit, changes it, sees it for its pair and among all, and clears it."""
    api = client.crm.associations.v4.schema.definition_configurations_api

    def wanted(made: Any, most: int) -> list[Any]:
        return [made(category="HUBSPOT_DEFINED", type_id=279, max_to_object_ids=most)]

    inputs = wanted(schema.PublicAssociationDefinitionConfigurationCreateRequest, 5)
    batch = schema.BatchInputPublicAssociationDefinitionConfigurationCreateRequest(inputs=inputs)
    made = await off_loop(api.batch_create, FROM, TO, batch)
    assert [each.user_enforced_max_to_object_ids for each in made.results] == [5]
    again = await off_loop(api.batch_create, FROM, TO, batch)
    assert (again.results, again.num_errors) == ([], 1)
    inputs = wanted(schema.PublicAssociationDefinitionConfigurationUpdateRequest, 7)
    batch = schema.BatchInputPublicAssociationDefinitionConfigurationUpdateRequest(inputs=inputs)
    changed = await off_loop(api.batch_update, FROM, TO, batch)
    assert [each.user_enforced_max_to_object_ids for each in changed.results] == [7]
    for listed in (
        await off_loop(api.get_all_between_two_object_types, FROM, TO),
        await off_loop(api.get_all),
    ):
        assert [(i.type_id, i.user_enforced_max_to_object_ids) for i in listed.results] == [
            (279, 7)
        ]
    named = schema.PublicAssociationSpec(category="HUBSPOT_DEFINED", type_id=279)
    await off_loop(
        api.batch_remove, FROM, TO, schema.BatchInputPublicAssociationSpec(inputs=[named])
    )
    assert (await off_loop(api.get_all)).results == []


async def test_it_orders_a_report(client: Any) -> None:
    """The client orders the report of records near their limits."""
    api = client.crm.associations.v4.report_api
    # The client takes the spec's DateTime, which is an object, for a text: it can't read it itself.
    answer = await off_loop(api.request, 77, _preload_content=False)
    report = msgspec.json.decode(answer.data)
    assert (answer.status, report["userEmail"]) == (200, "user77@example.com")


async def test_it_reads_records_by_key(client: Any) -> None:
    """The client finds contacts by email, and understands that one has no record."""
    keys = ["person5@example.com", "nobody@example.com"]
    batch = objects.BatchReadInputSimplePublicObjectId(
        inputs=[objects.SimplePublicObjectId(id=key) for key in keys],
        id_property="email",
        properties=["email"],
        properties_with_history=[],
    )
    answer = await off_loop(client.crm.objects.batch_api.read, "contacts", batch)
    assert [(each.id, each.properties["email"]) for each in answer.results] == [("5", keys[0])]
    assert answer.errors[0].context == {"ids": [keys[1]]}


async def test_it_creates_and_reads_a_batch(client: Any) -> None:
    """The client creates labelled associations and reads them back."""
    made = await create(client, labelled(1, 2), labelled(1, 3))
    assert [(each.from_object_id, each.labels) for each in made.results] == [
        ("1", ["Decision maker"]),
        ("1", ["Decision maker"]),
    ]
    batch = v4.BatchInputPublicFetchAssociationsBatchRequest(
        inputs=[v4.PublicFetchAssociationsBatchRequest(id="1")]
    )
    read = await off_loop(client.crm.associations.v4.batch_api.get_page, FROM, TO, batch)
    assert [to.to_object_id for to in read.results[0].to] == ["2", "3"]
    types = {(each.category, each.type_id) for each in read.results[0].to[0].association_types}
    assert types == {("USER_DEFINED", 1), ("HUBSPOT_DEFINED", 279)}


async def test_it_understands_a_partial_failure(client: Any) -> None:
    """The client reads the errors of a 207 beside its results."""
    answer = await create(client, labelled(1, 2), labelled(1, 3, type_id=999))
    assert (len(answer.results), answer.num_errors) == (1, 1)
    assert answer.errors[0].context["toObjectId"] == ["3"]


async def test_it_associates_by_default(client: Any) -> None:
    """The client makes unlabeled associations and sees both directions."""
    batch = v4.BatchInputPublicDefaultAssociationMultiPost(
        inputs=[
            v4.PublicDefaultAssociationMultiPost(
                _from=v4.PublicObjectId(id="1"), to=v4.PublicObjectId(id="2")
            )
        ]
    )
    api = client.crm.associations.v4.batch_api
    answer = await off_loop(api.create_default, FROM, TO, batch)
    assert [each.association_spec.association_type_id for each in answer.results] == [279, 280]


async def test_it_archives(client: Any, account: Any) -> None:
    """The client takes labels away, and then whole associations."""
    await create(client, labelled(1, 2), labelled(1, 3))
    api = client.crm.associations.v4.batch_api
    labels = v4.BatchInputPublicAssociationMultiPost(inputs=[labelled(1, 2)])
    await off_loop(api.archive_labels, FROM, TO, labels)
    assert account.types(FROM, TO, 1, 2) == {"HUBSPOT_DEFINED:279"}
    batch = v4.BatchInputPublicAssociationMultiArchive(
        inputs=[
            v4.PublicAssociationMultiArchive(
                _from=v4.PublicObjectId(id="1"),
                to=[v4.PublicObjectId(id="2"), v4.PublicObjectId(id="3")],
            )
        ]
    )
    await off_loop(api.archive, FROM, TO, batch)
    assert account.sandbox.portal.associations(FROM, TO) == set()


async def test_it_handles_single_records(client: Any, account: Any) -> None:
    """The client associates, lists and parts one pair of records."""
    api = client.crm.associations.v4.basic_api
    default = await off_loop(api.create_default, FROM, "1", TO, "2")
    assert default.results[0].to.id == "2"
    types = [v4.AssociationSpec("USER_DEFINED", 1)]
    made = await off_loop(api.create, FROM, "1", TO, "3", types)
    assert made.labels == ["Decision maker"]
    first = await off_loop(api.get_page, FROM, "1", TO, limit=1)
    rest = await off_loop(api.get_page, FROM, "1", TO, after=first.paging.next.after)
    assert [first.results[0].to_object_id, rest.results[0].to_object_id] == ["2", "3"]
    for to_id in ("2", "3"):
        await off_loop(api.archive, FROM, "1", TO, to_id)
    assert account.sandbox.portal.associations(FROM, TO) == set()


async def test_it_raises_for_a_refusal(open_account: Any) -> None:
    """The client raises its own exception for a 400, with the sandbox's message in it."""
    account = await open_account(bad_input="refuse")
    client = HubSpot(access_token="made-up", host=account.sandbox.base_url)
    with pytest.raises(v4.ApiException, match="INVALID_ASSOCIATION_TYPE_ID") as refused:
        await create(client, labelled(1, 2, type_id=999))
    assert refused.value.status == 400
