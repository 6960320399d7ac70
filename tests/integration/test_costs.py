"""What a run costs, counted and not timed: work that is added to each row or batch shows here.

The bounds stand a little above what was counted; who lowers a cost lowers its bound. A figure is the
difference of two runs, one twice the other: what a run costs once, however small, is not in it.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl
import pytest
from commands import served
from costs import Costs, Wire, counting, in_pieces
from stage import Listener

from etl.model import (
    MAX_BATCH_SIZE,
    MAX_READ_SIZE,
    ExistingLabels,
    HubspotSettings,
    Job,
    LabelColumn,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)
from etl.pipeline import run_job
from etl.pipeline.send import SECTIONS_UNDER_WAY
from etl.run_folder import create_run_folder
from etl.sandbox import Sandbox, SandboxSettings, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from etl.hubspot.settled import RowsSettled
    from etl.model import Outcome
    from etl.run_folder import RunFolder

ROWS: Final = 10_000
PIECE: Final = 1_000
"""Rows of a chunk or a partition, where a run is to have many of them."""
MANY_ROWS: Final = (SECTIONS_UNDER_WAY + 4) * MAX_BATCH_SIZE
"""Rows of more sections than are under way at once, where each is one batch."""

MAX_LINES_A_ROW: Final = 0.6
"""Lines of Python: a loop over rows costs one at least. Counted: 0.25, or 500 a batch; 0.52 with
reading."""
MAX_LINES_A_BARE_RECORD: Final = 16
"""The same to read a record that has nothing, of which HubSpot tells with an error. Counted: 14.5."""
MAX_QUERIES: Final[dict[ExistingLabels, int]] = {"ignore": 0, "keep": 3}
"""Queries of polars, by batch; each takes a tenth of a millisecond. Counted: 0, and 2 with reading."""
MAX_TRANSACTIONS: Final = 1
"""Of the journal, by batch, after its answer; before it, there is one for all batches of a section."""
MAX_JOURNAL_BYTES_A_ROW: Final = 0.5
"""Counted: nothing, as 5 batches more have room in the same page; a batch takes some 100 bytes."""
MAX_SENT_BYTES_A_ROW: Final = {"create": 190, "read": 20}
"""What HubSpot's API takes, and nothing more. Counted: 117 with one type and 183 with two; 16 to read."""
MAX_FILES_OVER_TWICE: Final = 2
"""Staged files read by a run of twice the pieces, over twice those of the other. Counted: 0."""
MAX_HELD_BYTES: Final = 2_000_000
"""Python's memory while batches are sent one at a time: a body of 370,000 bytes, its answer as it came
and as it is read, and the text that this is compared with. Counted: 1,690,000."""
MAX_KEPT_BYTES_A_ROW: Final = 1
"""What a settled row leaves in Python's memory. Counted: 0.25 to 0.36, some 700 bytes a section."""

PORTAL: Final = """\
labels: [{from: contacts, to: companies, label: Decision maker}]
settings: {requests_per_10_seconds: null, requests_per_day: null}
"""


@dataclass(frozen=True)
class Run:
    """What one run has cost."""

    wire: Wire
    costs: Costs
    journal_bytes: int


