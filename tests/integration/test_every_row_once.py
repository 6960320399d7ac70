"""A whole run against the sandbox: every row once, and the portal as a small model says."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from paper import SUCCEEDED, Model
from scenes import (
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

from etl.pipeline import run_job
from etl.run_folder import create_run_folder
from etl.sandbox import Sandbox
from etl.stop import Stop

if TYPE_CHECKING:
    from etl.model import Job
    from etl.run_folder import RunFolder
    from etl.summary import Summary


async def run(job: Job, listener: Listener) -> tuple[Summary, RunFolder]:
    """Run a job to its end."""
    folder = create_run_folder(job.output.directory, job.name)
    return await run_job(job, folder, observer=listener, stop=Stop()), folder


async def play(scene: Scene, folder: Path) -> None:
    """Run a scene, then its failures file, and check both against the model."""
    source = folder / "source.csv"
    write_source(scene, source)
    async with Sandbox(portal(scene)) as sandbox:
        model = Model(scene.to_object)
        seed(sandbox, model, scene)
        job = job_of(scene, folder, source, sandbox.base_url)
        listener = Listener()
        summary, run_folder = await run(job, listener)
        outcomes = model.run(scene)
        check_files(run_folder, scene.lines, outcomes, summary)
        check_listing(run_folder)
        check_portal(sandbox, model)
        # A row whose labels go both ways is told once for each of its two associations.
        if all("Boss;Employee" not in line for line in scene.lines):
            assert listener.told == Counter(outcomes)
        bad = [
            line
            for line, outcome in zip(scene.lines, outcomes, strict=True)
            if outcome not in SUCCEEDED
        ]
        if not bad:
            return
        again = job_of(scene, folder, run_folder.failures, sandbox.base_url)
        summary, run_folder = await run(again, Listener())
        worse = replace(scene, lines=bad)
        check_files(run_folder, bad, model.run(worse), summary)
        check_listing(run_folder)
        check_portal(sandbox, model)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(scenes())
@example(
    Scene(
        [
            ("1", "2", "Boss", "a,b"),
            ("1", "2", "Boss", ""),
            ("1", "2", "", ""),
            ("1", "3", "Boss;Employee", "two\nlines"),
            ("3", "1", "Employee", ""),
            ("3", "1", "", ""),
            ("9", "1", "Employer", ""),
            ("9", "1", "Boss;Employee", ""),
            ("1e3", "1", "", 'say "hi"'),
            ("", "", "", ""),
            ("2", "2", "Nope", "決裁者"),
        ],
        labels_written="replace",
        bad_input="refuse",
        there=[(1, 2, 1), (2, 3, 0)],
    )
)
@example(
    Scene(
        [
            ("1", "2", "Manager", ""),
            ("2", "1", "Manager", ""),
            ("1", "2", "Friend", ""),
            ("2", "1", "", ""),
            ("3", "9", "Manager", ""),
            ("9", "3", "Manager", ""),
        ],
        to_object="contacts",
        labels_written="replace",
        batch_size=1,
        there=[(2, 1, 2)],
    )
)
def test_every_row_once(scene: Scene) -> None:
    """Every row ends once, files agree with each other, and HubSpot has what the table says."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(scene, Path(folder)))
