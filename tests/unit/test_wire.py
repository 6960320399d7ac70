"""Bodies as HubSpot wants them, and answers in every shape that it has been seen to give."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.id_text import ids_of
from etl.hubspot.read_wire import parts_of, read_body, read_existing
from etl.hubspot.wire import (
    DEFAULT_WORDING,
    PAIR,
    TYPED_PAIR,
    Answer,
    WireError,
    archive_body,
    create_body,
    create_wording,
    decode_answer,
    read_created,
    read_defaulted,
    read_labels,
)
from etl.model import MAX_ID, AssociationType, LabelDefinition

IDS = st.integers(1, MAX_ID)
MANAGER = AssociationType("USER_DEFINED", 36)
UNLABELED = AssociationType("HUBSPOT_DEFINED", 279)


def answer(**fields: Any) -> Answer:
    """Send a body of these fields through the decoder."""
    return decode_answer(json.dumps(fields).encode())


def pairs(ids: list[tuple[int, int]]) -> pl.DataFrame:
    """Make a frame of from_id and to_id."""
    return pl.DataFrame(ids, schema=PAIR, orient="row")


def spelled(number: int, *, as_text: bool) -> int | str:
    """Write an id as one version of the API does, or as the other."""
    return str(number) if as_text else number


# Bodies


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=10))
def test_a_default_body_names_every_pair(ids: list[tuple[int, int]]) -> None:
    """The request is the one of HubSpot's specs: ids as text, exact to the last digit."""
    assert json.loads(DEFAULT_WORDING.of(*ids_of(pairs(ids), len(ids)))) == {
        "inputs": [{"from": {"id": str(f)}, "to": {"id": str(t)}} for f, t in ids]
    }


@given(st.lists(st.tuples(IDS, IDS, st.sampled_from([1, 3])), min_size=1, max_size=10))
def test_a_create_body_names_every_type(lines: list[tuple[int, int, int]]) -> None:
    """Each pair goes with its own types, each with its category."""
    frame = pl.DataFrame(lines, schema={**PAIR, "types": pl.Int64}, orient="row")
    types = {1: [MANAGER], 3: [MANAGER, UNLABELED]}
    for mask, kinds in types.items():
        alike = frame.with_columns(pl.lit(mask, pl.Int64).alias("types"))
        (ids,) = ids_of(alike, alike.height)
        assert create_wording(kinds).of(ids) == create_body(alike, types)
    assert json.loads(create_body(frame, types)) == {
        "inputs": [
            {
                "from": {"id": str(f)},
                "to": {"id": str(t)},
                "types": [
                    {"associationCategory": kind.category, "associationTypeId": kind.type_id}
                    for kind in types[mask]
                ],
            }
            for f, t, mask in lines
        ]
    }


@given(st.lists(st.tuples(st.integers(1, 4), IDS), min_size=1, max_size=12, unique=True))
def test_an_archive_body_names_every_pair(ids: list[tuple[int, int]]) -> None:
    """One input a from-record, with all that it is to be parted from, and no pair but those."""
    inputs = json.loads(archive_body(pairs(ids)))["inputs"]
    assert [set(each) for each in inputs] == [{"from", "to"}] * len(inputs)
    named = [(each["from"]["id"], to["id"]) for each in inputs for to in each["to"]]
    assert sorted(named) == sorted((str(f), str(t)) for f, t in ids)
    records = [each["from"]["id"] for each in inputs]
    assert records == list(dict.fromkeys(str(f) for f, _ in ids))


def test_an_archive_body_is_that_of_the_specs() -> None:
    """A from-record stands once, as HubSpot's specs have it, with a list of what goes."""
    assert archive_body(pairs([(5, 7), (5, 8), (6, MAX_ID)])) == (
        b'{"inputs":[{"from":{"id":"5"},"to":[{"id":"7"},{"id":"8"}]},'
        b'{"from":{"id":"6"},"to":[{"id":"9223372036854775807"}]}]}'
    )


