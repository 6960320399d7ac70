"""Work on a stream of items, a bounded number at once, until it ends or the run is stopped."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from etl.core.slots import CEILING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager

    from etl.stop import Stop

T = TypeVar("T")


async def in_parallel(
    items: Iterable[T],
    work: Callable[[T], Awaitable[None]],
    *,
    stop: Stop,
    concurrency: int = CEILING,
    seat: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> None:
    """Run `work` on each item, `concurrency` at once; items are drawn only when one is free.

    No more than CEILING requests are in flight, and fewer where `Crew` lets fewer be: who sends one for
    each item need not bound them too.
    `seat` is had for each item before it is drawn; with several callers it bounds them together.
    Raises the first error of any of them, once the others have ended.
    """
    waiting = iter(items)
    workers = 1

    async def worker() -> None:
        nonlocal workers
        while True:
            async with seat():
                # No await between the two lines: one worker draws at a time.
                item = None if stop.requested else next(waiting, None)
                if item is None:
                    return
                if workers < concurrency:
                    # One more than have work: a few items need few, however many there might be.
                    workers += 1
                    group.create_task(worker())
                await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


def telling(items: Iterable[T], on_drawn: Callable[[], None]) -> Iterator[T]:
    """Yield items, and tell once the last of them has been drawn: what comes next may begin."""
    yield from items
    on_drawn()
