"""Join what is known of each row with what became of its associations; write the run's files.

Rule 1: every staged row is in ``results`` exactly once, in source order.
Rule 2: a row is as well off as the worst of its associations.
Rule 3: what no verdict names was not sent.
Rule 4: files appear whole, and memory holds one chunk or one partition.
"""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.core.action import rejecting_contradictions
from etl.core.failure_columns import FAILURE_COLUMNS
from etl.core.hints import DEFAULT_HINT, HINTS, NOT_SENT, NOT_SENT_HINT
from etl.core.spreadsheet import neutralise
from etl.core.tally import Tally
from etl.core.verdict import SETTLED
from etl.model import SUCCEEDED, Outcome
from etl.run_folder import write_whole, writing
from etl.sink import sink
from etl.staging import COMPRESSION, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

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

_WORST_FIRST: Final = (
    Outcome.REJECTED,
    Outcome.FAILED,
    Outcome.UNCONFIRMED,
    Outcome.NOT_SENT,
    Outcome.ASSOCIATED,
    Outcome.REMOVED,
    Outcome.UNCHANGED,
)
_FATE: Final = {
    "row_number": pl.Int64,
    "duplicate_of": pl.Int64,
    **{name: dtype for name, dtype in SETTLED.items() if name not in {"association_id", "types"}},
}
_FATE_ROW_GROUP: Final = 50_000
"""Rows a row group: what one chunk of rows skips of a partition's fates."""


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
    def own(self) -> list[int]:
        """Places of the source columns that ``failures.csv`` repeats; not those it adds itself."""
        return [
            place for place, name in enumerate(self.source.columns) if name not in FAILURE_COLUMNS
        ]

    @property
    def failures_encoding(self) -> str:
        """UTF-8; a byte order mark says so to a reader that the job sets to another encoding."""
        return "utf-8" if self.encoding.casefold() in {"utf-8", "utf8"} else "utf-8-sig"


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
        self._fates = dataset.fates

    def write(self, layout: Layout, *, results: Path, failures: Path) -> Told:
        """Write both files; give what they tell, in short. Raises StoppedError."""
        with writing(self._fates):
            shutil.rmtree(self._fates, ignore_errors=True)
            self._fates.mkdir()
            self._write_fates()
        told = Told()

        def write_failures(path: Path) -> None:
            with path.open("wb") as file:
                file.write(_header(layout))
                rows = self._told_rows(layout, file, told)
                write_whole(results, lambda path: sink(rows, RESULTS, path, layout.results_format))

        write_whole(failures, write_failures)
        return told

    def _write_fates(self) -> None:
        """Turn outcomes of associations into fates of rows, partition by partition."""
        for partition, links in self._dataset.links():
            settled = [
                self._outcomes(section)
                for section in self._dataset.sections
                if section.partition == partition
            ]
            outcomes = pl.concat([pl.DataFrame(schema=SETTLED), *settled])
            fates = _fates(links, outcomes, self._stopped)
            fates.write_parquet(
                self._fates / f"{partition:05}.parquet",
                compression=COMPRESSION,
                row_group_size=_FATE_ROW_GROUP,
            )

    def _told_rows(self, layout: Layout, failures: BinaryIO, told: Told) -> Iterator[pl.DataFrame]:
        """Yield RESULTS chunk by chunk; on the way, count the rows and write the failed ones."""
        for rows in self._rows():
            counts = rows["outcome"].value_counts(name="rows")
            told.tally.add({Outcome(outcome): count for outcome, count in counts.iter_rows()})
            failed = rows.filter(~pl.col("outcome").is_in(sorted(SUCCEEDED)))
            if failed.height:
                _write_failed(failed, layout, failures)
                told.add_reasons(failed)
                self._on_failed(failed)
            source = layout.source
            yield rows.with_columns(
                pl.col(source.from_cell).alias("from_key"),
                pl.col(source.to_cell).alias("to_key"),
                source.label.alias("label"),
            ).select(*RESULTS)

    def _rows(self) -> Iterator[pl.DataFrame]:
        """Yield the staged rows chunk by chunk, each with its fate."""
        fates = sorted(self._fates.iterdir())
        for path in self._dataset.row_files():
            rows = read_rows(path)
            first, last = rows["row_number"][0], rows["row_number"][-1]
            fate = pl.DataFrame(schema=_FATE)
            if fates:
                wanted = pl.col("row_number").is_between(first, last)
                fate = pl.scan_parquet(fates).filter(wanted).collect()
            yield _with_fate(rows, fate)


