"""Let as many reads be in flight as there is room for their answers.

Rule 1: what an answer will take is judged by those before it; of the first one nothing is known, so
        it goes alone.
Rule 2: one read always goes, however long its answer may be.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOM_BYTES: Final = 64_000_000
"""Bytes of answers under way. A record with one association takes some 200, so that hundreds of reads
fit; one with 500 some 50,000, and each read of a thousand of them goes alone."""


class ReadRoom:
    """Keep count of the bytes that are under way."""

    def __init__(self, room_bytes: int = ROOM_BYTES) -> None:
        self._room_bytes = room_bytes
        self._bytes_a_record: float | None = None
        self._taken = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, records: int) -> AsyncIterator[None]:
        """Wait until the answer about some records has room, and hold it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(records))
            size = self._expected(records)
            self._taken += size
        try:
            yield
        finally:
            async with self._changed:
                self._taken -= size
                self._changed.notify_all()

    def learn(self, records: int, size: int) -> None:
        """See how long an answer is: longer ones count at once, shorter ones by and by."""
        seen = size / records
        before = seen if self._bytes_a_record is None else self._bytes_a_record
        self._bytes_a_record = max(seen, (before + seen) / 2)

    def _has_room(self, records: int) -> bool:
        return not self._taken or self._taken + self._expected(records) <= self._room_bytes

    def _expected(self, records: int) -> int:
        """Give whole bytes: a sum of fractions would not come back to nothing."""
        if self._bytes_a_record is None:
            return self._room_bytes
        return max(1, math.ceil(records * self._bytes_a_record))
