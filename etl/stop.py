"""Ask a run to end early, and let whatever waits hear of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from etl.core.exit_code import ExitCode
from etl.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


@dataclass(slots=True)
class Stop:
    """Why the run ends early; the first reason stays."""

    reason: str | None = None
    hint: str = ""
    exit_code: ExitCode = ExitCode.STOPPED
    _event: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def request(self, reason: str, hint: str, exit_code: ExitCode = ExitCode.STOPPED) -> None:
        """Ask everyone to finish what is in flight and begin nothing new."""
        if self.reason is None:
            self.reason, self.hint, self.exit_code = reason, hint, exit_code
            self._event.set()

    @property
    def requested(self) -> bool:
        """Tell whether to begin nothing new."""
        return self.reason is not None

    async def interrupts(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that may be broken off: a wait, or a request that only reads.

        Raises StoppedError when a stop is requested, however the work went.
        """
        if self.requested:
            work.close()
            self.check()
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self.check()
        return task.result()

    def check(self) -> None:
        """Raise StoppedError when a stop is requested."""
        if self.reason is not None:
            raise StoppedError(self.reason, self.hint, exit_code=self.exit_code)
