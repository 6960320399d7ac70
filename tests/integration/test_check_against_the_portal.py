"""``check`` against the sandbox: what the report says is what a person would find, reading alone."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given, settings
from paper import FORWARD, REVERSE, Model, Typed
from scenes import (
    Listener,
    Scene,
    job_of,
    portal,
    scenes,
    seed,
    write_source,
)

from etl.check.asked import asked_by_record
from etl.check.found import Found
from etl.check.report import CHECKED
from etl.core.compare import Sign
from etl.errors import StoppedError
from etl.hubspot.wire import TYPED_PAIR
from etl.logs import open_log
from etl.pipeline import Checked, check_job, connect, reading_finder, run_job
from etl.pipeline.prepare import prepare
from etl.pipeline.stage import stage
from etl.run_folder import create_run_folder
from etl.sandbox import Sandbox
from etl.stop import Stop

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from etl.model import Job

Line = dict[str, Any]


async def check(job: Job, folder: Path) -> tuple[Checked, list[Line]]:
    """Check a job; give what the command tells, and the lines of the report."""
    stop = Stop()
    with tempfile.TemporaryDirectory(dir=folder) as work, open_log(Path(work) / "run.log") as log:
        report = folder / "report.parquet"
        async with connect(job.hubspot, job.limits, stop, log, Listener()) as client:
            checked = await check_job(
                job, client, Path(work), report, log=log, observer=Listener(), stop=stop
            )
    lines = pl.read_parquet(report)
    assert lines.schema == pl.Schema(CHECKED)
    counts = {Sign(sign): rows for sign, rows in lines["sign"].value_counts().iter_rows()}
    assert counts == dict(checked.signs)
    assert checked.exit_code == (1 if counts.keys() - {Sign.SAME} else 0)
    return checked, lines.to_dicts()


def signs_of_pairs(lines: list[Line]) -> dict[tuple[int, int], str]:
    """Give the sign of each pair; rows that stand for none are left out."""
    pairs = [line for line in lines if line["sign"] != "?"]
    found = {(line["from_id"], line["to_id"]): line["sign"] for line in pairs}
    assert len(found) == len(pairs)
    return found


def expected(scene: Scene, model: Model) -> tuple[dict[tuple[int, int], str], list[int]]:
    """Compare a table with an account by hand; give signs, and rows that stand for no pair."""
    asked: dict[tuple[int, int], dict[str, set[Typed]]] = defaultdict(
        lambda: {FORWARD: set(), REVERSE: set()}
    )
    bad = []
    for number, line in enumerate(scene.lines, 1):
        wish = model.wish(line, scene)
        if isinstance(wish, str):
            bad.append(number)
            continue
        types = asked[wish.ends]
        for direction, kind in wish.kinds:
            types[direction].add(kind)
    there = {(one, other) for one, other, _ in model.forward}
    signs = {}
    for (one, other), types in asked.items():
        has_all = types[FORWARD] <= model.types(FORWARD, (one, other)) and (
            types[REVERSE] <= model.types(REVERSE, (other, one))
        )
        signs[one, other] = "+" if (one, other) not in there else "=" if has_all else "*"
    records = {one for one, _ in asked}
    for one, other in there:
        is_named = (one, other) in asked or (model.same and (other, one) in asked)
        if one in records and not is_named:
            signs[one, other] = "-"
    return signs, bad


async def play(scene: Scene, folder: Path) -> None:
    """Check a scene before and after it is run."""
    source = folder / "source.csv"
    write_source(scene, source)
    async with Sandbox(portal(scene)) as sandbox:
        model = Model(scene.to_object)
        seed(sandbox, model, scene)
        job = job_of(scene, folder, source, sandbox.base_url)
        for _ in ("before", "after"):
            before = sandbox.portal.associations("contacts", scene.to_object)
            checked, lines = await check(job, folder)
            assert sandbox.portal.associations("contacts", scene.to_object) == before
            signs, bad = expected(scene, model)
            assert signs_of_pairs(lines) == signs
            unknown = [line for line in lines if line["sign"] == "?"]
            assert [line["row_number"] for line in unknown] == bad
            assert all(line["reason"] for line in unknown)
            assert sum(line["rows"] for line in checked.reasons) == len(bad)
            await run_job(
                job,
                create_run_folder(job.output.directory, job.name),
                observer=Listener(),
                stop=Stop(),
            )
            model.run(scene)
        # What the run has settled is the same; a record that does not exist is missing for ever.
        gone = {line["sign"] for line in lines if 9 not in (line["from_id"], line["to_id"])}
        assert gone <= {"=", "-", "?"}


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(scenes())
@example(
    Scene(
        [
            ("1", "2", "Boss;Employee", ""),
            ("1", "3", "Employee", ""),
            ("1", "3", "", ""),
            ("3", "9", "Employer", ""),
            ("x", "1", "", ""),
            ("2", "1", "Nope", ""),
        ],
        there=[(1, 2, 1), (1, 3, 0), (1, 4, 1), (2, 5, 0), (3, 6, 0)],
        page_size=1,
    )
)
@example(
    Scene(
        [("1", "2", "Manager", ""), ("2", "3", "Direct report", ""), ("3", "1", "", "")],
        to_object="contacts",
        there=[(2, 1, 0), (1, 5, 2)],
    )
)
def test_the_report_says_what_a_person_would_find(scene: Scene) -> None:
    """Before and after a run, every pair has the sign of pen and paper, and nothing is written."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(scene, Path(folder)))


