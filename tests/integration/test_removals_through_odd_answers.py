"""Removals and replacements against a sandbox that forgets, breaks off, refuses and lies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web
from stage import (
    BAD,
    DECISION_MAKER,
    EMPLOYER,
    UNLABELED,
    Stage,
    Witness,
    breaks_down,
    numbered,
    stages,
    try_again_at_once,
)

from etl.core.exit_code import ExitCode
from etl.hubspot.replace import HALF_DONE
from etl.hubspot.settle import NO_ANSWER, STILL_THERE
from etl.model import Action
from etl.sandbox import CustomLabel, FaultScript, PortalDefinition, Sandbox, SandboxSettings
from etl.sandbox.faults import CutAfterFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from etl.model import ExistingLabels, Job

PARTNER: Final = ("USER_DEFINED", 7)


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[Any]:
    """Give a function that opens a demo sandbox with a witness before it."""
    async with stages(tmp_path) as opened:
        yield opened


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients try again at once."""
    try_again_at_once(monkeypatch)


def removing(stage: Stage, count: int, existing_labels: ExistingLabels = "keep") -> Job:
    """Associate contacts and companies, and write the job that parts them."""
    for from_id, to_id, _ in numbered(count):
        stage.seed(from_id, to_id, DECISION_MAKER)
    job = stage.job(numbered(count, ""))
    return replace(job, action=Action.REMOVE, labelling=None, existing_labels=existing_labels)


def removing_labels(
    stage: Stage, count: int, existing_labels: ExistingLabels = "keep", **limits: Any
) -> Job:
    """Give contacts two labels at companies, and write the job that takes one of them away."""
    for from_id, to_id, _ in numbered(count):
        stage.seed(from_id, to_id, DECISION_MAKER, PARTNER)
    job = stage.job(numbered(count), **limits)
    return replace(job, action=Action.REMOVE_LABELS, existing_labels=existing_labels)


def replacing(stage: Stage, count: int) -> Job:
    """Make all but the first contact somebody's partner, and write the job that decides otherwise."""
    for from_id, to_id, _ in numbered(count)[1:]:
        stage.seed(from_id, to_id, PARTNER)
    return replace(stage.job(numbered(count)), existing_labels="replace")


def records(body: Any) -> set[int]:
    """List the from-records of a request."""
    return {int(each["from"]["id"] if "from" in each else each["id"]) for each in body["inputs"]}


# --- removals that are not done -------------------------------------------------------------------


@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
async def test_what_hubspot_forgets_to_remove_is_asked_again(
    open_stage: Any, existing_labels: ExistingLabels
) -> None:
    """A 204 says nothing of its pairs: they are read back, and one that is still there goes again."""

    def forgetful(request: web.Request, _: Any, __: web.Response) -> None:
        if request.path.endswith("/archive") and stage.witness.count("archive") == 1:
            stage.seed(2, 1002, DECISION_MAKER)

    stage: Stage = await open_stage(Witness(bend=forgetful))
    run = await stage.run(removing(stage, 3, existing_labels))
    assert run.outcomes == ["removed"] * 3
    assert run.results["attempts"].to_list() == [1, 2, 1]
    assert stage.witness.calls[-4:] == [("archive", 3), ("read", 3), ("archive", 1), ("read", 1)]
    assert stage.pairs() == set()
    assert run.failures == []


