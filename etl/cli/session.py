"""The sandbox in HubSpot's place, as commands that talk to HubSpot can ask for it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.errors import UsageError
from etl.facts import Rehearsal
from etl.model import Secret
from etl.sandbox import (
    FaultScript,
    FaultsError,
    PortalDefinition,
    PortalError,
    Sandbox,
    demo_portal,
    load_faults,
    load_portal,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from etl.model import HubspotSettings, Job

SANDBOX_TOKEN: Final = Secret("sandbox")
"""The sandbox takes any token unless its portal file names one."""


def portal_definition(path: Path | None) -> PortalDefinition:
    """Read a portal file, or take the demo portal. Raises UsageError."""
    if path is None:
        return demo_portal()
    try:
        return load_portal(path)
    except PortalError as error:
        raise UsageError(str(error), "mend the portal file and try again") from error


def fault_script(path: Path | None) -> FaultScript | None:
    """Read a faults file, where there is one. Raises UsageError."""
    if path is None:
        return None
    try:
        return load_faults(path)
    except FaultsError as error:
        raise UsageError(str(error), "mend the faults file and try again") from error


def rehearsal_of(*, sandbox: bool, portal: Path | None, faults: Path | None) -> Rehearsal | None:
    """Tell what the options ask for; a portal or faults file asks for the sandbox too."""
    if not sandbox and portal is None and faults is None:
        return None
    return Rehearsal(
        portal=None if portal is None else str(portal.absolute()),
        faults=None if faults is None else str(faults.absolute()),
    )


class Target:
    """Where jobs are run: HubSpot itself, or the sandbox with its portal and its faults."""

    def __init__(self, rehearsal: Rehearsal | None) -> None:
        """Read the files of a rehearsal. Raises UsageError."""
        self.rehearsal = rehearsal
        self._definition: PortalDefinition | None = None
        self._faults: FaultScript | None = None
        if rehearsal is not None:
            self._definition = portal_definition(_path(rehearsal.portal))
            self._faults = fault_script(_path(rehearsal.faults))

    @asynccontextmanager
    async def open(self, job: Job) -> AsyncIterator[Job]:
        """Point a job at where it is run, open as long as needed."""
        async with self.open_account(job.hubspot) as hubspot:
            yield replace(job, hubspot=hubspot)

    @asynccontextmanager
    async def open_account(self, hubspot: HubspotSettings) -> AsyncIterator[HubspotSettings]:
        """Point an account's settings at where they are used, open as long as needed."""
        if self._definition is None:
            yield hubspot
            return
        token = self._definition.settings.access_token
        async with Sandbox(self._definition, faults=self._faults) as sandbox:
            yield replace(
                hubspot,
                base_url=sandbox.base_url,
                access_token=Secret(token) if token else SANDBOX_TOKEN,
            )


def _path(written: str | None) -> Path | None:
    return None if written is None else Path(written)
