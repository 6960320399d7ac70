"""What a command does, apart from how it is asked for.

Rule 1: this folder says what can be asked, and loads nothing that does it: polars, aiohttp and what they
        bring take half a second, for which nobody waits who asks for help or slips in an option.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Work:
    """A function that does what a command asks for, loaded when it is called."""

    where: str
    """As entry points are written: ``etl.cli.run:run``."""

    def __call__(self, **asked: object) -> None:
        """Do it; the command's parameters are the function's."""
        self.load()(**asked)

    def load(self) -> Callable[..., None]:
        """Load the function, and with it all that it works with."""
        module, _, name = self.where.partition(":")
        function: Callable[..., None] = getattr(importlib.import_module(module), name)
        return function