@given(st.lists(st.tuples(IDS, st.none() | st.text()), min_size=1, max_size=10))
def test_a_read_body_asks_for_pages(lines: list[tuple[int, str | None]]) -> None:
    """The first page is asked for by the id alone, a later one by the cursor HubSpot gave."""
    frame = pl.DataFrame(lines, schema={"from_id": pl.Int64, "after": pl.String}, orient="row")
    assert json.loads(read_body(frame)) == {
        "inputs": [
            {"id": str(record)} if after is None else {"id": str(record), "after": after}
            for record, after in lines
        ]
    }


# What is no answer


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        b"error code: 1015",
        b'{"status":"COMPLETE","results":[{"fromObjectId":1,"toOb',
        b"[]",
        b"null",
        b'"ok"',
        b'{"message":"\xff"}',
        b"\x1f\x8b\x08\x00",
        b'{"results":[}',
    ],
)
def test_what_is_not_hubspots_json_is_no_answer(body: bytes) -> None:
    """A proxy's page, a cut body and broken text are told as such, never read as a result."""
    with pytest.raises(WireError):
        decode_answer(body)


@given(st.binary() | st.binary().map(lambda noise: b'{"message":"' + noise + b'"}'))
def test_any_bytes_are_an_answer_or_a_wire_error(body: bytes) -> None:
    """Nothing that a network can deliver ends the run with a traceback."""
    try:
        decoded = decode_answer(body)
    except WireError:
        return
    assert isinstance(decoded, Answer)


WHOLE = (
    b'{"status":"COMPLETE","results":[{"fromObjectId":1,"toObjectId":2,"labels":["A"]}],'
    b'"errors":[{"category":"X","message":"no","context":{"fromObjectId":["3"]}}]}'
)


@given(st.integers(1, len(WHOLE) - 1))
def test_a_cut_body_is_no_answer(length: int) -> None:
    """A connection that breaks anywhere in a body never confirms half of it."""
    with pytest.raises(WireError):
        decode_answer(WHOLE[:length])


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_is_an_empty_answer(body: bytes) -> None:
    """A 204 has no body and is still an answer."""
    assert read_created(decode_answer(body)).height == 0
    assert decode_answer(body).as_error().message == ""


# Refusals

REFUSAL = {
    "status": "error",
    "message": "One or more associations are invalid",
    "correlationId": "a0b1-c2",
    "category": "VALIDATION_ERROR",
    "context": {
        "INVALID_OBJECT_IDS": ["CONTACT=38374264688 is not valid"],
        "objectId": ["38374264688"],
        "objectType": ["CONTACT"],
    },
}


def test_a_refusal_is_read_whole() -> None:
    """What HubSpot says of a refused request is kept for the operator and for support."""
    refused = answer(**REFUSAL)
    assert refused.correlation_id == "a0b1-c2"
    error = refused.as_error()
    assert (error.message, error.category) == (REFUSAL["message"], "VALIDATION_ERROR")
    assert error.context == REFUSAL["context"]


def test_a_429_says_whose_limit() -> None:
    """The policy tells a full window from a used-up day."""
    refused = answer(status="error", errorType="RATE_LIMIT", policyName="DAILY", message="limit")
    assert refused.policy_name == "DAILY"


def test_members_of_a_refusal_are_kept() -> None:
    """Errors within errors come along, with their own words."""
    refused = answer(message="no", errors=[{"message": "one", "context": {"id": ["1"]}}])
    assert [error.message for error in refused.as_error().errors] == ["one"]


@pytest.mark.parametrize("name", ["message", "category", "correlationId", "policyName"])
def test_a_text_that_is_null_is_left_out(name: str) -> None:
    """A success with a null beside its results confirms what it names."""
    read = answer(results=[{"fromObjectId": 1, "toObjectId": 2}], **{name: None})
    assert read_created(read).height == 1
    assert read.as_error() == Answer().as_error()


