"""A run that is held to a lock keeps to it when it is resumed, and never takes a portal on trust."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from aiohttp import web
from scenes import Listener

from etl.core.label_lock import PORTAL_UNKNOWN
from etl.errors import ProblemsError
from etl.facts import Origin
from etl.model import (
    HubspotSettings,
    Job,
    LabelColumn,
    LabelLock,
    Limits,
    LockedLabel,
    Output,
    Secret,
    Side,
    Source,
)
from etl.pipeline import resume_job, run_job
from etl.run_folder import create_run_folder
from etl.runs import recall_begun
from etl.sandbox import Sandbox, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.typedefs import Handler

    from etl.hubspot.settled import RowsSettled

PARTNER: Final = LockedLabel("Partner", "USER_DEFINED", 7, "forward")
LOCK: Final = LabelLock("2026-01-31T00:00:00+00:00", 345, "contacts", "companies", (PARTNER,))


class Watcher(Listener):
    """Keep what is told, and stop the run after its first batch."""

    def __init__(self, stop: Stop | None = None) -> None:
        super().__init__()
        self.notes: list[str] = []
        self._stop = stop

    def note(self, said: str) -> None:
        """Hear of something that lasts."""
        self.notes.append(said)

    def settled(self, settled: RowsSettled) -> None:
        """Hear of a batch."""
        super().settled(settled)
        if self._stop is not None:
            self._stop.request("enough", "go on later")


def job_over(folder: Path, sandbox: Sandbox) -> Job:
    """Write a job over four rows that are sent one by one."""
    source = folder / "rows.csv"
    lines = [f"{number},{number + 100},Partner\n" for number in range(1, 5)]
    source.write_text("from,to,role\n" + "".join(lines), encoding="utf-8")
    return Job(
        name="locked",
        file=folder / "locked.yaml",
        source=Source(str(source)),
        from_side=Side("contacts", "from"),
        to_side=Side("companies", "to"),
        labelling=LabelColumn("role"),
        existing_labels="ignore",
        hubspot=HubspotSettings(Secret("made-up"), "v4", sandbox.base_url),
        limits=Limits(requests_per_10_seconds=1_000_000, batch_size=1, concurrency=1),
        output=Output(folder / "runs"),
    )


def rename(sandbox: Sandbox, text: str) -> None:
    """Rename the label as somebody in the portal does."""
    label = sandbox.portal.catalogue.find("contact", "company", "USER_DEFINED", PARTNER.type_id)
    assert label is not None
    sandbox.portal.catalogue.rename(label, text, None)


async def test_a_locked_run_that_is_resumed_is_held_to_the_lock_it_began_with(
    tmp_path: Path,
) -> None:
    """A label that is renamed in between sends nothing more; put back, the run goes on to its end."""
    async with Sandbox(demo_portal()) as sandbox:
        job, stop = job_over(tmp_path, sandbox), Stop()
        folder = create_run_folder(job.output.directory, job.name)
        summary = await run_job(
            job, folder, observer=Watcher(stop), stop=stop, origin=Origin(lock=LOCK)
        )
        sent = summary["outcomes"]["associated"]
        assert 0 < sent < 4
        begun = recall_begun(folder)
        assert begun.origin.lock == LOCK
        rename(sandbox, "Ally")
        summary = await resume_job(job, folder, begun, observer=Watcher(), stop=Stop())
        assert summary["outcomes"]["associated"] == sent
        assert summary["exit_code"] == 3
        assert summary["stopped"] == "'Partner' (USER_DEFINED:7, forward) is called 'Ally' now"
        assert "hubspot-assoc retry" in (summary["stopped_hint"] or "")
        rename(sandbox, "Partner")
        summary = await resume_job(job, folder, begun, observer=Watcher(), stop=Stop())
        assert (summary["outcomes"]["associated"], summary["exit_code"]) == (4, 0)


@pytest.mark.parametrize("of_lock", [345, None])
async def test_a_portal_that_is_not_told_is_never_taken_on_trust(
    tmp_path: Path, of_lock: int | None
) -> None:
    """Where HubSpot keeps its portal's id to itself, the run stops, or says that nobody knows."""

    @web.middleware
    async def mute(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/details"):
            return web.json_response({"message": "not here"}, status=404)
        return await handler(request)

    async with Sandbox(demo_portal(), middlewares=[mute]) as sandbox:
        job, watcher = job_over(tmp_path, sandbox), Watcher()
        folder = create_run_folder(job.output.directory, job.name)
        origin = Origin(lock=replace(LOCK, portal_id=of_lock))
        run = run_job(job, folder, observer=watcher, stop=Stop(), origin=origin)
        if of_lock is not None:
            with pytest.raises(ProblemsError, match="portal 345, and HubSpot does not tell"):
                await run
            assert not sandbox.portal.associations("contacts", "companies")
        else:
            assert (await run)["exit_code"] == 0
            assert watcher.notes == [PORTAL_UNKNOWN]
