"""Bring rows of one record together, in parts that fit into memory.

Rule 1: rows of one record come in one part, in the order in which they were added.
Rule 2: memory holds `SPILL_ROWS` narrow rows, or one bucket of the whole.

On disk, and only of a source that is larger than what memory holds::

    buckets/000/00000.arrow        the rows of one bucket, as they came; gone once they are taken
"""

from __future__ import annotations

import math
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.merge import PAIR
from etl.narrow import narrow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPILL_ROWS: Final = 2_000_000
"""Rows held before they go to the disk: 30 MB of 7-digit ids, 50 MB of longer ones. A smaller source
never goes there."""

BUCKETS: Final = 64
"""Files that a spill makes: 50,000,000 rows take 1,600 files and give buckets of 800,000 rows."""


class Partitions:
    """Collect good rows, PAIR, then give them back record by record."""

    def __init__(
        self, folder: Path, record: pl.Expr, partition_rows: int, *, spill_rows: int = SPILL_ROWS
    ) -> None:
        """Aim at parts of `partition_rows`; a part takes more only where a record has them."""
        self._folder = folder
        self._hash = record.cast(pl.Int64).hash()
        self._partition_rows = partition_rows
        self._spill_rows = spill_rows
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self._spills = 0
        self._spilled: Counter[int] = Counter()
        """Rows by bucket."""

    def add(self, pairs: pl.DataFrame) -> None:
        """Take PAIR."""
        if not pairs.height:
            return
        self._held.append(narrow(pairs))
        self._held_rows += pairs.height
        if self._held_rows >= self._spill_rows:
            self._spill()

    def take(self) -> Iterator[pl.DataFrame]:
        """Yield the parts: PAIR, each once."""
        if not self._spills:
            yield from self._parts(self._held)
            return
        if self._held:
            self._spill()
        for buckets in self._loads():
            folders = [self._folder / f"{bucket:03}" for bucket in buckets]
            files = sorted(path for folder in folders for path in folder.iterdir())
            yield from self._parts([pl.read_ipc(path) for path in files])
            for folder in folders:
                shutil.rmtree(folder)

    def _loads(self) -> Iterator[list[int]]:
        """Put buckets together that are taken at once: half of what memory holds, or one bucket."""
        load: list[int] = []
        rows = 0
        for bucket in sorted(self._spilled):
            if load and rows + self._spilled[bucket] > self._spill_rows // 2:
                yield load
                load, rows = [], 0
            load.append(bucket)
            rows += self._spilled[bucket]
        yield load

    def _spill(self) -> None:
        bucket = (self._hash % BUCKETS).alias("bucket")
        rows = pl.concat(self._held, how="vertical_relaxed").with_columns(bucket)
        self._held.clear()
        self._held_rows = 0
        for (number,), part in rows.partition_by("bucket", include_key=False, as_dict=True).items():
            folder = self._folder / f"{number:03}"
            folder.mkdir(parents=True, exist_ok=True)
            part.write_ipc(folder / f"{self._spills:05}.arrow", compression="uncompressed")
            self._spilled[number] += part.height
        self._spills += 1

    def _parts(self, frames: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        if not frames:
            return
        rows = pl.concat(frames, how="vertical_relaxed")
        count = math.ceil(rows.height / self._partition_rows)
        if count == 1:
            yield rows.cast(pl.Schema(PAIR))
            return
        part = (self._hash // BUCKETS % count).alias("part")
        for few in rows.with_columns(part).partition_by("part", include_key=False):
            yield few.cast(pl.Schema(PAIR))
