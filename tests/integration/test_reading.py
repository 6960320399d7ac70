"""How records are asked for what they have: in full calls, in turn, and whatever the answers' length."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from aiohttp import web
from desks import between, open_desk

from etl.hubspot import reading
from etl.hubspot.existing import SHORT_READING, ExistingReader, TooManyPagesError
from etl.hubspot.wire import TYPED_PAIR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from desks import Desk

UNLABELED: Final = ("HUBSPOT_DEFINED", 279)


def contacts(first: int, last: int) -> pl.DataFrame:
    """Name contacts by their ids."""
    return pl.DataFrame({"from_id": range(first, last + 1)}, schema={"from_id": pl.Int64})


def reader_at(desk: Desk) -> ExistingReader:
    """Make a reader."""
    return ExistingReader(desk.client, stop=desk.stop)


async def read_all(
    reader: ExistingReader, records: pl.DataFrame, most_cost: int | None = None
) -> list[tuple[object, ...]]:
    """Read all that contacts have to companies."""
    pages = [pl.DataFrame(schema=TYPED_PAIR)]
    await reader.read_all(records, between(), pages.append, most_cost=most_cost)
    return sorted(pl.concat(pages).rows())


def noting(asked: list[list[int]]) -> Callable[[web.Request, bytes], None]:
    """Write down the ids of each request."""

    def note(_: web.Request, body: bytes) -> None:
        inputs = json.loads(body or b"{}").get("inputs", [])
        asked.append([int(each["id"]) for each in inputs])

    return note


async def test_further_pages_are_asked_for_in_full_calls(tmp_path: Path) -> None:
    """Few records of each call have a second page; they do not cost a call for each of the first."""
    asked: list[list[int]] = []
    async with open_desk(tmp_path, refuse=noting(asked), page_size=2) as desk:
        for contact in range(1, 5001):
            desk.seed(contact, 1)
            if contact % 10 == 0:
                desk.seed(contact, 2)
                desk.seed(contact, 3)
        found = await read_all(reader_at(desk), contacts(1, 5000))
        assert [len(ids) for ids in asked] == [1000] * 5 + [500]
        assert sorted(asked[-1]) == list(range(10, 5001, 10))
        assert len(found) == 6000


async def test_a_reading_goes_before_the_next_one(tmp_path: Path) -> None:
    """While what one brought is compared and written, the other is read: side by side, both would end at once."""
    asked: list[list[int]] = []
    async with open_desk(tmp_path, refuse=noting(asked), concurrency=3) as desk:
        reader = reader_at(desk)
        await asyncio.gather(
            read_all(reader, contacts(1, 9000)), read_all(reader, contacts(10_001, 19_000))
        )
        firsts = [ids[0] for ids in asked]
        # The last calls of the one may be overtaken: it is under way, and has its slots still.
        assert max(firsts.index(each) for each in range(1, 7000, 1000)) < firsts.index(10_001)


async def test_reading_back_a_batch_waits_for_no_long_reading(tmp_path: Path) -> None:
    """What a write has done is found out at once, or its slot would be idle for as long."""
    asked: list[list[int]] = []
    async with open_desk(tmp_path, refuse=noting(asked), concurrency=1) as desk:
        reader = reader_at(desk)
        await asyncio.gather(
            read_all(reader, contacts(1, 9000)),
            read_all(reader, contacts(10_001, 10_000 + SHORT_READING * 1000)),
        )
        firsts = [ids[0] for ids in asked]
        assert firsts.index(10_001) < firsts.index(8001)


async def test_a_stop_lets_the_next_reading_go(tmp_path: Path) -> None:
    """A reading that is broken off leaves its turn: nobody waits for it for ever."""
    async with open_desk(tmp_path) as desk:
        reader = reader_at(desk)
        desk.stop.request("enough", "")
        async with asyncio.timeout(30):
            results = await asyncio.gather(
                read_all(reader, contacts(1, 9000)),
                read_all(reader, contacts(1, 9000)),
                return_exceptions=True,
            )
        assert [str(each).startswith("enough") for each in results] == [True, True]


async def test_a_reading_is_given_up_before_it_costs_too_much(tmp_path: Path) -> None:
    """Whoever has another way asks for no page beyond what that would cost."""
    asked: list[list[int]] = []
    async with open_desk(tmp_path, refuse=noting(asked), page_size=1) as desk:
        for company in range(1, 9):
            desk.seed(1, company)
        with pytest.raises(TooManyPagesError):
            await read_all(reader_at(desk), contacts(1, 1), most_cost=3 * (1 + 10))
        assert len(asked) == 3


@pytest.mark.parametrize("part_bytes", [1, 400, 1_000_000])
async def test_a_long_answer_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_bytes: int
) -> None:
    """Where an answer is too long to be parsed at once, every association is read all the same."""
    monkeypatch.setattr(reading, "PARSED_BYTES", part_bytes)
    monkeypatch.setattr(reading, "HELD_BYTES", part_bytes)
    async with open_desk(tmp_path, page_size=2) as desk:
        for contact in range(1, 31):
            for company in range(contact % 4):
                desk.seed(contact, company + 1)
        found = await read_all(reader_at(desk), contacts(1, 30))
        there = desk.sandbox.portal.associations("contacts", "companies")
        assert found == sorted(there)


async def test_a_broken_answer_spoils_no_other(tmp_path: Path) -> None:
    """Answers are made into columns together; one that can't be is asked for again by itself."""
    broken = 0

    def bend(request: web.Request, response: web.StreamResponse) -> web.StreamResponse | None:
        nonlocal broken
        assert isinstance(response, web.Response)
        if not request.path.endswith("/read") or broken or b'"id":"1500"' not in _body(response):
            return None
        broken += 1
        return web.json_response({"results": [{"from": {"id": "1500"}, "to": "nobody"}]})

    async with open_desk(tmp_path, bend=bend) as desk:
        for contact in range(1, 3001):
            desk.seed(contact, 7)
        found = await read_all(reader_at(desk), contacts(1, 3000))
        assert broken == 1
        assert set(found) == {(contact, 7, *UNLABELED) for contact in range(1, 3001)}


