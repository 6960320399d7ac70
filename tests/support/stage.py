"""A sandbox with a witness before it, who sees all that comes and may bend what goes back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl
from aiohttp import web

from etl.hubspot.client import Client
from etl.model import (
    HubspotSettings,
    Job,
    LabelColumn,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)
from etl.pipeline import run_job
from etl.run_folder import create_run_folder
from etl.sandbox import FaultScript, Sandbox, SandboxSettings, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    import pytest
    from aiohttp.typedefs import Handler, Middleware

    from etl.hubspot.settled import RowsSettled
    from etl.model import Outcome
    from etl.summary import Summary

Pair = tuple[int, int]

DECISION_MAKER: Final = ("USER_DEFINED", 1)
EMPLOYER: Final = ("USER_DEFINED", 9)
"""What a contact has to a company that has it for an "Employee"."""
UNLABELED: Final = ("HUBSPOT_DEFINED", 279)
ANSWER_SECONDS: Final = 0.002
"""How long a slow answer takes: time enough for another request to come."""
BAD: Final = 900_000_000_001
"""No record of the demo portal."""


@dataclass
class Witness:
    """Stand before the sandbox, write down what comes, and bend what goes back."""

    bend: Callable[[web.Request, Any, web.Response], web.Response | None] | None = None
    """Given the request's path and body and the true answer; None lets the answer be."""
    refuse: Callable[[web.Request, Any], web.Response | None] | None = None
    """Given the request's path and body; answers in place of the sandbox, or lets it answer."""
    slow: bool = False
    """Let other requests in while one is in flight."""
    calls: list[tuple[str, int]] = field(default_factory=list)
    """The last part of each path, and the number of inputs."""
    paths: list[str] = field(default_factory=list)
    in_flight: Counter[tuple[int, ...]] = field(default_factory=Counter)
    overlaps: list[tuple[int, ...]] = field(default_factory=list)
    most_at_once: int = 0

    def middleware(self) -> Middleware:
        """Give what the sandbox is opened with."""

        @web.middleware
        async def stand_before(request: web.Request, handler: Handler) -> web.StreamResponse:
            body = json.loads(await request.read() or b"{}")
            inputs = body.get("inputs", [])
            self.calls.append((request.path.rsplit("/", 1)[1], len(inputs)))
            self.paths.append(request.path)
            if self.refuse is not None and (refusal := self.refuse(request, body)) is not None:
                return refusal
            with self._watch(request.path, inputs):
                if self.slow:
                    await asyncio.sleep(ANSWER_SECONDS)
                response = await handler(request)
            assert isinstance(response, web.Response)
            bent = self.bend(request, body, response) if self.bend is not None else None
            return bent or response

        return stand_before

    def count(self, name: str) -> int:
        """Count the requests to an endpoint."""
        return sum(call == name for call, _ in self.calls)

    @property
    def writes(self) -> list[int]:
        """List the sizes of all writing requests."""
        return [size for name, size in self.calls if name in {"create", "default", "archive"}]

    @contextmanager
    def _watch(self, path: str, inputs: list[Any]) -> Iterator[None]:
        """Note which records are written to at the same time."""
        writes = path.endswith(("/create", "/default", "/archive"))
        turned = "/companies/contacts/" in path
        same = "/contacts/contacts/" in path
        pairs: list[tuple[int, ...]] = []
        for each in inputs if writes else []:
            for to in each["to"] if isinstance(each["to"], list) else [each["to"]]:
                pair = (int(each["from"]["id"]), int(to["id"]))
                # Between contacts either may be named first; otherwise the contact is.
                pairs.append(tuple(sorted(pair)) if same else pair[::-1] if turned else pair)
        self.overlaps += [pair for pair in pairs if self.in_flight[pair]]
        self.in_flight.update(pairs)
        self.most_at_once = max(self.most_at_once, self.in_flight.total())
        try:
            yield
        finally:
            self.in_flight.subtract(pairs)


@dataclass
class Finished:
    """A run that has come to its end."""

    summary: Summary
    results: pl.DataFrame
    failures: list[str]
    """The lines of failures.csv, header left out."""

    @property
    def outcomes(self) -> list[str]:
        """List the outcomes in source order."""
        return self.results["outcome"].to_list()


@dataclass
class Listener:
    """Pass on what the run tells."""

    on_settled: Callable[[], None] = lambda: None

    def read(self, rows: int) -> None:
        """Hear of rows read."""

    def looked_up(self, keys: int, of: int) -> None:
        """Hear of keys looked up."""

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear of rows that are not sent."""

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed."""

    def note(self, said: str) -> None:
        """Hear of something worth a line."""

    def waiting(self, said: str) -> None:
        """Hear that the run waits for midnight."""

    def settled(self, settled: RowsSettled) -> None:
        """Hear of rows that have come to an outcome."""
        assert settled.rows is not None
        self.on_settled()