@pytest.mark.parametrize("kind", ["pairs", "labels"])
async def test_what_will_not_go_is_unconfirmed(open_stage: Any, kind: str) -> None:
    """HubSpot says that it is done, twice, and it is not: the row is never told as removed."""

    def lying(request: web.Request, _: Any, __: web.Response) -> None:
        if request.path.endswith("/archive"):
            stage.seed(2, 1002, DECISION_MAKER, PARTNER)

    stage: Stage = await open_stage(Witness(bend=lying))
    run = await stage.run((removing if kind == "pairs" else removing_labels)(stage, 3))
    assert run.outcomes == ["removed", "unconfirmed", "removed"]
    assert run.results["error_category"].to_list() == [None, STILL_THERE, None]
    assert [line.split(",")[:2] for line in run.failures] == [["2", "1002"]]
    assert run.summary["exit_code"] == ExitCode.SOME_FAILED


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
@pytest.mark.parametrize("kind", ["pairs", "labels"])
async def test_what_was_removed_without_an_answer_is_found_gone(
    open_stage: Any, kind: str, existing_labels: ExistingLabels
) -> None:
    """Connections that are cut after each removal leave no row in doubt: HubSpot is asked."""
    stage: Stage = await open_stage(faults=FaultScript(faults=(CutAfterFault(on="write"),)))
    run = await stage.run(
        (removing if kind == "pairs" else removing_labels)(stage, 3, existing_labels)
    )
    assert run.outcomes == ["removed"] * 3
    assert run.results["http_status"].to_list() == [None] * 3
    left = set() if kind == "pairs" else {UNLABELED, PARTNER}
    assert [stage.types(number, number + 1000) for number in (1, 2, 3)] == [left] * 3


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("kind", ["pairs", "labels"])
async def test_a_row_that_breaks_a_removal_costs_itself_alone(open_stage: Any, kind: str) -> None:
    """A record that HubSpot fails at stays as it was, and every other row is done."""

    def poisoned(request: web.Request, body: Any) -> web.Response | None:
        is_met = request.path.endswith("/archive") and 3 in records(body)
        return breaks_down("c-3") if is_met else None

    stage: Stage = await open_stage(Witness(refuse=poisoned))
    run = await stage.run((removing if kind == "pairs" else removing_labels)(stage, 8))
    assert run.outcomes == ["removed"] * 2 + ["failed"] + ["removed"] * 5
    failed = run.results.row(2, named=True)
    assert (failed["error_category"], failed["correlation_id"]) == (NO_ANSWER, "c-3")
    assert stage.types(3, 1003) >= {UNLABELED, DECISION_MAKER}


async def test_a_removal_from_a_record_that_is_gone_costs_nobody(open_stage: Any) -> None:
    """A record that is gone has no label to take away: nothing was there, and the others are done."""
    stage: Stage = await open_stage(bad_input="refuse")
    removing_labels(stage, 3, "ignore")
    job = stage.job([*numbered(3), (BAD, 1, "Decision maker")])
    run = await stage.run(
        replace(job, action=Action.REMOVE_LABELS, existing_labels="ignore"),
    )
    assert run.outcomes == ["removed"] * 3 + ["unchanged"]
    assert stage.types(1, 1001) == {UNLABELED, PARTNER}


# --- reading that comes to nothing ----------------------------------------------------------------


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("kind", ["pairs", "labels"])
async def test_what_can_not_be_read_back_is_not_removed(open_stage: Any, kind: str) -> None:
    """Gone or not: as long as nobody has seen it gone, the row stays in failures."""

    def blind(request: web.Request, _: Any) -> web.Response | None:
        is_met = request.path.endswith("/read") and stage.witness.count("archive")
        return breaks_down() if is_met else None

    stage: Stage = await open_stage(Witness(refuse=blind))
    run = await stage.run((removing if kind == "pairs" else removing_labels)(stage, 2))
    assert run.outcomes == ["unconfirmed"] * 2
    assert len(run.failures) == 2


@pytest.mark.parametrize("status", [400, 207])
@pytest.mark.parametrize("named", [False, True])
async def test_a_reading_that_is_refused_is_no_proof(
    open_stage: Any, status: int, *, named: bool
) -> None:
    """A refusal that names nobody says of no record that it has nothing; one that names it does."""

    def refused(request: web.Request, body: Any) -> web.Response | None:
        if not request.path.endswith("/read") or not stage.witness.count("archive"):
            return None
        error = {
            "status": "error",
            "message": "One or more associations are invalid",
            "category": "VALIDATION_ERROR",
            "context": {
                "INVALID_OBJECT_IDS": [f"CONTACT={each} is not valid" for each in records(body)]
            }
            if named
            else {},
        }
        if status == 400:
            return web.json_response(error, status=400)
        return web.json_response(
            {"status": "COMPLETE", "results": [], "errors": [error]}, status=207
        )

    stage: Stage = await open_stage(Witness(refuse=refused))
    run = await stage.run(removing(stage, 2))
    assert run.outcomes == ["removed" if named else "unconfirmed"] * 2


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("action", [Action.REMOVE, Action.REMOVE_LABELS, "replace"])
async def test_what_can_not_be_read_before_is_left_alone(open_stage: Any, action: Any) -> None:
    """Of a record that HubSpot does not show nothing is taken away, and its row says so."""

    def blind(request: web.Request, body: Any) -> web.Response | None:
        is_met = request.path.endswith("/read") and 2 in records(body)
        return breaks_down() if is_met else None

    stage: Stage = await open_stage(Witness(refuse=blind))
    jobs = {Action.REMOVE: removing, Action.REMOVE_LABELS: removing_labels, "replace": replacing}
    job = jobs[action](stage, 3)
    before = stage.types(2, 1002)
    run = await stage.run(job)
    assert run.outcomes[1] == "failed"
    assert "could not be read" in run.results["error_message"][1]
    assert set(run.outcomes[::2]) <= {"removed", "associated"}
    assert stage.types(2, 1002) == before


