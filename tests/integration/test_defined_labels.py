"""A job that defines its labels: they are made once, before the source is read, and told."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from cuts import Machine, Moment
from scenes import Listener

from etl.errors import ProblemsError, SourceError, UsageError
from etl.model import (
    DefinedLabel,
    HubspotSettings,
    Job,
    LabelColumn,
    LabelSettings,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)
from etl.pipeline import resume_job, run_job
from etl.run_folder import RunFolder, create_run_folder
from etl.runs import State, look_at, recall_begun
from etl.sandbox import FaultScript, PortalDefinition, Sandbox, SandboxSettings
from etl.sandbox.faults import CutAfterFault
from etl.stop import Stop
from etl.summary import read_summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from etl.summary import Summary

MENTOR: Final = DefinedLabel("Mentor", "Mentee")
AUDITOR: Final = DefinedLabel("監査役", name="auditor")
DEFINED: Final = LabelSettings(create_missing=True, define=(MENTOR, AUDITOR))
ROWS: Final = "from,to,role\n1,2,mentor\n3,4,Mentee\n5,6,監査役;Mentor\n7,8,Mentro\n"
UNLIMITED: Final = PortalDefinition(settings=SandboxSettings(requests_per_10_seconds=None))


class Notes(Listener):
    """Keep what a run tells of labels."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, said: str) -> None:
        """Hear of something that lasts."""
        self.notes.append(said)


def job_over(
    folder: Path, sandbox: Sandbox, labels: LabelSettings = DEFINED, **changes: Any
) -> Job:
    """Write a job with labels over a small table."""
    source = folder / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    job = Job(
        name="defined",
        file=folder / "defined.yaml",
        source=Source(str(source)),
        from_side=Side("contacts", "from"),
        to_side=Side("companies", "to"),
        labelling=LabelColumn("role", separator=";"),
        existing_labels="keep",
        hubspot=HubspotSettings(Secret("made-up"), "v4", sandbox.base_url),
        limits=Limits(requests_per_10_seconds=1_000_000),
        output=Output(folder / "runs"),
        labels=labels,
    )
    return replace(job, **changes)


async def run(job: Job, observer: Listener | None = None) -> tuple[RunFolder, Summary]:
    """Run a job."""
    folder = create_run_folder(job.output.directory, job.name)
    return folder, await run_job(job, folder, observer=observer or Listener(), stop=Stop())


def texts(sandbox: Sandbox, *ends: str) -> list[str | None]:
    """List the custom labels of the account."""
    return [each.text for each in sandbox.portal.catalogue.custom_labels(*ends)]


async def test_what_the_job_defines_is_made_and_used(tmp_path: Path) -> None:
    """The labels are there when rows ask for them, either way round; a slip of the pen makes none."""
    async with Sandbox(UNLIMITED) as sandbox:
        notes = Notes()
        folder, summary = await run(job_over(tmp_path, sandbox), notes)
        assert {name: n for name, n in summary["outcomes"].items() if n} == {
            "associated": 3,
            "unresolved": 1,
        }
        assert texts(sandbox, "contact", "company") == ["Mentor", "監査役"]
        assert texts(sandbox, "company", "contact") == ["Mentee", "監査役"]
        made = summary["labels_made"]
        assert [(each["label"], each["inverse"], each["name"]) for each in made] == [
            ("Mentor", "Mentee", "mentor"),
            ("監査役", None, "auditor"),
        ]
        assert [(kind["label"], kind["direction"]) for kind in made[0]["types"]] == [
            ("Mentor", "forward"),
            ("Mentee", "reverse"),
        ]
        log = [json.loads(line) for line in folder.log.read_text(encoding="utf-8").splitlines()]
        told = [line for line in log if line["event"] == "label.made"]
        assert [line["label"] for line in told] == ["Mentor", "監査役"]
        assert [note.partition(" was made")[0] for note in notes.notes] == [
            "label 'Mentor'",
            "label '監査役'",
        ]
        _, again = await run(job_over(tmp_path, sandbox))
        assert again["labels_made"] == []
        assert len(texts(sandbox, "contact", "company")) == 2


async def test_without_leave_the_run_stops_and_names_what_is_missing(tmp_path: Path) -> None:
    """Where labels are not to be made, nobody finds out from a million unresolved rows."""
    labels = replace(DEFINED, create_missing=False)
    async with Sandbox(UNLIMITED) as sandbox:
        with pytest.raises(ProblemsError) as told:
            await run(job_over(tmp_path, sandbox, labels))
        assert [problem.place for problem in told.value.problems] == [
            "labels.define: 'Mentor'",
            "labels.define: '監査役'",
        ]
        assert told.value.problems[0].hint.endswith(
            "hubspot-assoc labels create contacts companies Mentor --inverse Mentee"
        )
        assert texts(sandbox, "contact", "company") == []