class Stage:
    """A sandbox with a witness before it, and a job against it."""

    def __init__(self, folder: Path, sandbox: Sandbox, witness: Witness) -> None:
        self.sandbox = sandbox
        self.witness = witness
        self._folder = folder

    def seed(self, from_id: int, to_id: int, *types: tuple[str, int]) -> None:
        """Associate a contact and a company before the run."""
        pair = self.sandbox.portal.pair("contacts", "companies")
        catalogue, links = self.sandbox.portal.catalogue, self.sandbox.portal.links(pair)
        found = (catalogue.find(*pair.key, *kind) for kind in types)
        labels = [label for label in found if label is not None]
        assert len(labels) == len(types)
        links.write(links.plan(labels, catalogue.unlabeled(*pair.key)), from_id, to_id)

    def remove(self, from_id: int, to_id: int) -> None:
        """Take the association of a contact and a company away."""
        portal = self.sandbox.portal
        portal.links(portal.pair("contacts", "companies")).remove(from_id, to_id)

    def types(self, from_id: int, to_id: int) -> set[tuple[str, int]]:
        """List what associates a contact with a company."""
        found = self.sandbox.portal.associations("contacts", "companies")
        return {
            (name, kind) for one, other, name, kind in found if (one, other) == (from_id, to_id)
        }

    def pairs(self) -> set[Pair]:
        """List the associated contacts and companies."""
        return {line[:2] for line in self.sandbox.portal.associations("contacts", "companies")}

    def job(self, rows: list[tuple[int, int, str]], **limits: Any) -> Job:
        """Write a table and the job over it."""
        source = self._folder / "source.csv"
        lines = [f"{from_id},{to_id},{role}\n" for from_id, to_id, role in rows]
        source.write_text("contact,other,role\n" + "".join(lines), encoding="utf-8")
        return Job(
            name="odd",
            file=self._folder / "odd.yaml",
            source=Source(str(source)),
            from_side=Side("contacts", "contact"),
            to_side=Side("companies", "other"),
            labelling=LabelColumn("role", separator=";"),
            existing_labels="ignore",
            hubspot=HubspotSettings(Secret("made-up"), "v4", self.sandbox.base_url),
            limits=Limits(**{"requests_per_10_seconds": 1_000_000, **limits}),
            output=Output(self._folder / "runs"),
        )

    async def run(
        self, job: Job, *, stop: Stop | None = None, listener: Listener | None = None
    ) -> Finished:
        """Run a job, and hold what every run keeps to against its files."""
        folder = create_run_folder(job.output.directory, job.name)
        summary = await run_job(job, folder, observer=listener or Listener(), stop=stop or Stop())
        results = pl.read_parquet(folder.path / "results.parquet")
        failures = folder.failures.read_text(encoding="utf-8").splitlines()[1:]
        done = {"associated", "unchanged", "removed"}
        assert results["row_number"].to_list() == list(range(1, results.height + 1))
        assert summary["rows"] == results.height == sum(summary["outcomes"].values())
        assert sum(row not in done for row in results["outcome"]) == len(failures)
        assert Counter(results["outcome"]) == Counter(summary["outcomes"])
        return Finished(summary, results, failures)


def body_of(response: web.Response) -> dict[str, Any]:
    """Read an answer."""
    assert isinstance(response.body, bytes)
    return dict(json.loads(response.body))


def numbered(count: int, role: str = "Decision maker") -> list[tuple[int, int, str]]:
    """Write a table of pairs without trouble."""
    return [(number, number + 1000, role) for number in range(1, count + 1)]


def breaks_down(correlation_id: str = "c-500") -> web.Response:
    """Write a 500."""
    return web.json_response({"message": "oops", "correlationId": correlation_id}, status=500)


@asynccontextmanager
async def stages(folder: Path) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """Give a function that opens a demo sandbox with a witness before it."""
    async with AsyncExitStack() as stack:

        async def opened(
            witness: Witness | None = None, faults: FaultScript | None = None, **settings: Any
        ) -> Stage:
            witness = witness or Witness()
            definition = msgspec.structs.replace(
                demo_portal(),
                settings=SandboxSettings(**{"requests_per_10_seconds": None, **settings}),
            )
            sandbox = Sandbox(definition, faults=faults, middlewares=[witness.middleware()])
            return Stage(folder, await stack.enter_async_context(sandbox), witness)

        yield opened


def try_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients wait for nothing."""

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    defaults = Client.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", at_once)
