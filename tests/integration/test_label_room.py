"""How many labels there may be is what HubSpot tells, and its guide's number only where it does not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args

import pytest
from aiohttp import web
from cuts import Time

from etl.core.label_rules import Room
from etl.hubspot.client import Client
from etl.hubspot.label_admin import LabelAdmin
from etl.hubspot.label_room import fetch_room
from etl.hubspot.pace import Pace
from etl.hubspot.transport import open_transport
from etl.logs import open_log
from etl.model import ApiVersion
from etl.sandbox import Sandbox, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from aiohttp.typedefs import Handler


@asynccontextmanager
async def connected(folder: Path, told: Callable[[], web.Response] | None) -> AsyncIterator[Client]:
    """Open an account that answers the question for its limits in its own way."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        return told() if told is not None and "/limits" in request.path else await handler(request)

    time, stop = Time(), Stop()
    async with (
        Sandbox(demo_portal(), middlewares=[answer]) as sandbox,
        open_transport("made-up", sandbox.base_url) as transport,
    ):
        with open_log(folder / "run.log") as log:
            pace = Pace(None, clock=time.clock, sleep=time.sleep)
            yield Client(
                transport, pace=pace, stop=stop, log=log, clock=time.clock, sleep=time.sleep
            )


async def room(client: Client, api_version: ApiVersion, *ends: str) -> Room:
    """Ask for the room between two objects."""
    from_object, to_object = ends
    labels = await LabelAdmin(client, api_version, from_object, to_object).labels()
    return await fetch_room(client, api_version, from_object, to_object, labels)


@pytest.mark.parametrize("api_version", get_args(ApiVersion))
async def test_hubspots_own_count_is_taken(tmp_path: Path, api_version: ApiVersion) -> None:
    """In every version of the API, also those that have no such endpoint of their own."""
    async with connected(tmp_path, None) as client:
        assert await room(client, api_version, "contacts", "companies") == Room(5, 10)


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (200, '{"results": [{"limit": 50, "usage": 17}]}', Room(17, 50)),
        (
            200,
            '{"results": [{"limit": "50", "usage": 3}, {"limit": 40, "usage": 4}]}',
            Room(4, 40),
        ),
        (200, '{"results": []}', Room(5, 10)),
        (200, '{"results": [{"limit": null}]}', Room(5, 10)),
        (403, '{"message": "no scope"}', Room(5, 10)),
        (404, "", Room(5, 10)),
        (502, "<html>", Room(5, 10)),
    ],
)
async def test_what_is_not_told_is_counted(
    tmp_path: Path, status: int, text: str, expected: Room
) -> None:
    """A limit that HubSpot keeps to itself keeps nobody from making a label."""
    async with connected(tmp_path, lambda: web.Response(status=status, text=text)) as client:
        assert await room(client, "v4", "contacts", "companies") == expected
