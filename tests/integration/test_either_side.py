"""Pairs are read from whichever side takes fewer requests, and what is read is the same."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl
import pytest
from aiohttp import web
from desks import open_desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import DECISION_MAKER, UNLABELED, Stage, Witness, stages

from etl.core.typebits import TypeBits
from etl.hubspot.either_side import load, read_from_far
from etl.hubspot.existing import ROUND_COST, ExistingReader
from etl.hubspot.labels import fetch_labels, portal_of
from etl.hubspot.wire import PAIR
from etl.model import Direction, HubspotSettings, Job, Limits, Output, Secret, Side, Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from desks import Desk

    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.existing import Existing

BOSS: Final = ("Boss", None, (101, 102))
EMPLOYER: Final = ("Employer", "Employee", (103, 104))
SUPPLIER: Final = ("Supplier", "Customer", (105, 106))
CUSTOMER: Final = ("Customer", "Supplier", (107, 108))
PORTALS: Final = ((), (BOSS,), (EMPLOYER,), (BOSS, EMPLOYER), (SUPPLIER, CUSTOMER))
"""Which custom labels an account has."""

PRIMARY: Final = ("HUBSPOT_DEFINED", 1)


class Account(NamedTuple):
    """An account, and what is asked of it."""

    labels: tuple[Any, ...]
    there: list[tuple[int, int, list[tuple[str, int]]]]
    wanted: list[tuple[int, int]]
    page_size: int = 2


Read = tuple[set[tuple[Any, ...]], set[int]]
"""The types of pairs, and the records that could not be read."""


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """Give a function that opens a demo sandbox with a witness before it."""
    async with stages(tmp_path) as opened:
        yield opened


def set_labels(desk: Desk, labels: tuple[Any, ...]) -> None:
    """Give the account these custom labels and no others."""
    catalogue = desk.sandbox.portal.catalogue
    key = desk.sandbox.portal.pair("contacts", "companies").key
    for label in catalogue.custom_labels(*key):
        if label in catalogue.custom_labels(*key):
            catalogue.delete(label)
    for text, inverse, type_ids in labels:
        catalogue.define(*key, text, inverse_text=inverse, type_ids=type_ids)


async def endpoint_of(desk: Desk, direction: Direction) -> Endpoint:
    """Ask for the labels, and give the endpoint of a direction."""
    job = Job(
        name="either",
        file=Path("either.yaml"),
        source=Source("source.csv"),
        from_side=Side("contacts", "contact"),
        to_side=Side("companies", "company"),
        labelling=None,
        existing_labels="keep",
        hubspot=HubspotSettings(Secret("made-up"), "v4", desk.sandbox.base_url),
        limits=Limits(),
        output=Output(Path("runs")),
    )
    labels = await fetch_labels(desk.client, job)
    return portal_of(job, labels, {way: TypeBits() for way in Direction}).endpoints[direction, True]


async def read_both_ways(folder: Path, account: Account, direction: Direction) -> tuple[Read, Read]:
    """Read the pairs of an account from the near side, and from the far side."""
    async with open_desk(folder, page_size=account.page_size) as desk:
        set_labels(desk, account.labels)
        for from_id, to_id, kinds in account.there:
            desk.seed(from_id, to_id, *kinds)
        endpoint = await endpoint_of(desk, direction)
        assert endpoint.turned is not None
        ends = [pair[:: 1 if direction is Direction.FORWARD else -1] for pair in account.wanted]
        pairs = pl.DataFrame(ends, schema=PAIR, orient="row")
        reader = ExistingReader(desk.client, stop=desk.stop)
        near = await reader.read(pairs, endpoint)
        far = await read_from_far(reader, pairs, endpoint, endpoint.turned)
        return _as_read(near), _as_read(far)


def _as_read(existing: Existing) -> Read:
    return set(existing.types.rows()), set(existing.unread["from_id"])


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Draw labels, associations by any of them, and pairs to read."""
    labels = draw(st.sampled_from(PORTALS))
    kinds = [UNLABELED, PRIMARY, *(("USER_DEFINED", type_ids[0]) for *_, type_ids in labels)]
    contacts, companies = st.integers(1, 5), st.integers(3, 8)
    there = st.tuples(contacts, companies, st.lists(st.sampled_from(kinds), unique=True))
    wanted = st.lists(st.tuples(contacts, companies), min_size=1, max_size=12, unique=True)
    return Account(
        labels, draw(st.lists(there, max_size=12)), draw(wanted), draw(st.integers(1, 3))
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(accounts(), st.sampled_from(list(Direction)))
def test_both_sides_read_the_same(account: Account, direction: Direction) -> None:
    """Whatever is decided by what pairs have, it is decided alike: the side is a matter of cost."""
    with tempfile.TemporaryDirectory() as folder:
        near, far = asyncio.run(read_both_ways(Path(folder), account, direction))
    assert far == near


async def test_labels_that_have_each_others_texts_are_not_mixed_up(tmp_path: Path) -> None:
    """A supplier of a customer is not taken for its customer: such pairs are read from their own side."""
    account = Account(
        (SUPPLIER, CUSTOMER),
        [(1, 7, [("USER_DEFINED", 105)]), (2, 7, [("USER_DEFINED", 107)]), (3, 7, [UNLABELED])],
        wanted=[(1, 7), (2, 7), (3, 7)],
    )
    near, far = await read_both_ways(tmp_path, account, Direction.FORWARD)
    assert far == near
    assert {(1, 7, "USER_DEFINED", 105), (2, 7, "USER_DEFINED", 107)} < far[0]


@pytest.mark.parametrize(
    ("ids", "pages"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2, 3], [1]),
        (range(1001), [2]),
        ([1] * 501, [1, 1]),
        ([*[1] * 3001, *range(10, 1510)], [2, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_the_cost_of_a_side(ids: Any, pages: list[int]) -> None:
    """Records are asked for a thousand at once, and again for each 500 associations that they have."""
    counted = load(pl.Series(ids, dtype=pl.Int64))
    assert (counted.requests, counted.rounds) == (sum(pages), len(pages))
    assert counted.cost == sum(pages) + ROUND_COST * len(pages)


def reads(witness: Witness) -> list[tuple[str, int]]:
    """List the reads of associations: the object that was asked about, and the number of inputs."""
    return [
        (path.split("/associations/")[1].split("/")[0], size)
        for path, (name, size) in zip(witness.paths, witness.calls, strict=True)
        if name == "read"
    ]


def logged(folder: Path) -> list[tuple[str, str]]:
    """List what the log of the one run says of sides."""
    (log,) = folder.glob("runs/*/*/run.log")
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return [(line["event"], line["side"]) for line in lines if "side" in line]


CONTACTS: Final = 24_000
COMPANIES: Final = 100


async def test_many_contacts_of_few_companies_cost_few_reads(
    tmp_path: Path, open_stage: Callable[..., Awaitable[Stage]]
) -> None:
    """The companies are asked for their contacts: one call in the place of twenty-four."""
    stage = await open_stage(Witness())
    rows = [(number, number % COMPANIES + 1, "") for number in range(1, CONTACTS + 1)]
    for contact, company, _ in rows[1:]:
        stage.seed(contact, company)
    stage.seed(*rows[1][:2], DECISION_MAKER)
    done = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    # What one pair has besides is certain from its own side alone.
    assert reads(stage.witness) == [("companies", COMPANIES), ("contacts", 1)]
    assert done.outcomes == ["associated", *["unchanged"] * (CONTACTS - 1)]
    assert stage.witness.writes == [1]
    assert logged(tmp_path) == [("section.compared", "to")]


async def test_labels_that_are_not_certain_are_read_where_they_are_asked(
    open_stage: Callable[..., Awaitable[Stage]],
) -> None:
    """A job for labels reads its own side where nobody tells which label is which in the other."""
    stage = await open_stage(Witness())
    rows = [(number, number % COMPANIES + 1, "Decision maker") for number in range(1, CONTACTS + 1)]
    await stage.run(replace(stage.job(rows), existing_labels="keep"))
    assert reads(stage.witness) == [("contacts", 1000)] * (CONTACTS // 1000)


async def test_companies_with_more_contacts_than_the_file_knows(
    tmp_path: Path, open_stage: Callable[..., Awaitable[Stage]]
) -> None:
    """A side that has many pages more than was thought is given up, and nothing is lost by it."""
    stage = await open_stage(Witness(), page_size=50)
    rows = [(number, number % COMPANIES + 1, "") for number in range(1, CONTACTS + 1)]
    for contact, company, _ in rows:
        stage.seed(contact, company)
    done = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    asked = reads(stage.witness)
    near = CONTACTS // 1000
    given_up = [each for each in asked if each[0] == "companies"]
    assert len(given_up) * (1 + ROUND_COST) <= near + ROUND_COST
    assert asked == [*given_up, *[("contacts", 1000)] * near]
    assert set(done.outcomes) == {"unchanged"}
    assert logged(tmp_path) == [("side.given_up", "to"), ("section.compared", "from")]


async def test_a_company_with_endless_pages_is_read_from_its_few_contacts(
    tmp_path: Path, open_stage: Callable[..., Awaitable[Stage]]
) -> None:
    """Three new contacts of a company that has thousands do not cost all of its pages."""
    stage = await open_stage(Witness(), page_size=2)
    for contact in range(1, 201):
        stage.seed(contact, 7)
    rows = [(contact, 7, "") for contact in (199, 200, 201)]
    job = replace(
        stage.job(rows),
        existing_labels="keep",
        from_side=Side("companies", "other"),
        to_side=Side("contacts", "contact"),
    )
    done = await stage.run(job)
    assert reads(stage.witness) == [("companies", 1), ("companies", 1), ("contacts", 3)]
    assert done.outcomes == ["unchanged", "unchanged", "associated"]
    assert logged(tmp_path) == [("side.given_up", "from"), ("section.compared", "to")]


async def test_a_record_that_cannot_be_read_from_the_far_side_is_read_from_its_own(
    open_stage: Callable[..., Awaitable[Stage]],
) -> None:
    """What a company can't tell of its contacts, they are asked for themselves."""

    def refuse(request: web.Request, body: Any) -> web.Response | None:
        is_meant = "/companies/contacts/" in request.path and {"id": "5"} in body.get("inputs", ())
        return web.json_response({"message": "too much"}, status=400) if is_meant else None

    stage = await open_stage(Witness(refuse=refuse))
    rows = [(number, number % COMPANIES + 1, "") for number in range(1, CONTACTS + 1)]
    for contact, company, _ in rows:
        stage.seed(contact, company)
    done = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    assert set(done.outcomes) == {"unchanged"}
    assert reads(stage.witness)[-1] == ("contacts", CONTACTS // COMPANIES)
