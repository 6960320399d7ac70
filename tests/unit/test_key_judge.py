"""What an answer says of the keys that were asked for: which record, none, two, or not clear."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.keys import KEY, KEY_FOUND_TWICE, KEY_NOT_FOUND, UniqueProperty
from etl.hubspot.key_judge import is_about_property, judge_records, judge_refusal
from etl.hubspot.key_wire import decode_records, look_up_body, values_of
from etl.hubspot.wire import ErrorDetail, WireError, decode_answer
from etl.model import MAX_ID

if TYPE_CHECKING:
    from etl.hubspot.key_judge import KeyAnswer
    from etl.hubspot.wire import Answer

EMAIL = UniqueProperty("contacts", "email")
CODE = UniqueProperty("2-123", "vendor_code")


def keys(*values: str) -> pl.DataFrame:
    """Make a frame of keys."""
    return pl.DataFrame({"key": values}, schema=KEY)


def record(record_id: int | str, **properties: str | None) -> Any:
    """Write a record of an answer."""
    return {"id": record_id, "properties": properties, "archived": False}


def body(*results: Any, errors: list[Any] | None = None) -> Answer:
    """Send an answer through the decoder."""
    return decode_answer(json.dumps({"results": results, "errors": errors or []}).encode())


def judged(asked: pl.DataFrame, answer: Answer, by: UniqueProperty = EMAIL) -> KeyAnswer:
    """Judge a 2xx answer."""
    records = values_of([decode_records(answer)], by).drop("place")
    return judge_records(asked, records, answer.errors, by)


def told(answer: KeyAnswer) -> dict[str, int | str]:
    """List what each key leads to: its record, or the category of its trouble."""
    rows = answer.told.select("key", "record_id", "error_category").rows()
    assert len({key for key, _, _ in rows}) == len(rows)
    return {key: record_id or category for key, record_id, category in rows}


def again(answer: KeyAnswer) -> list[list[str]]:
    """List the groups to ask for next."""
    return [group["key"].to_list() for group in answer.again]


def error(category: str, message: str = "said", **context: list[str]) -> Any:
    """Write an error of an answer."""
    return {"status": "error", "category": category, "message": message, "context": context}


# --- requests and answers -------------------------------------------------------------------------


def test_a_look_up_asks_by_the_property() -> None:
    """The body is the one of HubSpot's specs, and keys may hold any character."""
    assert json.loads(look_up_body(keys('a"b\\', "決"), CODE)) == {
        "idProperty": "vendor_code",
        "inputs": [{"id": 'a"b\\'}, {"id": "決"}],
        "properties": ["vendor_code"],
        "propertiesWithHistory": [],
    }


def test_a_contact_is_asked_for_its_other_emails_too() -> None:
    """A contact that is found by a secondary email is answered under its primary one."""
    for contacts in ("contacts", "contact", "0-1"):
        asked = json.loads(look_up_body(keys("a"), UniqueProperty(contacts, "email")))
        assert asked["properties"] == ["email", "hs_additional_emails"]


@pytest.mark.parametrize("record_id", ["7", 7])
def test_ids_come_as_numbers_or_as_text(record_id: int | str) -> None:
    """Versions differ in how they write ids."""
    assert told(judged(keys("a"), body(record(record_id, email="a")))) == {"a": 7}


@pytest.mark.parametrize(
    "results", ["{}", '[{"id": "x"}]', '[{"id": 0}]', "[7]", f'[{{"id": {MAX_ID + 1}}}]']
)
def test_what_is_no_list_of_records_is_no_answer(results: str) -> None:
    """A broken answer is asked for again, and never means that nobody was found."""
    with pytest.raises(WireError):
        decode_records(decode_answer(f'{{"results": {results}}}'.encode()))


# --- records --------------------------------------------------------------------------------------


@given(st.permutations(list(range(1, 8))))
def test_records_are_matched_by_value_and_not_by_place(order: list[int]) -> None:
    """HubSpot may answer in any order, and leave records out."""
    results = [record(each, email=f"P{each}@X.com") for each in order if each != 4]
    asked = keys(*(f"p{each}@x.com" for each in range(1, 8)))
    expected = {f"p{each}@x.com": each for each in range(1, 8)} | {"p4@x.com": KEY_NOT_FOUND}
    answer = judged(asked, body(*results))
    assert told(answer) == expected
    assert again(answer) == []


def test_a_secondary_email_finds_its_contact() -> None:
    """Two emails of one contact lead to the same record, in one request."""
    answer = body(record(1, email="new@x.com", hs_additional_emails="old@x.com; Older@x.com"))
    asked = keys("new@x.com", "older@x.com", "oldest@x.com")
    assert told(judged(asked, answer)) == {
        "new@x.com": 1,
        "older@x.com": 1,
        "oldest@x.com": KEY_NOT_FOUND,
    }


def test_a_key_of_two_records_is_in_doubt() -> None:
    """Neither of two records is taken by chance."""
    answer = judged(
        keys("a", "b"), body(record(1, email="a"), record(2, email="A"), record(3, email="b"))
    )
    assert told(answer) == {"a": KEY_FOUND_TWICE, "b": 3}


