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

HOT_PARTS: Final = 3
"""How many parts' rows make a part too large, which only a record with very many rows does."""

_PAIR_HASH: Final = pl.sum_horizontal(pl.col("from_id", "to_id").cast(pl.Int64).hash())
"""The same both ways round."""


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

    def take(self, *, splits_records: bool = False) -> Iterator[pl.DataFrame]:
        """Yield the parts: PAIR, each once.

        With `splits_records` a record with far more rows than a part has is in several parts; the
        rows of one pair, whichever way round, are in one of them.
        """
        for rows in self._loaded():
            for part in self._cut(rows, self._hash // BUCKETS):
                is_hot = splits_records and part.height > HOT_PARTS * self._partition_rows
                few = self._cut(part, _PAIR_HASH) if is_hot else [part]
                yield from (each.cast(pl.Schema(PAIR)) for each in few)

    def _loaded(self) -> Iterator[pl.DataFrame]:
        """Yield all rows, those of a record at once."""
        if not self._spills:
            if self._held:
                yield pl.concat(self._held, how="vertical_relaxed")
            return
        if self._held:
            self._spill()
        for buckets in self._loads():
            folders = [self._folder / f"{bucket:03}" for bucket in buckets]
            files = sorted(path for folder in folders for path in folder.iterdir())
            yield pl.concat([pl.read_ipc(path) for path in files], how="vertical_relaxed")
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

    def _cut(self, rows: pl.DataFrame, key: pl.Expr) -> list[pl.DataFrame]:
        count = math.ceil(rows.height / self._partition_rows)
        if count == 1:
            return [rows]
        part = (key % count).alias("part")
        return rows.with_columns(part).partition_by("part", include_key=False)