# --- replacing that stops half way ----------------------------------------------------------------


@pytest.mark.parametrize("naming", ["nobody", "types"])
@pytest.mark.parametrize("status", [400, 207])
async def test_old_labels_that_hubspot_will_not_take_away_fail_their_rows(
    open_stage: Any, naming: str, status: int
) -> None:
    """The row has failed, as it was not done; its message says that the new labels are there."""

    def refused(request: web.Request, _: Any) -> web.Response | None:
        if not request.path.endswith("/labels/archive"):
            return None
        words = ["USER_DEFINED=7 is not a valid association definition id"]
        error: dict[str, Any] = {
            "status": "error",
            "message": "not allowed",
            "category": "VALIDATION_ERROR",
            "context": {"INVALID_ASSOCIATION_TYPE_ID": words} if naming == "types" else {},
        }
        if status == 400:
            return web.json_response(error, status=400)
        return web.json_response({"status": "COMPLETE", "errors": [error]}, status=207)

    stage: Stage = await open_stage(Witness(refuse=refused))
    run = await stage.run(replacing(stage, 4))
    assert run.outcomes == ["associated"] + ["failed"] * 3
    assert set(run.results["error_message"][1:]) == {f"{HALF_DONE}not allowed"}
    for number in (2, 3, 4):
        assert stage.types(number, number + 1000) == {UNLABELED, DECISION_MAKER, PARTNER}
    assert len(run.failures) == 3
    # What it took to write counts too.
    assert run.results["attempts"][0] == 1
    assert min(run.results["attempts"][1:]) >= 2


async def test_old_labels_that_stay_in_silence_are_unconfirmed(open_stage: Any) -> None:
    """HubSpot says that the old label is gone, and it is not: nobody is told that it is."""

    def lying(request: web.Request, _: Any, __: web.Response) -> None:
        if request.path.endswith("/labels/archive"):
            stage.seed(2, 1002, PARTNER)

    stage: Stage = await open_stage(Witness(bend=lying))
    run = await stage.run(replacing(stage, 3))
    assert run.outcomes == ["associated", "unconfirmed", "associated"]
    assert run.results["error_category"][1] == STILL_THERE
    assert run.results["error_message"][1].startswith(HALF_DONE)


async def test_old_labels_stay_where_new_ones_are_refused(open_stage: Any) -> None:
    """A pair is never left with fewer labels than before by a row that HubSpot refuses."""

    def refused(request: web.Request, body: Any) -> web.Response | None:
        is_met = request.path.endswith("/create") and 2 in records(body)
        error = {"status": "error", "message": "no", "category": "VALIDATION_ERROR"}
        return web.json_response(error, status=400) if is_met else None

    stage: Stage = await open_stage(Witness(refuse=refused))
    run = await stage.run(replacing(stage, 3))
    assert run.outcomes == ["associated", "failed", "associated"]
    assert stage.types(2, 1002) == {UNLABELED, PARTNER}
    assert stage.types(3, 1003) == {UNLABELED, DECISION_MAKER}