def _body(response: web.Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def parsing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Write down how many bytes are parsed at once, each time."""
    parsed: list[int] = []
    read_json = pl.read_json

    def noted(source: bytes, **how: Any) -> pl.DataFrame:
        parsed.append(len(source))
        return read_json(source, **how)

    monkeypatch.setattr(pl, "read_json", noted)
    return parsed


async def test_an_answer_with_records_that_have_nothing_is_parsed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record without associations does not double the work for the others of its request."""
    parsed, answered = parsing(monkeypatch), list[int]()

    def note(request: web.Request, response: web.StreamResponse) -> None:
        assert isinstance(response, web.Response)
        if request.path.endswith("/read"):
            answer = json.loads(_body(response))
            assert answer["errors"]
            answered.append(len(_body(response)))

    async with open_desk(tmp_path, bend=note) as desk:
        for contact in range(1, 100):
            desk.seed(contact, 7)
        found = await read_all(reader_at(desk), contacts(1, 100))
    assert len(found) == 99
    assert len(parsed) == 1
    assert sum(parsed) < sum(answered)


async def test_an_error_about_nobody_does_not_have_a_long_answer_parsed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which records an answer tells of is found part by part; of the others it says nothing."""
    monkeypatch.setattr(reading, "PARSED_BYTES", 400)
    parsed = parsing(monkeypatch)
    trouble = {"status": "error", "category": "INTERNAL_ERROR", "message": "some were not read"}

    def bend(request: web.Request, response: web.StreamResponse) -> web.StreamResponse | None:
        if not request.path.endswith("/read"):
            return None
        assert isinstance(response, web.Response)
        told = json.loads(_body(response))
        return web.json_response({**told, "errors": [trouble]}, status=207)

    async with open_desk(tmp_path, bend=bend) as desk:
        for contact in range(1, 100):
            desk.seed(contact, 7)
        unread = await reader_at(desk).read_all(contacts(1, 100), between(), lambda _: None)
    assert unread["from_id"].to_list() == [100]
    assert max(parsed) < 2 * 400