def test_an_unexplained_record_has_the_others_asked_alone() -> None:
    """A record under no key that was asked for belongs to one of those without a record."""
    answer = judged(
        keys("007", "a", "b"), body(record(1, vendor_code="7"), record(2, vendor_code="a")), CODE
    )
    assert told(answer) == {"a": 2}
    assert again(answer) == [["007"], ["b"]]


@pytest.mark.parametrize("value", ["7", None, ""])
def test_a_record_for_a_lone_key_is_its_own(value: str | None) -> None:
    """Asked for alone, a key has whatever record comes back, however HubSpot writes it."""
    assert told(judged(keys("007"), body(record(1, vendor_code=value)), CODE)) == {"007": 1}
    two = body(record(1, vendor_code=value), record(2, vendor_code="007"))
    assert told(judged(keys("007"), two, CODE)) == {"007": KEY_FOUND_TWICE}


def test_a_key_that_differs_in_letters_alone_is_asked_alone() -> None:
    """A property may or may not tell a from A: only HubSpot knows."""
    answer = judged(keys("A", "a", "b"), body(record(1, vendor_code="a")), CODE)
    assert told(answer) == {"a": 1, "b": KEY_NOT_FOUND}
    assert again(answer) == [["A"]]


# --- errors of a 2xx ------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [{"ids": ["B "]}, {"id": ["CONTACT=b is not valid"]}, {}])
def test_a_partial_answer_tells_who_was_not_found(context: Any) -> None:
    """A 207 finds some; the others are not found, whether it names them or not."""
    errors = [error("OBJECT_NOT_FOUND", **context)]
    answer = judged(keys("a", "b"), body(record(1, email="a"), errors=errors))
    assert told(answer) == {"a": 1, "b": KEY_NOT_FOUND}
    assert again(answer) == []


def test_who_is_named_as_missing_is_not_asked_again() -> None:
    """An unexplained record can't belong to a key that HubSpot says nobody has."""
    errors = [error("OBJECT_NOT_FOUND", ids=["b"])]
    answer = judged(keys("a", "b", "c"), body(record(1, email="?"), errors=errors))
    assert told(answer) == {"b": KEY_NOT_FOUND}
    assert again(answer) == [["a"], ["c"]]


def test_a_key_that_can_be_none_is_told_so() -> None:
    """What HubSpot says of a bad key reaches its row."""
    errors = [error("VALIDATION_ERROR", "no email", ids=["b"])]
    answer = judged(keys("a", "b"), body(record(1, email="a"), errors=errors))
    assert (
        answer.told.filter(pl.col("key") == "b")["reason"].item()
        == "is refused by HubSpot: no email"
    )


def test_trouble_inside_hubspot_is_not_taken_for_not_found() -> None:
    """An error that says nothing of the key leaves it open: it is asked again, in smaller company."""
    errors = [error("INTERNAL_ERROR", "try later")]
    answer = judged(keys("a", "b", "c", "d"), body(record(1, email="a"), errors=errors))
    assert told(answer) == {"a": 1}
    assert again(answer) == [["b"], ["c", "d"]]
    assert judged(keys("d"), body(errors=errors)).unclear == "try later"


# --- refusals of a whole request ------------------------------------------------------------------


def refused(asked: pl.DataFrame, category: str, message: str = "said", **context: Any) -> KeyAnswer:
    """Judge a refusal."""
    return judge_refusal(asked, ErrorDetail(message, category, context), EMAIL)


@pytest.mark.parametrize("category", ["VALIDATION_ERROR", "OBJECT_NOT_FOUND"])
def test_a_refusal_that_names_a_key_costs_that_key_alone(category: str) -> None:
    """The others are asked for again without it."""
    answer = refused(keys("a", "b", "c"), category, ids=["B"])
    assert told(answer) == {"b": KEY_NOT_FOUND}
    assert again(answer) == [["a", "c"]]


def test_a_refusal_that_names_nobody_is_narrowed_down() -> None:
    """One key must not hide the others; a word of the message is no name."""
    answer = refused(keys("a", "b", "said"), "VALIDATION_ERROR")
    assert told(answer) == {}
    assert again(answer) == [["a"], ["b", "said"]]


def test_a_lone_key_that_is_refused() -> None:
    """Not found is said only where HubSpot says so; anything else is for the look-up to weigh."""
    assert told(refused(keys("a"), "OBJECT_NOT_FOUND")) == {"a": KEY_NOT_FOUND}
    assert refused(keys("a"), "VALIDATION_ERROR").unclear == "said"


@pytest.mark.parametrize(
    ("message", "context", "expected"),
    [
        ("Property 'email' of contacts doesn't exist or isn't unique", {}, True),
        ("bad request", {"propertyName": ["email"]}, True),
        ("bad request", {"errors": ["idProperty email must be unique"]}, True),
        ("Email address b is invalid: email", {}, False),
        ("Property 'emails' does not exist", {}, False),
    ],
)
def test_a_refusal_may_be_about_the_property(
    message: str, context: dict[str, list[str]], *, expected: bool
) -> None:
    """A setting that is wrong is told at once, and not a hundred thousand times."""
    error = ErrorDetail(message, "VALIDATION_ERROR", context)
    assert is_about_property(error, EMAIL) is expected