# --- one scene, by hand -----------------------------------------------------------------------------

TABLE: Final = Scene(
    [
        ("1", "2", "Boss", ""),
        ("1", "3", "Employee", ""),
        ("2", "2", "", ""),
        ("3", "5", "Boss", ""),
        ("3", "5", "Employer", ""),
    ],
    there=[(1, 2, 0), (1, 3, 1), (1, 4, 1), (3, 5, 1)],
)


async def checked_scene(
    folder: Path, middleware: Any = None, **changes: Any
) -> tuple[Checked, list[Line]]:
    """Check TABLE."""
    source = folder / "source.csv"
    write_source(TABLE, source)
    middlewares = [web.middleware(middleware)] if middleware else []
    async with Sandbox(portal(TABLE), middlewares=middlewares) as sandbox:
        seed(sandbox, Model("companies"), TABLE)
        job = job_of(TABLE, folder, source, sandbox.base_url)
        for name, value in changes.items():
            object.__setattr__(job, name, value)
        return await check(job, folder)


async def test_a_line_says_both_sides_in_types_and_words(tmp_path: Path) -> None:
    """A line has what the file asks for and what HubSpot has, as types and as labels."""
    _, lines = await checked_scene(tmp_path)
    told = {(line["from_id"], line["to_id"]): tuple(line.values())[3:] for line in lines}
    assert told == {
        (1, 2): (
            "associate",
            "USER_DEFINED:11",
            "Boss",
            "HUBSPOT_DEFINED:279;USER_DEFINED:11",
            "Boss",
            1,
            None,
        ),
        # Asked for from the company to the contact, and so compared.
        (1, 3): (
            "associate",
            "USER_DEFINED:22",
            "Employee",
            "HUBSPOT_DEFINED:280;USER_DEFINED:22",
            "Employee",
            2,
            None,
        ),
        (1, 4): (
            None,
            None,
            None,
            "HUBSPOT_DEFINED:279;USER_DEFINED:21",
            "Employer",
            None,
            None,
        ),
        (2, 2): ("associate", "HUBSPOT_DEFINED:279", "", None, None, 3, None),
        (3, 5): (
            "associate",
            "USER_DEFINED:11;USER_DEFINED:21",
            "Boss;Employer",
            "HUBSPOT_DEFINED:279;USER_DEFINED:21",
            "Employer",
            4,
            None,
        ),
    }


