"""What became of each association of a batch, whatever HubSpot answers."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.verdict import VERDICT
from etl.hubspot.culprits import Sides
from etl.hubspot.judge import judge_refusal, judge_success, verdicts
from etl.hubspot.wire import Answer, ErrorDetail, decode_answer, read_created
from etl.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.hubspot.judge import Judgement

Pair: TypeAlias = tuple[int, int]

SIDES = Sides("contacts", "companies")
MANAGER = "USER_DEFINED:36"
TYPE_BITS = {MANAGER: 1, "USER_DEFINED:3": 2}


def batch_of(*pairs: Pair, types: str = MANAGER) -> pl.DataFrame:
    """Make a batch of associations, numbered from 0."""
    frame = pl.DataFrame(pairs, schema={"from_id": pl.Int64, "to_id": pl.Int64}, orient="row")
    return frame.with_row_index("association_id").select(
        pl.col("association_id").cast(pl.Int64),
        "from_id",
        "to_id",
        *(pl.lit(TYPE_BITS[types], pl.Int64).alias(name) for name in ("types", "wanted")),
    )


def answer(**fields: Any) -> Answer:
    """Send a body of these fields through the decoder."""
    return decode_answer(json.dumps({"correlationId": "c-1", **fields}).encode())


def results(*pairs: Pair) -> list[dict[str, Any]]:
    """Write what a create answer says of pairs that were made."""
    return [
        {"fromObjectTypeId": "0-1", "fromObjectId": f, "toObjectId": str(t), "labels": []}
        for f, t in pairs
    ]


def success(batch: pl.DataFrame, said: Answer, sides: Sides = SIDES) -> Judgement:
    """Judge a 207."""
    made = read_created(said).select("from_id", "to_id")
    return judge_success(batch, made, said, http_status=207, sides=sides, type_bits=TYPE_BITS)


def refusal(batch: pl.DataFrame, said: Answer, sides: Sides = SIDES) -> Judgement:
    """Judge a 400."""
    return judge_refusal(batch, said, http_status=400, sides=sides, type_bits=TYPE_BITS)


def outcomes(batch: pl.DataFrame, judgement: Judgement) -> dict[Pair, str]:
    """Give each pair's outcome, ``unnamed`` or ``again``; every pair has to have exactly one."""
    settled = judgement.settled.select("association_id", "outcome")
    told = list(settled.iter_rows())
    told += [(number, "unnamed") for number in judgement.unnamed["association_id"]]
    told += [(number, "again") for part in judgement.again for number in part["association_id"]]
    assert sorted(number for number, _ in told) == batch["association_id"].to_list()
    assert judgement.settled.schema == VERDICT
    assert all(part.height for part in judgement.again)
    pairs = batch.select("from_id", "to_id").rows()
    return {pairs[number]: outcome for number, outcome in told}


# A 2xx


def test_results_confirm_by_ids() -> None:
    """Answers in another order, with strangers among them, confirm exactly what they name."""
    batch = batch_of((1, 7), (2, 8), (3, 9))
    judged = success(batch, answer(results=results((3, 9), (5, 5), (1, 7), (1, 7))))
    assert outcomes(batch, judged) == {
        (1, 7): "associated",
        (3, 9): "associated",
        (2, 8): "unnamed",
    }
    assert judged.settled.row(0, named=True) == {
        "association_id": 0,
        "types": None,
        "outcome": "associated",
        "http_status": 207,
        "error_category": None,
        "error_message": None,
        "correlation_id": "c-1",
    }


@pytest.mark.parametrize("said", [[], None])
def test_a_success_that_names_nobody_confirms_nobody(said: list[Any] | None) -> None:
    """`results: []` has been seen for associations that were not made: they are asked again."""
    batch = batch_of((1, 7), (2, 8))
    assert set(outcomes(batch, success(batch, answer(results=said))).values()) == {"unnamed"}


