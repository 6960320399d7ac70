"""Texts that say the same of every pair: written, and known again."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.id_text import ids_of
from etl.hubspot.wording import Wording, learn
from etl.model import MAX_ID

IDS = st.integers(0, MAX_ID)
PAIRS = st.lists(st.tuples(IDS, IDS), min_size=1, max_size=8)


def text_of(pairs: list[tuple[int, int]]) -> bytes:
    """Write the ids of pairs as one batch has them."""
    frame = pl.DataFrame(pairs, schema={"from_id": pl.Int64, "to_id": pl.Int64}, orient="row")
    (ids,) = ids_of(frame, len(pairs))
    return ids


def created(from_id: object, to_id: object, **more: Any) -> dict[str, Any]:
    """Write a result as ``batch/create`` does."""
    return {
        "fromObjectTypeId": "0-1",
        "fromObjectId": from_id,
        "toObjectTypeId": "0-2",
        "toObjectId": to_id,
        "labels": ["Decision maker, \x1f|"],
        **more,
    }


@given(PAIRS)
def test_a_wording_says_the_same_of_each_pair(pairs: list[tuple[int, int]]) -> None:
    """Every pair is in the text once, in order, exact to the last digit."""
    wording = Wording.around(b"[", b'{"a":', b',"b":', b"}", b"]")
    assert json.loads(wording.of(text_of(pairs))) == [{"a": a, "b": b} for a, b in pairs]


@given(
    st.lists(st.tuples(IDS, IDS), min_size=2, max_size=8),
    PAIRS,
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_a_learnt_wording_knows_other_answers(
    read: list[tuple[int, int]],
    asked: list[tuple[int, int]],
    as_text: bool,  # noqa: FBT001
    indent: int | None,
) -> None:
    """However an answer spells ids and spaces, its wording fits all answers of its kind."""

    def answer(pairs: list[tuple[int, int]]) -> bytes:
        spell = str if as_text else int
        results = [created(spell(a), spell(b)) for a, b in pairs]
        return json.dumps(results, indent=indent).encode()

    wording = learn(answer(read), text_of(read))
    # Ids that stand in the words around them can't be told from these: nothing is learnt then.
    if wording is not None:
        assert wording.of(text_of(read)) == answer(read)
        assert wording.of(text_of(asked)) == answer(asked)


@pytest.mark.parametrize(
    "results",
    [
        pytest.param([created(100, 200), created(101, 202)], id="another id"),
        pytest.param([created(101, 201), created(100, 200)], id="another order"),
        pytest.param([created(100, 200)], id="a pair is missing"),
        pytest.param([created(100, 200), created(101, 201), created(102, 202)], id="one too many"),
        pytest.param([created(100, 200), created(101, 201, labels=[])], id="other labels"),
        pytest.param([created(100, 200), created("101", 201)], id="an id as text"),
        pytest.param([], id="nothing"),
    ],
)
def test_an_answer_that_differs_is_not_known(results: list[dict[str, Any]]) -> None:
    """An answer that says anything else has to be read: a pair is never confirmed by likeness."""
    asked = text_of([(100, 200), (101, 201)])
    wording = learn(json.dumps([created(100, 200), created(101, 201)]).encode(), asked)
    assert wording is not None
    assert wording.of(asked) != json.dumps(results).encode()


def test_one_pair_teaches_nothing() -> None:
    """How pairs are parted shows only where there are two."""
    assert learn(json.dumps([created(100, 200)]).encode(), text_of([(100, 200)])) is None


def test_an_id_that_is_part_of_the_words_teaches_nothing() -> None:
    """A wording that does not give back the answer that it comes from is none."""
    pairs = [(1, 200), (2, 201)]
    answer = json.dumps([created(a, b) for a, b in pairs]).encode()
    assert learn(answer, text_of(pairs)) is None
