"""Answers known by their wording: only what names exactly the pairs asked for is known."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from etl.core.id_text import ids_of
from etl.core.typebits import TypeBits
from etl.hubspot.culprits import Sides
from etl.hubspot.endpoint import Endpoint
from etl.hubspot.paths import Paths
from etl.hubspot.recognize import Recognizer
from etl.hubspot.wire import PAIR, Answer, decode_answer

CREATE = Endpoint(
    sides=Sides("contacts", "companies"),
    paths=Paths("v4", "contacts", "companies"),
    has_types=True,
    bits=TypeBits(),
    other_way=frozenset(),
    primary=frozenset(),
    primary_holder="from_id",
)


def answer(*pairs: tuple[int, int], object_type: str = "0-1") -> Answer:
    """Answer as ``batch/create`` does."""
    results: list[dict[str, Any]] = [
        {
            "fromObjectTypeId": object_type,
            "fromObjectId": str(from_id),
            "toObjectId": str(to_id),
            "labels": ["Boss"],
        }
        for from_id, to_id in pairs
    ]
    return decode_answer(json.dumps({"results": results}).encode())


def asked(*pairs: tuple[int, int]) -> tuple[pl.DataFrame, bytes]:
    """Ask for pairs."""
    frame = pl.DataFrame(pairs, schema=PAIR, orient="row")
    (ids,) = ids_of(frame, frame.height)
    return frame, ids


FIRST = [(100, 200), (101, 201)]
OTHERS = [(300, 400), (301, 401), (302, 402)]


def test_nothing_is_known_before_an_answer_was_read() -> None:
    """The first answer of an endpoint is always read."""
    assert not Recognizer().knows(asked(*FIRST)[1], answer(*FIRST), CREATE)


def test_an_answer_like_one_that_was_read_is_known() -> None:
    """What names all its pairs in words that were read before needs no reading."""
    recognizer = Recognizer()
    assert recognizer.made(*asked(*FIRST), answer(*FIRST), CREATE).rows() == FIRST
    ids = asked(*OTHERS)[1]
    assert recognizer.knows(ids, answer(*OTHERS), CREATE)
    assert not recognizer.knows(ids, answer(*OTHERS[:2]), CREATE)
    assert not recognizer.knows(ids, answer(*reversed(OTHERS)), CREATE)


def test_an_answer_that_leaves_a_pair_out_teaches_nothing() -> None:
    """Words are learnt from answers that confirm all that was asked, and from no others."""
    recognizer = Recognizer()
    assert recognizer.made(*asked(*OTHERS), answer(*OTHERS[:2]), CREATE).rows() == OTHERS[:2]
    assert not recognizer.knows(asked(*FIRST)[1], answer(*FIRST), CREATE)


def test_an_answer_about_the_mirrored_pairs_teaches_nothing() -> None:
    """Results of the other direction confirm nothing, however alike they look."""
    recognizer = Recognizer()
    mirrored = answer(*FIRST, object_type="0-2")
    assert recognizer.made(*asked(*FIRST), mirrored, CREATE).rows() == []
    assert not recognizer.knows(asked(*FIRST)[1], mirrored, CREATE)


def test_results_that_can_not_be_read_confirm_nothing() -> None:
    """JSON that is no list of results names no pair."""
    said = decode_answer(b'{"results": "none"}')
    assert Recognizer().made(*asked(*FIRST), said, CREATE).rows() == []