def test_errors_fail_whom_they_name() -> None:
    """In a 207 each failed row has the words of its own error."""
    batch = batch_of((1, 7), (2, 8), (3, 9))
    errors = [
        {
            "category": "OBJECT_NOT_FOUND",
            "message": "no such company",
            "context": {"fromObjectId": ["3"], "toObjectId": ["9"]},
        },
        {"category": "LIMIT", "message": "too many", "context": {"contactId": ["2"]}},
    ]
    judged = success(batch, answer(results=results((1, 7)), errors=errors))
    assert outcomes(batch, judged) == {(1, 7): "associated", (2, 8): "failed", (3, 9): "failed"}
    words = judged.settled.filter(outcome=Outcome.FAILED.value).sort("association_id")
    assert words.select("error_category", "error_message").rows() == [
        ("LIMIT", "too many"),
        ("OBJECT_NOT_FOUND", "no such company"),
    ]


def test_what_results_name_is_made_whatever_errors_say() -> None:
    """A pair in both lists is associated: the record exists, the complaint is about another."""
    batch = batch_of((1, 7), (1, 8))
    errors = [{"message": "no", "context": {"contactId": ["1"]}}]
    judged = success(batch, answer(results=results((1, 7)), errors=errors))
    assert outcomes(batch, judged) == {(1, 7): "associated", (1, 8): "failed"}


ANONYMOUS = {"category": "LIMIT_EXCEEDED", "message": "the association limit is reached"}


def test_one_error_without_a_name_is_about_the_one_row_left() -> None:
    """When all others are confirmed, the error that names nobody has found its row."""
    batch = batch_of((1, 7), (2, 8))
    judged = success(batch, answer(results=results((1, 7)), errors=[ANONYMOUS]))
    assert outcomes(batch, judged) == {(1, 7): "associated", (2, 8): "failed"}
    assert judged.settled.row(1, named=True)["error_category"] == "LIMIT_EXCEEDED"


def test_an_error_without_a_name_is_narrowed_down() -> None:
    """Of several rows left, the one that is meant is found by asking for halves."""
    batch = batch_of((1, 7), (2, 8), (3, 9), (4, 10))
    judged = success(batch, answer(results=results((1, 7)), errors=[ANONYMOUS]))
    assert outcomes(batch, judged) == {
        (1, 7): "associated",
        (2, 8): "again",
        (3, 9): "again",
        (4, 10): "again",
    }
    assert [part.height for part in judged.again] == [1, 2]


LIMIT_WITH_NUMBER = {"category": "LIMIT_EXCEEDED", "message": "the limit of 50,000 is reached"}


def test_a_number_in_a_sentence_is_not_taken_for_a_record() -> None:
    """A limit told in figures is HubSpot's reason for the row left, and the row keeps it."""
    batch = batch_of((1, 7), (2, 8))
    judged = success(batch, answer(results=results((1, 7)), errors=[LIMIT_WITH_NUMBER]))
    assert outcomes(batch, judged) == {(1, 7): "associated", (2, 8): "failed"}
    assert judged.settled.row(1, named=True)["error_category"] == "LIMIT_EXCEEDED"


def test_a_number_in_a_sentence_does_not_fail_the_record_of_that_number() -> None:
    """Record 50 is not failed for a limit of 50: of several rows left, halves find the one meant."""
    batch = batch_of((1, 7), (50, 8), (2, 9))
    said = answer(results=[], errors=[{"category": "LIMIT", "message": "at most 50 contacts"}])
    assert set(outcomes(batch, success(batch, said)).values()) == {"again"}


def test_an_error_about_something_else_keeps_its_words() -> None:
    """An error whose ids are no row's (a portal's, say) is still the reason for the row left."""
    batch = batch_of((1, 7), (2, 8))
    error = {"category": "LIMIT", "message": "portal is full", "context": {"portalId": ["555"]}}
    judged = success(batch, answer(results=results((1, 7)), errors=[error]))
    assert outcomes(batch, judged) == {(1, 7): "associated", (2, 8): "failed"}


