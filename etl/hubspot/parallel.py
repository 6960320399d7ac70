"""Work on a stream of items, a bounded number at once, until it ends or the run is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from etl.core.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")


@dataclass(slots=True)
class Stop:
    """Why the run ends early; the first reason stays."""

    reason: str | None = None
    hint: str = ""
    exit_code: ExitCode = ExitCode.STOPPED

    def request(self, reason: str, hint: str, exit_code: ExitCode = ExitCode.STOPPED) -> None:
        """Ask everyone to finish what is in flight and begin nothing new."""
        if self.reason is None:
            self.reason, self.hint, self.exit_code = reason, hint, exit_code

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
