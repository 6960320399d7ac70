"""Runs that are killed, stopped and resumed: as if nothing had happened.

How a run is killed inside this process, and why that is as good as ``kill -9``, is told in `cuts`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import polars as pl
import pytest
from aiohttp import web
from cuts import Machine, Moment, settled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paper import BOSS, EMPLOYER, FORWARD, MISSING, TO_COMPANY, Model
from polars.testing import assert_frame_equal
from scenes import (
    ALL_LABELS,
    MOSTLY_GOOD,
    Listener,
    Scene,
    check_files,
    check_listing,
    check_portal,
    job_of,
    portal,
    scenes,
    seed,
    write_source,
)

from etl.core.exit_code import ExitCode
from etl.errors import SettingsError, UsageError
from etl.lock import hold
from etl.model import Bound
from etl.pipeline import resume_job, run_job
from etl.run_folder import RunFolder, create_run_folder
from etl.runs import State, look_at, recall_begun
from etl.sandbox import FaultScript, Sandbox
from etl.sandbox.faults import (
    CutAfterFault,
    CutBeforeFault,
    CutBodyFault,
    ForgetFault,
    HtmlFault,
    LoseFault,
    StatusFault,
)
from etl.stop import Stop
from etl.summary import read_summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from aiohttp.typedefs import Handler, Middleware
    from cuts import Sent
    from scenes import Line

    from etl.hubspot.settled import RowsSettled
    from etl.sandbox.faults import Fault
    from etl.summary import Summary

MANY_SITTINGS: Final = 20
"""Far more than any run here is killed; one that never ends fails."""

COST: Final = ("attempts", "http_status", "correlation_id")
"""What may tell of trouble on the way; every other column is that of a run without any."""


NO_FAULTS: Final = FaultScript()


@dataclass(frozen=True)
class Night:
    """All that happens to a run besides its own rows."""

    faults: FaultScript = NO_FAULTS
    nameless_400s: int = 0
    """Refusals that name nobody, of requests with more than one row."""
    kills: tuple[Moment, ...] = ()
    """One a sitting; the sittings after them are left in peace."""
    chunk_rows: int = 100
    partition_rows: int = 100


@st.composite
def nights(draw: st.DrawFn) -> Night:
    """Draw faults that a run gets through, and moments at which it is killed.

    Broken attempts stay below the eight tries of one request, so that no row may fail by them.
    """
    when = {
        "share": st.sampled_from([0.2, 0.5, 1.0]),
        "after": st.integers(0, 6),
        "times": st.integers(1, 2),
    }
    on = {"on": st.sampled_from(["any", "write", "read", "labels", "account"])}
    broken = st.one_of(
        st.builds(StatusFault, status=st.sampled_from([423, 500, 502]), **on, **when),
        st.builds(StatusFault, status=st.just(429), policy=st.just("SECONDLY"), **on, **when),
        st.builds(HtmlFault, **on, **when),
        *(st.builds(cut, **on, **when) for cut in (CutBeforeFault, CutAfterFault, CutBodyFault)),
    )
    # On reading these would be lies that nobody can see through.
    on_write = {"on": st.just("write"), "results": st.sampled_from([0.3, 1.0])}
    forget = st.builds(ForgetFault, **on_write, **when)
    # Lost a second time when it is asked again, a row would rightly be unconfirmed.
    lose = st.builds(LoseFault, **on_write, **when | {"times": st.just(1)})
    faults: list[Fault] = [*draw(st.lists(broken, max_size=3))]
    faults += draw(st.lists(forget, max_size=1)) + draw(st.lists(lose, max_size=1))
    moment = st.one_of(
        st.builds(Moment, st.just("request"), st.integers(1, 12), st.booleans()),
        st.builds(Moment, st.just("journal"), st.integers(1, 12), st.booleans()),
        st.builds(Moment, st.just("chunk"), st.integers(1, 4), st.booleans()),
        st.builds(Moment, st.just("rename"), st.integers(1, 3), st.booleans()),
    )
    return Night(
        FaultScript(seed=draw(st.integers(1, 5)), faults=tuple(draw(st.permutations(faults)))),
        nameless_400s=draw(st.sampled_from([0, 0, 1, 2])),
        kills=tuple(draw(st.lists(moment, max_size=4))),
        chunk_rows=draw(st.integers(2, 6)),
        partition_rows=draw(st.sampled_from([2, 5, 100])),
    )


def nameless_400s(times: int) -> Middleware:
    """Refuse some requests as a whole; a row that is refused alone would rightly fail."""
    left = times

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal left
        writes = request.path.endswith(("/create", "/default", "/archive"))
        if not writes or not left or len((await request.json())["inputs"]) < 2:
            return await handler(request)
        left -= 1
        refusal = {"status": "error", "message": "Bad request", "category": "VALIDATION_ERROR"}
        return web.json_response(refusal, status=400)

    return refuse


class Attempt:
    """A scene against its own account, on a machine that can be killed."""

    def __init__(self, folder: Path, scene: Scene, sandbox: Sandbox, machine: Machine) -> None:
        self.scene = scene
        self.sandbox = sandbox
        self.machine = machine
        self.model = Model(scene.to_object)
        seed(sandbox, self.model, scene)
        folder.mkdir(exist_ok=True)
        self.source = folder / "source.csv"
        write_source(scene, self.source)
        self.job = job_of(scene, folder, self.source, sandbox.base_url)
        self.folder = create_run_folder(self.job.output.directory, self.job.name)

    async def begin(
        self,
        killed_at: Moment | None = None,
        *,
        stop: Stop | None = None,
        observer: Listener | None = None,
    ) -> Summary | None:
        """Run the job to its end, or to where it is killed."""

        async def work() -> Summary:
            return await run_job(
                self.job, self.folder, observer=observer or Listener(), stop=stop or Stop()
            )

        return await self.machine.work(work, killed_at)

    async def resume(self, killed_at: Moment | None = None) -> Summary | None:
        """Go on to the end, or to where it is killed."""
        begun = recall_begun(self.folder)

        async def work() -> Summary:
            return await resume_job(self.job, self.folder, begun, observer=Listener(), stop=Stop())

        return await self.machine.work(work, killed_at)

    async def sit(self, kills: Sequence[Moment]) -> Summary:
        """Begin, be killed and resume until the run is finished; nothing settled is sent again."""
        moments = iter(kills)
        summary = await self.begin(next(moments, None))
        for _ in range(MANY_SITTINGS):
            if summary is not None:
                return summary
            if look_if_begun(self.folder) is State.FINISHED:
                return read_summary(self.folder)
            done = self.settled()
            before = len(self.writes)
            if look_if_begun(self.folder) is None:
                # Killed before its first line: nothing was sent, and the job is run again.
                assert before == 0
                self.folder = create_run_folder(self.job.output.directory, self.job.name)
                summary = await self.begin(next(moments, None))
            else:
                summary = await self.resume(next(moments, None))
            assert done.isdisjoint(self.writes[before:])
        raise AssertionError(f"not finished after {MANY_SITTINGS} sittings")

    def settled(self) -> set[Sent]:
        """List what must not be sent again.

        Replacing takes labels away too, so that a request for that may be another association's.
        """
        found = settled(self.folder, ("contacts", self.scene.to_object))
        replaces = self.scene.existing_labels == "replace"
        return {each for each in found if not replaces or each[0] != "remove_labels"}

    @property
    def writes(self) -> list[Sent]:
        """List every pair that was sent, in order, as often as it was sent."""
        return self.machine.visits.writes

    def check(self, summary: Summary | None) -> None:
        """Hold a run that has come to its end against the model."""
        assert summary is not None
        check_files(self.folder, self.scene.lines, self.model.run(self.scene), summary)
        check_listing(self.folder)
        assert list(self.folder.path.parent.glob(".*.lock")) == []
        check_portal(self.sandbox, self.model)

    def stands(self) -> State:
        """See how the run stands now."""
        return look_at(self.folder).state

    @property
    def results(self) -> pl.DataFrame:
        """Read the results."""
        return pl.read_parquet(self.folder.results("parquet"))


def look_if_begun(folder: RunFolder) -> State | None:
    """See how a run stands; None where it was killed before its first line."""
    try:
        return look_at(folder).state
    except UsageError:
        return None


@asynccontextmanager
async def attempt(folder: Path, scene: Scene, night: Night = Night()) -> AsyncIterator[Attempt]:
    """Open an account with its faults, and the machine that works on it."""
    machine = Machine(folder / "runs" / "scene")
    wire = [machine.middleware(), nameless_400s(night.nameless_400s)]
    async with Sandbox(portal(scene), faults=night.faults, middlewares=wire) as sandbox:
        with machine.installed(chunk_rows=night.chunk_rows, partition_rows=night.partition_rows):
            yield Attempt(folder, scene, sandbox, machine)


async def play(scene: Scene, night: Night, folder: Path) -> None:
    """Play a scene through a night, and once in peace; hold both against the model."""
    peace = replace(night, faults=NO_FAULTS, nameless_400s=0, kills=())
    async with attempt(folder / "peace", scene, peace) as calm:
        expected = await calm.sit(())
    async with attempt(folder / "night", scene, night) as cut:
        summary = await cut.sit(night.kills)
        outcomes = cut.model.run(scene)
        check_files(cut.folder, scene.lines, outcomes, summary)
        check_portal(cut.sandbox, cut.model)
        if not cut.machine.was_killed:  # after its last line, but before it had cleaned up
            check_listing(cut.folder)
        assert look_at(cut.folder).state is State.FINISHED
    costs = [*COST, "source_file"]  # each has a folder of its own
    if scene.bad_input == "refuse":
        costs.append("error_message")  # a refusal speaks of all the culprits of its request
    assert_frame_equal(cut.results.drop(costs), calm.results.drop(costs))
    for name in ("rows", "outcomes", "associations", "labels", "exit_code", "stopped"):
        assert summary[name] == expected[name]


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
@given(scenes(MOSTLY_GOOD, least_lines=6), nights())
def test_a_run_ends_the_same_however_often_it_is_killed(scene: Scene, night: Night) -> None:
    """Any rows, any faults, any kills, then resume: every row once, and HubSpot as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(scene, night, Path(folder)))


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
@given(scenes(MOSTLY_GOOD, least_lines=6, acts=True), nights())
def test_a_run_that_removes_ends_the_same_however_often_it_is_killed(
    scene: Scene, night: Night
) -> None:
    """Also where rows remove and labels are replaced, a run goes on as if nothing had happened."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(scene, night, Path(folder)))


# --- one thing at a time --------------------------------------------------------------------------

FIRST_WRITE: Final = 4
"""The request after the account's details and the labels of both directions."""


