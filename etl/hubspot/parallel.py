"""Work on a stream of items, a bounded number at once, until it ends or the run is stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from etl.stop import Stop

T = TypeVar("T")


async def in_parallel(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, concurrency: int, stop: Stop
) -> None:
    """Run `work` on each item, `concurrency` at once; items are drawn only when one is free.

    Raises the first error of any of them, once the others have ended.
    """
    waiting = iter(items)

    async def worker() -> None:
        while not stop.requested:
            # No await between the two lines: one worker draws at a time.
            item = next(waiting, None)
            if item is None:
                return
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
