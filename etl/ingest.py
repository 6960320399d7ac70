"""Take the source into staging: read, normalize, identify, resolve, stage; one chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from etl.ahead import made_ahead
from etl.core.action import ACTIONS, action_trouble, read_action
from etl.core.failure_columns import CATEGORY_COLUMN
from etl.core.hints import DEFAULT_HINT, HINTS
from etl.core.keys import identify
from etl.core.merge import PAIR
from etl.core.normalize import RAGGED_LINE, normalize
from etl.model import Action, ActionColumn, ExplicitType, LabelColumn, LabelValue, Outcome
from etl.readers import FLAW, ROW_NUMBER, find_files, read_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from etl.core.keys import Matched
    from etl.core.resolve_rows import RowResolver
    from etl.core.tally import Tally
    from etl.model import Job, Labelling
    from etl.readers import Chunk
    from etl.staging import Staging

STAGED: Final = {
    ROW_NUMBER: pl.Int64,
    "source_file": pl.String,
    "from_id": pl.Int64,
    "to_id": pl.Int64,
    "association_types": pl.String,
    "action": pl.String,
    "outcome": pl.String,
    "error_category": pl.String,
    "error_message": pl.String,
    "hint": pl.String,
}
"""A staged row, besides the source's own cells (``c0``, ``c1``, …): what is known before sending.

`outcome` is ``rejected``, ``unresolved``, or null for a good row.
"""


@dataclass(frozen=True, slots=True)
class SourceShape:
    """Where in a staged row the source's cells are."""

    columns: tuple[str, ...]
    """The source's own names: ``columns[i]`` is ``c{i}``."""
    from_cell: str
    to_cell: str
    label_cell: str | None = None
    """Where each row has its own label."""
    label_value: str | None = None
    """The one label of all rows."""

    @property
    def label(self) -> pl.Expr:
        """Give each row's label as read."""
        if self.label_cell is not None:
            return pl.col(self.label_cell)
        return pl.lit(self.label_value, pl.String)


class _Prepared(NamedTuple):
    """A chunk that is ready to be staged."""

    chunk: Chunk
    rows: pl.DataFrame
    """STAGED."""
    pairs: pl.DataFrame
    """PAIR of the good ones."""


def read_source(job: Job) -> Iterator[Chunk]:
    """Read the job's source, chunk by chunk. Raises SourceError."""
    return read_chunks(find_files(job.source), job.source, used_columns(job))


def ingest(
    job: Job,
    chunks: Iterable[Chunk],
    resolver: RowResolver,
    staging: Staging,
    tally: Tally,
    *,
    on_chunk: Callable[[], None] = lambda: None,
    matches: Sequence[Matched] = (),
) -> SourceShape:
    """Stage every row of the job's source; count rejected and unresolved rows in `tally`.

    `matches` has what the keys of the job's keyed sides lead to. Raises SourceError.
    """
    columns: tuple[str, ...] = ()
    used = used_columns(job)
    places = dict.fromkeys(used, "")

    def prepare(chunk: Chunk) -> _Prepared:
        cells = {name: chunk.cell_of(name) for name in used}
        return _Prepared(chunk, *_prepare(chunk, cells, job, resolver, matches))

    def write(prepared: _Prepared) -> _Prepared:
        if prepared.rows.height:
            staging.add_rows(prepared.rows)
        return prepared

    # One chunk is read, one made ready, one written and one put to its records at a time.
    ready = made_ahead(prepare, chunks, threads=1)
    for chunk, rows, pairs in made_ahead(write, ready, threads=1):
        columns = max(columns, chunk.columns, key=len)
        places = {name: chunk.cell_of(name) for name in used}
        if rows.is_empty():
            break
        staging.add_pairs(pairs)
        told = rows["outcome"].drop_nulls().value_counts(name="rows")
        tally.add({Outcome(outcome): count for outcome, count in told.iter_rows()})
        on_chunk()
    return SourceShape(
        columns,
        places[job.from_side.column],
        places[job.to_side.column],
        label_cell=places[job.labelling.column] if isinstance(job.labelling, LabelColumn) else None,
        label_value=job.labelling.value if isinstance(job.labelling, LabelValue) else None,
    )


def used_columns(job: Job) -> tuple[str, ...]:
    """List the source columns that a job reads."""
    action = (job.action.column,) if isinstance(job.action, ActionColumn) else ()
    return (job.from_side.column, job.to_side.column, *_label_columns(job.labelling), *action)


def _label_columns(labelling: Labelling) -> tuple[str, ...]:
    match labelling:
        case LabelColumn(column=column):
            return (column,)
        case ExplicitType(id_column=id_column, category_column=category_column):
            return tuple(name for name in (id_column, category_column) if name is not None)
        case _:
            return ()