def table(*odd: Line, rows: int = 6) -> list[Line]:
    """Write rows that HubSpot takes, and then some that are odd."""
    return [(str(number), str(number + 100), "Boss", "") for number in range(101, 101 + rows)] + [
        *odd
    ]


def plain(lines: list[Line], **settings: Any) -> Scene:
    """Set a scene in which each row is a request, and nothing is read first."""
    return Scene(lines, **{"existing_labels": "ignore", "batch_size": 1, **settings})


def one_by_one(cut: Attempt, **limits: Any) -> None:
    """Have one request in flight at a time."""
    cut.job = replace(cut.job, limits=replace(cut.job.limits, concurrency=1, **limits))


@dataclass
class AfterRows(Listener):
    """Do something once so many rows have been settled by sending."""

    rows: int
    do: Callable[[], object]

    def __post_init__(self) -> None:
        super().__init__()

    def settled(self, settled: RowsSettled) -> None:
        """Hear of rows that have come to an outcome."""
        super().settled(settled)
        self.rows -= sum(settled.rows.values())
        if self.rows <= 0:
            self.do()


def forget_label(cut: Attempt) -> Callable[[], None]:
    """Delete the label of the rows from the account; give what brings it back."""
    portal = cut.sandbox.portal
    labels = portal.catalogue._by_pair[portal.pair("contacts", "companies").key]
    deleted = labels.pop(BOSS, None)

    def bring_back() -> None:
        assert deleted is not None
        labels[BOSS] = deleted

    return bring_back


