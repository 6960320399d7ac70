"""Keep a source on the disk between two passes over it: keys are looked up when all are known.

Rule 1: the source itself is read once; the second pass reads what the first has kept.
Rule 2: memory holds one chunk, and at the end the distinct keys of one side.

Below the staging folder, gone once the second pass is done::

    source/chunks/00000.parquet    every row as it was read
    source/from/00000.parquet      the distinct keys of a chunk's rows, of each side that has keys
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.keys import KEY, unique_properties
from etl.ingest import prove
from etl.run_folder import COMPRESSION, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import Literal

    from etl.model import Job
    from etl.readers import Chunk

FOLDER: Final = "source"
_CHUNKS: Final = "chunks"


class KeptSource:
    """The rows of a source, and the keys in them."""

    def __init__(self, staging: Path, job: Job) -> None:
        self._folder = staging / FOLDER
        self._job = job
        self._chunks: list[Chunk] = []
        self._properties = unique_properties(job)

    def keep(self, chunks: Iterable[Chunk], on_chunk: Callable[[int], None]) -> None:
        """Read the source to its end; `on_chunk` hears how many rows have been kept.

        Raises SourceError, and StoppedError when the disk does not take it.
        """
        with writing(self._folder):
            for name in (_CHUNKS, *self._properties):
                (self._folder / name).mkdir(parents=True)
        rows = 0
        for chunk in chunks:
            name = f"{len(self._chunks):05}.parquet"
            good, _ = prove(chunk, self._job)
            with writing(self._folder):
                chunk.frame.write_parquet(self._folder / _CHUNKS / name, compression=COMPRESSION)
                for end, by in self._properties.items():
                    cell = pl.col(chunk.cell_of(self._job.keyed_sides[end].column))
                    keys = good.select(by.key(cell).alias("key")).unique()
                    keys.write_parquet(self._folder / end / name, compression=COMPRESSION)
            self._chunks.append(replace(chunk, frame=pl.DataFrame()))
            rows += chunk.frame.height
            on_chunk(rows)

    def keys(self, end: Literal["from", "to"]) -> pl.DataFrame:
        """List the distinct keys of the rows that can be sent, sorted: KEY."""
        # Sorted, so that the same source is asked for in the same requests.
        files = sorted((self._folder / end).iterdir())
        if not files:
            return pl.DataFrame(schema=KEY)
        return pl.scan_parquet(files).unique().sort("key").collect(engine="streaming")

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks again, once: the room of each on the disk is given back."""
        for number, chunk in enumerate(self._chunks):
            path = self._folder / _CHUNKS / f"{number:05}.parquet"
            yield replace(chunk, frame=pl.read_parquet(path))
            path.unlink()
        shutil.rmtree(self._folder, ignore_errors=True)
