"""What commands that talk to HubSpot have in common: the sandbox in its place, and signals."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from etl.core.exit_code import ExitCode
from etl.errors import StoppedError, UsageError
from etl.model import Secret
from etl.sandbox import PortalDefinition, PortalError, Sandbox, demo_portal, load_portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from pathlib import Path

    from etl.model import Job
    from etl.stop import Stop

T = TypeVar("T")

SANDBOX_TOKEN: Final = Secret("sandbox")
"""The sandbox takes any token unless its portal file names one."""

_SIGNALS: Final = {
    signal.SIGINT: ("interrupted by Ctrl-C", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("ended by SIGTERM", ExitCode.TERMINATED),
}


def portal_definition(path: Path | None) -> PortalDefinition:
    """Read a portal file, or take the demo portal. Raises UsageError."""
    if path is None:
        return demo_portal()
    try:
        return load_portal(path)
    except PortalError as error:
        raise UsageError(str(error), "mend the portal file and try again") from error


@asynccontextmanager
async def in_portal(job: Job, definition: PortalDefinition | None) -> AsyncIterator[Job]:
    """Point a job at the sandbox, open as long as needed; without a definition at HubSpot."""
    if definition is None:
        yield job
        return
    token = definition.settings.access_token
    async with Sandbox(definition) as sandbox:
        yield replace(
            job,
            hubspot=replace(
                job.hubspot,
                base_url=sandbox.base_url,
                access_token=Secret(token) if token else SANDBOX_TOKEN,
            ),
        )


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; a second Ctrl-C ends the process at once, with its exit code."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise StoppedError(
            "interrupted at once by a second Ctrl-C; the run folder is not finished",
            "run the job again: sending an association twice does no harm",
            exit_code=ExitCode.INTERRUPTED,
        ) from None


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Let the first signal end the run in good order, and the second at once."""
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        reason, exit_code = _SIGNALS[number]
        stop.request(reason, "run again what is left", exit_code)
        for other in _SIGNALS:
            loop.remove_signal_handler(other)

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
