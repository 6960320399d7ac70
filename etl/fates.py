"""Say of each row that was to be sent what became of it.

Rule 1: a row is as well off as the worst of its associations.
Rule 2: what no verdict names was not sent.
Rule 3: memory holds one partition, or one span of rows.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.action import rejecting_contradictions
from etl.core.verdict import SETTLED
from etl.model import Outcome
from etl.row_spans import RowSpans
from etl.run_folder import writing
from etl.sink import scan_frames
from etl.staging import COMPRESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etl.staging import Dataset, Section

_WORST_FIRST: Final = (
    Outcome.REJECTED,
    Outcome.UNRESOLVED,
    Outcome.FAILED,
    Outcome.UNCONFIRMED,
    Outcome.NOT_SENT,
    Outcome.ASSOCIATED,
    Outcome.REMOVED,
    Outcome.UNCHANGED,
)

OUTCOMES: Final = pl.Enum([outcome.value for outcome in _WORST_FIRST])
"""The worst first: outcomes sort by what is to be told of a row that has several."""

FATE: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "row_number": pl.Int64,
    "duplicate_of": pl.Int64,
    "outcome": OUTCOMES,
    "attempts": pl.Int64,
    "http_status": pl.Int64,
    "batch": pl.Int64,
}
"""What became of a row, without words: what there is of every row that was to be sent."""

TROUBLE: Final = {
    "row_number": pl.Int64,
    "error_category": pl.String,
    "error_message": pl.String,
    "correlation_id": pl.String,
}
"""What is said of a row besides; few rows of most runs have any of it."""


class Fates:
    """What became of the rows of a staged source, laid out beside them."""

    def __init__(self, dataset: Dataset, outcomes: Callable[[Section], pl.DataFrame]) -> None:
        """Take a function that gives a section's outcomes: SETTLED. Raises StoppedError."""
        self._dataset = dataset
        self._outcomes = outcomes
        folder = dataset.fates
        self._said = folder / "said"
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
            self._said.mkdir(parents=True)
        self._fates = RowSpans(scan_frames(self._partitions(), FATE), folder / "fates")
        said = sorted(self._said.iterdir())
        troubles = pl.scan_parquet(said) if said else pl.LazyFrame(schema=TROUBLE)
        self._troubles = RowSpans(troubles, folder / "troubles")

    def within(self, first_row: int, last_row: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give FATE and TROUBLE of some rows, each at most once a row and in row order."""
        return self._fates.within(first_row, last_row), self._troubles.within(first_row, last_row)

    def _partitions(self) -> Iterator[pl.DataFrame]:
        """Yield FATE partition by partition; put TROUBLE aside."""
        for partition, links in self._dataset.links():
            settled = [
                self._outcomes(section)
                for section in self._dataset.sections
                if section.partition == partition
            ]
            fates = fates_of(links, pl.concat([pl.DataFrame(schema=SETTLED), *settled]))
            is_said = pl.any_horizontal(pl.exclude("row_number").is_not_null())
            troubles = fates.select(*TROUBLE).filter(is_said)
            if troubles.height:
                path = self._said / f"{partition:05}.parquet"
                troubles.write_parquet(path, compression=COMPRESSION)
            yield fates.select(*FATE)


def fates_of(links: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Give each linked row what became of its associations: FATE and TROUBLE, a line a row.

    Takes LINK and SETTLED.
    """
    outcomes = outcomes.with_columns(pl.col("outcome").cast(OUTCOMES))
    of_all = pl.col("types").is_null()
    fates = links.join(
        outcomes.filter(of_all).drop("types"),
        on="association_id",
        how="left",
        maintain_order="left",
    )
    of_some = outcomes.filter(~of_all)
    if of_some.height:
        # Such a line is about the rows that ask for one of its types.
        told = links.join(of_some, on="association_id", how="inner", suffix="_told")
        told = told.filter((pl.col("types") & pl.col("types_told")) != 0)
        fates = pl.concat([fates, told.select(fates.columns)])
    fates = fates.with_columns(
        pl.col("outcome").fill_null(pl.lit(Outcome.NOT_SENT.value, OUTCOMES)),
        pl.col("attempts").fill_null(0),
    )
    if fates["contradicts"].null_count() < fates.height:
        fates = fates.with_columns(*rejecting_contradictions()).cast({"outcome": OUTCOMES})
    return _worst_of_each_row(fates)


def _worst_of_each_row(fates: pl.DataFrame) -> pl.DataFrame:
    """Keep one line a row: a row whose labels go both ways links to two associations."""
    # Links are in the order of rows, so that most partitions need no sorting to be sure.
    rows = fates["row_number"]
    if rows.is_sorted() and not (rows == rows.shift()).any():
        return fates
    return fates.sort("row_number", "outcome").unique(
        "row_number", keep="first", maintain_order=True
    )
