"""Take in the answers of one reading, many at once.

Rule 1: an answer that can't be read spoils no other, and is asked for again by halves.
Rule 2: memory holds a few megabytes of answers as columns, however long one of them is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.hubspot.read_judge import UNREAD, narrowed
from etl.hubspot.read_wire import existing_of, nested_existing, parts_of, read_existing
from etl.hubspot.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.hubspot.read_judge import ReadAnswer
    from etl.hubspot.wire import Answer

HELD_BYTES: Final = 4_000_000
"""Answers that are made into columns at once. A query costs the same for one as for twenty of them."""


PARSED_BYTES: Final = 1_000_000
"""Bytes of JSON that are parsed at once. Measured: 1 MB takes 4 ms, 14 MB in one go 100 ms."""


def records_told(answer: Answer) -> pl.DataFrame:
    """List the records (from_id) of which an answer has associations. Raises WireError."""
    told = (
        read_existing(part)[0].select("from_id").unique() for part in parts_of(answer, PARSED_BYTES)
    )
    return pl.concat([pl.DataFrame(schema={"from_id": pl.Int64}), *told])


class Reading:
    """What one reading has brought so far."""

    def __init__(
        self,
        on_page: Callable[[pl.DataFrame], None],
        on_unknown: Callable[[pl.DataFrame], None],
    ) -> None:
        self.unread = [pl.DataFrame(schema=UNREAD)]
        self._on_page = on_page
        self._on_unknown = on_unknown
        self._held: list[tuple[pl.DataFrame, Answer]] = []
        self._held_bytes = 0
        self._turn = asyncio.Lock()
        self._pages: list[pl.DataFrame] = []
        self._parts: list[pl.DataFrame] = []

    def tell(self, answer: ReadAnswer) -> None:
        """Take in what an answer tells besides associations."""
        if answer.unknown.height:
            self._on_unknown(answer.unknown)
        if answer.unread.height:
            self.unread.append(answer.unread)

    def hold(self, asked: pl.DataFrame, answer: Answer) -> None:
        """Keep the answer about from_id and after until there are enough of them to take in."""
        self._held.append((asked, answer))
        self._held_bytes += len(answer.body)

    async def take_in(self, *, all_of_it: bool = False) -> None:
        """Make columns of the answers held, once they are many."""
        async with self._turn:
            if self._held and (all_of_it or self._held_bytes >= HELD_BYTES):
                held, self._held, self._held_bytes = self._held, [], 0
                # A thousand records may have half a million associations: too long for the event loop.
                await asyncio.to_thread(self._take, held)

    def left(self) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
        """Give what is left to ask for: further pages, and parts of what could not be read."""
        pages, parts = self._pages, self._parts
        self._pages, self._parts = [], []
        return pages, parts

    def _take(self, held: list[tuple[pl.DataFrame, Answer]]) -> None:
        nested, size = list[pl.DataFrame](), 0
        for asked, answer in held:
            # Even one answer may be too much for memory to hold at once as columns.
            for part in parts_of(answer, PARSED_BYTES):
                try:
                    nested.append(nested_existing(part))
                except WireError as error:
                    answered = narrowed(asked, str(error))
                    self.unread.append(answered.unread)
                    self._parts += answered.again
                    break
                size += len(part.results)
                if size >= HELD_BYTES:
                    self._give(nested)
                    nested, size = [], 0
        self._give(nested)

    def _give(self, nested: list[pl.DataFrame]) -> None:
        existing, pages = existing_of(nested)
        self._on_page(existing)
        if pages.height:
            self._pages.append(pages)
