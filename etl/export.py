"""Bring pages of associations into one file: each line once, in an order, in bounded memory.

Rule 1: pages come in any order and may come twice; they wait on the disk, in parts by record.
Rule 2: the file is in the order of from_id, to_id, category and type_id.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.hubspot.wire import PAIR, TYPED_PAIR
from etl.model import MAX_READ_SIZE
from etl.run_folder import COMPRESSION, write_whole, writing
from etl.sink import format_of, sink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from etl.model import LabelDefinition

EXPORTED: Final = {**TYPED_PAIR, "label": pl.String}
"""One line a type of a pair; `label` is null for the unlabeled type."""

PART_RECORDS: Final = MAX_READ_SIZE
"""Records in a part: what one request asks for, so that a page is of one part."""


@dataclass(slots=True)
class Exported:
    """What has been written."""

    associations: int = 0
    """Pairs of records."""
    lines: int = 0
    """Types of pairs."""


class Pages:
    """Pages of associations, waiting on the disk to be written."""

    def __init__(self, folder: Path, records: pl.Series) -> None:
        """Take a folder of its own, and the ids that are asked for, each once and in order."""
        self._folder = folder
        self._records = records
        self._numbers = count()
        self._parts: dict[int, list[Path]] = defaultdict(list)

    def add(self, page: pl.DataFrame) -> None:
        """Take a page in: TYPED_PAIR. Raises StoppedError when the disk does not."""
        place = self._records.search_sorted(page["from_id"]) // PART_RECORDS
        parts = page.with_columns(place.alias("part")).partition_by(
            "part", as_dict=True, include_key=False
        )
        with writing(self._folder):
            for (part,), lines in parts.items():
                path = self._folder / f"{next(self._numbers)}.parquet"
                lines.write_parquet(path, compression=COMPRESSION)
                self._parts[part].append(path)

    def lines(self, labels: Sequence[LabelDefinition], told: Exported) -> Iterator[pl.DataFrame]:
        """Yield EXPORTED part by part, and count it."""
        texts = texts_of(labels)
        for part in sorted(self._parts):
            lines = pl.read_parquet(self._parts[part], glob=False).unique()
            told.associations += lines.select(*PAIR).n_unique()
            told.lines += lines.height
            yield (
                lines.sort(*TYPED_PAIR)
                .join(texts, on=["category", "type_id"], how="left", maintain_order="left")
                .select(*EXPORTED)
            )


def write_export(lines: Iterator[pl.DataFrame], target: Path | BinaryIO) -> None:
    """Write EXPORTED to a file, which appears whole, or as csv to a stream.

    Raises StoppedError when the disk refuses the file; what stood there before stays.
    """
    if isinstance(target, Path):
        file_format = format_of(target)
        write_whole(target, lambda path: sink(lines, EXPORTED, path, file_format))
    else:
        # By the stream's own write, not by its file descriptor as polars would: whose stream it is
        # decides what a reader who goes away, or a full disk, means.
        target.write(pl.DataFrame(schema=EXPORTED).write_csv().encode())
        for part in lines:
            target.write(part.write_csv(include_header=False).encode())


def texts_of(labels: Sequence[LabelDefinition]) -> pl.DataFrame:
    """Give the text of each labeled type."""
    lines = [(each.type.category, each.type.type_id, each.text) for each in labels if each.text]
    schema = {name: EXPORTED[name] for name in ("category", "type_id", "label")}
    return pl.DataFrame(lines, schema=schema, orient="row").unique(["category", "type_id"])
