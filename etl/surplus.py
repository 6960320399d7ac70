"""Find what HubSpot has and the source has not: what a mirror takes away, kept on disk.

Rule 1: only from-records that the source has are looked at, and of those everything.
Rule 2: what is to go is on disk, with all its types, before any of it goes: it is a source that puts
        it back.
Rule 3: memory holds one partition, whatever the records have.

On disk, beside the staged source::

    surplus/00000.parquet      from_id, to_id, category, type_id of what the source has not
    sections/00007.arrow       the same as associations to remove, as `staging` lays them out
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.by_hash import parted
from etl.core.merge import MOST_ASSOCIATIONS
from etl.errors import StoppedError
from etl.export import EXPORTED, texts_of
from etl.hubspot.wire import TYPED_PAIR, swapped
from etl.model import Action, Direction
from etl.run_folder import COMPRESSION, sync, write_whole, writing
from etl.staging import PARTITION_ROWS, Section, write_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from etl.hubspot.existing import ExistingReader, Where
    from etl.model import LabelDefinition
    from etl.staging import Dataset

_PAIR: Final = ("from_id", "to_id")


@dataclass(frozen=True, slots=True)
class Surplus:
    """What HubSpot has of the source's from-records and the source has not."""

    sections: tuple[Section, ...]
    """What the source has not, to be removed."""
    unread: pl.DataFrame
    """from_id and error_message of the records that could not be read."""

    @property
    def associations(self) -> int:
        """Count what the source has not."""
        return sum(section.associations for section in self.sections)


async def find_surplus(
    dataset: Dataset, reader: ExistingReader, where: Where, *, same_object: bool
) -> Surplus:
    """Read all that the from-records of a staged source have, and put aside what it has not.

    Raises StoppedError when the run was asked to stop, or the disk does not take it.
    """
    folder = dataset.folder / "surplus"
    shutil.rmtree(folder, ignore_errors=True)
    sections: list[Section] = []
    unread: list[pl.DataFrame] = []
    association_id = dataset.rows * MOST_ASSOCIATIONS
    with writing(folder):
        folder.mkdir()
        for number, wanted in enumerate(_partitions(dataset, folder, same_object=same_object)):
            found: list[pl.DataFrame] = [pl.DataFrame(schema=TYPED_PAIR)]

            def on_page(
                page: pl.DataFrame, wanted: pl.DataFrame = wanted, found: list[pl.DataFrame] = found
            ) -> None:
                found.append(page.join(wanted, on=_PAIR, how="anti"))

            records = wanted.filter("is_asked").select("from_id").unique(maintain_order=True)
            unread.append(await reader.read_all(records, where, on_page))
            surplus = pl.concat(found).unique().sort(*TYPED_PAIR)
            if not surplus.height:
                continue
            surplus.write_parquet(folder / f"{number:05}.parquet", compression=COMPRESSION)
            section = _section(
                dataset.folder, len(dataset.sections) + len(sections), surplus, association_id
            )
            sections.append(section)
            association_id += section.associations
        sync(dataset.folder / "sections")
    return Surplus(tuple(sections), pl.concat(unread))


async def spare_changed(
    folder: Path, pairs: pl.DataFrame, reader: ExistingReader, where: Where
) -> pl.DataFrame:
    """Tell of pairs found in surplus a while ago which to let be: is_spared.

    Somebody has given them something since: it is in no file of ours, and they may be of use now.
    Raises StoppedError, also where one of them can't be read.
    """
    existing = await reader.read(pairs, where)
    if existing.unread.height:
        raise unreadable(existing.unread)
    recorded = pl.scan_parquet(sorted((folder / "surplus").glob("*.parquet")))
    known = recorded.join(pairs.lazy().select(_PAIR), on=_PAIR, how="semi").collect()
    given = existing.types.join(known, on=list(TYPED_PAIR), how="anti", nulls_equal=True)
    spared = given.select(_PAIR).unique().with_columns(pl.lit(value=True).alias("is_spared"))
    return pairs.join(spared, on=_PAIR, how="left", maintain_order="left").with_columns(
        pl.col("is_spared").fill_null(value=False)
    )


def unreadable(unread: pl.DataFrame) -> StoppedError:
    """Say which from-records (from_id, error_message) could not be read."""
    first = unread.row(0, named=True)
    return StoppedError(
        f"the mirror took nothing away: {unread.height:,} from-records could not be read; the first, "
        f"{first['from_id']}: {first['error_message']}",
        "go on when HubSpot answers for them",
    )


def write_removed(folder: Path, path: Path, labels: Sequence[LabelDefinition]) -> None:
    """Write what goes as a source that puts it back, as an export has it: EXPORTED.

    Raises StoppedError.
    """
    parts = sorted((folder / "surplus").glob("*.parquet"))
    lines = pl.scan_parquet(parts) if parts else pl.LazyFrame(schema=TYPED_PAIR)
    texts = texts_of(labels).lazy()
    told = lines.join(texts, on=["category", "type_id"], how="left", maintain_order="left")
    write_whole(path, told.select(*EXPORTED).sink_parquet)


def _partitions(dataset: Dataset, folder: Path, *, same_object: bool) -> Iterator[pl.DataFrame]:
    """Give the source's pairs by from-record: from_id, to_id and is_asked (the record is its)."""
    pairs = pl.concat([_asked(dataset, section) for section in dataset.sections] or [_NOTHING])
    if same_object:
        # Between records of one object, both ways round are one association.
        turned = swapped(pairs).with_columns(pl.lit(value=False).alias("is_asked"))
        pairs = pl.concat([pairs, turned])
    count = math.ceil(dataset.associations / PARTITION_ROWS)
    return parted(pairs, "from_id", count, folder / "pairs")


def _asked(dataset: Dataset, section: Section) -> pl.LazyFrame:
    ends = _PAIR if section.direction is Direction.FORWARD else _PAIR[::-1]
    return dataset.pairs(section).select(
        *(pl.col(end).alias(name) for name, end in zip(_PAIR, ends, strict=True)),
        pl.lit(value=True).alias("is_asked"),
    )


_NOTHING: Final = pl.LazyFrame(
    schema={"from_id": pl.Int64, "to_id": pl.Int64, "is_asked": pl.Boolean}
)


def _section(folder: Path, number: int, surplus: pl.DataFrame, first_id: int) -> Section:
    pairs = surplus.select(_PAIR).unique(maintain_order=True).with_row_index("association_id")
    path = write_section(
        folder,
        number,
        pairs.select(
            (pl.col("association_id").cast(pl.Int64) + first_id).alias("association_id"),
            *_PAIR,
            # No types are named, and no row of the source hangs on it.
            *(pl.lit(0, pl.Int64).alias(name) for name in ("types", "other_types", "rows")),
            pl.lit(value=False).alias("keeps"),
        ),
    )
    sync(path)
    return Section(
        number=number,
        phase=0,
        partition=-1,
        action=Action.REMOVE,
        direction=Direction.FORWARD,
        has_types=False,
        has_doubt=False,
        associations=pairs.height,
        rows=0,
    )