async def test_nothing_but_reading_reaches_hubspot(tmp_path: Path) -> None:
    """A check that wrote anything could not be run by who only wants to look."""
    asked = []

    async def listen(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked.append((request.method, request.path.rpartition("/")[2]))
        return await handler(request)

    await checked_scene(tmp_path, listen)
    assert {*asked} == {("GET", "labels"), ("POST", "read")}


async def test_a_record_that_can_not_be_read_is_not_judged(tmp_path: Path) -> None:
    """A record that HubSpot stumbles over is told as such, with the reason, and never as missing."""

    async def stumble(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/contacts/companies/batch/read"):
            body = await request.json()
            if {"id": "3"} in body["inputs"]:
                refusal = {"message": "record is being merged", "category": "CONFLICT"}
                return web.json_response(refusal, status=409)
        return await handler(request)

    checked, lines = await checked_scene(tmp_path, stumble)
    assert checked.exit_code == 1
    unknown = [line for line in lines if line["sign"] == "?"]
    assert [(line["from_id"], line["to_id"], line["row_number"]) for line in unknown] == [(3, 5, 4)]
    assert "being merged" in unknown[0]["reason"]
    assert signs_of_pairs(lines) == {(1, 2): "=", (1, 3): "=", (1, 4): "-", (2, 2): "+"}


async def test_a_record_that_can_not_be_read_backwards_is_not_judged(tmp_path: Path) -> None:
    """Where the company has to be read for its label, and can't be, the pair is not judged."""

    async def stumble(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/companies/contacts/batch/read"):
            return web.json_response({"message": "no", "category": "CONFLICT"}, status=409)
        return await handler(request)

    _, lines = await checked_scene(tmp_path, stumble)
    unknown = [(line["from_id"], line["to_id"]) for line in lines if line["sign"] == "?"]
    assert unknown == [(1, 3)]


async def test_a_hubspot_that_goes_away_ends_the_check(tmp_path: Path) -> None:
    """A token that is revoked in the middle leaves no report that looks whole."""

    async def revoke(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/batch/read"):
            return web.json_response({"message": "expired"}, status=401)
        return await handler(request)

    with pytest.raises(StoppedError, match="expired"):
        await checked_scene(tmp_path, revoke)
    assert not (tmp_path / "report.parquet").exists()


async def test_where_labels_are_replaced_one_too_many_counts(tmp_path: Path) -> None:
    """With existing_labels: replace a label of another source is a difference, and goes with a run."""
    scene = Scene(
        [("1", "2", "Boss", ""), ("1", "3", "Employee", "")], there=[(1, 2, 1), (1, 3, 1)]
    )
    source = tmp_path / "source.csv"
    write_source(scene, source)
    async with Sandbox(portal(scene)) as sandbox:
        seed(sandbox, Model("companies"), scene)
        pair = sandbox.portal.pair("contacts", "companies")
        boss = sandbox.portal.catalogue.find(*pair.key, "USER_DEFINED", 11)
        assert boss is not None
        links = sandbox.portal.links(pair)
        links.write(links.plan((boss,), sandbox.portal.catalogue.unlabeled(*pair.key)), 1, 2)
        job = job_of(scene, tmp_path, source, sandbox.base_url)
        _, lines = await check(job, tmp_path)
        assert signs_of_pairs(lines) == {(1, 2): "=", (1, 3): "="}
        object.__setattr__(job, "existing_labels", "replace")
        _, lines = await check(job, tmp_path)
        assert signs_of_pairs(lines) == {(1, 2): "*", (1, 3): "="}
        folder = create_run_folder(job.output.directory, job.name)
        await run_job(job, folder, observer=Listener(), stop=Stop())
        _, lines = await check(job, tmp_path)
        assert signs_of_pairs(lines) == {(1, 2): "=", (1, 3): "="}


# --- on disk, in parts ------------------------------------------------------------------------------


@pytest.mark.parametrize("to_object", ["companies", "contacts"])
@pytest.mark.parametrize("partition_rows", [3, 1000])
async def test_all_pairs_of_a_record_come_together(
    tmp_path: Path, to_object: Any, partition_rows: int
) -> None:
    """However large the file, all that it says of a record is compared at once, and once."""
    pairs = [(one, other) for one in range(1, 9) for other in range(11, 14)]
    scene = Scene([(str(one), str(other), "", "") for one, other in pairs], to_object=to_object)
    source = tmp_path / "source.csv"
    write_source(scene, source)
    async with Sandbox(portal(scene)) as sandbox:
        job = job_of(scene, tmp_path, source, sandbox.base_url)
        stop = Stop()
        with open_log(tmp_path / "run.log") as log:
            async with connect(job.hubspot, job.limits, stop, log, Listener()) as client:
                there = await prepare(job, client)
                finder = await reading_finder(job, client, log, observer=Listener(), stop=stop)
                staged = await stage(
                    job,
                    there,
                    tmp_path / "staging",
                    finder=finder,
                    observer=Listener(),
                    stop=stop,
                )
    parts = list(
        asked_by_record(
            staged.dataset,
            tmp_path / "asked",
            same_object=there.same_object,
            partition_rows=partition_rows,
        )
    )
    assert (len(parts) == 1) == (partition_rows == 1000)
    rows = [row for part in parts for row in part.pairs.select("from_id", "to_id").rows()]
    assert sorted(rows) == pairs
    records = [{one for one, _ in part.pairs.select("from_id", "to_id").rows()} for part in parts]
    assert sum(map(len, records)) == len(set.union(*records)) == 8
    turned = [row for part in parts for row in part.mirrors.rows()]
    there_and_back = [(other, one) for one, other in pairs] if to_object == "contacts" else []
    assert sorted(turned) == sorted(there_and_back)


@pytest.mark.parametrize("part_rows", [2, 1000])
def test_what_was_found_comes_back_beside_what_was_asked(tmp_path: Path, part_rows: int) -> None:
    """What does not fit memory at once is given back in parts, each record whole, nothing twice."""
    found = Found(tmp_path / "found", part_rows=part_rows)
    lines = [(one, other, "HUBSPOT_DEFINED", 279) for one in range(1, 6) for other in range(1, 4)]
    for line in lines:
        found.add(pl.DataFrame([line], schema=TYPED_PAIR, orient="row"))
    asked = pl.DataFrame({"from_id": range(1, 8)}, schema={"from_id": pl.Int64})
    parts = list(found.parts(asked))
    assert (len(parts) == 1) == (part_rows == 1000)
    assert sorted(row for _, there in parts for row in there.rows()) == lines
    assert sorted(row for part, _ in parts for row in part["from_id"]) == list(range(1, 8))
    for part, there in parts:
        assert set(there["from_id"]) <= set(part["from_id"])
    found.clear()
    assert not (tmp_path / "found").exists()


def test_what_was_found_is_read_once(tmp_path: Path) -> None:
    """Ten times as much found takes ten times as long, not a hundred times: no part reads all of it."""
    found = Found(tmp_path / "found", part_rows=3)
    for one in range(1, 30):
        found.add(pl.DataFrame([(one, 1, "A", 1)], schema=TYPED_PAIR, orient="row"))
    parts = found.parts(pl.DataFrame({"from_id": range(1, 30)}, schema={"from_id": pl.Int64}))
    rows = next(parts)[1].height
    for page in (tmp_path / "found").glob("*.parquet"):
        page.unlink()
    assert rows + sum(there.height for _, there in parts) == 29


async def test_a_large_file_is_compared_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is compared while the next one is read, and every pair is on one line all the same."""
    scene = Scene(
        [(str(one), str(other), "Boss", "") for one in range(1, 9) for other in (1, 2, 3)],
        there=[(one, other, one % 3) for one in range(1, 9) for other in (2, 3, 4)],
    )
    write_source(scene, tmp_path / "source.csv")
    async with Sandbox(portal(scene)) as sandbox:
        seed(sandbox, Model(scene.to_object), scene)
        job = job_of(scene, tmp_path, tmp_path / "source.csv", sandbox.base_url)
        checked, whole = await check(job, tmp_path)
        # By its full name: the package has a function of the module's name.
        module = importlib.import_module("etl.pipeline.check")
        monkeypatch.setattr(module, "asked_by_record", partial(asked_by_record, partition_rows=3))
        in_parts, lines = await check(job, tmp_path)
    assert len(lines) == len(whole) == 8 * 4
    assert sorted(lines, key=_pair) == sorted(whole, key=_pair)
    assert in_parts.signs == checked.signs
    assert in_parts.requests > checked.requests


def _pair(line: Line) -> tuple[int, int]:
    return line["from_id"], line["to_id"]