@pytest.mark.parametrize("name", ["errors", "context"])
def test_a_collection_that_is_null_is_empty(name: str) -> None:
    """A success with ``errors: null`` confirms what it names instead of counting as no answer."""
    read = answer(results=[{"fromObjectId": 1, "toObjectId": 2}], **{name: None})
    assert read_created(read).height == 1
    assert read.errors == []
    assert read.context == {}


def test_an_error_with_nulls_keeps_its_words() -> None:
    """One null within an error does not cost the message beside it."""
    read = answer(
        errors=[{"message": "no", "category": None, "context": None, "subCategory": None}]
    )
    assert read.errors[0].message == "no"


def test_fields_not_known_yet_are_passed_over() -> None:
    """HubSpot adding a field breaks nothing."""
    read = answer(status="COMPLETE", startedAt="2026-11-23T00:00:00Z", numErrors=0, results=[])
    assert read.errors == []


# Results

ID_LISTS = st.lists(st.tuples(IDS, IDS, st.booleans(), st.booleans()), max_size=8)


@given(ID_LISTS)
def test_created_pairs_read_back(lines: list[tuple[int, int, bool, bool]]) -> None:
    """Ids come as numbers or as text, even mixed in one answer, and are read exactly."""
    results = [
        {
            "fromObjectTypeId": "0-1",
            "fromObjectId": spelled(f, as_text=as_text),
            "toObjectTypeId": "0-2",
            "toObjectId": spelled(t, as_text=to_as_text),
            "labels": ["決裁者"],
        }
        for f, t, as_text, to_as_text in lines
    ]
    created = read_created(answer(results=results))
    assert created.schema == {**PAIR, "object_type": pl.String}
    assert created.rows() == [(f, t, "0-1") for f, t, _, _ in lines]


@given(ID_LISTS)
def test_defaulted_pairs_read_back(lines: list[tuple[int, int, bool, bool]]) -> None:
    """The default endpoint nests its ids, and they are read the same."""
    results = [
        {
            "from": {"id": spelled(f, as_text=as_text)},
            "to": {"id": spelled(t, as_text=to_as_text)},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": 279,
            },
        }
        for f, t, as_text, to_as_text in lines
    ]
    defaulted = read_defaulted(answer(results=results))
    assert defaulted.schema == TYPED_PAIR
    assert defaulted.rows() == [(f, t, "HUBSPOT_DEFINED", 279) for f, t, _, _ in lines]


@pytest.mark.parametrize("results", [None, []])
@pytest.mark.parametrize("read", [read_created, read_defaulted])
def test_no_results_confirm_nothing(read: Any, results: list[Any] | None) -> None:
    """An empty list and null are the same: nobody is named."""
    frame = read(answer(status="COMPLETE", results=results))
    assert frame.height == 0
    assert {"from_id", "to_id"} <= set(frame.columns)


def test_a_result_without_ids_confirms_nobody() -> None:
    """A result that names no pair comes back with nulls, which match no pair."""
    assert read_created(answer(results=[{}, {"fromObjectId": "x", "toObjectId": 7}])).rows() == [
        (None, None, None),
        (None, 7, None),
    ]


def test_a_default_result_without_its_type_still_names_the_pair() -> None:
    """A missing ``associationSpec`` does not cost the confirmation."""
    read = answer(results=[{"from": {"id": "1"}, "to": {"id": "2"}}])
    assert read_defaulted(read).rows() == [(1, 2, None, None)]


@pytest.mark.parametrize("results", [5, "x", [1], [[1]], [None]])
@pytest.mark.parametrize("read", [read_created, read_defaulted, read_existing])
def test_results_of_another_shape_are_a_wire_error(read: Any, results: Any) -> None:
    """What can't be results is said to be unreadable, not taken as empty."""
    with pytest.raises(WireError, match="results can't be read"):
        read(answer(results=results))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