@pytest.mark.parametrize(("is_after", "resent"), [(True, 0), (False, 1)])
async def test_what_is_settled_is_never_sent_again(
    tmp_path: Path, *, is_after: bool, resent: int
) -> None:
    """After a kill only what was in flight is sent twice, and nothing that the journal has settled."""
    async with attempt(tmp_path, plain(table(rows=12))) as cut:
        one_by_one(cut)
        # What it is, what it has staged, its batches, then each batch: here the third is settled.
        assert await cut.begin(Moment("journal", 6, is_after=is_after)) is None
        assert len(cut.writes) == 3
        assert cut.stands() is State.INTERRUPTED
        cut.check(await cut.resume())
        sent_again = Counter(cut.writes) - Counter(set(cut.writes))
        assert sent_again.total() == resent
        assert cut.stands() is State.FINISHED


async def test_a_run_goes_on_without_its_source(tmp_path: Path) -> None:
    """Yesterday's export is gone by the time somebody resumes: the run has what it needs."""
    async with attempt(tmp_path, plain(table())) as cut:
        assert await cut.begin(Moment("request", FIRST_WRITE + 2)) is None
        cut.source.unlink()
        cut.check(await cut.resume())


async def test_a_run_goes_on_with_the_rows_it_has_read(tmp_path: Path) -> None:
    """A source that was overwritten meanwhile changes nothing of the run that had read it."""
    async with attempt(tmp_path, plain(table())) as cut:
        assert await cut.begin(Moment("request", FIRST_WRITE + 2)) is None
        write_source(plain(table(("1", "1", "Employer", ""), rows=0)), cut.source)
        cut.check(await cut.resume())


