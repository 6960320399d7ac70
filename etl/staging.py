"""Turn resolved chunks into a tidy local dataset that `push` can walk in batches.

Rule 1: every good row links to the associations that decide its outcome.
Rule 2: all rows of one pair are in one partition.
Rule 3: memory holds one chunk or one partition, whatever the size of the source.

On disk, all parquet, all private to one run::

    rows/00000.parquet             every source row as read, and why it was rejected or unresolved
    pairs/00000.parquet            row_number, from_id, to_id and types of the good rows; gone once merged
    links/00000.parquet            row_number → association_id, types, duplicate_of; one a partition
    sections/00000.parquet         associations of one phase, partition and endpoint
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from etl.core.merge import SECTION_KEY, in_doubt, merge_rows
from etl.model import Action, Direction
from etl.run_folder import sync, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTITION_ROWS: Final = 150_000
"""Rows merged at once. Measured on a million rows: more takes memory (250,000: 380 MB at the peak,
this: 340 MB), fewer takes none off and makes more batches that are not full."""

COMPRESSION: Final = "lz4"
"""Staged files are read back within the run: speed before size."""

CONTRADICTION: Final = pl.Schema({"row_number": pl.Int64, "contradicts": pl.Int64})

_KEPT: Final = ("rows", "links", "sections")
_MERGED: Final = ("pairs", "partitions")
"""Folders that are of no use once the pairs are merged."""


@dataclass(frozen=True, slots=True)
class Section:
    """Associations that share an endpoint and may be in flight together."""

    number: int
    phase: int
    """All sections of a phase are settled before the next phase begins."""
    partition: int
    """The links of its rows are in the file of this number."""
    action: Action
    direction: Direction
    has_types: bool
    """False: the whole association, by an endpoint that takes no types."""
    has_doubt: bool
    """Some pairs have to be read before they are written, whatever the job says: what they have may
    be this very run's, or that of a row which is unclear."""
    associations: int
    rows: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A staged source, as it is on disk."""

    folder: Path
    rows: int
    """Rows read."""
    sections: tuple[Section, ...]
    """In the order of sending."""

    @property
    def associations(self) -> int:
        """Count the associations of all sections."""
        return sum(section.associations for section in self.sections)

    def row_files(self) -> list[Path]:
        """List the files of source rows, in source order."""
        return sorted((self.folder / "rows").iterdir())

    def links(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield each partition's number and its links: LINK."""
        for number, path in enumerate(sorted((self.folder / "links").iterdir())):
            yield number, pl.read_parquet(path)

    def contradictions(self) -> Iterator[pl.DataFrame]:
        """Yield row_number and contradicts of the rows that another one contradicts: CONTRADICTION."""
        for _, links in self.links():
            if links["contradicts"].null_count() < links.height:
                yield links.select(*CONTRADICTION).drop_nulls()

    def pairs(self, section: Section) -> pl.LazyFrame:
        """Give a section's associations, ASSOCIATION without SECTION_KEY."""
        return pl.scan_parquet(_section_path(self.folder, section.number))

    @property
    def fates(self) -> Path:
        """Where what became of each row is kept while the results are written."""
        return self.folder / "fates"

    def make_durable(self) -> None:
        """Have the system write everything to the disk: what is sent from here on can be resumed."""
        with writing(self.folder):
            for folder in _KEPT:
                for path in (self.folder / folder).iterdir():
                    sync(path)
                sync(self.folder / folder)
            sync(self.folder)


class Staging:
    """Collect the rows of a run, then lay them out as sections."""

    def __init__(
        self,
        folder: Path,
        *,
        same_object: bool,
        together: Literal["from_id", "to_id"] = "from_id",
        partition_rows: int = PARTITION_ROWS,
    ) -> None:
        """Keep all rows of one record on the side `together` in one partition."""
        self._folder = folder
        self._together = together
        self._same_object = same_object
        self._partition_rows = partition_rows
        self._chunks = 0
        self.rows = 0
        """Rows read so far."""
        self.good_rows = 0
        """Rows that name a pair; those that are clear will be sent, or found to be there already."""
        self.contradicting = 0
        """Rows that do, as far as they are merged."""
        with writing(folder):
            for name in (*_KEPT, "pairs"):
                (folder / name).mkdir(parents=True)

    def add(self, rows: pl.DataFrame, pairs: pl.DataFrame) -> None:
        """Write one chunk: all its rows, and PAIR of those that are good."""
        name = f"{self._chunks:05}.parquet"
        with writing(self._folder):
            rows.write_parquet(self._folder / "rows" / name, compression=COMPRESSION)
            pairs.write_parquet(self._folder / "pairs" / name, compression=COMPRESSION)
        self._chunks += 1
        self.rows += rows.height
        self.good_rows += pairs.height

    def merge(self) -> Dataset:
        """Merge the good rows into associations, and lay these out as sections."""
        with writing(self._folder):
            sections = self._lay_out()
            for folder in _MERGED:
                shutil.rmtree(self._folder / folder, ignore_errors=True)
        in_order = sorted(sections, key=lambda section: (section.phase, section.number))
        return Dataset(self._folder, self.rows, tuple(in_order))

    def _lay_out(self) -> list[Section]:
        sections: list[Section] = []
        first_id = 0
        for number, pairs in enumerate(self._partitions()):
            links, associations = merge_rows(pairs, same_object=self._same_object)
            self.contradicting += links.height - links["contradicts"].null_count()
            links.with_columns(pl.col("association_id") + first_id).write_parquet(
                self._folder / "links" / f"{number:05}.parquet", compression=COMPRESSION
            )
            associations = associations.with_columns(pl.col("association_id") + first_id)
            first_id += associations.height
            for part in associations.partition_by(*SECTION_KEY):
                sections.append(self._write_section(len(sections), number, part))
        return sections

    def _partitions(self) -> Iterator[pl.DataFrame]:
        if not self.good_rows:
            return
        count = math.ceil(self.good_rows / self._partition_rows)
        pairs = pl.scan_parquet(self._folder / "pairs" / "*.parquet")
        if count == 1:
            yield pairs.collect()
            return
        folder = self._folder / "partitions"
        # The smaller id of a pair, so that both of its directions meet in one partition.
        key = pl.min_horizontal("from_id", "to_id") if self._same_object else pl.col(self._together)
        pairs.with_columns((key.hash() % count).alias("partition")).sink_parquet(
            pl.PartitionBy(
                folder, key="partition", include_key=False, approximate_bytes_per_file=None
            ),
            compression=COMPRESSION,
            mkdir=True,
        )
        for part in sorted(folder.iterdir()):
            yield pl.read_parquet(part / "*.parquet")

    def _write_section(self, number: int, partition: int, part: pl.DataFrame) -> Section:
        phase, action, direction, has_types = part.select(*SECTION_KEY).row(0)
        write_section(self._folder, number, part.drop(*SECTION_KEY))
        return Section(
            number=number,
            phase=phase,
            partition=partition,
            action=Action(action),
            direction=Direction(direction),
            has_types=has_types,
            has_doubt=bool(part.select(in_doubt(Direction(direction)).any()).item()),
            associations=part.height,
            rows=int(part["rows"].sum()),
        )


def write_section(folder: Path, number: int, associations: pl.DataFrame) -> Path:
    """Write a section's associations, ASSOCIATION without SECTION_KEY; give the file."""
    path = _section_path(folder, number)
    associations.write_parquet(path, compression=COMPRESSION)
    return path


def _section_path(folder: Path, number: int) -> Path:
    return folder / "sections" / f"{number:05}.parquet"
