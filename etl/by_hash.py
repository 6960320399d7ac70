"""Bring lines of one record together, in parts that fit into memory, where they come from files.

Rule 1: all lines with one value in the key column are in one part: the same for every frame that is
        parted by as many and the same seed.
Rule 2: each line is read, written and read again once, however many parts there are.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import polars as pl

from etl.run_folder import COMPRESSION, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PART = "part"


def parted(
    lines: pl.LazyFrame, key: str, count: int, folder: Path, *, seed: int = 0
) -> Iterator[pl.DataFrame]:
    """Yield so many parts, of which some may be empty; they are kept in a folder meanwhile.

    Lines that are in one part already, by the same seed, need another one to be parted again.
    Raises StoppedError when the disk does not take them.
    """
    if count <= 1:
        yield lines.collect()
        return
    number = (pl.col(key).hash(seed) % count).alias(_PART)
    files = pl.PartitionBy(folder, key=_PART, include_key=False, approximate_bytes_per_file=None)
    with writing(folder):
        folder.mkdir(parents=True)
        lines.with_columns(number).sink_parquet(files, compression=COMPRESSION)
    nothing = pl.DataFrame(schema=lines.collect_schema())
    for part in range(count):
        found = sorted((folder / f"{_PART}={part}").glob("*.parquet"))
        yield pl.read_parquet(found) if found else nothing
    shutil.rmtree(folder)
