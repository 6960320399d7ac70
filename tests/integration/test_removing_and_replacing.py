"""Whole runs that take away and replace: every row once, and the portal exact in both directions."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import polars as pl
import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given, settings
from paper import (
    BOSS,
    CONTACTS,
    EMPLOYEE_BACK,
    EMPLOYER,
    FORWARD,
    FRIEND,
    MANAGER,
    MISSING,
    REPORT,
    REVERSE,
    SUCCEEDED,
    TO_COMPANY,
    Model,
)
from scenes import (
    ALL_LABELS,
    MOSTLY_GOOD,
    Listener,
    Scene,
    check_files,
    check_listing,
    check_portal,
    job_of,
    portal,
    scenes,
    seed,
    write_source,
)

from etl.model import ApiVersion, Side, Source
from etl.pipeline import run_job
from etl.run_folder import create_run_folder
from etl.sandbox import CustomLabel, CustomObject, PortalDefinition, Sandbox, SandboxSettings
from etl.stop import Stop

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware
    from paper import Typed
    from scenes import Line

    from etl.model import ExistingLabels, Job
    from etl.run_folder import RunFolder
    from etl.summary import Summary

Pair = tuple[int, int]

WRITING: Final = ("/create", "/default", "/archive")


@dataclass
class Writes:
    """Stand before the sandbox, and note every pair that a request would change."""

    pairs: list[Pair] = field(default_factory=list)
    """The contact, or the one named first, comes first."""

    def middleware(self) -> Middleware:
        """Give what the sandbox is opened with."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.endswith(WRITING):
                turned = "/companies/contacts/" in request.path
                for each in (await request.json())["inputs"]:
                    tos = each["to"] if isinstance(each["to"], list) else [each["to"]]
                    found = [(int(each["from"]["id"]), int(to["id"])) for to in tos]
                    self.pairs += [pair[::-1] if turned else pair for pair in found]
            return await handler(request)

        return note


async def run(job: Job) -> tuple[Summary, RunFolder]:
    """Run a job to its end."""
    folder = create_run_folder(job.output.directory, job.name)
    return await run_job(job, folder, observer=Listener(), stop=Stop()), folder


# --- any rows, any account ------------------------------------------------------------------------


async def play(scene: Scene, folder: Path) -> None:
    """Run a scene, its failures file, and the scene again; hold each run against the model."""
    source, writes = folder / "source.csv", Writes()
    write_source(scene, source)
    async with Sandbox(portal(scene), middlewares=[writes.middleware()]) as sandbox:
        model = Model(scene.to_object)
        seed(sandbox, model, scene)
        job = job_of(scene, folder, source, sandbox.base_url)

        async def hold(lines: list[Line], job: Job) -> list[Line]:
            """Run once, and give the lines that did not succeed."""
            summary, run_folder = await run(job)
            outcomes = model.run(replace(scene, lines=lines))
            check_files(run_folder, lines, outcomes, summary)
            check_listing(run_folder)
            check_portal(sandbox, model)
            job_again.append(replace(job, source=Source(str(run_folder.failures))))
            pairs = zip(lines, outcomes, strict=True)
            return [line for line, outcome in pairs if outcome not in SUCCEEDED]

        job_again: list[Job] = []
        failed = await hold(scene.lines, job)
        writes.pairs.clear()
        await hold(scene.lines, job)
        if scene.existing_labels != "ignore":
            spare = model.asked_both_ways(scene)
            assert [
                pair
                for pair in writes.pairs
                if MISSING not in pair and pair not in spare and frozenset(pair) not in spare
            ] == []
        if failed:
            await hold(failed, job_again[0])


