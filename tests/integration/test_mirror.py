"""A mirror makes HubSpot match the source, takes too much from nobody, and can be undone."""

from __future__ import annotations

import asyncio
import csv
import json
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from aiohttp import web
from cuts import Machine, Moment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paper import Model
from scenes import CELLS, Line, Listener, Scene, job_of, portal, seed, write_source

from etl.errors import SettingsError
from etl.model import Bound, Mirror, Secret
from etl.pipeline import resume_job, run_job
from etl.run_folder import RunFolder, create_run_folder
from etl.runs import State, look_at, recall_begun
from etl.sandbox import Sandbox
from etl.settings import load_job
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp.typedefs import Handler

    from etl.model import Job
    from etl.summary import Summary

Association = tuple[int, int, str, int]

ALL: Final = Mirror("from", Bound(percent=100))

THERE: Final = [(1, 4, 0), (1, 5, 1), (1, 6, 2), (2, 4, 0), (2, 6, 1), (3, 6, 0), (3, 5, 1)]
"""What the account has: from_id, to_id and the number of a label."""

LINES: Final = [("1", "4", "", ""), ("1", "7", "Boss", ""), ("2", "6", "Employer", "")]
"""Keeps one of what contact 1 has and one of what contact 2 has, adds one, and knows no contact 3."""


@dataclass
class Stage:
    """An account, and a job that mirrors a table to it."""

    sandbox: Sandbox
    job: Job
    to_object: str
    bodies: list[tuple[str, Any]] = field(default_factory=list)
    """The path and body of each request."""

    async def run(self, mirror: Mirror | None = ALL) -> tuple[Summary, RunFolder]:
        """Run the job to its end."""
        job = replace(self.job, mirror=mirror)
        folder = create_run_folder(job.output.directory, job.name)
        return await run_job(job, folder, observer=Listener(), stop=Stop()), folder

    async def resume(self, folder: RunFolder, mirror: Mirror = ALL) -> Summary:
        """Go on with a run."""
        job = replace(self.job, mirror=mirror)
        return await resume_job(job, folder, recall_begun(folder), observer=Listener(), stop=Stop())

    async def restore(self, folder: RunFolder) -> Summary:
        """Run the job that a mirror has left for undoing it."""
        job = load_job(folder.restore, [], {"HUBSPOT_ACCESS_TOKEN": "made-up"})
        again = create_run_folder(job.output.directory, job.name)
        return await run_job(job, again, observer=Listener(), stop=Stop())

    @property
    def state(self) -> set[Association]:
        """List what is associated, in the job's own direction."""
        return self.sandbox.portal.associations("contacts", self.to_object)

    def pairs(self) -> set[tuple[int, int]]:
        """List which records are associated."""
        return {(one, other) for one, other, *_ in self.state}

    def archived(self) -> list[Any]:
        """List the bodies that asked for something to go."""
        return [body for path, body in self.bodies if path.endswith("/archive")]


