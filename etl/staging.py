"""Turn resolved chunks into a tidy local dataset that `push` can walk in batches.

Rule 1: a pair's rows become one association in each direction that their types need.
Rule 2: every good row links to the associations that decide its outcome.
Rule 3: associations that touch the same two records never stand in the same phase, so that
        finishing one phase before the next keeps a pair at most once in flight.
Rule 4: memory holds one chunk or one partition, whatever the size of the source.

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

from etl.model import Direction
from etl.run_folder import sync, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTITION_ROWS: Final = 150_000
"""Rows merged at once. Measured on a million rows: more takes memory (250,000: 380 MB at the peak,
this: 340 MB), fewer takes none off and makes more batches that are not full."""

COMPRESSION: Final = "lz4"
"""Staged files are read back within the run: speed before size."""

PAIR_SCHEMA: Final = {
    "row_number": pl.Int64,
    "from_id": pl.Int64,
    "to_id": pl.Int64,
    "forward": pl.Int64,
    "reverse": pl.Int64,
}
"""A good row; `forward` and `reverse` are sets of types as bits, 0 for none."""


_KEPT: Final = ("rows", "links", "sections")
_MERGED: Final = ("pairs", "partitions")
"""Folders that are of no use once the pairs are merged."""

LINK: Final = {
    "row_number": pl.Int64,
    "association_id": pl.Int64,
    "types": pl.Int64,
    "duplicate_of": pl.Int64,
}
"""What joins a row to an association; `types` is what the row itself asks for in its direction."""

SECTION_KEY: Final = ("phase", "direction", "has_types", "is_second")
"""What all associations of a section have in common."""


@dataclass(frozen=True, slots=True)
class Section:
    """Associations that share an endpoint and may be in flight together."""

    number: int
    phase: int
    """All sections of a phase are settled before the next phase begins."""
    partition: int
    """The links of its rows are in the file of this number."""
    direction: Direction
    has_types: bool
    """False: the default endpoint, which takes no types."""
    is_second: bool
    """The pairs have been associated in the other direction before, by this very run."""
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

    def pairs(self, section: Section) -> pl.LazyFrame:
        """Give a section's association_id, from_id, to_id (the request's own sides), types, rows."""
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
        """Rows that will be sent, or found to be there already."""
        with writing(folder):
            for name in (*_KEPT, "pairs"):
                (folder / name).mkdir(parents=True)

    def add(self, rows: pl.DataFrame, pairs: pl.DataFrame) -> None:
        """Write one chunk: all its rows, and PAIR_SCHEMA of those that are good."""
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
            links, associations = merge_pairs(pairs, same_object=self._same_object)
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
        phase, direction, has_types, is_second = part.select(*SECTION_KEY).row(0)
        part.drop(*SECTION_KEY).write_parquet(
            _section_path(self._folder, number), compression=COMPRESSION
        )
        return Section(
            number=number,
            phase=phase,
            partition=partition,
            direction=Direction(direction),
            has_types=has_types,
            is_second=is_second,
            associations=part.height,
            rows=int(part["rows"].sum()),
        )


def _section_path(folder: Path, number: int) -> Path:
    return folder / "sections" / f"{number:05}.parquet"


def merge_pairs(pairs: pl.DataFrame, *, same_object: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Merge rows of the same pair.

    Takes PAIR_SCHEMA. Gives the links (LINK; duplicate_of is the first row that asks for exactly
    the same, or null) and the associations (association_id from 0, phase,
    direction, has_types, is_second, from_id, to_id, types, rows), both sorted, from-records together.
    """
    pairs = _with_pair_types(pairs.sort("from_id", "to_id", "row_number"))
    # A row without a label is done by whatever associates its pair: a label implies the default.
    goes_forward = (pl.col("forward") != 0) | (
        (pl.col("reverse") == 0) & ((pl.col("pair_forward") != 0) | (pl.col("pair_reverse") == 0))
    )
    goes_reverse = (pl.col("reverse") != 0) | (
        (pl.col("forward") == 0) & (pl.col("pair_forward") == 0) & (pl.col("pair_reverse") != 0)
    )
    needs = pl.concat(
        [
            pairs.filter(goes_forward).select(
                "row_number",
                "duplicate_of",
                pl.col("forward").alias("own_types"),
                "from_id",
                "to_id",
                pl.lit(Direction.FORWARD.value, pl.Int8).alias("direction"),
                pl.lit(value=False).alias("is_second"),
                pl.col("pair_forward").alias("types"),
                pl.lit(1, pl.Int64).alias("rows"),
            ),
            pairs.filter(goes_reverse).select(
                "row_number",
                "duplicate_of",
                pl.col("reverse").alias("own_types"),
                pl.col("to_id").alias("from_id"),
                pl.col("from_id").alias("to_id"),
                pl.lit(Direction.REVERSE.value, pl.Int8).alias("direction"),
                (pl.col("pair_forward") != 0).alias("is_second"),
                pl.col("pair_reverse").alias("types"),
                # A row that goes both ways is counted where it goes forward.
                (~goes_forward).cast(pl.Int64).alias("rows"),
            ),
        ]
    )
    runs_backward = pl.col("from_id") > pl.col("to_id") if same_object else pl.col("direction") == 1
    key = (*SECTION_KEY, "from_id", "to_id")
    needs = needs.with_columns(
        runs_backward.cast(pl.Int8).alias("phase"), (pl.col("types") != 0).alias("has_types")
    ).sort(*key, "row_number")
    is_new = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in key)
    needs = needs.with_columns(
        (is_new.fill_null(value=True).cast(pl.Int64).cum_sum() - 1).alias("association_id")
    )
    associations = needs.group_by("association_id", maintain_order=True).agg(
        pl.col(*key, "types").first(),
        pl.col("rows").sum(),
    )
    links = needs.with_columns(pl.col("own_types").alias("types")).select(*LINK).sort("row_number")
    return links, associations


def _with_pair_types(pairs: pl.DataFrame) -> pl.DataFrame:
    """Add duplicate_of and what all rows of the pair ask for; takes pairs sorted by their ids."""
    repeats = (pl.col("from_id") == pl.col("from_id").shift()) & (
        pl.col("to_id") == pl.col("to_id").shift()
    )
    pairs = pairs.with_columns(repeats.fill_null(value=False).alias("repeats"))
    is_alone = ~(pl.col("repeats") | pl.col("repeats").shift(-1, fill_value=False))
    # Windows cost twenty times a filter, and most pairs of most files stand alone.
    alone = pairs.filter(is_alone).select(
        *PAIR_SCHEMA,
        pl.lit(None, pl.Int64).alias("duplicate_of"),
        pl.col("forward").alias("pair_forward"),
        pl.col("reverse").alias("pair_reverse"),
    )
    pair = ("from_id", "to_id")
    twin = pl.col("row_number").min().over(*pair, "forward", "reverse")
    together = pairs.filter(~is_alone).select(
        *PAIR_SCHEMA,
        pl.when(twin != pl.col("row_number")).then(twin).alias("duplicate_of"),
        pl.col("forward").bitwise_or().over(*pair).alias("pair_forward"),
        pl.col("reverse").bitwise_or().over(*pair).alias("pair_reverse"),
    )
    return pl.concat([alone, together])
