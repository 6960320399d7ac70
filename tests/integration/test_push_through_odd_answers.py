"""Whole runs against a sandbox that answers as HubSpot has been seen to: partly, oddly, not at all."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import polars as pl
import pytest
from aiohttp import web
from costs import in_pieces
from stage import (
    BAD,
    DECISION_MAKER,
    EMPLOYER,
    UNLABELED,
    Listener,
    Stage,
    Witness,
    body_of,
    breaks_down,
    numbered,
    stages,
    try_again_at_once,
)

from etl.core.exit_code import ExitCode
from etl.errors import SettingsError, StoppedError
from etl.hubspot.existing import UNANSWERED_IN_A_ROW
from etl.hubspot.settings_check import EVERY_SECONDS, SettingsCheck
from etl.journal import Journal
from etl.model import (
    Bound,
    Side,
)
from etl.sandbox import FaultScript
from etl.sandbox.faults import CutAfterFault
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from etl.model import ApiVersion

Keeping = Literal["keep", "ignore"]


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[Any]:
    """Give a function that opens a demo sandbox with a witness before it."""
    async with stages(tmp_path) as opened:
        yield opened


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients try again at once."""
    try_again_at_once(monkeypatch)


# --- sections that can't be written down ----------------------------------------------------------


async def test_a_section_that_fails_lets_the_others_end(
    open_stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in flight when the disk is full is awaited and told, not broken off."""
    is_in_flight = threading.Event()

    def hear(request: web.Request, _: Any) -> None:
        if request.path.endswith("/batch/create"):
            is_in_flight.set()

    begin = Journal.begin

    def begin_but_the_second(journal: Journal, section: int, batches: Mapping[int, int]) -> None:
        if section == 1:
            assert is_in_flight.wait(10)
            raise StoppedError("the journal can't be written: disk full", "make room")
        begin(journal, section, batches)

    monkeypatch.setattr(Journal, "begin", begin_but_the_second)
    monkeypatch.setattr("stage.ANSWER_SECONDS", 0.05)
    stage: Stage = await open_stage(Witness(refuse=hear, slow=True))
    with in_pieces(10):
        run = await stage.run(stage.job(numbered(40), batch_size=5))
    assert run.summary["stopped"] == "the journal can't be written: disk full"
    assert 0 < run.summary["outcomes"]["associated"] == len(stage.pairs()) < 40


# --- answers that name some, all or none --------------------------------------------------------


async def test_a_part_that_fails_costs_only_its_own_rows(open_stage: Any) -> None:
    """A 207 with errors for two records fails their rows, and the others are associated."""
    stage: Stage = await open_stage()
    rows = [*numbered(3), (BAD, 1, "Decision maker"), (2, BAD, "Decision maker"), (BAD, BAD, "")]
    run = await stage.run(stage.job(rows))
    assert run.outcomes == ["associated"] * 3 + ["failed"] * 3
    assert stage.pairs() == {(1, 1001), (2, 1002), (3, 1003)}
    failed = run.results.filter(pl.col("outcome") == "failed")
    assert failed["error_category"].unique().to_list() == ["OBJECT_NOT_FOUND"]
    assert f"contact {BAD}" in failed["error_message"][0]
    assert sorted(stage.witness.writes) == [1, 5]
    assert run.summary["exit_code"] == ExitCode.SOME_FAILED


async def test_a_refused_batch_that_names_its_culprits_costs_only_them(open_stage: Any) -> None:
    """One deleted contact in a batch of many takes one more request, not eleven."""
    stage: Stage = await open_stage(bad_input="refuse")
    rows = numbered(1000)
    rows[617] = (BAD, 5, "Decision maker")
    run = await stage.run(stage.job(rows))
    assert run.outcomes == ["associated"] * 617 + ["failed"] + ["associated"] * 382
    assert stage.witness.writes == [1000, 999]
    assert run.results["attempts"][616:619].to_list() == [2, 1, 2]


async def test_a_refused_batch_that_names_nobody_is_narrowed_down(open_stage: Any) -> None:
    """A 400 without a name finds its culprits by halves, and every other row is associated."""

    def without_names(_: web.Request, __: Any, response: web.Response) -> web.Response | None:
        if response.status != 400:
            return None
        body = {"status": "error", "message": "Bad request", "category": "VALIDATION_ERROR"}
        return web.json_response(body, status=400)

    stage: Stage = await open_stage(Witness(bend=without_names), bad_input="refuse")
    rows = numbered(256)
    for place in (17, 200):
        rows[place] = (BAD + place, 5, "Decision maker")
    run = await stage.run(stage.job(rows))
    assert [place for place, row in enumerate(run.outcomes) if row == "failed"] == [17, 200]
    assert run.summary["outcomes"]["associated"] == 254
    # Two ways down a tree of eight levels, two requests a level.
    assert len(stage.witness.writes) <= 1 + 2 * 2 * 8
    assert len(stage.pairs()) == 254


async def test_results_in_any_order_are_matched_by_their_ids(open_stage: Any) -> None:
    """Answers come shuffled and with ids as numbers, and each row still gets its own."""

    def shuffled(_: web.Request, __: Any, response: web.Response) -> web.Response:
        body = body_of(response)
        body["results"].reverse()
        return web.json_response(body, status=response.status)

    stage: Stage = await open_stage(Witness(bend=shuffled), ids="numbers")
    rows = [*numbered(5), (BAD, 1, "Decision maker"), (1, 7, "")]
    run = await stage.run(stage.job(rows))
    assert run.outcomes == ["associated"] * 5 + ["failed", "associated"]


@pytest.mark.parametrize("existing_labels", ["ignore", "keep"])
async def test_a_success_that_names_nobody_is_looked_up(
    open_stage: Any, existing_labels: Keeping
) -> None:
    """A 200 with no results is asked again, then read back: what is there is associated."""

    def empty(request: web.Request, _: Any, __: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        return web.json_response({"status": "COMPLETE", "results": []})

    stage: Stage = await open_stage(Witness(bend=empty))
    job = replace(stage.job(numbered(3)), existing_labels=existing_labels)
    run = await stage.run(job)
    assert run.outcomes == ["associated"] * 3
    assert stage.witness.writes == [3, 3]
    assert run.results["attempts"].to_list() == [2, 2, 2]


async def test_what_is_neither_named_nor_found_is_unconfirmed(open_stage: Any) -> None:
    """A row that HubSpot passed over in silence is never told as done."""

    def swallowing(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        answer = body_of(response)
        answer["results"] = [each for each in answer["results"] if each["fromObjectId"] != "2"]
        stage.remove(2, 1002)
        return web.json_response(answer, status=201)

    stage: Stage = await open_stage(Witness(bend=swallowing))
    run = await stage.run(stage.job(numbered(3)))
    assert run.outcomes == ["associated", "unconfirmed", "associated"]
    assert stage.witness.calls[-3:] == [("create", 3), ("create", 1), ("read", 1)]
    assert run.results["error_category"].to_list() == [None, "NOT_NAMED", None]
    assert run.summary["exit_code"] == ExitCode.SOME_FAILED


async def test_what_the_second_answer_names_is_associated(open_stage: Any) -> None:
    """A row that HubSpot leaves out once and names when asked again is done."""

    def forgetful(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create") or stage.witness.count("create") > 1:
            return None
        answer = body_of(response)
        return web.json_response({**answer, "results": answer["results"][1:]}, status=201)

    stage: Stage = await open_stage(Witness(bend=forgetful))
    run = await stage.run(stage.job(numbered(3)))
    assert run.outcomes == ["associated"] * 3
    assert stage.witness.calls[-2:] == [("create", 3), ("create", 1)]


@pytest.mark.parametrize("results", [None, {"not": "a list"}, ["text"], [{"fromObjectId": {}}]])
async def test_results_that_can_not_be_read_confirm_nothing(open_stage: Any, results: Any) -> None:
    """An answer in another shape is looked up, and the run goes on."""

    def odd(request: web.Request, _: Any, __: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        return web.json_response({"status": "COMPLETE", "results": results}, status=201)

    stage: Stage = await open_stage(Witness(bend=odd))
    run = await stage.run(stage.job(numbered(2)))
    assert run.outcomes == ["associated"] * 2


async def test_the_mirror_of_one_pair_does_not_confirm_another(open_stage: Any) -> None:
    """Contact 1 with company 2 says nothing about contact 2 with company 1."""
    first: list[Any] = []

    def always_the_first(request: web.Request, _: Any, response: web.Response) -> Any:
        if not request.path.endswith("/default"):
            return None
        answer = body_of(response)
        stage.remove(2, 1)
        # What HubSpot tells of the first pair, both ways round, and nothing of the second.
        first.extend(answer["results"][: 2 - len(first)])
        return web.json_response({**answer, "results": first})

    stage: Stage = await open_stage(Witness(bend=always_the_first))
    run = await stage.run(stage.job([(1, 2, ""), (2, 1, "")]))
    assert [each["from"]["id"] for each in first] == ["1", "2"]
    assert run.outcomes == ["associated", "unconfirmed"]


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"errors": [{"context": []}]}, id="a list for a context"),
        pytest.param({"errors": ["text"]}, id="text for an error"),
        pytest.param({"errors": {"not": "a list"}}, id="a mapping for errors"),
        pytest.param({"correlationId": 20261123}, id="a number for an id"),
    ],
)
async def test_odd_words_beside_results_take_nothing_from_them(
    open_stage: Any, spoilt: dict[str, Any]
) -> None:
    """A whole answer was thrown away, and its rows failed, for the shape of words beside results."""

    def odd(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        return web.json_response({**body_of(response), **spoilt}, status=response.status)

    stage: Stage = await open_stage(Witness(bend=odd))
    run = await stage.run(stage.job(numbered(3)))
    assert run.outcomes == ["associated"] * 3
    assert stage.witness.writes == [3]


# --- what pairs have already --------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 2, 500])
async def test_labels_that_a_pair_has_survive(open_stage: Any, page_size: int) -> None:
    """With keep, a portal that replaces labels still ends with the old and the new ones."""
    stage: Stage = await open_stage(labels_written="replace", page_size=page_size)
    for company in range(1, 6):
        stage.seed(1, company, ("USER_DEFINED", 3))
    rows = [(1, company, "Decision maker") for company in (2, 4, 6)]
    run = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    assert run.outcomes == ["associated"] * 3
    for company in (2, 4):
        assert stage.types(1, company) == {UNLABELED, DECISION_MAKER, ("USER_DEFINED", 3)}
    assert stage.types(1, 6) == {UNLABELED, DECISION_MAKER}
    assert stage.types(1, 5) == {UNLABELED, ("USER_DEFINED", 3)}


async def test_labels_written_without_looking_may_be_lost(open_stage: Any) -> None:
    """With ignore, the emulator shows what keep is for."""
    stage: Stage = await open_stage(labels_written="replace")
    stage.seed(1, 2, ("USER_DEFINED", 3))
    await stage.run(stage.job([(1, 2, "Decision maker")]))
    assert stage.types(1, 2) == {UNLABELED, DECISION_MAKER}
    assert stage.witness.count("read") == 0


async def test_what_is_so_already_costs_no_write(open_stage: Any) -> None:
    """A nightly run over an unchanged file reads, and writes nothing."""
    stage: Stage = await open_stage(page_size=1)
    rows = [*numbered(5), (1, 1001, ""), (7, 8, "")]
    job = replace(stage.job(rows), existing_labels="keep")
    first = await stage.run(job)
    assert set(first.outcomes) == {"associated"}
    stage.witness.calls.clear()
    second = await stage.run(job)
    assert second.outcomes == ["unchanged"] * 7
    assert stage.witness.writes == []
    assert second.summary["exit_code"] == ExitCode.SUCCEEDED


async def test_a_primary_moves_where_the_file_says(open_stage: Any) -> None:
    """Giving a contact another primary company does not give the old one back by keeping it."""
    stage: Stage = await open_stage()
    stage.seed(1, 2, ("HUBSPOT_DEFINED", 1))
    rows = [(1, 2, "Decision maker"), (1, 3, "Primary")]
    run = await stage.run(replace(stage.job(rows, batch_size=1), existing_labels="keep"))
    assert run.outcomes == ["associated"] * 2
    assert stage.types(1, 3) == {UNLABELED, ("HUBSPOT_DEFINED", 1)}
    assert stage.types(1, 2) == {UNLABELED, DECISION_MAKER}


@pytest.mark.parametrize("context", [{}, {"objectId": ["2"], "objectType": ["CONTACT"]}])
async def test_one_unknown_record_does_not_cost_the_labels_of_others(
    open_stage: Any, context: dict[str, list[str]]
) -> None:
    """One 404 for a whole read passed for 'none has labels', and a replacing portal lost them."""

    def not_found(request: web.Request, body: Any, _: web.Response) -> web.Response | None:
        if not request.path.endswith("/read") or {"id": "2"} not in body["inputs"]:
            return None
        refusal = {"status": "error", "message": "resource not found", "context": context}
        return web.json_response({**refusal, "category": "OBJECT_NOT_FOUND"}, status=404)

    stage: Stage = await open_stage(Witness(bend=not_found), labels_written="replace")
    for number in (1, 3, 4):
        stage.seed(number, number + 1000, ("USER_DEFINED", 3))
    run = await stage.run(replace(stage.job(numbered(4)), existing_labels="keep"))
    assert run.outcomes == ["associated"] * 4
    for number in (1, 3, 4):
        kept = {UNLABELED, DECISION_MAKER, ("USER_DEFINED", 3)}
        assert stage.types(number, number + 1000) == kept
    assert stage.types(2, 1002) == {UNLABELED, DECISION_MAKER}


async def test_a_page_that_is_refused_is_not_the_end_of_a_record(open_stage: Any) -> None:
    """A 400 on page 2 passed for the last page, and labels of later pages were written over."""

    def no_second_page(_: web.Request, body: Any, __: web.Response) -> web.Response | None:
        if not any("after" in each for each in body.get("inputs", [])):
            return None
        refusal = {"status": "error", "message": "Bad cursor", "category": "VALIDATION_ERROR"}
        return web.json_response(refusal, status=400)

    stage: Stage = await open_stage(
        Witness(bend=no_second_page), labels_written="replace", page_size=1
    )
    for company in (1, 2, 3):
        stage.seed(1, company, ("USER_DEFINED", 3))
    rows = [(1, 1, "Decision maker"), (5, 6, "Decision maker"), (1, 3, "Decision maker")]
    run = await stage.run(replace(stage.job(rows), existing_labels="keep"))
    assert run.outcomes == ["failed", "associated", "failed"]
    assert run.results["error_category"].to_list() == ["NO_ANSWER", None, "NO_ANSWER"]
    assert "Bad cursor" in run.results["error_message"][0]
    assert stage.witness.writes == [1]
    assert stage.types(1, 3) == {UNLABELED, ("USER_DEFINED", 3)}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param(
            {"fromObjectId": ["1"]}, ["failed", "associated", "associated"], id="names a record"
        ),
        pytest.param({}, ["failed", "associated", "failed"], id="names nobody"),
    ],
)
async def test_a_record_that_hubspot_fails_to_read_is_not_written(
    open_stage: Any, context: dict[str, list[str]], expected: list[str]
) -> None:
    """An INTERNAL_ERROR inside a 207 passed for 'has no labels', and the labels were lost."""

    def partly(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/read"):
            return None
        answer = body_of(response)
        read = [each for each in answer["results"] if each["from"]["id"] != "1"]
        error = {"category": "INTERNAL_ERROR", "message": "Try later", "context": context}
        return web.json_response({**answer, "results": read, "errors": [error]}, status=207)

    stage: Stage = await open_stage(Witness(bend=partly), labels_written="replace")
    for number in (1, 2):
        stage.seed(number, number + 1000, ("USER_DEFINED", 3))
    run = await stage.run(replace(stage.job(numbered(3)), existing_labels="keep"))
    assert run.outcomes == expected
    failed = run.results.filter(pl.col("outcome") == "failed")
    assert failed["error_category"].unique().to_list() == ["NO_ANSWER"]
    assert all("Try later" in message for message in failed["error_message"])
    assert stage.types(1, 1001) == {UNLABELED, ("USER_DEFINED", 3)}
    assert stage.types(2, 1002) == {UNLABELED, DECISION_MAKER, ("USER_DEFINED", 3)}
    assert stage.witness.writes == [expected.count("associated")]


async def test_both_directions_of_a_pair_stay_under_ignore(open_stage: Any) -> None:
    """Writing a label of the other direction erased the one that the same run had just written."""
    stage: Stage = await open_stage(labels_written="replace")
    run = await stage.run(stage.job([(1, 101, "Decision maker"), (1, 101, "Employee")]))
    assert run.outcomes == ["associated"] * 2
    assert stage.types(1, 101) == {UNLABELED, DECISION_MAKER, EMPLOYER}


# --- requests that come to nothing --------------------------------------------------------------


def from_ids(body: Any) -> set[str]:
    """List the records on the from side of a request."""
    return {each["from"]["id"] for each in body["inputs"]}


@pytest.mark.usefixtures("no_waits")
async def test_a_row_that_breaks_hubspot_costs_itself_alone(open_stage: Any) -> None:
    """A batch that HubSpot fails at for one row's sake is narrowed down to that row."""

    def poisoned(request: web.Request, body: Any) -> web.Response | None:
        is_met = request.path.endswith("/create") and "13" in from_ids(body)
        return breaks_down("c-13") if is_met else None

    stage: Stage = await open_stage(Witness(refuse=poisoned))
    run = await stage.run(stage.job(numbered(20)))
    assert [place for place, row in enumerate(run.outcomes) if row != "associated"] == [12]
    failed = run.results.row(12, named=True)
    assert (failed["outcome"], failed["error_category"]) == ("failed", "NO_ANSWER")
    assert (failed["http_status"], failed["correlation_id"]) == (500, "c-13")
    assert failed["error_message"] == "HTTP 500 after 3 attempts: oops"
    assert "run the row again" in run.failures[0]
    assert len(stage.pairs()) == 19
    batches = [call for call in stage.witness.calls if call[0] in {"create", "read"}]
    assert batches[:9] == [("create", 20)] * 8 + [("read", 20)], (
        "read back before anything is resent"
    )
    # Three tries for each of the parts that hold the row: of 10, 5, 3 (or 2) and 1.
    assert failed["attempts"] == 8 + 3 * 4
    assert run.summary["stopped"] is None


@pytest.mark.usefixtures("no_waits")
async def test_rows_that_break_hubspot_here_and_there_do_not_stop_the_run(open_stage: Any) -> None:
    """While most writes are answered, any number of rows may come to nothing, each by itself."""
    poison = {str(number) for number in range(3, 60, 8)}

    def poisoned(request: web.Request, body: Any) -> web.Response | None:
        is_met = request.path.endswith("/create") and poison & from_ids(body)
        return breaks_down() if is_met else None

    stage: Stage = await open_stage(Witness(refuse=poisoned))
    run = await stage.run(stage.job(numbered(60)))
    failed = run.results.filter(pl.col("outcome") == "failed")["from_id"]
    assert {str(number) for number in failed} == poison
    assert run.outcomes.count("associated") == 60 - len(poison)
    came_to_nothing = len(stage.witness.writes) - run.outcomes.count("associated")
    assert came_to_nothing > UNANSWERED_IN_A_ROW


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
async def test_what_was_written_without_an_answer_is_found(
    open_stage: Any, existing_labels: Keeping
) -> None:
    """Connections that are cut after each write leave no row in doubt: HubSpot is asked what it has."""
    cuts = FaultScript(faults=(CutAfterFault(on="write"),))
    stage: Stage = await open_stage(faults=cuts)
    job = replace(stage.job(numbered(5)), existing_labels=existing_labels)
    run = await stage.run(job)
    assert run.outcomes == ["associated"] * 5
    assert stage.witness.writes == [5] * 8
    assert stage.witness.calls[-1] == ("read", 5)
    assert run.results["http_status"].to_list() == [None] * 5
    assert run.results["attempts"].to_list() == [8] * 5


@pytest.mark.usefixtures("no_waits")
async def test_what_is_there_already_is_not_sent_again(open_stage: Any) -> None:
    """Of a batch that broke half way only the other half is sent once more."""

    def half(request: web.Request, body: Any, _: web.Response) -> web.Response | None:
        if not request.path.endswith("/create") or len(body["inputs"]) < 4:
            return None
        for number in (2, 3):
            stage.remove(number, number + 1000)
        return breaks_down()

    stage: Stage = await open_stage(Witness(bend=half))
    run = await stage.run(stage.job(numbered(4)))
    assert run.outcomes == ["associated"] * 4
    assert stage.witness.writes == [4] * 8 + [1, 1]
    assert run.results["http_status"].to_list() == [None, 201, 201, None]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("batch_size", [1, 100])
async def test_a_hubspot_that_only_reads_stops_the_run(open_stage: Any, batch_size: int) -> None:
    """Where nothing at all can be written, rows wait for a resume instead of failing one by one."""

    def read_only(request: web.Request, _: Any) -> web.Response | None:
        return breaks_down() if request.path.endswith("/create") else None

    stage: Stage = await open_stage(Witness(refuse=read_only))
    job = stage.job(numbered(100), batch_size=batch_size, concurrency=1)
    run = await stage.run(job)
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "HubSpot is there, but" in (run.summary["stopped"] or "")
    told = Counter(run.outcomes)
    assert set(told) == {"failed", "not_sent"}
    assert told["failed"] < UNANSWERED_IN_A_ROW
    assert not stage.pairs()


# --- settings that HubSpot refuses --------------------------------------------------------------

PARTNER: Final = ("USER_DEFINED", 7)


def refusal_of(*types: tuple[str, int], status: int = 400) -> web.Response:
    """Write HubSpot's refusal, which names types or nobody."""
    words = [f"{name}={kind} is not a valid association definition id" for name, kind in types]
    error: dict[str, Any] = {
        "status": "error",
        "message": "One or more associations are invalid",
        "category": "VALIDATION_ERROR",
        "context": {"INVALID_ASSOCIATION_TYPE_ID": words} if words else {},
    }
    if status < 400:
        error = {"status": "COMPLETE", "results": [], "errors": [error]}
    return web.json_response(error, status=status)


def types_of(body: Any) -> set[tuple[str, int]]:
    """List the types that a request asks for."""
    return {
        (kind["associationCategory"], kind["associationTypeId"])
        for each in body["inputs"]
        for kind in each["types"]
    }


@pytest.mark.parametrize("status", [400, 207])
async def test_a_refused_label_fails_the_rows_that_ask_for_it(open_stage: Any, status: int) -> None:
    """Two rows about one pair, one with a label that HubSpot will not have: the other is associated."""

    def picky(request: web.Request, body: Any) -> web.Response | None:
        if not request.path.endswith("/create") or PARTNER not in types_of(body):
            return None
        return refusal_of(PARTNER, status=status)

    stage: Stage = await open_stage(Witness(refuse=picky))
    rows = [(1, 1001, "Partner"), (1, 1001, "Decision maker"), (1, 1001, "Partner;Decision maker")]
    run = await stage.run(stage.job([*rows, (2, 1002, "Decision maker")]))
    assert run.outcomes == ["failed", "associated", "failed", "associated"]
    assert stage.types(1, 1001) == {UNLABELED, DECISION_MAKER}
    assert run.results["error_category"].to_list() == ["VALIDATION_ERROR", None] * 2
    assert run.summary["outcomes"]["associated"] == 2


async def test_a_kept_label_that_is_refused_costs_no_row(open_stage: Any) -> None:
    """A label of the pair that no row asks for is written only to keep it, and fails nobody."""

    def picky(request: web.Request, body: Any) -> web.Response | None:
        is_met = request.path.endswith("/create") and PARTNER in types_of(body)
        return refusal_of(PARTNER) if is_met else None

    stage: Stage = await open_stage(Witness(refuse=picky))
    stage.seed(1, 1001, PARTNER)
    job = replace(stage.job(numbered(2)), existing_labels="keep")
    run = await stage.run(job)
    assert run.outcomes == ["associated"] * 2
    assert DECISION_MAKER in stage.types(1, 1001)


def without_a_label(gone: tuple[str, int], refuse: Callable[[], web.Response]) -> Witness:
    """Stand before a portal that loses a label once its labels were asked for both ways."""

    def refused(request: web.Request, body: Any) -> web.Response | None:
        return refuse() if request.path.endswith("/create") and gone in types_of(body) else None

    def unlisted(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/labels") or witness.count("labels") <= 2:
            return None
        listed = body_of(response)["results"]
        left = [each for each in listed if (each["category"], each["typeId"]) != gone]
        return web.json_response({"results": left})

    witness = Witness(bend=unlisted, refuse=refused)
    return witness


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(refusal_of, id="a 400 that names nobody"),
        pytest.param(
            lambda: refusal_of(DECISION_MAKER),
            id="a 400 that names it",
        ),
        pytest.param(
            lambda: refusal_of(DECISION_MAKER, status=207),
            id="a 207 that names it",
        ),
    ],
)
async def test_a_label_that_is_deleted_on_the_way_stops_the_run(
    open_stage: Any, said: Callable[[], web.Response]
) -> None:
    """A label that is gone would fail a million rows one like the other; the job is what is wrong."""
    stage: Stage = await open_stage(without_a_label(DECISION_MAKER, said))
    run = await stage.run(stage.job(numbered(30), batch_size=10, concurrency=1))
    assert run.summary["exit_code"] == ExitCode.STOPPED
    stopped = run.summary["stopped"] or ""
    assert "does not have USER_DEFINED:1 for contacts → companies any more" in stopped
    assert run.outcomes == ["not_sent"] * 30


