"""An event loop whose clock jumps instead of waiting: minutes of a run in no time, always the same."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

TURN_SECONDS: Final = 1e-6
"""What one turn of an event loop takes at least; a clock that stood still would never get on."""


class LeapSelector(selectors.SelectSelector):
    """Count the seconds that the loop would wait, and do not wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look whether anything is ready, and leap over the time until something will be."""
        ready = super().select(0)
        if not ready:
            self.now += max(timeout or 0.0, TURN_SECONDS)
        return ready


class LeapLoop(asyncio.SelectorEventLoop):
    """An event loop in the time of its selector."""

    def __init__(self) -> None:
        self.leaping = LeapSelector()
        super().__init__(self.leaping)

    def time(self) -> float:
        """Tell the virtual time, which begins at 0."""
        return self.leaping.now


def leap(work: Callable[[Callable[[], float]], Coroutine[None, None, T]]) -> T:
    """Run something that is given the clock, in no time."""
    with asyncio.Runner(loop_factory=LeapLoop) as runner:
        loop = runner.get_loop()
        return runner.run(work(loop.time))
