"""A client at a sandbox, for the commands without a job: what it asks is written down, no wait is real."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from etl.hubspot.client import Client
from etl.hubspot.existing import Between
from etl.hubspot.pace import Pace
from etl.hubspot.transport import open_transport
from etl.logs import open_log
from etl.sandbox import FaultScript, Sandbox, SandboxSettings, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from aiohttp.typedefs import Handler

    from etl.model import ApiVersion

Typed = tuple[str, int]
"""Category and type id."""


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 1000.0

    def time(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds


@dataclass
class Desk:
    """A sandbox, a client to it, and what has been asked."""

    sandbox: Sandbox
    client: Client
    stop: Stop
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""

    @property
    def writes(self) -> list[str]:
        """List the requests that may change something."""
        return [
            each for each in self.asked if not each.startswith("GET") and not each.endswith("/read")
        ]

    def seed(self, from_id: int, to_id: int, *types: Typed, to_object: str = "companies") -> None:
        """Associate a contact with a record."""
        pair = self.sandbox.portal.pair("contacts", to_object)
        catalogue, links = self.sandbox.portal.catalogue, self.sandbox.portal.links(pair)
        found = [catalogue.find(*pair.key, *kind) for kind in types]
        labels = [label for label in found if label is not None]
        assert len(labels) == len(types)
        links.write(links.plan(labels, catalogue.unlabeled(*pair.key)), from_id, to_id)

    def types(self, from_id: int, to_id: int, *ends: str) -> set[Typed]:
        """List what is between two records, of contacts and companies unless others are named."""
        found = self.sandbox.portal.associations(*(ends or ("contacts", "companies")))
        return {
            (name, kind) for one, other, name, kind in found if (one, other) == (from_id, to_id)
        }


@asynccontextmanager
async def open_desk(
    folder: Path,
    *,
    bend: Callable[[web.Request, web.StreamResponse], web.StreamResponse | None] | None = None,
    refuse: Callable[[web.Request, bytes], web.Response | None] | None = None,
    faults: FaultScript | None = None,
    concurrency: int | None = None,
    **settings: Any,
) -> AsyncIterator[Desk]:
    """Open the demo portal; `refuse` answers in its place, `bend` gives another answer than its own."""
    asked: list[str] = []

    @web.middleware
    async def stand_before(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        if refuse is not None and (refusal := refuse(request, await request.read())) is not None:
            return refusal
        response = await handler(request)
        return (bend(request, response) if bend is not None else None) or response

    definition = msgspec.structs.replace(
        demo_portal(), settings=SandboxSettings(**{"requests_per_10_seconds": None, **settings})
    )
    clock, stop = Clock(), Stop()
    with ExitStack() as stack:
        log = stack.enter_context(open_log(folder / "run.log"))
        async with (
            Sandbox(definition, faults=faults, middlewares=[stand_before]) as sandbox,
            open_transport("pat-na1-made-up-0123456789", sandbox.base_url) as transport,
        ):
            client = Client(
                transport,
                pace=Pace(1_000_000, clock=clock.time, sleep=clock.sleep),
                stop=stop,
                log=log,
                clock=clock.time,
                sleep=clock.sleep,
                chance=lambda: 0.0,
                concurrency=concurrency,
            )
            yield Desk(sandbox, client, stop, asked)


def between(to_object: str = "companies", api_version: ApiVersion = "v4") -> Between:
    """Name contacts and another object."""
    return Between.of(api_version, "contacts", to_object)
