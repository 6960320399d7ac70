"""Turn resolved chunks into a tidy local dataset that `push` can walk in batches.

Rule 1: every good row links to the associations that decide its outcome.
Rule 2: all rows of one pair are in one partition.
Rule 3: memory holds some chunks, or some partitions and what `Partitions` holds, whatever the size of
        the source.

On disk, all private to one run::

    rows/00000.arrow               every source row as read, and why it was rejected or unresolved
    links/00000.arrow              row_number → association_id, types, duplicate_of; one a partition
    sections/00000.arrow           associations of one phase, partition and endpoint
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from etl.ahead import made_ahead
from etl.core.merge import (
    ASSOCIATION,
    LINK,
    MOST_ASSOCIATIONS,
    SECTION_KEY,
    in_doubt,
    merge_rows,
)
from etl.model import Action, Direction
from etl.narrow import has_values, read_narrow, write_narrow
from etl.partitions import Partitions
from etl.run_folder import sync, writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from polars._typing import PolarsDataType

PARTITION_ROWS: Final = 150_000
"""Rows merged at once, in two threads: more take memory, fewer make more batches that are not full, for
one of 75 is the last of its section."""

CONTRADICTION: Final = pl.Schema({"row_number": pl.Int64, "contradicts": pl.Int64})

_KEPT: Final = ("rows", "links", "sections")
_BUCKETS: Final = "buckets"
"""Of no use once the pairs are merged."""

_ROW_NUMBERS: Final = {name: pl.Int64() for name in ("row_number", "from_id", "to_id")}
"""What is a number in a source row; all else is text."""

_TEXT: Final[Mapping[str, PolarsDataType]] = {}

_STORED: Final = {name: kind for name, kind in ASSOCIATION.items() if name not in SECTION_KEY}
"""What a section's file has: of the rest, all its associations have the same."""


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

    def scan_rows(self, *columns: str) -> pl.LazyFrame:
        """Give some columns of all source rows, in source order."""
        types = {name: _ROW_NUMBERS.get(name, pl.String()) for name in columns}
        return pl.concat(
            [
                pl.LazyFrame(schema=types),
                *(
                    pl.scan_ipc(path).select(columns).cast(pl.Schema(types))
                    for path in self.row_files()
                ),
            ]
        )

    def links(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield each partition's number and its links: LINK."""
        for number, path in enumerate(sorted((self.folder / "links").iterdir())):
            yield number, read_narrow(path, LINK)

    def contradictions(self) -> Iterator[pl.DataFrame]:
        """Yield row_number and contradicts of the rows that another one contradicts: CONTRADICTION."""
        for path in sorted((self.folder / "links").iterdir()):
            if has_values(path, "contradicts"):
                yield read_narrow(path, LINK, list(CONTRADICTION)).drop_nulls()

    def pairs(self, section: Section) -> pl.LazyFrame:
        """Give a section's associations, ASSOCIATION without SECTION_KEY.

        Their ids follow one another without a gap, in the order of the rows.
        """
        return pl.scan_ipc(_section_path(self.folder, section.number)).cast(pl.Schema(_STORED))

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
        """Keep all rows of one record on the side `together` in one partition, unless told to split."""
        self._folder = folder
        self._same_object = same_object
        # The smaller id of a pair, so that both of its directions meet in one partition.
        record = pl.min_horizontal("from_id", "to_id") if same_object else pl.col(together)
        self._partitions = Partitions(folder / _BUCKETS, record, partition_rows)
        self._chunks = 0
        self.rows = 0
        """Rows read so far."""
        self.good_rows = 0
        """Rows that name a pair; those that are clear will be sent, or found to be there already."""
        self.contradicting = 0
        """Rows that do, as far as they are merged."""
        with writing(folder):
            for name in _KEPT:
                (folder / name).mkdir(parents=True)

    def add_rows(self, rows: pl.DataFrame) -> None:
        """Write all rows of one chunk."""
        with writing(self._folder):
            write_narrow(rows, self._folder / "rows" / f"{self._chunks:05}.arrow")
        self._chunks += 1
        self.rows += rows.height

    def add_pairs(self, pairs: pl.DataFrame) -> None:
        """Take PAIR of the good rows among them; another thread may write the next chunk meanwhile."""
        with writing(self._folder):
            self._partitions.add(pairs)
        self.good_rows += pairs.height

    def merge(self, *, splits_records: bool = False) -> Dataset:
        """Merge the good rows into associations, and lay these out as sections.

        With `splits_records` a record of very many rows is in several partitions.
        """
        with writing(self._folder):
            sections = self._lay_out(splits_records=splits_records)
            shutil.rmtree(self._folder / _BUCKETS, ignore_errors=True)
        in_order = sorted(sections, key=lambda section: (section.phase, section.number))
        return Dataset(self._folder, self.rows, tuple(in_order))

    def _lay_out(self, *, splits_records: bool) -> list[Section]:
        sections: list[Section] = []
        partitions = self._numbered(self._partitions.take(splits_records=splits_records))
        # Some are merged and written at a time, while the next one is brought together.
        for contradicting, parts in made_ahead(self._lay_out_partition, partitions, threads=3):
            self.contradicting += contradicting
            for part in parts:
                number = len(sections)
                self._part_path(part).replace(_section_path(self._folder, number))
                sections.append(replace(part, number=number))
        return sections

    def _numbered(self, partitions: Iterator[pl.DataFrame]) -> Iterator[_Partition]:
        first_id = 0
        for number, pairs in enumerate(partitions):
            yield _Partition(number, pairs, first_id)
            # Whatever becomes of these rows, the ids of the next ones are others.
            first_id += pairs.height * MOST_ASSOCIATIONS

    def _lay_out_partition(self, partition: _Partition) -> tuple[int, list[Section]]:
        """Merge and write a partition; count the rows that others contradict, and give its parts.

        A part is a section that is numbered within its partition.
        """
        links, associations = merge_rows(partition.pairs, same_object=self._same_object)
        numbered = pl.col("association_id") + partition.first_id
        path = self._folder / "links" / f"{partition.number:05}.arrow"
        write_narrow(links.with_columns(numbered), path)
        parts: list[Section] = []
        for rows in _by_section(associations.with_columns(numbered)):
            part = _section(len(parts), partition.number, rows)
            write_narrow(rows.select(*_STORED), self._part_path(part))
            parts.append(part)
        return links["contradicts"].count(), parts

    def _part_path(self, part: Section) -> Path:
        return self._folder / "sections" / f"{part.partition:05}-{part.number}.arrow"


@dataclass(frozen=True, slots=True)
class _Partition:
    """Rows that are merged at once."""

    number: int
    pairs: pl.DataFrame
    """PAIR."""
    first_id: int
    """The number of its first association."""


def _section(number: int, partition: int, associations: pl.DataFrame) -> Section:
    phase, action, direction, has_types = associations.select(*SECTION_KEY).row(0)
    return Section(
        number=number,
        phase=phase,
        partition=partition,
        action=Action(action),
        direction=Direction(direction),
        has_types=has_types,
        has_doubt=bool(associations.select(in_doubt(Direction(direction)).any()).item()),
        associations=associations.height,
        rows=int(associations["rows"].sum()),
    )


def _by_section(associations: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut associations, which are in the order of their sections, where another section begins."""
    is_new = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in SECTION_KEY)
    firsts = associations.select(is_new.fill_null(value=True).arg_true()).to_series().to_list()
    for first, end in pairwise([*firsts, associations.height]):
        yield associations.slice(first, end - first)


def read_rows(
    path: Path,
    columns: Sequence[str] | None = None,
    words: Mapping[str, PolarsDataType] = _TEXT,
) -> pl.DataFrame:
    """Read one of `Dataset.row_files`, or some columns of it; `words` types some of the text."""
    return read_narrow(path, {**_ROW_NUMBERS, **words}, columns)


def row_columns(path: Path) -> frozenset[str]:
    """Name the columns of one of `Dataset.row_files`."""
    return frozenset(pl.read_ipc_schema(path))


def write_section(folder: Path, number: int, associations: pl.DataFrame) -> Path:
    """Write a section's associations, ASSOCIATION without SECTION_KEY; give the file."""
    path = _section_path(folder, number)
    write_narrow(associations.select(*_STORED), path)
    return path


def _section_path(folder: Path, number: int) -> Path:
    return folder / "sections" / f"{number:05}.arrow"
