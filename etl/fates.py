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

if TYPE_CHECKING:
    from collections.abc import Callable

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

FATE: Final = pl.Schema(
    [
        ("row_number", pl.Int64),
        ("duplicate_of", pl.Int64),
        ("outcome", OUTCOMES),
        ("attempts", pl.Int64),
        ("http_status", pl.Int64),
        ("batch", pl.Int64),
    ]
)
"""What became of a row, without words: what there is of every row that was to be sent."""

TROUBLE: Final = pl.Schema(
    {
        "row_number": pl.Int64,
        "error_category": pl.String,
        "error_message": pl.String,
        "correlation_id": pl.String,
    }
)
"""What is said of a row besides; few rows of most runs have any of it."""


class Fates:
    """What became of the rows of a staged source, to be had beside them."""

    def __init__(self, dataset: Dataset, outcomes: Callable[[Section], pl.DataFrame]) -> None:
        """Take a function that gives a section's outcomes: SETTLED. Raises StoppedError."""
        folder = dataset.fates
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)
        self._fates = RowSpans(folder / "fates", FATE)
        self._troubles = RowSpans(folder / "troubles", TROUBLE)
        for partition, links in dataset.links():
            settled = [
                outcomes(section) for section in dataset.sections if section.partition == partition
            ]
            fates = fates_of(links, pl.concat([pl.DataFrame(schema=SETTLED), *settled]))
            self._fates.add(fates.select(*FATE))
            self._troubles.add(_said(fates.select(*TROUBLE)))

    def within(self, first_row: int, last_row: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give FATE and TROUBLE of some rows, each at most once a row and in row order."""
        return self._fates.within(first_row, last_row), self._troubles.within(first_row, last_row)


def _said(troubles: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows of which anything is said."""
    said = [name for name in TROUBLE if name != "row_number"]
    if all(troubles[name].null_count() == troubles.height for name in said):
        return troubles.clear()
    return troubles.filter(pl.any_horizontal(pl.col(said).is_not_null()))


def fates_of(links: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Give each linked row what became of its associations: FATE and TROUBLE, a line a row.

    Takes LINK and SETTLED.
    """
    outcomes = outcomes.cast({"outcome": OUTCOMES})
    of_some = pl.col("types").is_not_null()
    some, rest = outcomes.filter(of_some), outcomes
    if some.height:
        rest = outcomes.filter(~of_some)
    fates = links.join(rest.drop("types"), on="association_id", how="left", maintain_order="left")
    if some.height:
        # Such a line is about the rows that ask for one of its types.
        told = links.join(some, on="association_id", how="inner", suffix="_told")
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