def prove(chunk: Chunk, job: Job) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows of a chunk that say which records they join from those that are rejected."""
    from_cell, to_cell = chunk.cell_of(job.from_side.column), chunk.cell_of(job.to_side.column)
    return normalize(
        chunk.frame.with_columns(
            pl.lit(chunk.source_file, pl.Enum([chunk.source_file])).alias("source_file"),
            read_action(job.action, _action_cell(chunk, job)).alias("action"),
            _flaw(chunk),
        ),
        from_column=from_cell,
        to_column=to_cell,
        flaw=FLAW,
        names={from_cell: job.from_side.column, to_cell: job.to_side.column},
        keyed=[chunk.cell_of(side.column) for side in job.keyed_sides.values()],
    )


def _prepare(
    chunk: Chunk,
    places: Mapping[str, str],
    job: Job,
    resolver: RowResolver,
    matches: Sequence[Matched],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give all rows of a chunk as STAGED, and the good ones among them as PAIR."""
    good, rejected = prove(chunk, job)
    good, lost = identify(good, matches, places)
    good = resolver.resolve(good, places)
    good = good.with_columns(action_trouble(job.action, _action_cell(chunk, job)))
    troubles = ("action_category", "error_category")
    if any(good[name].null_count() < good.height for name in troubles):
        good, pairs = _part_unclear(good, keeps_unclear=job.existing_labels == "replace")
    else:
        pairs = good.select(*PAIR)
        good = good.with_columns(pl.lit(None, pl.String).alias("outcome"))
    if job.action is not Action.ASSOCIATE:
        # The whole association, whatever types it has.
        is_whole = pl.col("action") == Action.REMOVE.value
        good = good.with_columns(
            pl.when(is_whole.fill_null(value=False))
            .then(pl.lit(""))
            .otherwise("association_types")
            .alias("association_types")
        )
    cells = [f"c{place}" for place in range(len(chunk.columns))]
    rows = good.select(*STAGED, *cells)
    unsent = [
        _unsent(part, outcome).select(*STAGED, *cells)
        for part, outcome in ((rejected, Outcome.REJECTED), (lost, Outcome.UNRESOLVED))
        if part.height
    ]
    if unsent:
        rows = pl.concat([rows, *unsent]).sort(ROW_NUMBER)
    return rows, pairs


def _part_unclear(rows: pl.DataFrame, *, keeps_unclear: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Say of each row whether its action or its label is in trouble; give PAIR of the others too.

    `keeps_unclear` gives PAIR of all, those in trouble without an action.
    """
    is_refused = pl.col("action_category").is_not_null()
    is_unresolved = pl.col("error_category").is_not_null()
    is_good = ~is_refused & ~is_unresolved
    pairs = rows.filter(is_good).select(*PAIR)
    if keeps_unclear:
        # Whatever these rows ask for, it may be what their pair has: nothing of it is stale.
        unclear = rows.filter(~is_good).with_columns(pl.lit(None, ACTIONS).alias("action"))
        pairs = pl.concat([pairs, unclear.select(*PAIR)])
    rows = rows.with_columns(
        pl.when(is_refused)
        .then(pl.lit(Outcome.REJECTED.value))
        .when(is_unresolved)
        .then(pl.lit(Outcome.UNRESOLVED.value))
        .alias("outcome"),
        pl.coalesce("action_category", "error_category").alias("error_category"),
        pl.coalesce("action_message", "error_message").alias("error_message"),
        pl.when(is_refused).then(_hint("action_category")).otherwise("hint").alias("hint"),
        pl.when(is_refused)
        .then(pl.lit(""))
        .otherwise("association_types")
        .alias("association_types"),
    )
    return rows, pairs


def _unsent(rows: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
    """Complete rows of which an error_category says why they are not sent."""
    return rows.with_columns(
        pl.lit(outcome.value).alias("outcome"),
        pl.lit("").alias("association_types"),
        _hint("error_category").alias("hint"),
    )


def _hint(category: str) -> pl.Expr:
    return pl.col(category).replace_strict(HINTS, default=DEFAULT_HINT, return_dtype=pl.String)


def _action_cell(chunk: Chunk, job: Job) -> str | None:
    return chunk.cell_of(job.action.column) if isinstance(job.action, ActionColumn) else None


def _flaw(chunk: Chunk) -> pl.Expr:
    """Say what is wrong with a line, also when it was wrong in the file that it failed from.

    ``failures.csv`` has the cells of a ragged line in whole columns, where it would pass for a good
    one: until somebody has looked at it, it stays rejected.
    """
    if CATEGORY_COLUMN not in chunk.columns:
        return pl.col(FLAW)
    was_ragged = pl.col(chunk.cell_of(CATEGORY_COLUMN)) == RAGGED_LINE
    unmended = pl.lit(
        f"the line had the wrong number of fields, so its cells may be shifted or cut; mend them, "
        f"and clear {CATEGORY_COLUMN} in this row"
    )
    return pl.coalesce(FLAW, pl.when(was_ragged).then(unmended)).alias(FLAW)