def scene(*lines: Line, **settings: Any) -> Scene:
    """Set a scene of rows that act."""
    return Scene(list(lines), **{"acts": True, **settings})


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(scenes(acts=True) | scenes(MOSTLY_GOOD, 4, acts=True))
@example(
    scene(
        ("1", "4", "", "remove"),
        ("1", "5", "Boss", "remove_labels"),
        ("1", "5", "Employer", ""),
        ("2", "4", "Boss", ""),
        ("2", "4", "Boss", "remove labels"),
        ("2", "5", "", "remove"),
        ("2", "5", "Employer", ""),
        ("3", "4", "Boss", "remove"),
        ("3", "5", "unlabeled", "remove_labels"),
        ("3", "6", "Boss;unlabeled", "remove_labels"),
        ("9", "4", "", "remove"),
        ("9", "5", "Boss", "remove_labels"),
        ("9", "6", "Boss", ""),
        ("3", "7", "Boss", "delete"),
        there=[(1, 4, ALL_LABELS), (1, 5, ALL_LABELS), (2, 4, 0), (2, 5, 0), (3, 5, 0), (3, 6, 1)],
    )
)
@example(
    scene(
        ("1", "2", "Manager", ""),
        ("2", "1", "Manager", ""),
        ("3", "4", "", ""),
        ("4", "3", "Friend", ""),
        ("5", "6", "Friend", "remove_labels"),
        ("6", "5", "", ""),
        to_object="contacts",
        existing_labels="replace",
        labels_written="replace",
        there=[(1, 2, ALL_LABELS), (3, 4, 0), (5, 6, ALL_LABELS)],
    )
)
def test_every_row_once_whatever_it_asks_for(scene: Scene) -> None:
    """Every row ends once, HubSpot has what the table says, and the same table again writes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(scene, Path(folder)))


# --- one thing at a time --------------------------------------------------------------------------


async def after(folder: Path, scene: Scene) -> tuple[list[str], Model, Sandbox]:
    """Run a scene; give its outcomes, and the account as the model has it, which is as it is."""
    source = folder / "source.csv"
    write_source(scene, source)
    async with Sandbox(portal(scene)) as sandbox:
        model = Model(scene.to_object)
        seed(sandbox, model, scene)
        _, run_folder = await run(job_of(scene, folder, source, sandbox.base_url))
        model.run(scene)
        check_portal(sandbox, model)
        results = pl.read_parquet(run_folder.results("parquet"))
        return results["outcome"].to_list(), model, sandbox


@pytest.mark.parametrize("labels_written", ["add", "replace"])
@pytest.mark.parametrize("api_version", get_args(ApiVersion))
@pytest.mark.parametrize(
    ("existing_labels", "left"),
    [("keep", {TO_COMPANY, BOSS, EMPLOYER}), ("replace", {TO_COMPANY, BOSS})],
)
async def test_old_labels_stay_with_keep_and_go_with_replace(
    tmp_path: Path,
    existing_labels: ExistingLabels,
    left: set[Typed],
    labels_written: Literal["add", "replace"],
    api_version: ApiVersion,
) -> None:
    """A pair that had Employer and is given Boss has both, or Boss alone, on portals of either temper."""
    outcomes, model, _ = await after(
        tmp_path,
        scene(
            ("1", "4", "Boss", ""),
            existing_labels=existing_labels,
            labels_written=labels_written,
            api_version=api_version,
            there=[(1, 4, 1)],
        ),
    )
    assert outcomes == ["associated"]
    assert model.types(FORWARD, (1, 4)) == left


async def test_a_row_without_a_label_takes_old_ones_away_with_replace(tmp_path: Path) -> None:
    """Who lists a pair without a label says that it has none; the association stays."""
    table = scene(("1", "4", "", ""), existing_labels="replace", there=[(1, 4, ALL_LABELS)])
    outcomes, model, _ = await after(tmp_path, table)
    assert outcomes == ["associated"]
    assert model.types(FORWARD, (1, 4)) == {TO_COMPANY}


async def test_pairs_that_the_source_does_not_list_are_left_alone(tmp_path: Path) -> None:
    """Replacing is about pairs: what a record has beside them is the mirror's business."""
    table = scene(("1", "4", "Boss", ""), existing_labels="replace", there=[(1, 5, ALL_LABELS)])
    _, model, _ = await after(tmp_path, table)
    assert model.types(FORWARD, (1, 5)) == {TO_COMPANY, BOSS, EMPLOYER}


@pytest.mark.parametrize("existing_labels", ["keep", "replace", "ignore"])
async def test_both_ends_of_a_pair_keep_what_they_were_given(
    tmp_path: Path, existing_labels: ExistingLabels
) -> None:
    """1 is the manager of 2, and 2 of 1: no end takes away what the other one has just been given."""
    table = scene(
        ("1", "2", "Manager", ""),
        ("2", "1", "Manager", ""),
        to_object="contacts",
        existing_labels=existing_labels,
        labels_written="replace",
        there=[(1, 2, 2)],
    )
    outcomes, model, _ = await after(tmp_path, table)
    assert outcomes == ["associated", "associated"]
    gone = set() if existing_labels == "keep" else {FRIEND}
    for ends in ((1, 2), (2, 1)):
        assert model.types(FORWARD, ends) == {CONTACTS, MANAGER, REPORT, FRIEND} - gone


