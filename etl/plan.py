"""Work out what a run would do, without doing it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.core.action import CONTRADICTING_ROWS, contradiction
from etl.core.defined_labels import TO_BE_MADE, stand_ins
from etl.core.label_rules import name_of
from etl.core.merge import in_doubt
from etl.core.pace import WINDOW_SECONDS
from etl.hubspot.either_side import loads_of
from etl.model import MAX_LOOK_UP_SIZE, MAX_READ_SIZE, Action, Outcome
from etl.sink import scan_frames
from etl.staging import CONTRADICTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.core.tally import Tally
    from etl.hubspot.labels import Portal
    from etl.model import DefinedLabel, Job
    from etl.plan_limits import LimitFindings
    from etl.staging import Dataset, Section

DAILY_LIMIT: Final = 500_000
"""Association requests a day without the API add-on (HubSpot's guide)."""

SHOWN_REASONS: Final = 100
"""Distinct reasons listed; a source with more of them is not the file that was meant."""


_REASON: Final = ("row_number", "error_category", "error_message")


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
    actions: dict[str, int]
    """Rows to send, by what they ask for."""
    reasons: list[dict[str, Any]]
    """Why rows will not be sent: error_category, rows, first_row, error_message of that row."""
    labels: list[dict[str, Any]]
    labels_to_make: list[dict[str, Any]]
    """Labels that a run would make first, and the rows that ask for them."""
    keys: dict[str, dict[str, int]]
    """By keyed side: looked_up, from_cache, not_found and found_twice, in distinct keys."""
    look_up_requests: int
    """At least: what the look-up of the keys takes that are not in the cache."""
    read_requests: int
    """About: as many as it takes where HubSpot has the pairs of the file and no others."""
    write_requests: int
    """At most; unchanged pairs take none. What a mirror takes away is not known before its reads."""
    requests_per_10_seconds: float
    minutes: float
    daily_limit: int
    """As HubSpot says it, or the lowest of its guide."""
    daily_limit_percent: float
    takes_away: list[str]
    """What a run takes away besides its rows, in words."""
    limits: LimitFindings
    """What the file does to the limits of its records."""

    def as_dict(self) -> dict[str, Any]:
        """Give the plan to machines."""
        return asdict(self)


def plan_staged(
    job: Job,
    dataset: Dataset,
    tally: Tally,
    portal: Portal,
    *,
    labels: list[dict[str, Any]],
    keys: dict[str, dict[str, int]],
    requests_per_10_seconds: float,
    daily_limit: int | None,
    limits: LimitFindings,
) -> Plan:
    """Count what has been staged; `tally` has the rows that will not be sent."""
    rows = dataset.scan_rows("action", "outcome", *_REASON)
    reads = writes = duplicates = 0
    for section in dataset.sections:
        writes += math.ceil(section.associations / job.limits.batch_size)
        reads += _reads(job, dataset, section, portal)
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
        actions=_actions(rows),
        reasons=_reasons(rows, dataset),
        labels=[_as_planned(line) for line in labels],
        labels_to_make=[
            {
                **asdict(wanted),
                "name": name_of(wanted),
                "rows": _asking(wanted, portal.to_be_made, labels),
            }
            for wanted in portal.to_be_made
        ],
        keys=keys,
        look_up_requests=look_ups,
        read_requests=reads,
        write_requests=writes,
        requests_per_10_seconds=requests_per_10_seconds,
        minutes=requests / requests_per_10_seconds * WINDOW_SECONDS / 60,
        daily_limit=daily_limit or DAILY_LIMIT,
        daily_limit_percent=requests / (daily_limit or DAILY_LIMIT) * 100,
        takes_away=list(_taken_away(job)),
        limits=limits,
    )


def _taken_away(job: Job) -> Iterator[str]:
    """Tell what a job takes away besides what its rows say."""
    if job.existing_labels == "replace":
        yield "existing_labels: replace takes away the custom labels that the file does not give a pair"
    if job.mirror is not None:
        yield (
            "mirror takes away what these from-records have and the file has not, at most "
            f"{job.mirror.max_removals} of it; see what that is with: hubspot-assoc check"
        )


def _as_planned(line: dict[str, Any]) -> dict[str, Any]:
    """Leave out the numbers under which labels that are yet to be made have been counted."""
    types = [
        {"category": None, "type_id": None, "direction": kind["direction"], "to_be_made": True}
        if kind["category"] == TO_BE_MADE
        else kind
        for kind in line["types"]
    ]
    return {**line, "types": types}


def _asking(
    wanted: DefinedLabel, to_be_made: Sequence[DefinedLabel], labels: list[dict[str, Any]]
) -> int:
    """Count the rows that ask for a label which is yet to be made."""
    numbers = stand_ins(to_be_made)[wanted]
    return sum(
        line["rows"]
        for line in labels
        if any(
            kind["category"] == TO_BE_MADE and kind["type_id"] in numbers for kind in line["types"]
        )
    )


_READ: Final = ("from_id", "to_id", "types", "other_types", "keeps")


def _reads(job: Job, dataset: Dataset, section: Section, portal: Portal) -> int:
    """Count the requests that read a section's records: before, after, and for a mirror."""
    is_blind = job.existing_labels == "ignore"
    before = not is_blind or section.has_doubt
    again = (section.action is not Action.ASSOCIATE) + (job.mirror is not None)
    if not before and not again:
        return 0
    pairs = dataset.pairs(section).select(_READ).collect()
    reads = again * math.ceil(pairs["from_id"].n_unique() / MAX_READ_SIZE)
    if before:
        asked = pairs.filter(in_doubt(section.direction)) if is_blind else pairs
        endpoint = portal.endpoints[section.direction, section.has_types].to(section.action)
        reads += loads_of(asked, endpoint).requests
    return reads


def _actions(rows: pl.LazyFrame) -> dict[str, int]:
    """Count the rows to send by what they ask for, before those that contradict others are left out."""
    asked = rows.filter(pl.col("outcome").is_null()).group_by("action").agg(pl.len()).sort("action")
    return dict(asked.collect(engine="streaming").iter_rows())


def _reasons(rows: pl.LazyFrame, dataset: Dataset) -> list[dict[str, Any]]:
    known = rows.filter(pl.col("outcome").is_not_null()).select(_REASON)
    found = scan_frames(dataset.contradictions(), CONTRADICTION).select(
        "row_number",
        pl.lit(CONTRADICTING_ROWS).alias("error_category"),
        contradiction().alias("error_message"),
    )
    return (
        pl.concat([known, found])
        .group_by("error_category")
        .agg(
            pl.len().alias("rows"),
            pl.col("row_number").min().alias("first_row"),
            pl.col("error_message").sort_by("row_number").first(),
        )
        .sort("rows", descending=True)
        .head(SHOWN_REASONS)
        .collect(engine="streaming")
        .to_dicts()
    )
