"""Whole runs against a sandbox that answers as HubSpot has been seen to: partly, oddly, not at all."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import polars as pl
import pytest
from aiohttp import web

from etl.core.exit_code import ExitCode
from etl.errors import SettingsError
from etl.model import (
    HubspotSettings,
    Job,
    LabelColumn,
    Limits,
    MaxFailures,
    Output,
    Secret,
    Side,
    Source,
)
from etl.pipeline import run_job
from etl.run_folder import create_run_folder
from etl.sandbox import Sandbox, SandboxSettings, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from aiohttp.typedefs import Handler, Middleware

    from etl.hubspot.push import RowsSettled
    from etl.model import ApiVersion, Outcome
    from etl.summary import Summary

Pair = tuple[int, int]
Keeping = Literal["keep", "ignore"]

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
    refuse: Callable[[web.Request], web.Response | None] | None = None
    """Answers in place of the sandbox."""
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
            if self.refuse is not None and (refusal := self.refuse(request)) is not None:
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
        return [size for name, size in self.calls if name in {"create", "default"}]

    @contextmanager
    def _watch(self, path: str, inputs: list[Any]) -> Iterator[None]:
        """Note which records are written to at the same time."""
        writes = path.endswith(("/create", "/default"))
        turned = "/companies/contacts/" in path
        same = "/contacts/contacts/" in path
        pairs: list[tuple[int, ...]] = []
        for each in inputs if writes else []:
            pair = (int(each["from"]["id"]), int(each["to"]["id"]))
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

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear of rows that are not sent."""

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed."""

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
        done = {"associated", "unchanged"}
        assert results["row_number"].to_list() == list(range(1, results.height + 1))
        assert summary["rows"] == results.height == sum(summary["outcomes"].values())
        assert sum(row not in done for row in results["outcome"]) == len(failures)
        assert Counter(results["outcome"]) == Counter(summary["outcomes"])
        return Finished(summary, results, failures)


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[Any]:
    """Give a function that opens a demo sandbox with a witness before it."""
    async with AsyncExitStack() as stack:

        async def opened(witness: Witness | None = None, **settings: Any) -> Stage:
            witness = witness or Witness()
            definition = msgspec.structs.replace(
                demo_portal(),
                settings=SandboxSettings(**{"requests_per_10_seconds": None, **settings}),
            )
            sandbox = Sandbox(definition, middlewares=[witness.middleware()])
            return Stage(tmp_path, await stack.enter_async_context(sandbox), witness)

        yield opened


def body_of(response: web.Response) -> dict[str, Any]:
    """Read an answer."""
    assert isinstance(response.body, bytes)
    return dict(json.loads(response.body))


def numbered(count: int, role: str = "Decision maker") -> list[tuple[int, int, str]]:
    """Write a table of pairs without trouble."""
    return [(number, number + 1000, role) for number in range(1, count + 1)]


# --- answers that name some, all or none --------------------------------------------------------


async def test_a_part_that_fails_costs_only_its_own_rows(open_stage: Any) -> None:
    """A 207 with errors for two records fails their rows, and the others are associated."""
    stage: Stage = await open_stage()
    rows = [*numbered(3), (BAD, 1, "Decision maker"), (2, BAD, "Decision maker"), (BAD, BAD, "")]
    run = await stage.run(stage.job(rows))
    assert run.outcomes == ["associated"] * 3 + ["failed"] * 3
    assert stage.pairs() == {(1, 1001), (2, 1002), (3, 1003)}
    failed = run.results.filter(pl.col("outcome") == "failed")
    assert failed["error_category"].unique().to_list() == ["OBJECT_NOT_FOUND"]
    assert f"contact {BAD}" in failed["error_message"][0]
    assert sorted(stage.witness.writes) == [1, 5]
    assert run.summary["exit_code"] == ExitCode.SOME_FAILED


async def test_a_refused_batch_that_names_its_culprits_costs_only_them(open_stage: Any) -> None:
    """One deleted contact in a batch of many takes one more request, not eleven."""
    stage: Stage = await open_stage(bad_input="refuse")
    rows = numbered(1000)
    rows[617] = (BAD, 5, "Decision maker")
    run = await stage.run(stage.job(rows))
    assert run.outcomes == ["associated"] * 617 + ["failed"] + ["associated"] * 382
    assert stage.witness.writes == [1000, 999]
    assert run.results["attempts"][616:619].to_list() == [2, 1, 2]


async def test_a_refused_batch_that_names_nobody_is_narrowed_down(open_stage: Any) -> None:
    """A 400 without a name finds its culprits by halves, and every other row is associated."""

    def without_names(_: web.Request, __: Any, response: web.Response) -> web.Response | None:
        if response.status != 400:
            return None
        body = {"status": "error", "message": "Bad request", "category": "VALIDATION_ERROR"}
        return web.json_response(body, status=400)

    stage: Stage = await open_stage(Witness(bend=without_names), bad_input="refuse")
    rows = numbered(256)
    for place in (17, 200):
        rows[place] = (BAD + place, 5, "Decision maker")
    run = await stage.run(stage.job(rows))
    assert [place for place, row in enumerate(run.outcomes) if row == "failed"] == [17, 200]
    assert run.summary["outcomes"]["associated"] == 254
    # Two ways down a tree of eight levels, two requests a level.
    assert len(stage.witness.writes) <= 1 + 2 * 2 * 8
    assert len(stage.pairs()) == 254


async def test_results_in_any_order_are_matched_by_their_ids(open_stage: Any) -> None:
    """Answers come shuffled and with ids as numbers, and each row still gets its own."""

    def shuffled(_: web.Request, __: Any, response: web.Response) -> web.Response:
        body = body_of(response)
        body["results"].reverse()
        return web.json_response(body, status=response.status)

    stage: Stage = await open_stage(Witness(bend=shuffled), ids="numbers")
    rows = [*numbered(5), (BAD, 1, "Decision maker"), (1, 7, "")]
    run = await stage.run(stage.job(rows))
    assert run.outcomes == ["associated"] * 5 + ["failed", "associated"]


@pytest.mark.parametrize("existing_labels", ["ignore", "keep"])
async def test_a_success_that_names_nobody_is_looked_up(
    open_stage: Any, existing_labels: Keeping
) -> None:
    """A 200 with no results is asked again, then read back: what is there is associated."""

    def empty(request: web.Request, _: Any, __: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        return web.json_response({"status": "COMPLETE", "results": []})

    stage: Stage = await open_stage(Witness(bend=empty))
    job = replace(stage.job(numbered(3)), existing_labels=existing_labels)
    run = await stage.run(job)
    assert run.outcomes == ["associated"] * 3
    assert stage.witness.writes == [3, 3]
    assert run.results["attempts"].to_list() == [2, 2, 2]


async def test_what_is_neither_named_nor_found_is_unconfirmed(open_stage: Any) -> None:
    """A row that HubSpot passed over in silence is never told as done."""

    def swallowing(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        answer = body_of(response)
        answer["results"] = [each for each in answer["results"] if each["fromObjectId"] != "2"]
        stage.remove(2, 1002)
        return web.json_response(answer, status=201)

    stage: Stage = await open_stage(Witness(bend=swallowing))
    run = await stage.run(stage.job(numbered(3)))
    assert run.outcomes == ["associated", "unconfirmed", "associated"]
    assert stage.witness.calls[-3:] == [("create", 3), ("create", 1), ("read", 1)]
    assert run.results["error_category"].to_list() == [None, "NOT_NAMED", None]
    assert run.summary["exit_code"] == ExitCode.SOME_FAILED


async def test_what_the_second_answer_names_is_associated(open_stage: Any) -> None:
    """A row that HubSpot leaves out once and names when asked again is done."""

    def forgetful(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create") or stage.witness.count("create") > 1:
            return None
        answer = body_of(response)
        return web.json_response({**answer, "results": answer["results"][1:]}, status=201)

    stage: Stage = await open_stage(Witness(bend=forgetful))
    run = await stage.run(stage.job(numbered(3)))
    assert run.outcomes == ["associated"] * 3
    assert stage.witness.calls[-2:] == [("create", 3), ("create", 1)]


@pytest.mark.parametrize("results", [None, {"not": "a list"}, ["text"], [{"fromObjectId": {}}]])
async def test_results_that_can_not_be_read_confirm_nothing(open_stage: Any, results: Any) -> None:
    """An answer in another shape is looked up, and the run goes on."""

    def odd(request: web.Request, _: Any, __: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        return web.json_response({"status": "COMPLETE", "results": results}, status=201)

    stage: Stage = await open_stage(Witness(bend=odd))
    run = await stage.run(stage.job(numbered(2)))
    assert run.outcomes == ["associated"] * 2


async def test_the_mirror_of_one_pair_does_not_confirm_another(open_stage: Any) -> None:
    """Contact 1 with company 2 says nothing about contact 2 with company 1."""
    first: list[Any] = []

    def always_the_first(request: web.Request, _: Any, response: web.Response) -> Any:
        if not request.path.endswith("/default"):
            return None
        answer = body_of(response)
        stage.remove(2, 1)
        # What HubSpot tells of the first pair, both ways round, and nothing of the second.
        first.extend(answer["results"][: 2 - len(first)])
        return web.json_response({**answer, "results": first})

    stage: Stage = await open_stage(Witness(bend=always_the_first))
    run = await stage.run(stage.job([(1, 2, ""), (2, 1, "")]))
    assert [each["from"]["id"] for each in first] == ["1", "2"]
    assert run.outcomes == ["associated", "unconfirmed"]


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"errors": [{"context": []}]}, id="a list for a context"),
        pytest.param({"errors": ["text"]}, id="text for an error"),
        pytest.param({"errors": {"not": "a list"}}, id="a mapping for errors"),
        pytest.param({"correlationId": 20261123}, id="a number for an id"),
    ],
)
async def test_odd_words_beside_results_take_nothing_from_them(
    open_stage: Any, spoilt: dict[str, Any]
) -> None:
    """A whole answer was thrown away, and its rows failed, for the shape of words beside results."""

    def odd(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        return web.json_response({**body_of(response), **spoilt}, status=response.status)

    stage: Stage = await open_stage(Witness(bend=odd))
    run = await stage.run(stage.job(numbered(3)))
    assert run.outcomes == ["associated"] * 3
    assert stage.witness.writes == [3]


# --- what pairs have already --------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 2, 500])
async def test_labels_that_a_pair_has_survive(open_stage: Any, page_size: int) -> None:
    """With keep, a portal that replaces labels still ends with the old and the new ones."""
    stage: Stage = await open_stage(labels_written="replace", page_size=page_size)
    for company in range(1, 6):
        stage.seed(1, company, ("USER_DEFINED", 3))
    rows = [(1, company, "Decision maker") for company in (2, 4, 6)]
    run = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    assert run.outcomes == ["associated"] * 3
    for company in (2, 4):
        assert stage.types(1, company) == {UNLABELED, DECISION_MAKER, ("USER_DEFINED", 3)}
    assert stage.types(1, 6) == {UNLABELED, DECISION_MAKER}
    assert stage.types(1, 5) == {UNLABELED, ("USER_DEFINED", 3)}


async def test_labels_written_without_looking_may_be_lost(open_stage: Any) -> None:
    """With ignore, the emulator shows what keep is for."""
    stage: Stage = await open_stage(labels_written="replace")
    stage.seed(1, 2, ("USER_DEFINED", 3))
    await stage.run(stage.job([(1, 2, "Decision maker")]))
    assert stage.types(1, 2) == {UNLABELED, DECISION_MAKER}
    assert stage.witness.count("read") == 0


async def test_what_is_so_already_costs_no_write(open_stage: Any) -> None:
    """A nightly run over an unchanged file reads, and writes nothing."""
    stage: Stage = await open_stage(page_size=1)
    rows = [*numbered(5), (1, 1001, ""), (7, 8, "")]
    job = replace(stage.job(rows), existing_labels="keep")
    first = await stage.run(job)
    assert set(first.outcomes) == {"associated"}
    stage.witness.calls.clear()
    second = await stage.run(job)
    assert second.outcomes == ["unchanged"] * 7
    assert stage.witness.writes == []
    assert second.summary["exit_code"] == ExitCode.SUCCEEDED


async def test_a_primary_moves_where_the_file_says(open_stage: Any) -> None:
    """Giving a contact another primary company does not give the old one back by keeping it."""
    stage: Stage = await open_stage()
    stage.seed(1, 2, ("HUBSPOT_DEFINED", 1))
    rows = [(1, 2, "Decision maker"), (1, 3, "Primary")]
    run = await stage.run(replace(stage.job(rows, batch_size=1), existing_labels="keep"))
    assert run.outcomes == ["associated"] * 2
    assert stage.types(1, 3) == {UNLABELED, ("HUBSPOT_DEFINED", 1)}
    assert stage.types(1, 2) == {UNLABELED, DECISION_MAKER}


@pytest.mark.parametrize("context", [{}, {"objectId": ["2"], "objectType": ["CONTACT"]}])
async def test_one_unknown_record_does_not_cost_the_labels_of_others(
    open_stage: Any, context: dict[str, list[str]]
) -> None:
    """One 404 for a whole read passed for 'none has labels', and a replacing portal lost them."""

    def not_found(request: web.Request, body: Any, _: web.Response) -> web.Response | None:
        if not request.path.endswith("/read") or {"id": "2"} not in body["inputs"]:
            return None
        refusal = {"status": "error", "message": "resource not found", "context": context}
        return web.json_response({**refusal, "category": "OBJECT_NOT_FOUND"}, status=404)

    stage: Stage = await open_stage(Witness(bend=not_found), labels_written="replace")
    for number in (1, 3, 4):
        stage.seed(number, number + 1000, ("USER_DEFINED", 3))
    run = await stage.run(replace(stage.job(numbered(4)), existing_labels="keep"))
    assert run.outcomes == ["associated"] * 4
    for number in (1, 3, 4):
        kept = {UNLABELED, DECISION_MAKER, ("USER_DEFINED", 3)}
        assert stage.types(number, number + 1000) == kept
    assert stage.types(2, 1002) == {UNLABELED, DECISION_MAKER}


async def test_a_page_that_is_refused_is_not_the_end_of_a_record(open_stage: Any) -> None:
    """A 400 on page 2 passed for the last page, and labels of later pages were written over."""

    def no_second_page(_: web.Request, body: Any, __: web.Response) -> web.Response | None:
        if not any("after" in each for each in body.get("inputs", [])):
            return None
        refusal = {"status": "error", "message": "Bad cursor", "category": "VALIDATION_ERROR"}
        return web.json_response(refusal, status=400)

    stage: Stage = await open_stage(
        Witness(bend=no_second_page), labels_written="replace", page_size=1
    )
    for company in (1, 2, 3):
        stage.seed(1, company, ("USER_DEFINED", 3))
    rows = [(1, 1, "Decision maker"), (5, 6, "Decision maker"), (1, 3, "Decision maker")]
    run = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    assert run.outcomes == ["failed", "associated", "failed"]
    assert run.results["error_category"].to_list() == ["NO_ANSWER", None, "NO_ANSWER"]
    assert "Bad cursor" in run.results["error_message"][0]
    assert stage.witness.writes == [1]
    assert stage.types(1, 3) == {UNLABELED, ("USER_DEFINED", 3)}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param(
            {"fromObjectId": ["1"]}, ["failed", "associated", "associated"], id="names a record"
        ),
        pytest.param({}, ["failed", "associated", "failed"], id="names nobody"),
    ],
)
async def test_a_record_that_hubspot_fails_to_read_is_not_written(
    open_stage: Any, context: dict[str, list[str]], expected: list[str]
) -> None:
    """An INTERNAL_ERROR inside a 207 passed for 'has no labels', and the labels were lost."""

    def partly(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/read"):
            return None
        answer = body_of(response)
        read = [each for each in answer["results"] if each["from"]["id"] != "1"]
        error = {"category": "INTERNAL_ERROR", "message": "Try later", "context": context}
        return web.json_response({**answer, "results": read, "errors": [error]}, status=207)

    stage: Stage = await open_stage(Witness(bend=partly), labels_written="replace")
    for number in (1, 2):
        stage.seed(number, number + 1000, ("USER_DEFINED", 3))
    run = await stage.run(replace(stage.job(numbered(3)), existing_labels="keep"))
    assert run.outcomes == expected
    failed = run.results.filter(pl.col("outcome") == "failed")
    assert failed["error_category"].unique().to_list() == ["NO_ANSWER"]
    assert all("Try later" in message for message in failed["error_message"])
    assert stage.types(1, 1001) == {UNLABELED, ("USER_DEFINED", 3)}
    assert stage.types(2, 1002) == {UNLABELED, DECISION_MAKER, ("USER_DEFINED", 3)}
    assert stage.witness.writes == [expected.count("associated")]


async def test_both_directions_of_a_pair_stay_under_ignore(open_stage: Any) -> None:
    """Writing a label of the other direction erased the one that the same run had just written."""
    stage: Stage = await open_stage(labels_written="replace")
    run = await stage.run(stage.job([(1, 101, "Decision maker"), (1, 101, "Employee")]))
    assert run.outcomes == ["associated"] * 2
    assert stage.types(1, 101) == {UNLABELED, DECISION_MAKER, EMPLOYER}


# --- how requests go ----------------------------------------------------------------------------


@pytest.mark.parametrize("to_object", ["companies", "contacts"])
@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
async def test_a_pair_is_at_most_once_in_flight(
    open_stage: Any, to_object: str, existing_labels: Keeping
) -> None:
    """However the rows of a pair are scattered, HubSpot is never asked to lock it twice at once."""
    stage: Stage = await open_stage(Witness(slow=True))
    roles = ["Decision maker", "Employee", "Partner", ""]
    if to_object == "contacts":
        roles = ["Manager", "Direct report", "Partner", ""]
    rows = [
        (one, other, roles[(one * other + turn) % 4])
        for turn in range(3)
        for one in range(1, 8)
        for other in range(1, 8)
        if one != other
    ]
    job = replace(
        stage.job(rows, batch_size=1, concurrency=20),
        to_side=Side(to_object, "other"),
        existing_labels=existing_labels,
    )
    run = await stage.run(job)
    assert not set(run.outcomes) - {"associated", "unchanged"}
    assert stage.witness.overlaps == []
    assert stage.witness.most_at_once > 1


@pytest.mark.parametrize(("batch_size", "sizes"), [(2000, [5]), (3, [2, 3]), (1, [1] * 5)])
async def test_requests_hold_no_more_than_the_batch_size(
    open_stage: Any, batch_size: int, sizes: list[int]
) -> None:
    """A job may send smaller requests than HubSpot takes, and never sends larger ones."""
    stage: Stage = await open_stage()
    run = await stage.run(stage.job(numbered(5), batch_size=batch_size))
    assert sorted(stage.witness.writes) == sizes
    assert run.results["batch"].n_unique() == len(sizes)


async def test_batches_have_the_same_numbers_in_every_run(open_stage: Any) -> None:
    """A batch number meant other rows in the next run of the same job, as answers came in."""
    stage: Stage = await open_stage(Witness(slow=True))
    roles = ["Decision maker", "Employee", "", "Partner; Employee"]
    rows = [(number, number + 1000, roles[number % 4]) for number in range(1, 25)]
    first = await stage.run(stage.job(rows, batch_size=2, concurrency=1))
    second = await stage.run(stage.job(rows, batch_size=2, concurrency=8))
    batches = first.results["batch"].to_list()
    assert batches == second.results["batch"].to_list()
    assert None not in batches
    paths = [path for path in stage.witness.paths if path.endswith(("/create", "/default"))]
    assert len(set(paths)) == 3, "the rows make several sections"
    assert max(batches) <= len(paths) // 2


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_requests_fly_than_the_job_allows(open_stage: Any, concurrency: int) -> None:
    """A job that shares its account keeps to the requests at once that it is given."""
    stage: Stage = await open_stage(Witness(slow=True))
    await stage.run(stage.job(numbered(20), batch_size=1, concurrency=concurrency))
    assert stage.witness.most_at_once <= concurrency


async def test_labels_are_found_where_the_guide_has_them(open_stage: Any) -> None:
    """When HubSpot drops one of its two paths for labels, the other one is asked."""

    def gone(request: web.Request) -> web.Response | None:
        is_specs = request.path.startswith("/crm/associations/v4/")
        return web.Response(status=404, text="<html>Not here</html>") if is_specs else None

    stage: Stage = await open_stage(Witness(refuse=gone))
    run = await stage.run(stage.job(numbered(1)))
    assert run.outcomes == ["associated"]
    labels = [path for path in stage.witness.paths if path.endswith("/labels")]
    assert labels == [
        "/crm/associations/v4/contacts/companies/labels",
        "/crm/v4/associations/contacts/companies/labels",
        "/crm/associations/v4/companies/contacts/labels",
        "/crm/v4/associations/companies/contacts/labels",
    ]


async def test_an_object_that_does_not_exist_is_told_by_name(open_stage: Any) -> None:
    """A wrong object name ends before anything is read, and leaves no run folder."""
    stage: Stage = await open_stage()
    job = replace(stage.job(numbered(1)), to_side=Side("vendor", "other"))
    with pytest.raises(SettingsError, match="HubSpot has no labels for contacts → vendor"):
        await stage.run(job)
    assert list(job.output.directory.glob("*/*")) == []


@pytest.mark.parametrize("api_version", ["v4", "2025-09", "2026-03", "2026-09"])
async def test_every_version_of_the_api_works(open_stage: Any, api_version: ApiVersion) -> None:
    """Versions differ in paths and success codes, and a job in nothing but its setting."""
    stage: Stage = await open_stage()
    rows = [*numbered(2), (3, 4, "Employee"), (5, 6, ""), (BAD, 1, "Partner")]
    job = stage.job(rows)
    job = replace(
        job, existing_labels="keep", hubspot=replace(job.hubspot, api_version=api_version)
    )
    run = await stage.run(job)
    assert run.outcomes == ["associated"] * 4 + ["failed"]


# --- runs that end early ------------------------------------------------------------------------


async def test_the_daily_limit_leaves_the_rest_for_tomorrow(open_stage: Any) -> None:
    """When the calls of the day are used up, rows that were not sent say so and wait in failures."""
    stage: Stage = await open_stage(requests_per_day=5)
    run = await stage.run(stage.job(numbered(10), batch_size=1, concurrency=1))
    assert run.outcomes == ["associated"] * 2 + ["not_sent"] * 8
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "daily limit" in (run.summary["stopped"] or "")
    assert len(stage.pairs()) == 2


async def test_calls_kept_for_others_are_not_touched(open_stage: Any) -> None:
    """A reserve ends the run while the account still has calls for its other integrations."""
    stage: Stage = await open_stage(requests_per_day=20)
    job = stage.job(numbered(30), batch_size=1, concurrency=1, daily_reserve=12)
    run = await stage.run(job)
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "12" in (run.summary["stopped"] or "")
    assert stage.sandbox.requests == 8


async def test_calls_kept_for_others_are_not_spent_on_reading(open_stage: Any) -> None:
    """Reading the pages of one busy record went on through the reserve, and was heeded too late."""
    stage: Stage = await open_stage(requests_per_day=20, page_size=1)
    for company in range(1, 31):
        stage.seed(1, company)
    job = replace(stage.job([(1, 40, "Partner")], daily_reserve=12), existing_labels="keep")
    run = await stage.run(job)
    assert run.outcomes == ["not_sent"]
    assert "12" in (run.summary["stopped"] or "")
    assert (stage.sandbox.requests, stage.witness.writes) == (8, [])


@pytest.mark.parametrize("limit", [MaxFailures(count=2), MaxFailures(percent=20)])
async def test_too_many_failures_end_the_run(open_stage: Any, limit: MaxFailures) -> None:
    """A file made for another portal is noticed after a few rows, not after all of them."""
    stage: Stage = await open_stage()
    rows = [(BAD + number, 1, "Partner") for number in range(10)]
    run = await stage.run(stage.job(rows, batch_size=1, concurrency=1, max_failures=limit))
    assert run.outcomes == ["failed"] * 3 + ["not_sent"] * 7
    assert run.summary["exit_code"] == ExitCode.STOPPED


async def test_a_row_counts_once_towards_max_failures(open_stage: Any) -> None:
    """A row whose two labels go both ways is one failure, not two."""
    stage: Stage = await open_stage()
    rows = [(BAD, 1, "Decision maker; Employee"), *numbered(3)]
    run = await stage.run(stage.job(rows, max_failures=MaxFailures(count=1)))
    assert run.outcomes == ["failed"] + ["associated"] * 3
    assert run.summary["stopped"] is None


async def test_a_token_revoked_on_the_way_stops_the_run(open_stage: Any) -> None:
    """Rows that HubSpot had taken stay associated, and the others are there to be run again."""

    def revoked(_: web.Request) -> web.Response | None:
        if len(stage.witness.writes) <= 4:
            return None
        return web.json_response({"message": "revoked"}, status=401)

    stage: Stage = await open_stage(Witness(refuse=revoked))
    run = await stage.run(stage.job(numbered(10), batch_size=1, concurrency=1))
    assert run.outcomes == ["associated"] * 4 + ["not_sent"] * 6
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "401" in (run.summary["stopped"] or "")


@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
async def test_an_interrupted_run_accounts_for_every_row(
    open_stage: Any, existing_labels: Keeping
) -> None:
    """After Ctrl-C what was in flight is told as it ended, and the rest as not sent."""
    stage: Stage = await open_stage(Witness(slow=True))
    stop = Stop()
    listener = Listener(lambda: stop.request("interrupted", "go on", ExitCode.INTERRUPTED))
    job = stage.job([*numbered(30), (1, 1, "x")], batch_size=1, concurrency=4)
    run = await stage.run(
        replace(job, existing_labels=existing_labels), stop=stop, listener=listener
    )
    told = Counter(run.outcomes)
    assert told["associated"] + told["not_sent"] == 30
    assert run.outcomes[-1] == "unresolved"
    assert told["not_sent"] > 0
    associated = run.results.filter(pl.col("outcome") == "associated")
    assert set(associated.select("from_id", "to_id").iter_rows()) == stage.pairs()
    assert run.summary["exit_code"] == ExitCode.INTERRUPTED


async def test_what_was_confirmed_before_ctrl_c_is_not_told_as_unsent(open_stage: Any) -> None:
    """A batch that waits to be read back when Ctrl-C comes keeps what HubSpot had named in it."""
    stop = Stop()

    def partly(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        answer = body_of(response)
        named = [each for each in answer["results"] if each["fromObjectId"] != "2"]
        if stage.witness.count("create") == 1:
            named = [each for each in named if each["fromObjectId"] == "1"]
        else:
            stop.request("interrupted", "go on", ExitCode.INTERRUPTED)
        return web.json_response({**answer, "results": named}, status=201)

    stage: Stage = await open_stage(Witness(bend=partly))
    run = await stage.run(stage.job(numbered(3)), stop=stop)
    assert (run.outcomes[0], run.outcomes[2]) == ("associated", "associated")
    assert run.outcomes[1] in {"unconfirmed", "not_sent"}


async def test_a_stop_that_leaves_no_row_behind_changes_nothing(open_stage: Any) -> None:
    """Ctrl-C at the very end of a run does not turn a success into an interruption."""
    stage: Stage = await open_stage()
    stop = Stop()
    listener = Listener(lambda: stop.request("interrupted", "go on", ExitCode.INTERRUPTED))
    run = await stage.run(stage.job(numbered(3)), stop=stop, listener=listener)
    assert run.outcomes == ["associated"] * 3
    assert run.summary["exit_code"] == ExitCode.SUCCEEDED
