"""Work on a stream of items, a bounded number at once, until it ends or the run is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from etl.core.exit_code import ExitCode
from etl.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

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

    async def interrupts(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Wait for something, or for the request to stop, whichever comes first.

        Raises StoppedError when a stop is requested, however the waiting went.
        """
        if not self.requested:
            tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self._event.wait())]
            _, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in late:
                task.cancel()
        else:
            waiting.close()
        if self.reason is not None:
            raise StoppedError(self.reason, self.hint, exit_code=self.exit_code)

    @property
    def requested(self) -> bool:
        """Tell whether to begin nothing new."""
        return self.reason is not None


async def in_parallel(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, concurrency: int, stop: Stop
) -> None:
    """Run `work` on each item, `concurrency` at once; items are drawn only when one is free."""
    waiting = iter(items)

    async def worker() -> None:
        while not stop.requested:
            # No await between the two lines: one worker draws at a time.
            item = next(waiting, None)
            if item is None:
                return
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
