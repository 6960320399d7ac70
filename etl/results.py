"""Join what is known of each row with what became of its associations; write the run's files.

Rule 1: every staged row is in ``results`` exactly once, in source order.
Rule 2: what was known of a row before sending wins over what became of it.
Rule 3: files appear whole, and memory holds one chunk and what is told of one span of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.core.hints import DEFAULT_HINT, HINTS, NOT_SENT, NOT_SENT_HINT
from etl.core.tally import Tally
from etl.failures import Failures
from etl.fates import OUTCOMES, Fates
from etl.ingest import STAGED
from etl.model import SUCCEEDED, Outcome
from etl.run_folder import write_whole
from etl.sink import sink
from etl.staging import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from etl.ingest import SourceShape
    from etl.model import Job, ResultsFormat
    from etl.staging import Dataset, Section

RESULTS: Final = {
    "source_file": pl.String,
    "row_number": pl.Int64,
    "from_key": pl.String,
    "to_key": pl.String,
    "label": pl.String,
    "from_id": pl.Int64,
    "to_id": pl.Int64,
    "association_types": pl.String,
    "action": pl.String,
    "outcome": pl.String,
    "duplicate_of": pl.Int64,
    "attempts": pl.Int64,
    "http_status": pl.Int64,
    "error_category": pl.String,
    "error_message": pl.String,
    "correlation_id": pl.String,
    "batch": pl.Int64,
}
"""The columns of ``results``, as the contract lists them."""

_WORDS: Final = pl.Schema(
    [
        ("source_file", pl.Categorical()),
        ("association_types", pl.Categorical()),
        ("action", pl.Categorical()),
        ("outcome", OUTCOMES),
    ]
)
"""Columns of few different words, which are sooner written by number."""

_SUCCEEDED: Final = [outcome.value for outcome in sorted(SUCCEEDED)]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the two files are written."""

    source: SourceShape
    results_format: ResultsFormat
    delimiter: str
    encoding: str

    @classmethod
    def of(cls, job: Job, source: SourceShape) -> Layout:
        """Take the layout from the job: ``failures.csv`` is a source for the same job."""
        csv_format = job.source.csv
        return cls(source, job.output.results, csv_format.delimiter or ",", csv_format.encoding)

    @property
    def cells(self) -> list[str]:
        """Name the columns of a staged row that ``results`` repeats."""
        named = (self.source.from_cell, self.source.to_cell, self.source.label_cell)
        return list(dict.fromkeys(cell for cell in named if cell is not None))


@dataclass(slots=True)
class Told:
    """What the results say, in short."""

    tally: Tally = field(default_factory=Tally)
    reasons: dict[tuple[str, str | None], dict[str, Any]] = field(default_factory=dict)
    """Why rows did not succeed, by outcome and category: rows, the first row and its message."""

    def add_reasons(self, failed: pl.DataFrame) -> None:
        """Count the rows of one more chunk that did not succeed."""
        grouped = failed.group_by("outcome", "error_category").agg(
            pl.len().alias("rows"),
            pl.col("row_number", "error_message", "hint").sort_by("row_number").first(),
        )
        for line in grouped.iter_rows(named=True):
            first = self.reasons.setdefault((line["outcome"], line["error_category"]), line)
            if first is not line:
                first["rows"] += line["rows"]


class Results:
    """Write ``results`` and ``failures.csv`` from a staged source and what became of its sections."""

    def __init__(
        self,
        dataset: Dataset,
        outcomes: Callable[[Section], pl.DataFrame],
        *,
        stopped: str | None,
        on_failed: Callable[[pl.DataFrame], None] = lambda _: None,
    ) -> None:
        """Take a function that gives a section's outcomes, SETTLED, and why the run stopped early.

        `on_failed` sees the rows that did not succeed, chunk by chunk.
        """
        self._dataset = dataset
        self._stopped = f"the run stopped first: {stopped or 'no reason given'}"
        self._outcomes = outcomes
        self._on_failed = on_failed

    def write(self, layout: Layout, *, results: Path, failures: Path) -> Told:
        """Write both files; give what they tell, in short. Raises StoppedError."""
        fates = Fates(self._dataset, self._outcomes)
        told = Told()

        def write_failures(path: Path) -> None:
            with path.open("wb") as file:
                failed = Failures(
                    file,
                    layout.source.columns,
                    delimiter=layout.delimiter,
                    encoding=layout.encoding,
                )
                rows = self._told_rows(fates, layout, failed, told)
                write_whole(
                    results,
                    lambda path: sink(rows, {**RESULTS, **_WORDS}, path, layout.results_format),
                )

        write_whole(failures, write_failures)
        return told

    def _told_rows(
        self, fates: Fates, layout: Layout, failures: Failures, told: Told
    ) -> Iterator[pl.DataFrame]:
        """Yield RESULTS chunk by chunk; on the way, count the rows and write the failed ones."""
        source = layout.source
        for path in self._dataset.row_files():
            rows = read_rows(path, [*STAGED, *layout.cells], _WORDS)
            fate, trouble = fates.within(rows["row_number"][0], rows["row_number"][-1])
            rows = _with_fate(rows, fate, trouble, self._stopped)
            counts = rows["outcome"].value_counts(name="rows")
            told.tally.add({Outcome(outcome): count for outcome, count in counts.iter_rows()})
            failed = rows.filter(~pl.col("outcome").is_in(_SUCCEEDED))
            if failed.height:
                failed = failed.with_columns(pl.coalesce("hint", _hint()).alias("hint"))
                failures.add(failed, path)
                told.add_reasons(failed)
                self._on_failed(failed)
            yield (
                rows.with_columns(
                    pl.col(source.from_cell).alias("from_key"),
                    pl.col(source.to_cell).alias("to_key"),
                    source.label.alias("label"),
                )
                .select(*RESULTS)
                .cast(_WORDS)
            )


def _with_fate(
    rows: pl.DataFrame, fate: pl.DataFrame, trouble: pl.DataFrame, stopped: str
) -> pl.DataFrame:
    """Complete staged rows: what was known before sending wins, the fate fills the rest."""
    if (
        fate.height == rows.height
        and not trouble.height
        and fate["outcome"].is_in(_SUCCEEDED).all()
    ):
        # All were sent and nothing is to be said, as of most chunks: nothing has to be matched.
        nothing = pl.lit(None, pl.String).alias("correlation_id")
        return rows.drop("outcome").hstack(fate.drop("row_number")).with_columns(nothing)
    rows = rows.cast({"outcome": OUTCOMES})
    for told in (fate, trouble):
        rows = rows.join(told, on="row_number", how="left", suffix="_sent", maintain_order="left")
    outcome = pl.coalesce("outcome", "outcome_sent")
    is_not_sent = outcome == Outcome.NOT_SENT.value
    unsent = {"error_category": NOT_SENT, "error_message": stopped}
    return rows.with_columns(
        outcome.alias("outcome"),
        *(
            pl.coalesce(name, f"{name}_sent", pl.when(is_not_sent).then(pl.lit(said))).alias(name)
            for name, said in unsent.items()
        ),
        pl.col("attempts").fill_null(0),
    )


def _hint() -> pl.Expr:
    """Say what to do about a row that did not succeed."""
    return (
        pl.when(pl.col("outcome") == Outcome.NOT_SENT.value)
        .then(pl.lit(NOT_SENT_HINT))
        .otherwise(
            pl.col("error_category").replace_strict(
                HINTS, default=DEFAULT_HINT, return_dtype=pl.String
            )
        )
    )