# A refusal

REAL_REFUSAL = {
    "status": "error",
    "message": "One or more associations are invalid",
    "category": "VALIDATION_ERROR",
}


def test_a_named_record_fails_and_the_others_go_on() -> None:
    """A deleted contact costs its own rows, not the 2,000 of its batch."""
    batch = batch_of((1, 7), (38374264688, 7), (2, 8), (38374264688, 9))
    context = {
        "INVALID_OBJECT_IDS": ["CONTACT=38374264688 is not valid"],
        "objectId": ["38374264688"],
        "objectType": ["CONTACT"],
    }
    judged = refusal(batch, answer(**REAL_REFUSAL, context=context))
    assert outcomes(batch, judged) == {
        (1, 7): "again",
        (38374264688, 7): "failed",
        (2, 8): "again",
        (38374264688, 9): "failed",
    }
    assert len(judged.again) == 1
    assert judged.settled.row(0, named=True) == {
        "association_id": 1,
        "types": None,
        "outcome": "failed",
        "http_status": 400,
        "error_category": "VALIDATION_ERROR",
        "error_message": "One or more associations are invalid (contacts 38374264688)",
        "correlation_id": "c-1",
    }


def test_a_number_that_is_no_records_fails_nobody() -> None:
    """The row of contact 5 failed because 5 was the number of the portal that HubSpot named."""
    batch = batch_of((5, 1), (7, 2), (8, 3))
    context = {"portalId": ["5"], "INVALID_OBJECT_IDS": ["CONTACT=7 is not valid"]}
    judged = refusal(batch, answer(message="invalid", context=context))
    assert outcomes(batch, judged) == {(5, 1): "again", (7, 2): "failed", (8, 3): "again"}


def test_a_named_type_fails_the_rows_that_want_it() -> None:
    """A label deleted while the run goes on fails its rows alone."""
    other = batch_of((2, 8), types="USER_DEFINED:3").with_columns(
        association_id=pl.lit(1, pl.Int64)
    )
    batch = pl.concat([batch_of((1, 7)), other])
    context = {
        "INVALID_ASSOCIATION_TYPE_ID": ["USER_DEFINED=3 is not a valid association definition id"]
    }
    judged = refusal(batch, answer(**REAL_REFUSAL, context=context))
    assert outcomes(batch, judged) == {(1, 7): "again", (2, 8): "failed"}


def test_members_of_a_refusal_fail_with_their_own_words() -> None:
    """An error below the refusal tells more than the refusal."""
    batch = batch_of((1, 7), (2, 8), (3, 9))
    errors = [{"category": "GONE", "message": "deleted", "context": {"contactId": ["2"]}}]
    judged = refusal(batch, answer(**REAL_REFUSAL, errors=errors))
    assert outcomes(batch, judged) == {(1, 7): "again", (2, 8): "failed", (3, 9): "again"}
    assert judged.settled["error_message"].to_list() == ["deleted (contacts 2)"]


def test_a_refusal_of_one_row_is_that_rows() -> None:
    """A request of one association that is refused needs nobody named."""
    batch = batch_of((1, 7))
    judged = refusal(batch, answer(**REAL_REFUSAL))
    assert outcomes(batch, judged) == {(1, 7): "failed"}


def test_a_refusal_without_words_still_says_something() -> None:
    """An html page instead of a reason leaves the status as category and message."""
    judged = refusal(batch_of((1, 7)), Answer())
    assert judged.settled.select("error_category", "error_message", "correlation_id").row(0) == (
        "HTTP_400",
        "HubSpot answered 400 and gave no reason",
        None,
    )


