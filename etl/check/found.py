"""What HubSpot has of some from-records, kept on disk: one company may have 50,000 contacts."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.by_hash import parted
from etl.hubspot.wire import PAIR, TYPED_PAIR
from etl.run_folder import COMPRESSION, writing
from etl.staging import PARTITION_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SEED: Final = 1
"""Another than that of `asked_by_record`, whose part this is: its records would fall into few parts."""


class Found:
    """Collect pages as they come; give them back with all lines of a from-record together."""

    def __init__(self, folder: Path, *, part_rows: int = PARTITION_ROWS) -> None:
        """Keep everything below a folder of its own."""
        self._folder = folder
        self._part_rows = part_rows
        self._pages: list[pl.DataFrame] = []
        self._held = self._files = 0
        self.rows = 0
        """Lines collected so far."""

    def add(self, page: pl.DataFrame) -> None:
        """Take TYPED_PAIR; what is held is written when it is as much as one part."""
        self._pages.append(page)
        self._held += page.height
        self.rows += page.height
        if self._held >= self._part_rows:
            self._write()

    def parts(self, asked: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Give what was asked for, in parts that fit memory, each beside what was found of it."""
        count = max(1, math.ceil((asked.height + self.rows) / self._part_rows))
        self._write()
        found = pl.scan_parquet(sorted(self._folder.glob("*.parquet")))
        return zip(
            parted(asked.lazy(), "from_id", count, self._folder / "asked", seed=_SEED),
            parted(found, "from_id", count, self._folder / "found", seed=_SEED),
            strict=True,
        )

    def clear(self) -> None:
        """Forget everything, on disk too."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self) -> None:
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            page = pl.concat([pl.DataFrame(schema=TYPED_PAIR), *self._pages])
            page.write_parquet(self._folder / f"{self._files:05}.parquet", compression=COMPRESSION)
        self._files += 1
        self._pages, self._held = [], 0


def unread_pairs(
    pairs: pl.DataFrame, from_side: pl.DataFrame, to_side: pl.DataFrame
) -> pl.DataFrame:
    """Name the pairs of which a record could not be read, where it had to be: and why."""
    to_side = to_side.rename({"from_id": "to_id", "error_message": "to_message"})
    return (
        pairs.join(from_side, on="from_id", how="left")
        .join(to_side, on="to_id", how="left")
        .select(
            *PAIR,
            "action",
            pl.coalesce("error_message", pl.when(pl.col("reverse") != 0).then("to_message")).alias(
                "reason"
            ),
        )
        .filter(pl.col("reason").is_not_null())
    )
