"""Work out what a run would do, without doing it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.core.pace import WINDOW_SECONDS
from etl.model import MAX_LOOK_UP_SIZE, MAX_READ_SIZE, Outcome

if TYPE_CHECKING:
    from etl.core.tally import Tally
    from etl.model import Job
    from etl.plan_limits import LimitFindings
    from etl.staging import Dataset

DAILY_LIMIT: Final = 500_000
"""Association requests a day without the API add-on (HubSpot's guide)."""

SHOWN_REASONS: Final = 100
"""Distinct reasons listed; a source with more of them is not the file that was meant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    job: str
    rows: int
    rejected: int
    unresolved: int
    duplicates: int
    """Rows that ask for exactly what an earlier row asks for."""
    associations: int
    reasons: list[dict[str, Any]]
    """Why rows will not be sent: error_category, rows, first_row, error_message of that row."""
    labels: list[dict[str, Any]]
    keys: dict[str, dict[str, int]]
    """By keyed side: looked_up, from_cache, not_found and found_twice, in distinct keys."""
    look_up_requests: int
    """At least: what the look-up of the keys takes that are not in the cache."""
    read_requests: int
    """At least; a record with many associations takes several pages."""
    write_requests: int
    """At most; with existing_labels: keep, unchanged pairs take none."""
    requests_per_10_seconds: float
    minutes: float
    daily_limit: int
    """As HubSpot says it, or the lowest of its guide."""
    daily_limit_percent: float
    limits: LimitFindings
    """What the file does to the limits of its records."""

    def as_dict(self) -> dict[str, Any]:
        """Give the plan to machines."""
        return asdict(self)


def plan_staged(
    job: Job,
    dataset: Dataset,
    tally: Tally,
    *,
    labels: list[dict[str, Any]],
    keys: dict[str, dict[str, int]],
    requests_per_10_seconds: float,
    daily_limit: int | None,
    limits: LimitFindings,
) -> Plan:
    """Count what has been staged; `tally` has the rows that will not be sent."""
    rows = pl.scan_parquet(dataset.row_files()) if dataset.rows else None
    reads = writes = duplicates = 0
    for section in dataset.sections:
        writes += math.ceil(section.associations / job.limits.batch_size)
        if job.existing_labels == "keep":
            records = dataset.pairs(section).select(pl.col("from_id").n_unique())
            reads += math.ceil(int(records.collect().item()) / MAX_READ_SIZE)
    for _, links in dataset.links():
        duplicates += links.filter(pl.col("duplicate_of").is_not_null())["row_number"].n_unique()
    look_ups = sum(math.ceil(facts["looked_up"] / MAX_LOOK_UP_SIZE) for facts in keys.values())
    requests = look_ups + reads + writes
    return Plan(
        job=job.name,
        rows=dataset.rows,
        rejected=tally.rows[Outcome.REJECTED],
        unresolved=tally.rows[Outcome.UNRESOLVED],
        duplicates=duplicates,
        associations=dataset.associations,
        reasons=[] if rows is None else _reasons(rows),
        labels=labels,
        keys=keys,
        look_up_requests=look_ups,
        read_requests=reads,
        write_requests=writes,
        requests_per_10_seconds=requests_per_10_seconds,
        minutes=requests / requests_per_10_seconds * WINDOW_SECONDS / 60,
        daily_limit=daily_limit or DAILY_LIMIT,
        daily_limit_percent=requests / (daily_limit or DAILY_LIMIT) * 100,
        limits=limits,
    )


def _reasons(rows: pl.LazyFrame) -> list[dict[str, Any]]:
    return (
        rows.filter(pl.col("outcome").is_not_null())
        .group_by("error_category")
        .agg(
            pl.len().alias("rows"),
            pl.col("row_number").min().alias("first_row"),
            pl.col("error_message").sort_by("row_number").first(),
        )
        .sort("rows", descending=True)
        .head(SHOWN_REASONS)
        .collect()
        .to_dicts()
    )