@pytest.mark.parametrize(
    "said",
    [
        {},
        REAL_REFUSAL,
        {**REAL_REFUSAL, "context": {"objectId": ["999"]}},
        {**REAL_REFUSAL, "message": "Invalid input at line 1"},
    ],
)
def test_a_refusal_that_names_nobody_is_halved(said: dict[str, Any]) -> None:
    """Where nothing tells whom HubSpot means, two smaller requests follow."""
    batch = batch_of(*((n, n) for n in range(10, 15)))
    judged = refusal(batch, answer(**said))
    assert judged.settled.height == 0
    assert [part.height for part in judged.again] == [2, 3]


def test_an_id_on_both_sides_is_not_failed_blindly() -> None:
    """Contact 5 and company 5 are two records: a bare 5 is tried again by itself first."""
    batch = batch_of((5, 7), (1, 5), (2, 8))
    judged = refusal(batch, answer(**REAL_REFUSAL, context={"objectId": ["5"]}))
    assert outcomes(batch, judged) == {(5, 7): "again", (1, 5): "again", (2, 8): "again"}
    assert [part.height for part in judged.again] == [2, 1]


def test_an_id_of_one_object_is_meant_on_either_side() -> None:
    """Between contacts and contacts, an invalid contact fails wherever it stands."""
    batch = batch_of((5, 7), (1, 5), (2, 8))
    context = {"INVALID_OBJECT_IDS": ["CONTACT=5 is not valid"]}
    judged = refusal(batch, answer(**REAL_REFUSAL, context=context), Sides("0-1", "contacts"))
    assert outcomes(batch, judged) == {(5, 7): "failed", (1, 5): "failed", (2, 8): "again"}


def test_several_pairs_in_one_context_do_not_fail_a_third() -> None:
    """Two bad pairs told as two lists of ids do not fail the good pair between them."""
    batch = batch_of((1, 7), (2, 8), (1, 8), (3, 9))
    context = {"fromObjectId": ["1", "2"], "toObjectId": ["7", "8"]}
    judged = refusal(batch, answer(**REAL_REFUSAL, context=context))
    assert outcomes(batch, judged)[1, 8] == "again"


# Laws, for any answer

PAIRS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, unique=True)
IDS = st.lists(st.integers(0, 8).map(str), max_size=3)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "fromObjectId": IDS,
        "toObjectId": IDS,
        "objectId": IDS,
        "objectType": st.sampled_from([["CONTACT"], ["COMPANY"], ["CONTACT", "COMPANY"]]),
        "INVALID_OBJECT_IDS": IDS.map(lambda ids: [f"COMPANY={number} is bad" for number in ids]),
        "INVALID_ASSOCIATION_TYPE_ID": st.sampled_from(
            [[f"{MANAGER.replace(':', '=')} is bad"], []]
        ),
    },
)
MESSAGES = st.sampled_from(["", "no", "record 3 is bad", "CONTACT=4 is bad", "at most 5"])
ERRORS = st.fixed_dictionaries({"message": MESSAGES, "context": CONTEXTS})
ANSWERS = st.fixed_dictionaries(
    {"message": MESSAGES, "context": CONTEXTS, "errors": st.lists(ERRORS, max_size=3)}
)
ANY_SIDES = st.sampled_from([SIDES, Sides("contacts", "contacts"), Sides("contacts", "2-77")])


@given(PAIRS, PAIRS, ANSWERS, ANY_SIDES)
def test_a_success_leaves_nobody_out(
    pairs: list[Pair], made: list[Pair], said: dict[str, Any], sides: Sides
) -> None:
    """Each association is settled once, or asked for again once; what is made is never failed."""
    batch = batch_of(*pairs)
    told = outcomes(batch, success(batch, answer(results=results(*made), **said), sides))
    assert {pair for pair, outcome in told.items() if outcome == "associated"} == set(pairs) & set(
        made
    )


@given(PAIRS, ANSWERS, ANY_SIDES)
def test_a_refusal_leaves_nobody_out(pairs: list[Pair], said: dict[str, Any], sides: Sides) -> None:
    """A refusal settles or shrinks: every part asked again is smaller than the batch."""
    batch = batch_of(*pairs)
    judged = refusal(batch, answer(**said), sides)
    assert set(outcomes(batch, judged).values()) <= {"failed", "again"}
    assert all(part.height < batch.height for part in judged.again)