@pytest.mark.parametrize("status", [400, 404])
async def test_an_object_that_is_deleted_on_the_way_stops_the_run(
    open_stage: Any, status: int
) -> None:
    """When a custom object goes away, its rows are not told to be at fault."""

    def gone(request: web.Request, _: Any) -> web.Response | None:
        is_later = stage.witness.count("create") > 1 and not request.path.endswith("/details")
        body = {"message": "Unable to infer object type", "category": "VALIDATION_ERROR"}
        return web.json_response(body, status=status) if is_later else None

    stage: Stage = await open_stage(Witness(refuse=gone))
    run = await stage.run(stage.job(numbered(30), batch_size=10, concurrency=1))
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "HubSpot has no labels for contacts → companies" in (run.summary["stopped"] or "")
    assert run.outcomes == ["associated"] * 10 + ["not_sent"] * 20


async def test_settings_are_doubted_once_a_minute(
    open_stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file full of bad rows does not have its labels asked for with each of them."""
    moments = iter([0.0, EVERY_SECONDS / 2, EVERY_SECONDS - 1, EVERY_SECONDS])
    defaults = SettingsCheck.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock", lambda: next(moments))

    def anonymous(request: web.Request, _: Any) -> web.Response | None:
        return refusal_of() if request.path.endswith("/create") else None

    stage: Stage = await open_stage(Witness(refuse=anonymous))
    run = await stage.run(stage.job(numbered(4), batch_size=1, concurrency=1))
    assert run.outcomes == ["failed"] * 4
    labels_before_sending = 2
    assert stage.witness.count("labels") == labels_before_sending + 2 * 2
    assert next(moments, None) is None, "each refusal is a reason to doubt"


@pytest.mark.usefixtures("no_waits")
async def test_reads_that_all_come_to_nothing_stop_the_run(open_stage: Any) -> None:
    """With `keep`, a broken read was narrowed down record by record for hours, and failed them all."""

    def broken(request: web.Request, _: Any) -> web.Response | None:
        return breaks_down() if request.path.endswith("/read") else None

    stage: Stage = await open_stage(Witness(refuse=broken))
    job = replace(stage.job(numbered(64)), existing_labels="keep")
    run = await stage.run(job)
    assert run.outcomes == ["not_sent"] * 64
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "reads of associations" in (run.summary["stopped"] or "")
    assert stage.witness.writes == []


@pytest.fixture
def five_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after five rows instead of two thousand."""
    monkeypatch.setattr("etl.hubspot.settle.REFUSED_ALONE", 5)


def refusing_after(rows: int) -> Witness:
    """Stand before a portal that takes some requests, and then refuses all without a reason."""

    def refused(request: web.Request, _: Any) -> web.Response | None:
        is_met = request.path.endswith("/create") and witness.count("create") > rows
        return refusal_of() if is_met else None

    witness = Witness(refuse=refused)
    return witness


@pytest.mark.usefixtures("five_alone")
@pytest.mark.parametrize("batch_size", [1, 20])
async def test_a_file_for_another_portal_is_noticed(open_stage: Any, batch_size: int) -> None:
    """When row after row is refused and none accepted, the run ends before it has tried them all."""
    stage: Stage = await open_stage(refusing_after(0))
    run = await stage.run(stage.job(numbered(20), batch_size=batch_size, concurrency=1))
    assert run.summary["exit_code"] == ExitCode.STOPPED
    stopped = run.summary["stopped"] or ""
    assert "HubSpot has refused 5 rows one by one and accepted none" in stopped
    assert "One or more associations are invalid" in stopped
    told = Counter(run.outcomes)
    assert set(told) == {"failed", "not_sent"}
    assert told["failed"] <= 5


@pytest.mark.usefixtures("five_alone")
async def test_max_failures_says_how_many_may_be_refused(open_stage: Any) -> None:
    """Whoever sets a limit of failures means it: the run goes on to that limit."""
    stage: Stage = await open_stage(refusing_after(0))
    job = stage.job(numbered(20), concurrency=1, max_failures=Bound(percent=100))
    run = await stage.run(job)
    assert run.outcomes == ["failed"] * 20
    assert run.summary["exit_code"] == ExitCode.SOME_FAILED


@pytest.mark.usefixtures("five_alone")
async def test_one_row_that_was_accepted_shows_that_the_portal_is_right(open_stage: Any) -> None:
    """A good row among many bad ones lets the run tell of each what is wrong with it."""
    stage: Stage = await open_stage(refusing_after(1))
    run = await stage.run(stage.job(numbered(20), batch_size=1, concurrency=1))
    assert run.outcomes == ["associated"] + ["failed"] * 19
    assert run.summary["stopped"] is None


# --- how requests go ----------------------------------------------------------------------------


@pytest.mark.parametrize("to_object", ["companies", "contacts"])
@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
async def test_a_pair_is_at_most_once_in_flight(
    open_stage: Any, to_object: str, existing_labels: Keeping
) -> None:
    """However the rows of a pair are scattered, HubSpot is never asked to lock it twice at once."""
    stage: Stage = await open_stage(Witness(slow=True))
    roles = ["Decision maker", "Employee", "Partner", ""]
    if to_object == "contacts":
        roles = ["Manager", "Direct report", "Partner", ""]
    rows = [
        (one, other, roles[(one * other + turn) % 4])
        for turn in range(3)
        for one in range(1, 8)
        for other in range(1, 8)
        if one != other
    ]
    job = replace(
        stage.job(rows, batch_size=1, concurrency=20),
        to_side=Side(to_object, "other"),
        existing_labels=existing_labels,
    )
    run = await stage.run(job)
    assert not set(run.outcomes) - {"associated", "unchanged"}
    assert stage.witness.overlaps == []
    assert stage.witness.most_at_once > 1


@pytest.mark.parametrize(("batch_size", "sizes"), [(2000, [5]), (3, [2, 3]), (1, [1] * 5)])
async def test_requests_hold_no_more_than_the_batch_size(
    open_stage: Any, batch_size: int, sizes: list[int]
) -> None:
    """A job may send smaller requests than HubSpot takes, and never sends larger ones."""
    stage: Stage = await open_stage()
    run = await stage.run(stage.job(numbered(5), batch_size=batch_size))
    assert sorted(stage.witness.writes) == sizes
    assert run.results["batch"].n_unique() == len(sizes)


async def test_batches_have_the_same_numbers_in_every_run(open_stage: Any) -> None:
    """A batch number meant other rows in the next run of the same job, as answers came in."""
    stage: Stage = await open_stage(Witness(slow=True))
    roles = ["Decision maker", "Employee", "", "Partner; Employee"]
    rows = [(number, number + 1000, roles[number % 4]) for number in range(1, 25)]
    first = await stage.run(stage.job(rows, batch_size=2, concurrency=1))
    second = await stage.run(stage.job(rows, batch_size=2, concurrency=8))
    batches = first.results["batch"].to_list()
    assert batches == second.results["batch"].to_list()
    assert None not in batches
    paths = [path for path in stage.witness.paths if path.endswith(("/create", "/default"))]
    assert len(set(paths)) == 3, "the rows make several sections"
    assert max(batches) <= len(paths) // 2


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_requests_fly_than_the_job_allows(open_stage: Any, concurrency: int) -> None:
    """A job that shares its account keeps to the requests at once that it is given."""
    stage: Stage = await open_stage(Witness(slow=True))
    await stage.run(stage.job(numbered(20), batch_size=1, concurrency=concurrency))
    assert stage.witness.most_at_once <= concurrency


async def test_labels_are_found_where_the_guide_has_them(open_stage: Any) -> None:
    """When HubSpot drops one of its two paths for labels, the other one is asked."""

    def gone(request: web.Request, _: Any) -> web.Response | None:
        is_specs = request.path.startswith("/crm/associations/v4/")
        return web.Response(status=404, text="<html>Not here</html>") if is_specs else None

    stage: Stage = await open_stage(Witness(refuse=gone))
    run = await stage.run(stage.job(numbered(1)))
    assert run.outcomes == ["associated"]
    labels = [path for path in stage.witness.paths if path.endswith("/labels")]
    assert labels == [
        "/crm/associations/v4/contacts/companies/labels",
        "/crm/v4/associations/contacts/companies/labels",
        "/crm/associations/v4/companies/contacts/labels",
        "/crm/v4/associations/companies/contacts/labels",
    ]


async def test_an_object_that_does_not_exist_is_told_by_name(open_stage: Any) -> None:
    """A wrong object name ends before anything is read, and leaves no run folder."""
    stage: Stage = await open_stage()
    job = replace(stage.job(numbered(1)), to_side=Side("vendor", "other"))
    with pytest.raises(SettingsError, match="HubSpot has no labels for contacts → vendor"):
        await stage.run(job)
    assert list(job.output.directory.glob("*/*")) == []


@pytest.mark.parametrize("api_version", ["v4", "2025-09", "2026-03", "2026-09"])
async def test_every_version_of_the_api_works(open_stage: Any, api_version: ApiVersion) -> None:
    """Versions differ in paths and success codes, and a job in nothing but its setting."""
    stage: Stage = await open_stage()
    rows = [*numbered(2), (3, 4, "Employee"), (5, 6, ""), (BAD, 1, "Partner")]
    job = stage.job(rows)
    job = replace(
        job, existing_labels="keep", hubspot=replace(job.hubspot, api_version=api_version)
    )
    run = await stage.run(job)
    assert run.outcomes == ["associated"] * 4 + ["failed"]


# --- runs that end early ------------------------------------------------------------------------


async def test_the_daily_limit_leaves_the_rest_for_tomorrow(open_stage: Any) -> None:
    """When the calls of the day are used up, rows that were not sent say so and wait in failures."""
    stage: Stage = await open_stage(requests_per_day=5)
    run = await stage.run(stage.job(numbered(10), batch_size=1, concurrency=1))
    assert run.outcomes == ["associated"] * 2 + ["not_sent"] * 8
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "daily limit" in (run.summary["stopped"] or "")
    assert len(stage.pairs()) == 2


async def test_calls_kept_for_others_are_not_touched(open_stage: Any) -> None:
    """A reserve ends the run while the account still has calls for its other integrations."""
    stage: Stage = await open_stage(requests_per_day=20)
    job = stage.job(numbered(30), batch_size=1, concurrency=1, daily_reserve=12)
    run = await stage.run(job)
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "12" in (run.summary["stopped"] or "")
    assert stage.sandbox.requests == 8


async def test_calls_kept_for_others_are_not_spent_on_reading(open_stage: Any) -> None:
    """Reading the pages of one busy record went on through the reserve, and was heeded too late."""
    stage: Stage = await open_stage(requests_per_day=20, page_size=1)
    for company in range(1, 31):
        stage.seed(1, company)
    job = replace(stage.job([(1, 40, "Partner")], daily_reserve=12), existing_labels="keep")
    run = await stage.run(job)
    assert run.outcomes == ["not_sent"]
    assert "12" in (run.summary["stopped"] or "")
    assert (stage.sandbox.requests, stage.witness.writes) == (8, [])


@pytest.mark.parametrize("limit", [Bound(count=2), Bound(percent=20)])
async def test_too_many_failures_end_the_run(open_stage: Any, limit: Bound) -> None:
    """A file made for another portal is noticed after a few rows, not after all of them."""
    stage: Stage = await open_stage()
    rows = [(BAD + number, 1, "Partner") for number in range(10)]
    run = await stage.run(stage.job(rows, batch_size=1, concurrency=1, max_failures=limit))
    assert run.outcomes == ["failed"] * 3 + ["not_sent"] * 7
    assert run.summary["exit_code"] == ExitCode.STOPPED


async def test_a_row_counts_once_towards_max_failures(open_stage: Any) -> None:
    """A row whose two labels go both ways is one failure, not two."""
    stage: Stage = await open_stage()
    rows = [(BAD, 1, "Decision maker; Employee"), *numbered(3)]
    run = await stage.run(stage.job(rows, max_failures=Bound(count=1)))
    assert run.outcomes == ["failed"] + ["associated"] * 3
    assert run.summary["stopped"] is None


async def test_a_token_revoked_on_the_way_stops_the_run(open_stage: Any) -> None:
    """Rows that HubSpot had taken stay associated, and the others are there to be run again."""

    def revoked(_: web.Request, __: Any) -> web.Response | None:
        if len(stage.witness.writes) <= 4:
            return None
        return web.json_response({"message": "revoked"}, status=401)

    stage: Stage = await open_stage(Witness(refuse=revoked))
    run = await stage.run(stage.job(numbered(10), batch_size=1, concurrency=1))
    assert run.outcomes == ["associated"] * 4 + ["not_sent"] * 6
    assert run.summary["exit_code"] == ExitCode.STOPPED
    assert "401" in (run.summary["stopped"] or "")


@pytest.mark.parametrize("existing_labels", ["keep", "ignore"])
async def test_an_interrupted_run_accounts_for_every_row(
    open_stage: Any, existing_labels: Keeping
) -> None:
    """After Ctrl-C what was in flight is told as it ended, and the rest as not sent."""
    stage: Stage = await open_stage(Witness(slow=True))
    stop = Stop()
    listener = Listener(lambda: stop.request("interrupted", "go on", ExitCode.INTERRUPTED))
    job = stage.job([*numbered(30), (1, 1, "x")], batch_size=1, concurrency=4)
    run = await stage.run(
        replace(job, existing_labels=existing_labels), stop=stop, listener=listener
    )
    told = Counter(run.outcomes)
    assert told["associated"] + told["not_sent"] == 30
    assert run.outcomes[-1] == "unresolved"
    assert told["not_sent"] > 0
    associated = run.results.filter(pl.col("outcome") == "associated")
    assert set(associated.select("from_id", "to_id").iter_rows()) == stage.pairs()
    assert run.summary["exit_code"] == ExitCode.INTERRUPTED


async def test_what_was_confirmed_before_ctrl_c_is_not_told_as_unsent(open_stage: Any) -> None:
    """A batch that waits to be read back when Ctrl-C comes keeps what HubSpot had named in it."""
    stop = Stop()

    def partly(request: web.Request, _: Any, response: web.Response) -> web.Response | None:
        if not request.path.endswith("/create"):
            return None
        answer = body_of(response)
        named = [each for each in answer["results"] if each["fromObjectId"] != "2"]
        if stage.witness.count("create") == 1:
            named = [each for each in named if each["fromObjectId"] == "1"]
        else:
            stop.request("interrupted", "go on", ExitCode.INTERRUPTED)
        return web.json_response({**answer, "results": named}, status=201)

    stage: Stage = await open_stage(Witness(bend=partly))
    run = await stage.run(stage.job(numbered(3)), stop=stop)
    assert (run.outcomes[0], run.outcomes[2]) == ("associated", "associated")
    assert run.outcomes[1] in {"unconfirmed", "not_sent"}


async def test_a_stop_that_leaves_no_row_behind_changes_nothing(open_stage: Any) -> None:
    """Ctrl-C at the very end of a run does not turn a success into an interruption."""
    stage: Stage = await open_stage()
    stop = Stop()
    listener = Listener(lambda: stop.request("interrupted", "go on", ExitCode.INTERRUPTED))
    run = await stage.run(stage.job(numbered(3)), stop=stop, listener=listener)
    assert run.outcomes == ["associated"] * 3
    assert run.summary["exit_code"] == ExitCode.SUCCEEDED
