"""Bodies and answers of single records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etl.hubspot.record_wire import labels_body, names, read_record, types_body
from etl.hubspot.wire import Answer, WireError, decode_answer
from etl.model import AssociationType

PARTNER = AssociationType("USER_DEFINED", 7)
PRIMARY = AssociationType("HUBSPOT_DEFINED", 1)
SPECS = [
    {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1},
    {"associationCategory": "USER_DEFINED", "associationTypeId": 7},
]


def answer(body: Any) -> Answer:
    """Write an answer and read it."""
    return decode_answer(json.dumps(body).encode())


def test_bodies_are_what_the_specs_have() -> None:
    """A PUT has a list of types, and taking labels away a batch of one."""
    assert json.loads(types_body([PARTNER, PRIMARY])) == SPECS
    assert json.loads(labels_body(1, 2**63 - 1, {PRIMARY, PARTNER})) == {
        "inputs": [{"from": {"id": "1"}, "to": {"id": "9223372036854775807"}, "types": SPECS}]
    }


@pytest.mark.parametrize(
    ("body", "is_named"),
    [
        ({"fromObjectId": "1", "toObjectId": "2", "labels": ["A", "B"]}, True),
        ({"fromObjectId": 1, "toObjectId": 2, "labels": ["B", "A", "C"]}, True),
        ({"fromObjectId": 1, "toObjectId": 2, "labels": ["A"]}, False),
        ({"fromObjectId": 1, "toObjectId": 2, "labels": None}, False),
        ({"fromObjectId": 2, "toObjectId": 1, "labels": ["A", "B"]}, False),
        ({"labels": ["A", "B"]}, False),
        ({}, False),
    ],
)
def test_a_pair_is_named_by_ids_and_labels(body: Any, *, is_named: bool) -> None:
    """Ids as text or numbers confirm a pair; the other way round, or with a label less, they do not."""
    assert names(answer(body), 1, 2, ["A", "B"]) is is_named


def test_an_empty_answer_names_nobody() -> None:
    """A success without a body is no confirmation."""
    assert not names(decode_answer(b""), 1, 2, [])


def test_a_page_of_a_record() -> None:
    """Each type of each pair is a line, and the cursor leads on; the last page has none."""
    types = [{"category": "USER_DEFINED", "typeId": 7, "label": "Partner"}]
    results = [
        {"toObjectId": "5", "associationTypes": types},
        {"toObjectId": 6, "associationTypes": []},
    ]
    paging = {"next": {"after": "Nw==", "link": "https://…"}}
    frame, after = read_record(answer({"results": results, "paging": paging}), 1)
    assert frame.rows() == [(1, 5, "USER_DEFINED", 7), (1, 6, None, None)]
    assert after == "Nw=="
    assert read_record(answer({"results": results}), 1)[1] is None
    assert read_record(answer({"results": []}), 1)[0].height == 0


def test_a_page_that_is_none() -> None:
    """What can't be read as a page is told, and is not taken for a record without associations."""
    with pytest.raises(WireError):
        read_record(answer({"results": [{"toObjectId": {"no": "id"}}]}), 1)