# Against a server that refuses any request with something bad in it

Naming: TypeAlias = "Callable[[list[Pair]], dict[str, Any]]"

ANY_NAMING: dict[str, Naming] = {
    "nobody": lambda _: {},
    "a number that is nobody's": lambda _: {"context": {"objectId": ["999999"]}},
    "a sentence": lambda bad: {"message": f"contact {bad[0][0]} is not valid"},
    "a sentence about something else": lambda _: {"message": "request 3 of 2000 is not valid"},
    "each pair in an error": lambda bad: {
        "errors": [
            {"message": "no", "context": {"fromObjectId": [str(f)], "toObjectId": [str(t)]}}
            for f, t in bad
        ]
    },
    "the first pair": lambda bad: {
        "context": {"fromObjectId": [bad[0][0]], "toObjectId": [bad[0][1]]}
    },
    "all pairs in two lists": lambda bad: {
        "context": {"fromObjectId": [f for f, _ in bad], "toObjectId": [t for _, t in bad]}
    },
}
"""What a refusal may say when some pairs are bad."""

RECORD_NAMING: dict[str, Naming] = {
    **ANY_NAMING,
    "the first, bare": lambda bad: {"context": {"objectId": [str(bad[0][0])]}},
    "all, by object": lambda bad: {
        "context": {"INVALID_OBJECT_IDS": [f"CONTACT={f} is not valid" for f, _ in bad]}
    },
    "all, in two keys": lambda bad: {
        "context": {"objectId": [str(f) for f, _ in bad], "objectType": ["CONTACT"]}
    },
}
"""What it may say besides when some contacts are bad, with all their pairs."""


class Server:
    """A HubSpot that associates nothing while a bad pair is among the inputs."""

    def __init__(self, is_bad: Callable[[Pair], bool], naming: Naming) -> None:
        self._is_bad = is_bad
        self._naming = naming
        self.requests = 0

    def judge(self, batch: pl.DataFrame) -> Judgement:
        """Answer a request, and have the answer judged."""
        self.requests += 1
        pairs: list[Pair] = batch.select("from_id", "to_id").rows()
        if bad := [pair for pair in pairs if self._is_bad(pair)]:
            return refusal(batch, answer(**{**REAL_REFUSAL, **self._naming(bad)}))
        return success(batch, answer(results=results(*pairs)))


def settle(batch: pl.DataFrame, server: Server) -> dict[Pair, str]:
    """Send a batch, and again what has to be sent again, until everything is settled."""
    settled, groups = [pl.DataFrame(schema=VERDICT)], [batch]
    while groups:
        judged = server.judge(groups.pop())
        assert judged.unnamed.height == 0
        settled.append(judged.settled)
        groups.extend(judged.again)
    whole = pl.concat(settled).join(batch, on="association_id")
    assert sorted(whole["association_id"]) == batch["association_id"].to_list()
    return {(f, t): outcome for f, t, outcome in whole["from_id", "to_id", "outcome"].iter_rows()}


SMALL_IDS = st.integers(1, 40)
SMALL_PAIRS = st.lists(st.tuples(SMALL_IDS, SMALL_IDS), min_size=1, max_size=40, unique=True)


@pytest.mark.parametrize("naming", RECORD_NAMING)
@settings(max_examples=40)
@given(pairs=SMALL_PAIRS, bad=st.sets(SMALL_IDS, max_size=5))
def test_exactly_the_rows_of_bad_records_fail(
    naming: str, pairs: list[Pair], bad: set[int]
) -> None:
    """However HubSpot names the bad contacts, or does not, each other row is associated."""
    server = Server(lambda pair: pair[0] in bad, RECORD_NAMING[naming])
    told = settle(batch_of(*pairs), server)
    assert told == {(f, t): "failed" if f in bad else "associated" for f, t in pairs}