def _header(layout: Layout) -> bytes:
    line = io.StringIO()
    own = pl.Series([layout.source.columns[place] for place in layout.own], dtype=pl.String)
    names = own.to_frame("name").select(neutralise(pl.col("name"))).to_series()
    csv.writer(line, delimiter=layout.delimiter, lineterminator="\n").writerow(
        [*names, *FAILURE_COLUMNS]
    )
    return line.getvalue().encode(layout.failures_encoding)


def _write_failed(rows: pl.DataFrame, layout: Layout, failures: BinaryIO) -> None:
    # A file of the source may have fewer columns than a later one.
    missing = [place for place in layout.own if f"c{place}" not in rows.columns]
    rows = rows.with_columns(pl.lit(None, pl.String).alias(f"c{place}") for place in missing)
    # An empty cell is written empty, as in the source, and not as two quotes.
    cells = (pl.col(f"c{place}").replace("", None) for place in layout.own)
    safe = neutralise(pl.col(pl.String))
    rows.select(*cells, *FAILURE_COLUMNS.values()).with_columns(safe).write_csv(
        failures, include_header=False, separator=layout.delimiter
    )


def _with_fate(rows: pl.DataFrame, fate: pl.DataFrame) -> pl.DataFrame:
    """Complete staged rows: what was known before sending wins, the fate fills the rest."""
    joined = rows.join(fate, on="row_number", how="left", suffix="_sent", maintain_order="left")
    outcome = pl.coalesce("outcome", "outcome_sent")
    category = pl.coalesce("error_category", "error_category_sent")
    hint = (
        pl.when(outcome == Outcome.NOT_SENT.value)
        .then(pl.lit(NOT_SENT_HINT))
        .otherwise(category.replace_strict(HINTS, default=DEFAULT_HINT, return_dtype=pl.String))
    )
    return joined.with_columns(
        outcome.alias("outcome"),
        category.alias("error_category"),
        pl.coalesce("error_message", "error_message_sent").alias("error_message"),
        pl.coalesce("hint", hint).alias("hint"),
        pl.col("attempts").fill_null(0),
    )


def _fates(links: pl.DataFrame, outcomes: pl.DataFrame, stopped: str) -> pl.DataFrame:
    """Give each linked row what became of its associations: _FATE, in row order."""
    of_all = pl.col("types").is_null()
    fates = links.join(outcomes.filter(of_all).drop("types"), on="association_id", how="left")
    of_some = outcomes.filter(~of_all)
    if of_some.height:
        # Such a line is about the rows that ask for one of its types.
        told = links.join(of_some, on="association_id", how="inner", suffix="_told")
        told = told.filter((pl.col("types") & pl.col("types_told")) != 0)
        fates = pl.concat([fates, told.select(fates.columns)])
    is_not_sent = pl.col("outcome").is_null()
    fates = fates.with_columns(
        pl.col("outcome").fill_null(Outcome.NOT_SENT.value),
        pl.col("attempts").fill_null(0),
        pl.when(is_not_sent)
        .then(pl.lit(NOT_SENT))
        .otherwise("error_category")
        .alias("error_category"),
        pl.when(is_not_sent)
        .then(pl.lit(stopped))
        .otherwise("error_message")
        .alias("error_message"),
    ).with_columns(*rejecting_contradictions())
    return _worst_of_each_row(fates).sort("row_number").select(*_FATE)


def _worst_of_each_row(fates: pl.DataFrame) -> pl.DataFrame:
    """Keep one line a row: a row whose labels go both ways links to two associations."""
    if not fates["row_number"].is_duplicated().any():
        return fates
    rank = {outcome.value: place for place, outcome in enumerate(_WORST_FIRST)}
    badness = pl.col("outcome").replace_strict(rank, return_dtype=pl.Int64)
    return fates.sort("row_number", badness).unique("row_number", keep="first", maintain_order=True)