@asynccontextmanager
async def open_stage(
    folder: Path,
    scene: Scene,
    answer: Callable[[web.Request, Handler], Any] | None = None,
    **job: Any,
) -> AsyncIterator[Stage]:
    """Open an account with what it has, and write the table."""
    source = folder / "source.csv"
    write_source(scene, source)

    @web.middleware
    async def witness(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        stage.bodies.append((request.path, json.loads(body) if body else None))
        answered = await answer(request, handler) if answer else None
        return answered or await handler(request)

    async with Sandbox(portal(scene), middlewares=[witness]) as sandbox:
        stage = Stage(
            sandbox,
            replace(job_of(scene, folder, source, sandbox.base_url), **job),
            scene.to_object,
        )
        seed(sandbox, Model(scene.to_object), scene)
        yield stage


def scene_of(lines: list[Line] = LINES, **more: Any) -> Scene:
    """Make a scene of the account above."""
    return Scene(lines, **{"there": THERE} | more)


@pytest.mark.parametrize("labels_written", ["add", "replace"])
@pytest.mark.parametrize("page_size", [1, 500])
async def test_hubspot_matches_the_file_and_can_be_put_back(
    tmp_path: Path, labels_written: Any, page_size: int
) -> None:
    """What the file has not goes, of its own contacts alone; restore.yaml brings all of it back."""
    scene = scene_of(labels_written=labels_written, page_size=page_size)
    async with open_stage(tmp_path, scene) as stage:
        _, adds = await stage.run(mirror=None)
        before = stage.state
        summary, folder = await stage.run()
        assert stage.pairs() == {(1, 4), (1, 7), (2, 6), (3, 5), (3, 6)}
        assert stage.state < before
        assert summary["mirror"] == {
            "existing": 6,
            "surplus": 3,
            "removed": 3,
            "failed": 0,
            "skipped": None,
            "spared": 0,
            "is_too_much": False,
            "is_finished": True,
        }
        assert (summary["exit_code"], look_at(folder).state) == (0, State.FINISHED)
        removed = pl.read_parquet(folder.removed)
        assert set(removed.drop("label").rows()) == before - stage.state
        assert set(removed["label"]) == {None, "Boss", "Employer"}
        assert not folder.staging.exists()
        put_back = await stage.restore(folder)
        assert put_back["exit_code"] == 0
        assert stage.state == before
        assert not adds.removed.exists()


async def test_both_ways_round_are_one_association_between_contacts(tmp_path: Path) -> None:
    """What the file has as 4 → 1 is not taken away for being listed as 1 → 4 too."""
    lines = [("1", "4", "", ""), ("5", "1", "Manager", "")]
    scene = scene_of(lines, to_object="contacts")
    async with open_stage(tmp_path, scene) as stage:
        before = stage.state
        summary, folder = await stage.run()
        assert summary["exit_code"] == 0
        gone = {(1, 6), (6, 1), (5, 3), (3, 5)}
        assert stage.pairs() == {(one, other) for one, other, *_ in before} - gone
        await stage.restore(folder)
        assert stage.state == before


async def test_a_mirror_of_what_is_so_already_writes_nothing(tmp_path: Path) -> None:
    """A nightly run over an unchanged file reads, and that is all; it leaves nothing to put back."""
    async with open_stage(tmp_path, scene_of()) as stage:
        await stage.run()
        stage.bodies.clear()
        summary, folder = await stage.run()
        asked = [path.rpartition("/")[2] for path, body in stage.bodies if body is not None]
        assert set(asked) == {"read"}
        assert (summary["outcomes"]["unchanged"], summary["exit_code"]) == (3, 0)
        assert not folder.removed.exists()
        assert not folder.restore.exists()


@pytest.mark.parametrize(
    "bad",
    [("9", "4", "", ""), ("x", "4", "", ""), ("1", "4", "Nope", "")],
    ids=["failed", "rejected", "unresolved"],
)
async def test_nothing_goes_while_a_row_has_not_succeeded(tmp_path: Path, bad: Line) -> None:
    """The row that failed may be the one that keeps an association."""
    async with open_stage(tmp_path, scene_of([*LINES, bad])) as stage:
        before = stage.pairs()
        summary, folder = await stage.run()
        assert stage.pairs() == before | {(1, 7)}
        assert stage.archived() == []
        assert summary["mirror"] is not None
        assert summary["mirror"]["skipped"] == "1 rows did not succeed"
        assert (summary["exit_code"], look_at(folder).state) == (1, State.FINISHED)
        assert not folder.removed.exists()


@pytest.mark.parametrize("bound", [Bound(count=2), Bound(percent=59)])
async def test_too_much_is_not_taken_away(tmp_path: Path, bound: Bound) -> None:
    """A file that was exported by half stops the run before anything goes; resume can be told to."""
    async with open_stage(tmp_path, scene_of()) as stage:
        before = stage.pairs()
        summary, folder = await stage.run(Mirror("from", bound))
        assert stage.pairs() == before | {(1, 7)}
        assert stage.archived() == []
        assert (summary["exit_code"], look_at(folder).state) == (3, State.INTERRUPTED)
        assert "3 of the 5 associations" in (summary["stopped"] or "")
        assert summary["mirror"] is not None
        assert (summary["mirror"]["surplus"], summary["mirror"]["is_too_much"]) == (3, True)
        assert pl.read_parquet(folder.surplus).height == 6
        again = await stage.resume(folder, Mirror("from", Bound(count=3)))
        assert (again["exit_code"], look_at(folder).state) == (0, State.FINISHED)
        assert stage.pairs() == {(1, 4), (1, 7), (2, 6), (3, 5), (3, 6)}
        assert not folder.surplus.exists()


async def test_what_hubspot_keeps_is_not_called_removed(tmp_path: Path) -> None:
    """An answer of success that did nothing is found out, and told; the rest is gone."""

    async def forget(request: web.Request, _: Handler) -> web.Response | None:
        if request.path.endswith("/archive") and b'"2"' in await request.read():
            return web.Response(status=204)
        return None

    async with open_stage(tmp_path, scene_of(batch_size=2), forget) as stage:
        summary, folder = await stage.run()
        mirror = summary["mirror"]
        assert mirror is not None
        assert (mirror["removed"], mirror["failed"], mirror["is_finished"]) == (2, 1, True)
        assert summary["exit_code"] == 1
        assert (2, 4) in stage.pairs()
        # What is not known to be gone can be put back all the same: that does no harm.
        told = pl.read_parquet(folder.removed)
        assert set(told.select("from_id", "to_id").rows()) == {(1, 5), (1, 6), (2, 4)}


async def test_a_record_that_can_not_be_read_stops_the_mirror(tmp_path: Path) -> None:
    """What a record has is not guessed: nothing goes, and the run can be resumed."""
    is_broken = True

    async def fail(request: web.Request, _: Handler) -> web.Response | None:
        if is_broken and request.path.endswith("/batch/read"):
            inputs = (await request.json())["inputs"]
            error = {
                "status": "error",
                "category": "INTERNAL_ERROR",
                "message": "try later",
                "context": {"fromObjectId": ["2"]},
            }
            if {"id": "2"} in inputs and len(stage.archived()) == 0 and stage.pairs() >= {(1, 7)}:
                return web.json_response(
                    {"status": "COMPLETE", "results": [], "errors": [error]}, status=207
                )
        return None

    job = {"existing_labels": "ignore"}
    async with open_stage(tmp_path, scene_of(), fail, **job) as stage:
        before = stage.pairs()
        summary, folder = await stage.run()
        assert (summary["exit_code"], look_at(folder).state) == (3, State.INTERRUPTED)
        assert "could not be read" in (summary["stopped"] or "")
        assert stage.pairs() == before | {(1, 7)}
        is_broken = False
        assert (await stage.resume(folder))["exit_code"] == 0
        assert stage.pairs() == {(1, 4), (1, 7), (2, 6), (3, 5), (3, 6)}


async def test_what_the_run_adds_does_not_count_as_had_before(tmp_path: Path) -> None:
    """A wrong file that gives each contact much, and keeps nothing, does not dilute its removals."""
    lines = [(str(one), str(other), "", "") for one in (1, 2) for other in range(10, 40)]
    async with open_stage(tmp_path, scene_of(lines, batch_size=50)) as stage:
        before = stage.pairs()
        summary, folder = await stage.run(Mirror("from", Bound(percent=99)))
        assert (summary["exit_code"], look_at(folder).state) == (3, State.INTERRUPTED)
        assert "5 of the 5 associations" in (summary["stopped"] or "")
        assert before <= stage.pairs()


async def test_what_was_given_something_since_is_let_be(tmp_path: Path) -> None:
    """A mirror that goes on days later takes nothing away that is in no file of the run."""
    is_used_up = True

    async def strike(request: web.Request, _: Handler) -> web.Response | None:
        if is_used_up and request.path.endswith("/batch/archive"):
            body = {"message": "daily limit", "policyName": "DAILY", "errorType": "RATE_LIMIT"}
            return web.json_response(body, status=429)
        return None

    async with open_stage(tmp_path, scene_of(), strike) as stage:
        summary, folder = await stage.run()
        assert summary["exit_code"] == 3
        pair = stage.sandbox.portal.pair("contacts", "companies")
        boss = stage.sandbox.portal.catalogue.find(*pair.key, "USER_DEFINED", 11)
        assert boss is not None
        links = stage.sandbox.portal.links(pair)
        links.write(links.plan((boss,), stage.sandbox.portal.catalogue.unlabeled(*pair.key)), 1, 5)
        is_used_up = False
        again = await stage.resume(folder)
        assert again["mirror"] is not None
        assert (again["mirror"]["removed"], again["mirror"]["spared"]) == (2, 1)
        assert (again["exit_code"], look_at(folder).state) == (0, State.FINISHED)
        assert stage.pairs() == {(1, 4), (1, 5), (1, 7), (2, 6), (3, 5), (3, 6)}


async def test_a_label_that_goes_between_two_sittings_does_not_strand_the_mirror(
    tmp_path: Path,
) -> None:
    """When only removals are left, the types of rows that have succeeded are of no more concern."""
    is_used_up = True

    async def strike(request: web.Request, _: Handler) -> web.Response | None:
        if is_used_up and request.path.endswith("/batch/archive"):
            body = {"message": "daily limit", "policyName": "DAILY", "errorType": "RATE_LIMIT"}
            return web.json_response(body, status=429)
        if not is_used_up and request.path.endswith("/labels"):
            return web.json_response({"results": []})
        return None

    async with open_stage(tmp_path, scene_of(), strike) as stage:
        summary, folder = await stage.run()
        assert summary["exit_code"] == 3
        is_used_up = False
        assert (await stage.resume(folder))["exit_code"] == 0
        assert stage.pairs() == {(1, 4), (1, 7), (2, 6), (3, 5), (3, 6)}


async def test_a_mirror_goes_on_in_its_own_portal_alone(tmp_path: Path) -> None:
    """With another token, and nobody to tell whose it is, nothing is taken away."""
    tells = True

    async def strike(request: web.Request, _: Handler) -> web.Response | None:
        if request.path.endswith("/details") and not tells:
            return web.json_response({"message": "no"}, status=403)
        if request.path.endswith("/batch/archive") and tells:
            body = {"message": "daily limit", "policyName": "DAILY", "errorType": "RATE_LIMIT"}
            return web.json_response(body, status=429)
        return None

    async with open_stage(tmp_path, scene_of(), strike) as stage:
        _, folder = await stage.run()
        tells = False
        before = stage.state
        own = stage.job
        stage.job = replace(own, hubspot=replace(own.hubspot, access_token=Secret("another")))
        with pytest.raises(SettingsError, match="does not tell which portal"):
            await stage.resume(folder)
        assert stage.state == before
        stage.job = own
        assert (await stage.resume(folder))["exit_code"] == 0, "its own token is known"


async def test_a_failures_file_is_not_mirrored(tmp_path: Path) -> None:
    """To a mirror, what the job's other rows keep would be surplus."""
    async with open_stage(tmp_path, scene_of([*LINES, ("9", "4", "", "")])) as stage:
        _, folder = await stage.run()
        stage.job = replace(stage.job, source=replace(stage.job.source, path=str(folder.failures)))
        before = stage.state
        with pytest.raises(SettingsError, match="failures file"):
            await stage.run()
        assert stage.state == before


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("number", [5, 6, 7, 8, 9, 10, 11, 12])
async def test_a_mirror_that_is_cut_off_goes_on(
    tmp_path: Path, number: int, *, is_after: bool
) -> None:
    """Killed at any request, a mirror ends with the same account and the same removed.parquet."""
    scene = scene_of(batch_size=1)
    async with open_stage(tmp_path, scene) as calm:
        await calm.run()
        expected = calm.state
    machine = Machine(tmp_path / "runs" / "scene")
    source = tmp_path / "again.csv"
    write_source(scene, source)
    async with Sandbox(portal(scene), middlewares=[machine.middleware()]) as sandbox:
        seed(sandbox, Model("companies"), scene)
        job = replace(job_of(scene, tmp_path, source, sandbox.base_url), mirror=ALL)
        with machine.installed(chunk_rows=100, partition_rows=100):
            folder = create_run_folder(job.output.directory, job.name)

            async def begin() -> Summary:
                return await run_job(job, folder, observer=Listener(), stop=Stop())

            async def resume() -> Summary:
                begun = recall_begun(folder)
                return await resume_job(job, folder, begun, observer=Listener(), stop=Stop())

            summary = await machine.work(begin, Moment("request", number, is_after))
            if summary is None:
                summary = await machine.work(resume, None)
        assert summary is not None
        assert sandbox.portal.associations("contacts", "companies") == expected
        mirror = summary["mirror"]
        assert mirror is not None
        assert (mirror["removed"], mirror["failed"], mirror["is_finished"]) == (3, 0, True)
        pairs = pl.read_parquet(folder.removed).select("from_id", "to_id").unique()
        assert set(pairs.rows()) == {(1, 5), (1, 6), (2, 4)}


ROWS: Final = st.lists(
    st.tuples(
        st.sampled_from("123"),
        st.sampled_from("4567"),
        st.sampled_from([cell for cell in CELLS["companies"] if "Nope" not in cell]),
        st.just(""),
    ),
    min_size=1,
    max_size=8,
)
SEEDS: Final = st.lists(
    st.tuples(st.integers(1, 4), st.integers(4, 8), st.integers(0, 2)), max_size=10
)


async def mirror_any(scene: Scene, folder: Path) -> None:
    """Mirror a table, hold the account against sets, and put everything back."""
    async with open_stage(folder, scene) as stage:
        await stage.run(mirror=None)
        before = stage.state
        kept = {(int(line[0]), int(line[1])) for line in scene.lines}
        asked = {one for one, _ in kept}
        summary, run = await stage.run()
        assert summary["exit_code"] == 0
        left = {each for each in before if each[0] not in asked or each[:2] in kept}
        assert stage.state == left
        if before != left:
            await stage.restore(run)
            assert stage.state == before


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(ROWS, SEEDS, st.sampled_from(["add", "replace"]), st.integers(1, 3))
def test_any_table_is_mirrored_and_any_mirror_undone(
    lines: list[Line], there: list[tuple[int, int, int]], labels_written: Any, batch_size: int
) -> None:
    """Whatever the file and the account have: the file's contacts end with its pairs, and no others."""
    scene = Scene(lines, there=there, labels_written=labels_written, batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(mirror_any(scene, Path(folder)))


def test_the_file_of_what_is_gone_reads_as_any_source(tmp_path: Path) -> None:
    """People may want a part of it back: removed.parquet turns into csv and is run by hand."""

    async def play() -> None:
        async with open_stage(tmp_path, scene_of()) as stage:
            await stage.run(mirror=None)
            before = stage.state
            _, folder = await stage.run()
            rows = pl.read_parquet(folder.removed)
            with (tmp_path / "back.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([rows.columns, *rows.rows()])
            job = json.loads(folder.restore.read_text(encoding="utf-8"))
            job["source"]["path"] = str(tmp_path / "back.csv")
            (tmp_path / "back.yaml").write_text(json.dumps(job), encoding="utf-8")
            back = load_job(tmp_path / "back.yaml", [], {"HUBSPOT_ACCESS_TOKEN": "made-up"})
            run = create_run_folder(tmp_path / "runs", back.name)
            summary = await run_job(back, run, observer=Listener(), stop=Stop())
            assert summary["exit_code"] == 0
            assert stage.state == before

    asyncio.run(play())
