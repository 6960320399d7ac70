"""Work ahead in threads: what comes next is made while the last is used.

Rule 1: everything comes in order, and an error where it would have come.
Rule 2: no more is made ahead than one item for each thread.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items, each taken in another thread while the one before is used."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(list[T], _next(iterator))
        while item := coming.result():
            coming = thread.submit(list[T], _next(iterator))
            yield item[0]


def made_ahead(make: Callable[[T], R], items: Iterable[T], *, threads: int) -> Iterator[R]:
    """Make something of each item, of some of them at once."""
    coming: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        iterator = iter(items)
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  (told below, in its turn)
                coming.append(Future())
                coming[-1].set_exception(error)
                break
            coming.append(pool.submit(make, item))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _next(iterator: Iterator[T]) -> Iterator[T]:
    """Take one item, once asked."""
    for item in iterator:
        yield item
        return