NAMES = st.sampled_from(["from", "to", "id", "fromObjectId", "toObjectId", "associationTypes"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=8
)


@given(st.lists(st.dictionaries(NAMES, JSON), max_size=3) | JSON)
def test_any_results_are_read_or_refused(results: Any) -> None:
    """No shape of results ends the run with a traceback."""
    read = answer(results=results)
    for reader in (read_created, read_defaulted, read_existing, read_labels):
        try:
            reader(read)
        except WireError:
            continue


# Reading what is there


def existing(*results: Any) -> tuple[list[Any], list[Any]]:
    """Give the associations and the pages of a read answer."""
    found, pages = read_existing(answer(results=list(results)))
    assert found.schema == TYPED_PAIR
    assert pages.schema == {"from_id": pl.Int64, "after": pl.String}
    return found.rows(), pages.rows()


@given(st.lists(st.dictionaries(NAMES, JSON), max_size=5), st.integers(1, 200))
def test_parts_of_an_answer_have_all_of_it(results: list[Any], part_bytes: int) -> None:
    """A long answer is cut between its results: none is lost, doubled or changed."""
    parts = [
        json.loads(bytes(part.results)) for part in parts_of(answer(results=results), part_bytes)
    ]
    assert [each for part in parts for each in part] == results


@pytest.mark.parametrize("results", [5, "x", {"from": 1}, None])
def test_what_is_no_list_of_results_is_one_part(results: Any) -> None:
    """Whoever reads it says that it can't be read."""
    (part,) = parts_of(answer(results=results), 1)
    assert json.loads(bytes(part.results)) == results


def test_every_type_of_every_pair_is_read() -> None:
    """A pair with several labels comes back once a label, whatever form its ids have."""
    found, pages = existing(
        {
            "from": {"id": "1"},
            "to": [
                {
                    "toObjectId": 7,
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
                        {"category": "USER_DEFINED", "typeId": 36, "label": "決裁者"},
                    ],
                },
                {
                    "toObjectId": "8",
                    "associationTypes": [{"category": "USER_DEFINED", "typeId": 36}],
                },
            ],
        },
        {"from": {"id": 2}, "to": []},
    )
    assert found == [
        (1, 7, "HUBSPOT_DEFINED", 279),
        (1, 7, "USER_DEFINED", 36),
        (1, 8, "USER_DEFINED", 36),
    ]
    assert pages == []


def test_a_record_with_more_pages_is_asked_again() -> None:
    """A record with thousands of associations is read to its end."""
    found, pages = existing(
        {"from": {"id": "1"}, "to": [], "paging": {"next": {"after": "MTAw", "link": "?"}}},
        {"from": {"id": "2"}, "to": [], "paging": {}},
        {"from": {"id": "3"}, "to": [], "paging": None},
        {"from": {"id": "4"}, "to": []},
    )
    assert found == []
    assert pages == [(1, "MTAw")]


@pytest.mark.parametrize("types", [[], None])
def test_a_pair_without_types_is_still_there(types: list[Any] | None) -> None:
    """A pair whose types HubSpot does not tell is associated all the same."""
    found, _ = existing({"from": {"id": "1"}, "to": [{"toObjectId": 7, "associationTypes": types}]})
    assert found == [(1, 7, None, None)]


# Labels


def test_labels_are_read() -> None:
    """The unlabeled type has no text; a type id may come as text."""
    read = answer(
        results=[
            {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
            {"category": "USER_DEFINED", "typeId": "36", "label": "決裁者"},
            {"category": "WORK", "typeId": 5},
        ]
    )
    assert read_labels(read) == [
        LabelDefinition(UNLABELED, None),
        LabelDefinition(MANAGER, "決裁者"),
        LabelDefinition(AssociationType("WORK", 5), None),
    ]


@pytest.mark.parametrize(
    "results", [None, {}, [{"label": "A"}], [{"category": "X", "typeId": "y"}]]
)
def test_labels_of_another_shape_are_a_wire_error(results: Any) -> None:
    """A portal whose labels can't be read is never taken for one without labels."""
    with pytest.raises(WireError, match="labels can't be read"):
        read_labels(answer(results=results))
