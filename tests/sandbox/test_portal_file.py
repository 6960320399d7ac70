"""A portal file describes an account; its mistakes are told with the place and the fix."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import ClientConnectionError, ClientSession, web

from etl.sandbox import (
    CustomLabel,
    Portal,
    PortalDefinition,
    PortalError,
    RecordRule,
    Sandbox,
    demo_portal,
    load_portal,
    serve,
)

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

FULL = """
portal_id: 678
objects:
  - {name: vendor, type_id: 2-9}
labels:
  - {from: contacts, to: companies, label: No, type_ids: [41, 42]}
  - {from: p_vendor, to: 2-9, label: Parent, inverse_label: Child}
  - {from: deals, to: deals, label: 関連}
records:
  contacts: {exist: [[1, 9], 20], missing: [5]}
settings:
  ids: numbers
  bad_input: refuse
  labels_written: replace
  requests_per_10_seconds: null
  page_size: 3
"""


def write(folder: Path, text: str, name: str = "portal.yaml") -> Path:
    """Write a portal file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_full_file_is_read(tmp_path: Path) -> None:
    """Everything that can be said in a portal file arrives; a label No stays text."""
    definition = load_portal(write(tmp_path, FULL))
    portal = Portal(definition)
    contact, company = portal.objects.infer("contact"), portal.objects.infer("company")
    custom = {
        (each.type_id, each.text)
        for pair in (("contact", "company"), ("company", "contact"))
        for each in portal.catalogue.labels(*pair)
        if each.kind == "custom"
    }
    assert custom == {(41, "No"), (42, "No")}
    assert [each in portal.records(contact) for each in (1, 5, 9, 10, 20)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert 10 in portal.records(company)
    assert definition.settings.requests_per_10_seconds is None
    assert portal.objects.infer("p678_vendor").type_id == "2-9"


def test_json_is_a_portal_file_too(tmp_path: Path) -> None:
    """A file in JSON is read like one in YAML."""
    path = write(tmp_path, '{"portal_id": 5, "settings": {"ids": "numbers"}}', "portal.json")
    assert (load_portal(path).portal_id, load_portal(path).settings.ids) == (5, "numbers")


def test_an_empty_file_is_a_plain_account(tmp_path: Path) -> None:
    """A file that says nothing is an account with HubSpot's own labels only."""
    assert load_portal(write(tmp_path, "# nothing\n")) == PortalDefinition()


def test_the_sample_shows_every_key() -> None:
    """The sample portal file can be used as it is, and shows all that can be said of records."""
    sample = Path(__file__).parents[2] / "sample_data" / "portal.yaml"
    definition = load_portal(sample)
    portal = Portal(definition)
    contacts = portal.properties(portal.objects.infer("contacts"))
    assert list(contacts.find("email", "ann@example.com")) == [101000001, 101000002]
    vendors = portal.properties(portal.objects.infer("2-123"))
    assert list(vendors.find("vendor_code", "ACME-1")) == [1]
    text = sample.read_text(encoding="utf-8")
    for struct in (RecordRule, PortalDefinition, CustomLabel):
        names = {each.encode_name for each in msgspec.structs.fields(struct)}
        assert {name for name in names if f"{name}:" not in text and f"`{name}`" not in text} <= {
            "portal_id",
            "type_ids",
        }


def test_ids_in_json_are_text(tmp_path: Path) -> None:
    """A portal file in JSON, whose keys are text, says the values of single records too."""
    text = '{"records": {"contacts": {"keys": {"email": null}, "values": {"email": {"7": "a@x"}}}}}'
    portal = Portal(load_portal(write(tmp_path, text, "portal.json")))
    contacts = portal.properties(portal.objects.infer("contacts"))
    assert list(contacts.find("email", "A@x")) == [7]


def test_the_demo_portal_is_sound() -> None:
    """The account that serves without a file has a label whose text goes one way only."""
    catalogue = Portal(demo_portal()).catalogue
    there = {each.text for each in catalogue.labels("contact", "company")}
    back = {each.text for each in catalogue.labels("company", "contact")}
    assert "Employee" in back - there


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("labels: [", "is not YAML"),
        ("a: 1\na: 2", "is not YAML"),
        ("portl_id: 3", "unknown field `portl_id`"),
        ("settings: {ids: text}", "$.settings.ids"),
        ("settings: {page_size: 501}", "$.settings.page_size"),
        ("settings: {requests_per_10_seconds: 0}", "$.settings.requests_per_10_seconds"),
        ("objects: [{name: Vendor, type_id: 2-9}]", "$.objects[0].name"),
        ("objects: [{name: contact, type_id: 2-9}]", "'contact'"),
        ("labels: [{from: contacts, to: companies, label: ''}]", "$.labels[0].label"),
        ("labels: [{from: foo, to: companies, label: A}]", "'foo'"),
        ("labels: [{from: vendor, to: companies, label: A}]", "p_<name>"),
        ("labels: [{from: deals, to: deals, label: A, type_ids: [1, 2]}]", "give 1 different"),
        ("labels: [{from: deals, to: tickets, label: A, type_ids: [1, 1]}]", "give 2 different"),
        (
            "labels: [{from: deals, to: deals, label: A}, {from: 0-3, to: deal, label: A}]",
            "defined twice",
        ),
        (
            "labels: [{from: deals, to: deals, label: A, type_ids: [7]}, {from: calls, to: calls, label: B, type_ids: [7]}]",
            "type id 7",
        ),
        (
            "labels: ["
            + ",".join(f"{{from: deals, to: tickets, label: L{n}}}" for n in range(11))
            + "]",
            "at most 10",
        ),
        ("records: {contacts: {keys: {email: a@example.com}}}", "write {id} once"),
        ("records: {contacts: {values: {email: {x: a@example.com}}}}", "$.records"),
        ("records: {foo: {missing: [1]}}", "'foo'"),
        ("records: {contacts: {exist: [[9, 1]]}}", "write [1, 9]"),
        ("records: {contacts: {exist: [0]}}", "ids begin at 1"),
        ("records: {contacts: {exist: [[1, 2, 3]]}}", "$.records[...].exist[0]"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, says: str) -> None:
    """A mistake names the file, what is wrong, and where or what to write instead."""
    path = write(tmp_path, text)
    with pytest.raises(PortalError) as refused:
        load_portal(path)
    assert str(path) in str(refused.value)
    assert says in str(refused.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that isn't there is named."""
    with pytest.raises(PortalError, match=r"nowhere\.yaml: can't be read"):
        load_portal(tmp_path / "nowhere.yaml")


def test_other_machines_are_kept_out() -> None:
    """The sandbox can't be opened to the network: anyone could then be any token."""
    with pytest.raises(ValueError, match=r"0\.0\.0\.0"):
        Sandbox(demo_portal(), host="0.0.0.0")  # noqa: S104 - the address that is refused


async def test_a_middleware_stands_before_everything() -> None:
    """What is put before the sandbox sees each request first, and may answer in its place."""

    @web.middleware
    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        return web.Response(status=502) if request.query else await handler(request)

    async with (
        Sandbox(demo_portal(), middlewares=[fault]) as sandbox,
        ClientSession(sandbox.base_url) as session,
        session.get("/account-info/v3/details?broken=yes") as broken,
        session.get("/account-info/v3/details") as passed_on,
    ):
        assert (broken.status, passed_on.status, sandbox.requests) == (502, 401, 1)


async def test_serving_tells_where_and_stops_when_cancelled() -> None:
    """The sandbox of the command line says its address, answers there, and closes at the end."""
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(demo_portal(), started=told.set_result))
    url = f"{await told}/account-info/v3/details"
    async with ClientSession(headers={"Authorization": "Bearer made-up"}) as session:
        async with session.get(url) as response:
            assert (await response.json())["portalId"] == 345
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(ClientConnectionError):
            await session.get(url)


async def test_a_taken_port_is_an_os_error() -> None:
    """A second sandbox on the same port fails as it opens, and leaves nothing behind."""
    async with Sandbox(demo_portal()) as sandbox:
        taken = int(sandbox.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match=str(taken)):
            async with Sandbox(demo_portal(), port=taken):
                pass


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("settings: {token: x}", "access_token, scopes, "),
        ("labels: [{from: a, to: b, label: c, inverse: d}]", "from, to, label, inverse_label, "),
        ("records: {contacts: {missed: [1]}}", "exist, missing, keys, values"),
        ("label: []", "portal_id, objects, labels, limits, records, settings"),
    ],
)
def test_an_unknown_key_is_told_with_those_that_there_are(
    tmp_path: Path, text: str, allowed: str
) -> None:
    """Who has misspelt a key of a portal file reads what it may be."""
    path = tmp_path / "portal.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PortalError, match=f"; allowed: {allowed}"):
        load_portal(path)
