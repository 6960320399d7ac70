"""Commands about the account itself, without a job file: their options, and a client to ask with."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from etl.cli.first_signal import stop_on_signals
from etl.cli.progress import watch_run
from etl.cli.session import Target, rehearsal_of
from etl.cli.version_notice import tell_support
from etl.logs import open_log
from etl.model import ApiVersion, HubspotSettings, Limits
from etl.pipeline import connect
from etl.run_folder import RunFolder
from etl.settings import load_account
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from etl.hubspot.client import Client

T = TypeVar("T")


class AccountCommand:
    """What a command asks, and whom: HubSpot, by the environment's token, or the sandbox."""

    def __init__(self, api_version: ApiVersion, target: Target) -> None:
        self.api_version = api_version
        self._target = target

    def ask(self, work: Callable[[Client, Stop], Coroutine[Any, Any, T]], then: str) -> T:
        """Do some work with a client; `then` is what to tell whoever interrupts it twice.

        Raises UsageError before anything is asked, and whatever the work raises.
        """
        return asyncio.run(self._ask(work, then))

    async def _ask(self, work: Callable[[Client, Stop], Coroutine[Any, Any, T]], then: str) -> T:
        stop = Stop()
        with stop_on_signals(stop, then):
            async with self._open(stop) as client:
                return await work(client, stop)

    @asynccontextmanager
    async def _open(self, stop: Stop) -> AsyncIterator[Client]:
        hubspot: HubspotSettings = load_account(os.environ, self.api_version)
        with (
            tempfile.TemporaryDirectory(prefix="hubspot-assoc-") as folder,
            open_log(RunFolder(Path(folder)).log) as log,
            watch_run() as observer,
        ):
            async with (
                self._target.open_account(hubspot) as there,
                connect(there, Limits(), stop, log, observer) as client,
            ):
                yield client


def with_account(command: Callable[..., None]) -> Callable[..., None]:
    """Take what `account_options` ask for, and give an `AccountCommand` as `account`."""

    @wraps(command)
    def asking(
        *args: object,
        api_version: ApiVersion,
        sandbox: bool,
        portal: Path | None,
        **kwargs: object,
    ) -> None:
        target = Target(rehearsal_of(sandbox=sandbox, portal=portal, faults=None))
        tell_support([api_version])
        command(*args, account=AccountCommand(api_version, target), **kwargs)

    return asking
