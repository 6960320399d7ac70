"""A job that is kept for a resume is the very job, but for its token."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from etl.core.job.snapshot import restore, snapshot
from etl.model import (
    Action,
    ActionColumn,
    ApiVersion,
    Bound,
    Category,
    CsvFormat,
    DefinedLabel,
    ExistingLabels,
    ExplicitType,
    HubspotSettings,
    Job,
    LabelColumn,
    LabelSettings,
    LabelValue,
    Limits,
    Mirror,
    Output,
    Secret,
    Side,
    Source,
)

TOKEN = "pat-na1-never-to-be-seen-0123456789"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNTS = st.none() | st.integers(1, 10**9)
CATEGORIES = st.none() | st.sampled_from(get_args(Category))
PATHS = TEXTS.map(lambda text: Path("/jobs") / text.replace("\0", "").replace("/", ""))
LABELLINGS = st.one_of(
    st.none(),
    st.builds(LabelColumn, TEXTS, st.none() | TEXTS),
    st.builds(LabelValue, TEXTS),
    st.builds(ExplicitType, COUNTS, st.none() | TEXTS, CATEGORIES, st.none() | TEXTS),
)
BOUNDS = st.one_of(
    st.builds(Bound, count=st.integers(0, 10**9)),
    st.builds(Bound, percent=st.floats(0, 100)),
)
SIDES = st.builds(Side, TEXTS, TEXTS, st.none() | TEXTS)
DEFINED = st.builds(DefinedLabel, TEXTS, st.none() | TEXTS, st.none() | TEXTS)
JOBS = st.builds(
    Job,
    name=TEXTS,
    file=PATHS,
    source=st.builds(Source, TEXTS, st.builds(CsvFormat, st.none() | TEXTS, TEXTS)),
    from_side=SIDES,
    to_side=SIDES,
    labelling=LABELLINGS,
    existing_labels=st.sampled_from(get_args(ExistingLabels)),
    hubspot=st.builds(
        HubspotSettings,
        st.just(Secret(TOKEN)),
        st.sampled_from(get_args(ApiVersion)),
        TEXTS,
        TEXTS,
    ),
    limits=st.builds(
        Limits,
        requests_per_10_seconds=COUNTS,
        batch_size=st.integers(1, 2000),
        concurrency=COUNTS,
        daily_reserve=st.integers(0, 10**6),
        max_failures=st.none() | BOUNDS,
    ),
    output=st.builds(Output, PATHS, st.sampled_from(["parquet", "csv"])),
    labels=st.builds(LabelSettings, st.booleans(), st.lists(DEFINED, max_size=3).map(tuple)),
    match_cache_hours=st.integers(0, 8760),
    action=st.sampled_from(Action) | st.builds(ActionColumn, TEXTS),
    mirror=st.none() | st.builds(Mirror, st.just("from"), BOUNDS),
)


@given(JOBS)
def test_a_job_goes_on_as_it_was(job: Job) -> None:
    """A resume follows the job that the run began with, to the last setting, by the token of today."""
    kept = json.loads(msgspec.json.encode(snapshot(job)))
    today = Secret("the token of today")
    assert restore(kept, today) == replace(job, hubspot=replace(job.hubspot, access_token=today))
    assert restore(kept, None) == replace(job, hubspot=replace(job.hubspot, access_token=None))


@given(JOBS)
def test_the_token_is_not_kept(job: Job) -> None:
    """Whoever reads a run folder does not find the key to the account in it."""
    assert TOKEN not in json.dumps(snapshot(job))