async def test_labels_of_both_directions_of_a_pair_stay_with_replace(tmp_path: Path) -> None:
    """What the second direction is given is not stale for the first one in the end."""
    table = scene(("1", "4", "Boss;Employee", ""), existing_labels="replace", there=[(1, 4, 1)])
    outcomes, model, _ = await after(tmp_path, table)
    assert outcomes == ["associated"]
    assert model.types(FORWARD, (1, 4)) == {TO_COMPANY, BOSS, EMPLOYER}
    assert EMPLOYEE_BACK in model.types(REVERSE, (4, 1))


@dataclass
class Account:
    """A sandbox of any definition, and what contacts have in it."""

    sandbox: Sandbox
    folder: Path
    to_object: str

    def seed(self, from_id: int, to_id: int, *types: Typed) -> None:
        """Associate two records before the run."""
        pair = self.sandbox.portal.pair("contacts", self.to_object)
        catalogue, links = self.sandbox.portal.catalogue, self.sandbox.portal.links(pair)
        labels = [catalogue.find(*pair.key, *kind) for kind in types]
        found = [label for label in labels if label is not None]
        assert len(found) == len(types)
        links.write(links.plan(found, catalogue.unlabeled(*pair.key)), from_id, to_id)

    def types(self, from_id: int, to_id: int) -> set[Typed]:
        """List by what two records are associated."""
        found = self.sandbox.portal.associations("contacts", self.to_object)
        return {
            (name, kind) for one, other, name, kind in found if (one, other) == (from_id, to_id)
        }

    async def replace(self, *lines: Line) -> list[str]:
        """Run a table with existing_labels: replace; give the outcomes."""
        table = scene(*lines, existing_labels="replace")
        source = self.folder / "source.csv"
        write_source(table, source)
        job = job_of(table, self.folder, source, self.sandbox.base_url)
        _, folder = await run(replace(job, to_side=Side(self.to_object, "other")))
        results = pl.read_parquet(folder.results("parquet"))
        return list(results["outcome"])


TEMPERS: Final[list[Literal["add", "replace"]]] = ["add", "replace"]
PRIMARY: Final = ("HUBSPOT_DEFINED", 1)


@pytest.mark.parametrize("labels_written", TEMPERS)
async def test_a_custom_object_stays_associated(
    tmp_path: Path, labels_written: Literal["add", "replace"]
) -> None:
    """The unlabeled type of a custom object is USER_DEFINED too: taking it away would part the pair."""
    definition = PortalDefinition(
        objects=(CustomObject(name="vendor", type_id="2-123"),),
        labels=(
            CustomLabel(
                from_object="contacts", to_object="2-123", label="Buyer", type_ids=(71, 72)
            ),
            CustomLabel(from_object="contacts", to_object="2-123", label="Boss", type_ids=(73, 74)),
        ),
        settings=SandboxSettings(requests_per_10_seconds=None, labels_written=labels_written),
    )
    async with Sandbox(definition) as sandbox:
        account = Account(sandbox, tmp_path, "2-123")
        account.seed(1, 4, ("USER_DEFINED", 71))
        account.seed(1, 5, ("USER_DEFINED", 71))
        pair = sandbox.portal.pair("contacts", "2-123")
        unlabeled = sandbox.portal.catalogue.unlabeled(*pair.key)
        assert unlabeled is not None
        plain = (unlabeled.category, unlabeled.type_id)
        assert plain[0] == "USER_DEFINED"
        lines = (("1", "4", "", ""), ("1", "5", "Boss", ""))
        assert await account.replace(*lines) == ["associated", "associated"]
        assert account.types(1, 4) == {plain}
        assert account.types(1, 5) == {plain, ("USER_DEFINED", 73)}
        assert await account.replace(*lines) == ["unchanged", "unchanged"]


@pytest.mark.parametrize("labels_written", TEMPERS)
async def test_an_old_primary_stays_unless_the_source_moves_it(
    tmp_path: Path, labels_written: Literal["add", "replace"]
) -> None:
    """HubSpot's own labels are not the file's to take away; a primary that it gives elsewhere moves."""
    definition = portal(scene(("1", "4", "", ""), labels_written=labels_written))
    async with Sandbox(definition) as sandbox:
        account = Account(sandbox, tmp_path, "companies")
        for contact in (1, 2):
            account.seed(contact, 4, PRIMARY, EMPLOYER)
        outcomes = await account.replace(
            ("1", "4", "Boss", ""), ("2", "4", "Boss", ""), ("2", "5", "Primary", "")
        )
        assert outcomes == ["associated"] * 3
        assert account.types(1, 4) == {TO_COMPANY, PRIMARY, BOSS}
        assert account.types(2, 4) == {TO_COMPANY, BOSS}
        assert account.types(2, 5) == {TO_COMPANY, PRIMARY}