async def test_what_is_refused_because_it_is_gone_is_removed(open_stage: Any) -> None:
    """An archive that was done and not answered, then refused as there is nothing left, has succeeded."""
    tries = 0

    def bend(request: web.Request, _: Any, __: web.Response) -> web.Response | None:
        nonlocal tries
        if not request.path.endswith("/batch/archive"):
            return None
        tries += 1
        if tries == 1:
            return web.json_response({"message": "oops"}, status=502)
        refusal = {"status": "error", "message": "it is not there", "category": "OBJECT_NOT_FOUND"}
        return web.json_response(refusal, status=404)

    stage: Stage = await open_stage(Witness(bend=bend))
    stage.seed(1, 5, DECISION_MAKER)
    job = replace(stage.job([(1, 5, "")]), action=Action.REMOVE, existing_labels="keep")
    run = await stage.run(job)
    assert run.outcomes == ["removed"]
    assert stage.pairs() == set()


@pytest.mark.parametrize("order", [1, -1])
async def test_a_primary_moves_past_a_row_that_is_unclear(open_stage: Any, order: int) -> None:
    """A pair that keeps what it has does not keep a primary that the file gives to another one."""
    stage: Stage = await open_stage()
    stage.seed(1, 5, ("HUBSPOT_DEFINED", 1))
    rows = [(1, 7, "Primary"), (1, 5, "Decision maker"), (1, 5, "Nope")][::order]
    run = await stage.run(replace(stage.job(rows, batch_size=1), existing_labels="replace"))
    assert sorted(run.outcomes) == ["associated", "associated", "unresolved"]
    assert stage.types(1, 7) == {UNLABELED, ("HUBSPOT_DEFINED", 1)}
    assert stage.types(1, 5) == {UNLABELED, DECISION_MAKER}


@pytest.mark.parametrize("labels_written", ["add", "replace"])
async def test_labels_of_both_directions_are_replaced_without_a_moment_without_them(
    open_stage: Any, labels_written: str
) -> None:
    """What the file gives from one end is not stale at the other; a second run sends nothing."""
    witness = Witness()
    stage: Stage = await open_stage(witness, labels_written=labels_written)
    stage.seed(1, 5, DECISION_MAKER, EMPLOYER)
    stage.seed(1, 6, ("USER_DEFINED", 3), EMPLOYER)
    rows = [(1, 5, "Decision maker;Employee"), (1, 6, "Decision maker;Employee")]
    job = replace(stage.job(rows), existing_labels="replace")
    run = await stage.run(job)
    assert run.outcomes == ["unchanged", "associated"]
    for other in (5, 6):
        assert stage.types(1, other) == {UNLABELED, DECISION_MAKER, EMPLOYER}
    before = len(witness.calls)
    assert (await stage.run(job)).outcomes == ["unchanged", "unchanged"]
    assert {name for name, _ in witness.calls[before:]} <= {"read", "labels", "details"}


@pytest.mark.parametrize("labels_written", ["add", "replace"])
async def test_paired_labels_from_both_ends_are_left_as_they_are(
    tmp_path: Path, labels_written: Any
) -> None:
    """A second run sends nothing, though nobody tells which labels are two sides of one."""
    labels = tuple(
        CustomLabel(
            from_object="contacts",
            to_object="companies",
            label=label,
            inverse_label=inverse,
            type_ids=(number, number + 1),
        )
        for number, label, inverse in [(11, "Employer", "Employee"), (21, "Host", "Guest")]
    )
    portal = PortalDefinition(
        labels=labels, settings=SandboxSettings(labels_written=labels_written)
    )
    witness = Witness()
    async with Sandbox(portal, middlewares=[witness.middleware()]) as sandbox:
        stage = Stage(tmp_path, sandbox, witness)
        stage.seed(1, 6, ("USER_DEFINED", 11), ("USER_DEFINED", 21))
        rows = [(1, 5, "Employer;Guest"), (1, 6, "Employer;Guest"), (1, 7, "Employer")]
        stage.seed(1, 7, ("USER_DEFINED", 21))
        job = replace(stage.job(rows), existing_labels="replace")
        run = await stage.run(job)
        assert run.outcomes == ["associated", "unchanged", "associated"]
        wanted = {UNLABELED, ("USER_DEFINED", 11), ("USER_DEFINED", 21)}
        assert (stage.types(1, 5), stage.types(1, 6)) == (wanted, wanted)
        assert stage.types(1, 7) == {UNLABELED, ("USER_DEFINED", 11)}
        before = len(witness.calls)
        assert (await stage.run(job)).outcomes == ["unchanged"] * 3
        assert {name for name, _ in witness.calls[before:]} <= {"read", "labels", "details"}
