"""What is made ahead in threads comes as if it had been made in turn."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from etl.ahead import ahead, made_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


class Counter:
    """Count to a number, and say how far it has come."""

    def __init__(self, last: int, *, breaks: bool = False) -> None:
        self._last = last
        self._breaks = breaks
        self.taken = 0
        self.thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[int]:
        self.thread = threading.current_thread()
        for number in range(self._last):
            self.taken += 1
            yield number
        if self._breaks:
            raise ValueError("broken")


@pytest.mark.parametrize("last", [0, 1, 2, 50])
def test_items_come_in_order_and_to_the_last(last: int) -> None:
    """Rows are numbered in the order of the file, whoever reads it."""
    counter = Counter(last)
    assert list(ahead(counter)) == list(range(last))
    assert counter.thread is not threading.current_thread()
    assert list(made_ahead(str, range(last), threads=2)) == list(map(str, range(last)))


def test_an_error_comes_where_it_would_have_come() -> None:
    """What was read before a broken line is told before it."""
    seen: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        seen.extend(ahead(Counter(3, breaks=True)))
    assert seen == [0, 1, 2]
    named: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        named.extend(made_ahead(str, Counter(3, breaks=True), threads=2))
    assert named == ["0", "1", "2"]
    made: list[float] = []
    with pytest.raises(ZeroDivisionError):
        made.extend(made_ahead(lambda number: 1 / number, [2, 1, 0, 3], threads=2))
    assert made == [0.5, 1.0]


def test_no_more_is_made_than_one_ahead() -> None:
    """Memory holds two blocks of a file, not the file."""
    counter = Counter(100)
    for number in ahead(counter):
        assert counter.taken <= number + 2
    counter = Counter(100)
    for number in made_ahead(int, counter, threads=2):
        assert counter.taken <= number + 3


def test_who_stops_early_leaves_nothing_behind() -> None:
    """A run that is interrupted while it reads ends at once, and no thread goes on."""
    counter = Counter(100)
    items = ahead(counter)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert counter.taken <= 2
    assert not any(thread.name.startswith("ThreadPool") for thread in threading.enumerate())