@dataclass
class Memory(Listener):
    """Watch Python's memory while the run sends."""

    peak: int = 0
    left: int = 0

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Begin to watch: the source is read."""
        super().staged(rows, settled)
        tracemalloc.reset_peak()

    def settled(self, settled: RowsSettled) -> None:
        """Note what is held, with one more batch done."""
        super().settled(settled)
        gc.collect()  # what is in cycles is let go too, only later
        self.left, self.peak = tracemalloc.get_traced_memory()


def job_over(
    folder: Path, base_url: str, rows: int, existing_labels: ExistingLabels = "ignore"
) -> Job:
    """Write a source of so many pairs, in no order, and the job over it."""
    source = folder / f"{rows}.csv"
    pl.select(
        contact=pl.int_range(rows) * 7_919 % 900_007 + 100_000,
        company=pl.int_range(rows) + 200_000,
        role=pl.lit("Decision maker"),
    ).write_csv(source)
    return Job(
        name="costs",
        file=folder / "costs.yaml",
        source=Source(str(source)),
        from_side=Side("contacts", "contact"),
        to_side=Side("companies", "company"),
        labelling=LabelColumn("role"),
        existing_labels=existing_labels,
        hubspot=HubspotSettings(Secret("made-up"), "v4", base_url),
        limits=Limits(requests_per_10_seconds=1_000_000, concurrency=1),
        output=Output(folder / "runs"),
    )


async def carry_out(job: Job, listener: Listener) -> RunFolder:
    """Run a job of which every row has to succeed."""
    folder = create_run_folder(job.output.directory, job.name)
    summary = await run_job(job, folder, observer=listener, stop=Stop())
    assert summary["exit_code"] == 0
    return folder


async def cost_of(
    folder: Path, rows: int, existing_labels: ExistingLabels, *, is_there: bool = True
) -> Run:
    """Run over so many pairs, which the sandbox has without their label or not at all, and count."""
    wire = Wire()
    portal = msgspec.structs.replace(
        demo_portal(), settings=SandboxSettings(requests_per_10_seconds=None)
    )
    async with Sandbox(portal, middlewares=[wire.middleware()]) as sandbox:
        job = job_over(folder, sandbox.base_url, rows, existing_labels)
        pair = sandbox.portal.pair("contacts", "companies")
        links = sandbox.portal.links(pair)
        unlabeled = sandbox.portal.catalogue.unlabeled(*pair.key)
        assert unlabeled is not None
        for contact, company, _ in pl.read_csv(job.source.path).iter_rows() if is_there else ():
            links.write(links.plan([unlabeled], unlabeled), contact, company)
        with counting() as count:
            there = await carry_out(job, Listener())
    return Run(wire, count.costs(), there.journal.stat().st_size)


@pytest.fixture(scope="module", params=["ignore", "keep"])
def mode(request: pytest.FixtureRequest) -> ExistingLabels:
    """Write without reading, and read first."""
    existing_labels: ExistingLabels = request.param
    return existing_labels


@pytest.fixture(scope="module")
def runs(
    mode: ExistingLabels, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ExistingLabels, Run, Run]:
    """Run over the rows, and over twice as many."""
    folder = tmp_path_factory.mktemp("costs")
    once, twice = (asyncio.run(cost_of(folder, rows, mode)) for rows in (ROWS, 2 * ROWS))
    return mode, once, twice


def test_every_request_is_full(runs: tuple[ExistingLabels, Run, Run]) -> None:
    """The account's limit is in requests: each carries as many rows as HubSpot takes."""
    mode, once, _ = runs
    reads = {"read": ROWS // MAX_READ_SIZE} if mode == "keep" else {}
    assert once.wire.requests == {
        "details": 1,
        "labels": 2,
        "create": ROWS // MAX_BATCH_SIZE,
        **reads,
    }
    assert {once.wire.inputs[kind] for kind in ("create", *reads)} == {ROWS}


def test_no_more_is_sent_than_has_to_be(runs: tuple[ExistingLabels, Run, Run]) -> None:
    """Bodies hold ids and types; what is in every one of them is a cost of every row."""
    _, once, twice = runs
    for kind, most in MAX_SENT_BYTES_A_ROW.items():
        assert twice.wire.bytes_sent[kind] - once.wire.bytes_sent[kind] <= most * ROWS


def test_no_row_is_gone_through_in_python(runs: tuple[ExistingLabels, Run, Run]) -> None:
    """Rows are columns from end to end; a million of them must not be a million steps of ours."""
    _, once, twice = runs
    assert once.costs.lines > 0
    assert twice.costs.lines - once.costs.lines <= MAX_LINES_A_ROW * ROWS


def test_a_record_that_has_nothing_costs_little(tmp_path: Path) -> None:
    """On a first night no record has anything, and HubSpot says so of each."""
    once, twice = (
        asyncio.run(cost_of(tmp_path, rows, "keep", is_there=False))
        for rows in (MAX_BATCH_SIZE, 2 * MAX_BATCH_SIZE)
    )
    added = twice.costs.lines - once.costs.lines
    assert added <= MAX_LINES_A_BARE_RECORD * MAX_BATCH_SIZE


def test_a_batch_costs_few_queries(runs: tuple[ExistingLabels, Run, Run]) -> None:
    """A query costs the same for one row and for a million: small ones are dear."""
    mode, once, twice = runs
    most = MAX_QUERIES[mode] * ROWS // MAX_BATCH_SIZE
    assert once.costs.queries > 0
    assert twice.costs.queries - once.costs.queries <= most


def test_answers_in_known_words_are_not_read(runs: tuple[ExistingLabels, Run, Run]) -> None:
    """To write costs the bytes of one answer, however many rows there are; to read, those of all."""
    mode, once, twice = runs
    assert once.costs.parsed_bytes > 0
    added = twice.costs.parsed_bytes - once.costs.parsed_bytes
    received = twice.wire.bytes_received - once.wire.bytes_received
    assert added <= (received["read"] if mode == "keep" else 0)


def test_a_batch_costs_little_of_the_journal(runs: tuple[ExistingLabels, Run, Run]) -> None:
    """What is written before and after each request is small, and written at once."""
    _, once, twice = runs
    most = MAX_TRANSACTIONS * ROWS // MAX_BATCH_SIZE
    assert 0 < twice.costs.transactions - once.costs.transactions <= most
    assert twice.journal_bytes - once.journal_bytes <= MAX_JOURNAL_BYTES_A_ROW * ROWS


def test_pieces_are_read_once_each(mode: ExistingLabels, tmp_path: Path) -> None:
    """Twice the chunks and partitions are twice the work, and not four times."""
    with in_pieces(PIECE):
        once, twice = (asyncio.run(cost_of(tmp_path, rows, mode)) for rows in (ROWS, 2 * ROWS))
    assert once.costs.files > 0
    assert twice.costs.files <= 2 * once.costs.files + MAX_FILES_OVER_TWICE
    assert twice.costs.queries <= 2 * once.costs.queries
    assert twice.costs.lines <= 2 * once.costs.lines


def test_settled_rows_are_let_go(tmp_path: Path) -> None:
    """Python holds a request, its answer and what that has to be, however many went before."""
    (tmp_path / "portal.yaml").write_text(PORTAL, encoding="utf-8")
    once, twice = Memory(), Memory()
    with (
        served("--portal", "portal.yaml", cwd=tmp_path) as settings,
        in_pieces(MAX_BATCH_SIZE),
    ):
        # The first run of a process fills what is filled once.
        for rows, memory in ((ROWS, Memory()), (ROWS, once), (2 * ROWS, twice)):
            tracemalloc.start()
            try:
                asyncio.run(
                    carry_out(job_over(tmp_path, settings["HUBSPOT_BASE_URL"], rows), memory)
                )
            finally:
                tracemalloc.stop()
    assert 0 < twice.peak <= MAX_HELD_BYTES
    assert twice.left - once.left <= MAX_KEPT_BYTES_A_ROW * MANY_ROWS
