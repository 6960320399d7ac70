"""Open sandboxes over real sockets, with a client that sends and reads JSON."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from etl.sandbox import PortalDefinition, Sandbox, demo_portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from aiohttp.typedefs import Middleware

    from etl.sandbox import FaultScript


@dataclass
class Answer:
    """What came back: status, decoded body and headers."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Account:
    """A sandbox and a client of it."""

    sandbox: Sandbox
    session: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": "Bearer made-up"})

    async def call(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None
    ) -> Answer:
        """Send one request; ``raw`` goes out as it is."""
        content = b"" if body is None else msgspec.json.encode(body)
        content = content if raw is None else raw
        url = self.sandbox.base_url + path
        async with self.session.request(
            method, url, data=BytesIO(content), headers=self.headers
        ) as response:
            text = await response.read()
            decoded = msgspec.json.decode(text) if text else None
            return Answer(response.status, decoded, dict(response.headers))

    async def get(self, path: str) -> Answer:
        """Read."""
        return await self.call("GET", path)

    async def post(self, path: str, *inputs: object) -> Answer:
        """Send a batch."""
        return await self.call("POST", path, {"inputs": list(inputs)})

    def types(self, from_object: str, to_object: str, from_id: int, to_id: int) -> set[str]:
        """List the types between two records as ``CATEGORY:id``."""
        found = self.sandbox.portal.associations(from_object, to_object)
        return {f"{c}:{t}" for one, other, c, t in found if (one, other) == (from_id, to_id)}


@pytest.fixture
async def open_account() -> AsyncIterator[Any]:
    """Give a function that opens a sandbox of the demo portal with other settings."""
    async with AsyncExitStack() as stack:

        async def opened(
            definition: PortalDefinition | None = None,
            *,
            faults: FaultScript | None = None,
            clock: Callable[[], float] = time.monotonic,
            sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
            started_at: datetime | None = None,
            middlewares: Sequence[Middleware] = (),
            **settings: object,
        ) -> Account:
            definition = definition or demo_portal()
            changed = msgspec.structs.replace(definition.settings, **settings)
            definition = msgspec.structs.replace(definition, settings=changed)
            sandbox = Sandbox(
                definition,
                faults=faults,
                clock=clock,
                sleep=sleep,
                started_at=started_at,
                middlewares=middlewares,
            )
            await stack.enter_async_context(sandbox)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Account(sandbox, session)

        yield opened


@pytest.fixture
async def account(open_account: Any) -> Account:
    """Open the demo portal as it is."""
    opened: Account = await open_account()
    return opened


@pytest.fixture
def ask() -> Callable[..., dict[str, object]]:
    """Give a function that writes one input: ``ask(1, 2, "USER_DEFINED:1")``."""

    def written(from_id: int, to_id: int, *types: str) -> dict[str, object]:
        split = (each.split(":") for each in types)
        specs = [
            {"associationCategory": category, "associationTypeId": int(type_id)}
            for category, type_id in split
        ]
        return {"from": {"id": str(from_id)}, "to": {"id": str(to_id)}, "types": specs}

    return written