async def test_a_run_killed_while_reading_reads_the_source_anew(tmp_path: Path) -> None:
    """Half a staged source is of no use: nothing of it is left, and nothing was sent."""
    night = Night(chunk_rows=2)
    async with attempt(tmp_path, plain(table()), night) as cut:
        assert await cut.begin(Moment("chunk", 2, is_after=True)) is None
        write_source(plain(table(rows=4)), cut.source)
        cut.scene = replace(cut.scene, lines=table(rows=4))
        cut.check(await cut.resume())


async def test_a_stopped_run_is_resumed_to_its_end(tmp_path: Path) -> None:
    """After Ctrl-C the files tell of what was sent and what was not; resume makes them whole."""
    async with attempt(tmp_path, plain(table(("x", "1", "", ""), rows=8))) as cut:
        one_by_one(cut)
        stop = Stop()
        interrupt = AfterRows(3, lambda: stop.request("interrupted", "", ExitCode.INTERRUPTED))
        summary = await cut.begin(stop=stop, observer=interrupt)
        assert summary is not None
        assert (summary["exit_code"], summary["stopped"]) == (130, "interrupted")
        assert cut.results["outcome"].to_list() == [
            *["associated"] * 3,
            *["not_sent"] * 5,
            "rejected",
        ]
        assert cut.stands() is State.INTERRUPTED
        cut.check(await cut.resume())
        assert cut.stands() is State.FINISHED
        assert len(cut.writes) == len(set(cut.writes)) == 8


async def test_resume_goes_on_past_max_failures(tmp_path: Path) -> None:
    """Whoever resumes has seen the failures: they do not stop the run a second time."""
    bad = str(MISSING)
    lines = [(bad, "1", "", ""), (bad, "2", "", ""), *table(rows=4), (bad, "3", "", "")]
    async with attempt(tmp_path, plain(lines)) as cut:
        one_by_one(cut, max_failures=Bound(count=1))
        summary = await cut.begin()
        assert summary is not None
        assert summary["exit_code"] == ExitCode.STOPPED
        assert "max_failures" in str(summary["stopped"])
        assert summary["outcomes"]["not_sent"] > 0
        cut.check(await cut.resume())


async def test_a_batch_settled_in_part_keeps_its_verdicts(tmp_path: Path) -> None:
    """What a batch's first answer said is kept when its second request stops the run."""
    lines = table((str(MISSING), "1", "Boss", ""), rows=4)
    faults = FaultScript(
        faults=(
            ForgetFault(on="write", results=0.25, times=1),
            StatusFault(on="write", status=401, after=1, times=1),
        )
    )
    async with attempt(tmp_path, plain(lines, batch_size=5), Night(faults)) as cut:
        summary = await cut.begin()
        assert summary is not None
        told = cut.results
        assert Counter(told["outcome"]) == {"associated": 3, "failed": 1, "not_sent": 1}
        assert len(cut.settled()) == 4
        [left] = told.filter(pl.col("outcome") == "not_sent").select("from_id", "to_id").rows()
        cut.check(await cut.resume())
        assert cut.writes[6:] == [("associate", "contacts", *left)]
        kept = told["outcome"] != "not_sent"
        assert cut.results.filter(kept).equals(told.filter(kept))


async def test_a_label_given_meanwhile_survives(tmp_path: Path) -> None:
    """On a portal that replaces labels, what somebody added before the resume is not lost."""
    scene = Scene(table(), existing_labels="keep", labels_written="replace", batch_size=1)
    async with attempt(tmp_path, scene) as cut:
        one_by_one(cut)
        # One request more: what the pairs have is read first.
        assert await cut.begin(Moment("request", FIRST_WRITE + 3)) is None
        assert len(cut.writes) == 2
        portal = cut.sandbox.portal
        pair = portal.pair("contacts", "companies")
        catalogue, links = portal.catalogue, portal.links(pair)
        label, unlabeled = catalogue.find(*pair.key, *EMPLOYER), catalogue.unlabeled(*pair.key)
        assert label is not None
        links.write(links.plan((label,), unlabeled), 106, 206)
        cut.model.write(FORWARD, 106, 206, {EMPLOYER})
        cut.check(await cut.resume())