async def test_all_that_is_wrong_is_told_before_the_first_label_is_made(tmp_path: Path) -> None:
    """A definition that can't be leaves the account as it is, also where others could be made."""
    async with Sandbox(UNLIMITED) as sandbox:
        await run(job_over(tmp_path, sandbox))
        labels = LabelSettings(
            create_missing=True,
            define=(
                DefinedLabel("New"),
                DefinedLabel("Mentor", "Pupil"),
                DefinedLabel("Chief", "mentor"),
            ),
        )
        with pytest.raises(ProblemsError) as told:
            await run(job_over(tmp_path, sandbox, labels))
        assert [problem.message for problem in told.value.problems] == [
            "HubSpot has it for contacts → companies, but without the inverse 'Pupil'",
            "HubSpot has 'Mentor' for contacts → companies already (USER_DEFINED:1)",
        ]
        assert "New" not in texts(sandbox, "contact", "company")


async def test_labels_that_were_made_stay_told_when_the_source_fails(tmp_path: Path) -> None:
    """A run that leaves no folder has said what it made; the next one does not make it twice."""
    async with Sandbox(UNLIMITED) as sandbox:
        notes = Notes()
        with pytest.raises(SourceError):
            await run(job_over(tmp_path, sandbox, source=Source(str(tmp_path / "no.csv"))), notes)
        assert len(notes.notes) == 2
        _, summary = await run(job_over(tmp_path, sandbox))
        assert summary["labels_made"] == []
        assert texts(sandbox, "contact", "company") == ["Mentor", "監査役"]


@asynccontextmanager
async def killable(folder: Path) -> AsyncIterator[tuple[Machine, Sandbox]]:
    """Open an account, and a machine that can be killed at any request."""
    machine = Machine(folder / "runs" / "defined")
    faults = FaultScript(faults=(CutAfterFault(on="labels", after=2, times=1),))
    middlewares = [machine.middleware()]
    async with Sandbox(UNLIMITED, faults=faults, middlewares=middlewares) as sandbox:
        with machine.installed():
            yield machine, sandbox


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("number", range(3, 12))
async def test_a_run_that_is_killed_makes_no_label_twice(
    tmp_path: Path,
    number: int,
    is_after: bool,  # noqa: FBT001
) -> None:
    """Killed at any moment around a label, and cut off on the way, resume makes what is left, and tells all."""
    async with killable(tmp_path) as (machine, sandbox):
        job = job_over(tmp_path, sandbox)
        folder = create_run_folder(job.output.directory, job.name)

        async def begin() -> Summary:
            return await run_job(job, folder, observer=Listener(), stop=Stop())

        async def resume() -> Summary:
            begun = recall_begun(folder)
            return await resume_job(job, folder, begun, observer=Listener(), stop=Stop())

        summary = await machine.work(begin, Moment("request", number, is_after))
        assert summary is None
        if look_at(folder).state is not State.FINISHED:
            summary = await machine.work(resume)
        summary = summary or read_summary(folder)
        assert texts(sandbox, "contact", "company") == ["Mentor", "監査役"]
        assert [each["label"] for each in summary["labels_made"]] == ["Mentor", "監査役"]
        assert summary["outcomes"]["unresolved"] == 1


async def test_what_hubspot_calls_its_own_labels_is_there(tmp_path: Path) -> None:
    """A job may rely on HubSpot's own labels, under any name that it has given them."""
    labels = LabelSettings(define=(DefinedLabel("Primary company"),))
    async with Sandbox(UNLIMITED) as sandbox:
        _, summary = await run(job_over(tmp_path, sandbox, labels))
        assert summary["labels_made"] == []


async def test_a_definition_that_can_not_be_told_apart_is_refused(tmp_path: Path) -> None:
    """A label on which the job relies and which stands for two types leaves no row resolved."""
    labels = LabelSettings(define=(DefinedLabel("Mentor"),))
    async with Sandbox(UNLIMITED) as sandbox:
        catalogue = sandbox.portal.catalogue
        catalogue.define("contact", "company", "Mentor")
        catalogue.define("contact", "company", "MENTOR")
        with pytest.raises(UsageError, match="stands for 2 types"):
            await run(job_over(tmp_path, sandbox, labels))