@pytest.mark.parametrize("naming", ANY_NAMING)
@settings(max_examples=40)
@given(pairs=SMALL_PAIRS, choice=st.sets(st.integers(0, 39), max_size=5))
def test_exactly_the_bad_pairs_fail(naming: str, pairs: list[Pair], choice: set[int]) -> None:
    """A pair that HubSpot refuses does not fail the other pairs of its two records."""
    bad = {pair for number, pair in enumerate(pairs) if number in choice}
    told = settle(batch_of(*pairs), Server(bad.__contains__, ANY_NAMING[naming]))
    assert told == {pair: "failed" if pair in bad else "associated" for pair in pairs}


def halvings(size: int, bad: int) -> int:
    """Count the requests that halving may take at most: one, and two a level for each bad row."""
    return 1 + 2 * bad * math.ceil(math.log2(size))


@pytest.mark.parametrize("naming", ["nobody", "a number that is nobody's"])
@pytest.mark.parametrize("bad", [1, 3, 10])
def test_halving_is_quick(naming: str, bad: int) -> None:
    """One nameless bad row among 2,000 costs about twenty requests, not two thousand."""
    pairs = [(number, number) for number in range(100_000, 102_000)]
    bad_contacts = {100_000 + 197 * number for number in range(bad)}
    server = Server(lambda pair: pair[0] in bad_contacts, RECORD_NAMING[naming])
    told = settle(batch_of(*pairs), server)
    assert {f for (f, _), outcome in told.items() if outcome == "failed"} == bad_contacts
    assert server.requests <= halvings(2000, bad)


@pytest.mark.parametrize(
    ("naming", "requests"),
    [
        ("all, by object", 2),
        ("all, in two keys", 2),
        ("each pair in an error", 2),
        ("the first, bare", 11),
        ("the first pair", 11),
    ],
)
def test_a_name_saves_the_halving(naming: str, requests: int) -> None:
    """Ten bad rows that are named together cost one request more; named one by one, ten."""
    pairs = [(number, number + 500_000) for number in range(100_000, 102_000)]
    bad_contacts = {100_000 + 197 * number for number in range(10)}
    server = Server(lambda pair: pair[0] in bad_contacts, RECORD_NAMING[naming])
    settle(batch_of(*pairs), server)
    assert server.requests == requests


def test_a_batch_that_is_all_bad_ends() -> None:
    """When every row is refused and nobody is named, each fails after at most two requests."""
    pairs = [(number, 7) for number in range(1, 65)]
    server = Server(lambda _: True, ANY_NAMING["nobody"])
    assert set(settle(batch_of(*pairs), server).values()) == {"failed"}
    assert server.requests == 2 * len(pairs) - 1


def test_one_verdict_for_a_whole_batch() -> None:
    """Rows that were never answered share what is known of why."""
    reason = ErrorDetail(message="no answer in 60 s", category="NO_ANSWER")
    told = verdicts(batch_of((1, 7), (2, 8)), Outcome.FAILED, None, error=reason)
    assert told.schema == VERDICT
    assert told.rows() == [
        (0, None, "failed", None, "NO_ANSWER", "no answer in 60 s", None),
        (1, None, "failed", None, "NO_ANSWER", "no answer in 60 s", None),
    ]


# Types that are refused

OTHER = "USER_DEFINED:3"
BOTH = TYPE_BITS[MANAGER] | TYPE_BITS[OTHER]


def typed(*lines: tuple[int, int]) -> pl.DataFrame:
    """Make a batch of (1, 1), (2, 2), … from what is sent and what rows want of each."""
    batch = batch_of(*((number, number) for number in range(1, len(lines) + 1)))
    columns = {"types": pl.Int64, "wanted": pl.Int64}
    return batch.with_columns(pl.DataFrame(lines, schema=columns, orient="row"))