async def test_labels_survive_a_write_whose_answer_was_lost(tmp_path: Path) -> None:
    """Written but not settled, a pair is written again: with the labels that it had from the start."""
    scene = Scene(
        table(),
        existing_labels="keep",
        labels_written="replace",
        batch_size=1,
        there=[(101, 201, 1)],
    )
    async with attempt(tmp_path, scene) as cut:
        one_by_one(cut)
        # What it is, what it has staged, what it has compared, then two lines a batch.
        assert await cut.begin(Moment("journal", 5)) is None
        assert cut.writes == [("associate", "contacts", 101, 201)]
        cut.check(await cut.resume())
        assert cut.writes.count(("associate", "contacts", 101, 201)) == 2


async def test_the_token_of_another_portal_is_refused(tmp_path: Path) -> None:
    """The rest of a sandbox's rows must not end up in production, or the reverse."""
    scene = plain(table())
    async with attempt(tmp_path, scene) as cut:
        assert await cut.begin(Moment("request", FIRST_WRITE + 2)) is None
        own, before = cut.job, len(cut.writes)
        elsewhere = msgspec.structs.replace(portal(scene), portal_id=999)
        async with Sandbox(elsewhere, middlewares=[cut.machine.middleware()]) as other:
            cut.job = replace(own, hubspot=replace(own.hubspot, base_url=other.base_url))
            with pytest.raises(SettingsError, match="of portal 999"):
                await cut.resume()
        assert len(cut.writes) == before
        assert cut.stands() is State.INTERRUPTED
        cut.job = own
        cut.check(await cut.resume())


async def test_a_label_deleted_before_the_resume_stops_it(tmp_path: Path) -> None:
    """Rows whose label is gone are not sent one by one to be refused: the label is named, once."""
    async with attempt(tmp_path, plain(table())) as cut:
        assert await cut.begin(Moment("request", FIRST_WRITE + 2)) is None
        before = len(cut.writes)
        bring_back = forget_label(cut)
        summary = await cut.resume()
        assert summary is not None
        assert "USER_DEFINED:11" in str(summary["stopped"])
        assert summary["exit_code"] == ExitCode.STOPPED
        assert cut.folder.failures.exists(), "what is left can be retried"
        assert len(cut.writes) == before
        assert cut.stands() is State.INTERRUPTED
        bring_back()
        cut.check(await cut.resume())


@pytest.mark.parametrize("bad_input", ["partial", "refuse"])
async def test_a_label_deleted_on_the_way_stops_the_run(tmp_path: Path, bad_input: str) -> None:
    """A label that somebody deletes at night costs one refusal, not a million failed rows."""
    async with attempt(tmp_path, plain(table(rows=9), bad_input=bad_input)) as cut:
        one_by_one(cut)
        summary = await cut.begin(observer=AfterRows(2, lambda: forget_label(cut)))
        assert summary is not None
        assert "USER_DEFINED:11" in str(summary["stopped"])
        assert summary["exit_code"] == ExitCode.STOPPED
        assert cut.results["outcome"].to_list() == ["associated"] * 2 + ["not_sent"] * 7
        assert len(cut.writes) == 3


async def test_a_second_resume_of_one_run_is_refused(tmp_path: Path) -> None:
    """Two people who resume the same run at the same time do not both send it."""
    async with attempt(tmp_path, plain(table())) as cut:
        assert await cut.begin(Moment("request", FIRST_WRITE + 2)) is None
        before = len(cut.writes)
        name = f"{cut.sandbox.base_url} portal 345"
        with (
            hold(cut.folder.path.parent, portal=name, run_id=cut.folder.run_id),
            pytest.raises(UsageError, match="being run already"),
        ):
            await cut.resume()
        assert len(cut.writes) == before
        cut.check(await cut.resume())


@pytest.mark.parametrize("labels_written", ["add", "replace"])
@pytest.mark.parametrize("is_after", [False, True])
async def test_a_replacement_cut_off_half_way_is_brought_to_its_end(
    tmp_path: Path, labels_written: Literal["add", "replace"], *, is_after: bool
) -> None:
    """New labels written and old ones not yet taken away: resume takes them, and tells it as done."""
    lines = [(str(number), "4", "Boss", "") for number in range(1, 4)]
    there = [(1, 4, ALL_LABELS), (2, 4, 1)]
    scene = Scene(
        lines, existing_labels="replace", labels_written=labels_written, batch_size=3, there=there
    )
    async with attempt(tmp_path, scene) as cut:
        # After account, labels and what is there: new labels are written, and old ones taken away.
        assert await cut.begin(Moment("request", FIRST_WRITE + 2, is_after=is_after)) is None
        done = {"associate", "remove_labels"} if is_after else {"associate"}
        assert {action for action, *_ in cut.writes} == done
        cut.check(await cut.resume())
        for number in range(1, 4):
            assert cut.model.types(FORWARD, (number, 4)) == {TO_COMPANY, BOSS}