def refusing(name: str, **context: Any) -> dict[str, Any]:
    """Write an error about a type; `context` may name records beside it."""
    words = f"{name.replace(':', '=')} is not a valid association definition id"
    return {
        "category": "VALIDATION_ERROR",
        "message": "One or more associations are invalid",
        "context": {"INVALID_ASSOCIATION_TYPE_ID": [words], **context},
    }


def lines_of(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """List the lines about each association, in order."""
    return sorted(frame.select("association_id", *columns).rows())


Judging: TypeAlias = "Callable[[pl.DataFrame, dict[str, Any]], Judgement]"


def in_a_207(batch: pl.DataFrame, error: dict[str, Any]) -> Judgement:
    """Judge a success that names nobody, with one error."""
    return success(batch, answer(results=[], errors=[error]))


def in_a_400(batch: pl.DataFrame, error: dict[str, Any]) -> Judgement:
    """Judge a refusal."""
    return refusal(batch, answer(**error))


EITHER_ANSWER = pytest.mark.parametrize("judge", [in_a_207, in_a_400])


@EITHER_ANSWER
def test_a_refused_type_does_not_take_the_others_with_it(judge: Judging) -> None:
    """Rows that want another label of the same pair get it; only those of the refused one fail."""
    judged = judge(typed((BOTH, BOTH)), refusing(OTHER))
    assert lines_of(judged.settled, "types", "outcome") == [(0, TYPE_BITS[OTHER], "failed")]
    again = pl.concat(judged.again)
    assert lines_of(again, "types", "wanted") == [(0, TYPE_BITS[MANAGER], BOTH)]
    assert judged.unnamed.height == 0


@EITHER_ANSWER
def test_a_refused_type_that_was_only_kept_costs_no_row(judge: Judging) -> None:
    """A label that HubSpot had, written again to keep it and refused, fails nobody who asked for another."""
    judged = judge(typed((BOTH, TYPE_BITS[MANAGER])), refusing(OTHER))
    assert judged.settled["types"].to_list() == [TYPE_BITS[OTHER]], "a line about nobody's type"
    assert lines_of(pl.concat(judged.again), "types") == [(0, TYPE_BITS[MANAGER])]


@EITHER_ANSWER
def test_where_no_wanted_type_is_left_all_rows_fail(judge: Judging) -> None:
    """The label that was merely kept is not worth a request of its own."""
    judged = judge(typed((BOTH, TYPE_BITS[OTHER])), refusing(OTHER))
    assert lines_of(judged.settled, "types", "outcome") == [(0, None, "failed")]
    assert judged.again == []


@EITHER_ANSWER
def test_records_beside_a_type_narrow_it(judge: Judging) -> None:
    """A label that one pair alone may not have is taken off that pair alone."""
    batch = typed((BOTH, BOTH), (BOTH, BOTH), (TYPE_BITS[MANAGER], TYPE_BITS[MANAGER]))
    judged = judge(batch, refusing(OTHER, fromObjectId=["2"], toObjectId=["2"]))
    assert lines_of(judged.settled, "types") == [(1, TYPE_BITS[OTHER])]
    left = [part.filter(association_id=1)["types"].to_list() for part in judged.again]
    assert [types for types in left if types] == [[TYPE_BITS[MANAGER]]]
    untouched = pl.concat([judged.unnamed, *judged.again]).filter(pl.col("association_id") != 1)
    assert lines_of(untouched, "types") == [(0, BOTH), (2, TYPE_BITS[MANAGER])]


def test_what_lost_a_type_goes_with_the_others() -> None:
    """A label that is gone costs one request more, not one for each pair that had it."""
    batch = typed((BOTH, BOTH), (TYPE_BITS[MANAGER], TYPE_BITS[MANAGER]), (BOTH, BOTH))
    judged = in_a_400(batch, refusing(OTHER))
    [together] = judged.again
    assert lines_of(together, "types") == [(number, TYPE_BITS[MANAGER]) for number in range(3)]


def test_a_type_and_a_record_in_two_errors_are_both_heeded() -> None:
    """A 400 may complain of a label and of a contact: each costs its own rows."""
    batch = typed((BOTH, BOTH), (TYPE_BITS[MANAGER], TYPE_BITS[MANAGER]), (BOTH, BOTH))
    gone = {"category": "GONE", "message": "deleted", "context": {"contactId": ["2"]}}
    judged = refusal(batch, answer(**REAL_REFUSAL, errors=[refusing(OTHER), gone]))
    assert lines_of(judged.settled, "types", "error_category") == [
        (0, TYPE_BITS[OTHER], "VALIDATION_ERROR"),
        (1, None, "GONE"),
        (2, TYPE_BITS[OTHER], "VALIDATION_ERROR"),
    ]
    [together] = judged.again
    assert lines_of(together, "types") == [(0, TYPE_BITS[MANAGER]), (2, TYPE_BITS[MANAGER])]


def test_a_type_that_no_pair_has_is_nobodys() -> None:
    """A refusal for a type that was not sent tells nothing, and is narrowed down like any other."""
    batch = typed(*[(TYPE_BITS[MANAGER], TYPE_BITS[MANAGER])] * 4)
    judged = in_a_400(batch, refusing(OTHER))
    assert judged.settled.height == 0
    assert [part.height for part in judged.again] == [2, 2]


@pytest.mark.parametrize(
    ("error", "doubts"),
    [
        pytest.param(REAL_REFUSAL, True, id="nobody"),
        pytest.param({**REAL_REFUSAL, "context": {"objectId": ["999"]}}, True, id="a stranger"),
        pytest.param(refusing(OTHER), True, id="a type"),
        pytest.param({**REAL_REFUSAL, "context": {"contactId": ["1"]}}, False, id="a record"),
        pytest.param(
            {**REAL_REFUSAL, "message": "contact 1 is not valid"},
            False,
            id="a record, in a sentence",
        ),
    ],
)
def test_what_may_meet_every_row_is_doubted(error: dict[str, Any], *, doubts: bool) -> None:
    """A label or an object that is gone is asked after before a million rows fail by it."""
    batch = typed((BOTH, BOTH), (TYPE_BITS[MANAGER], TYPE_BITS[MANAGER]))
    assert refusal(batch, answer(**error)).doubts_settings is doubts


# Many errors


@pytest.mark.parametrize(
    "kind",
    [
        "a pair each",
        "a sentence each",
        "a type and a pair each",
    ],
)
def test_two_thousand_errors_are_judged_like_two(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 207 with an error for each input took seconds: the batch was looked through for each of them."""
    passes = 0

    def counted(name: str) -> None:
        original = getattr(pl.DataFrame, name)

        def once_more(*arguments: Any, **keywords: Any) -> Any:
            nonlocal passes
            passes += 1
            return original(*arguments, **keywords)

        monkeypatch.setattr(pl.DataFrame, name, once_more)

    for name in ("join", "filter", "select", "with_columns"):
        counted(name)
    cost = {}
    for size in (2, 2000):
        pairs = [(number, number + 5000) for number in range(1, size + 1)]
        ends = [{"fromObjectId": [str(f)], "toObjectId": [str(t)]} for f, t in pairs]
        errors: dict[str, list[dict[str, Any]]] = {
            "a pair each": [{"message": "no", "context": each} for each in ends],
            "a sentence each": [{"message": f"CONTACT={f} is not valid"} for f, _ in pairs],
            "a type and a pair each": [refusing(MANAGER, **each) for each in ends],
        }
        before = passes
        judged = success(batch_of(*pairs), answer(results=[], errors=errors[kind]))
        cost[size] = passes - before
        assert judged.settled.filter(outcome="failed").height == size
    assert cost[2000] == cost[2]
