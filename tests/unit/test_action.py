"""What rows ask for: words read, rows refused, and rows of one pair that are of two minds."""

from __future__ import annotations

from itertools import product
from typing import Final, TypeAlias

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl.core.action import (
    ACTIONS,
    LABEL_WITH_REMOVE,
    UNKNOWN_ACTION,
    UNLABELED_REMOVES_ALL,
    action_trouble,
    contradictions,
    read_action,
    rejecting_contradictions,
)
from etl.core.merge import PAIR
from etl.model import MAX_ID, Action, ActionColumn

ASSOCIATE, REMOVE, REMOVE_LABELS = "associate", "remove", "remove_labels"
COLUMN: Final = ActionColumn("op")


def read(*cells: str | None) -> list[str | None]:
    """Read the actions of rows."""
    frame = pl.DataFrame({"c3": cells}, schema={"c3": pl.String})
    return frame.select(read_action(COLUMN, "c3").alias("action"))["action"].to_list()


@pytest.mark.parametrize(
    ("cell", "action"),
    [
        (None, ASSOCIATE),
        ("", ASSOCIATE),
        (" \t ", ASSOCIATE),
        ("associate", ASSOCIATE),
        (" Remove ", REMOVE),
        ("REMOVE_LABELS", REMOVE_LABELS),
        ("remove labels", REMOVE_LABELS),
        ("Remove-Labels", REMOVE_LABELS),
        ("remove\nlabels", REMOVE_LABELS),
        ("delete", None),
        ("removes", None),
        ("remove_label", None),
        ("-", None),
        ("0", None),
        ("associate;remove", None),
        ("削除", None),
    ],
)
def test_a_cell_is_one_of_the_actions_or_none(cell: str | None, action: str | None) -> None:
    """Case, spaces and hyphens make no difference; any other word is never guessed."""
    assert read(cell) == [action]


@given(st.lists(st.none() | st.text(max_size=5) | st.sampled_from([ASSOCIATE, REMOVE]), max_size=5))
def test_any_text_can_stand_in_the_column(cells: list[str | None]) -> None:
    """Whatever the column holds, each row gets an action or none, in its place."""
    assert read(*cells) == [each for cell in cells for each in read(cell)]


@pytest.mark.parametrize("action", Action)
def test_one_action_for_all_rows(action: Action) -> None:
    """A job that names the action itself reads no column for it."""
    frame = pl.DataFrame({"c0": ["1", "2"]})
    read = frame.with_columns(read_action(action, None).alias("action"))
    assert read["action"].to_list() == [action.value] * 2
    assert read.schema["action"] == ACTIONS


def trouble(
    action: str | None,
    *,
    forward: int = 0,
    reverse: int = 0,
    is_unlabeled: bool = False,
    error: str | None = None,
    cell: str | None = None,
    job: Action | ActionColumn = COLUMN,
) -> tuple[str | None, str | None]:
    """Say why one row is refused: category and message."""
    frame = pl.DataFrame(
        {
            "action": [action],
            "forward": [forward],
            "reverse": [reverse],
            "is_unlabeled": [is_unlabeled],
            "error_category": [error],
            "c3": [cell],
        },
        schema_overrides={"action": ACTIONS, "error_category": pl.String, "c3": pl.String},
    )
    told = frame.select(action_trouble(job, "c3" if isinstance(job, ActionColumn) else None))
    assert told.schema == {"action_category": pl.String, "action_message": pl.String}
    return told.row(0)


@pytest.mark.parametrize(
    ("action", "forward", "reverse", "is_unlabeled", "error"),
    list(
        product(
            [ASSOCIATE, REMOVE, REMOVE_LABELS, None],
            [0, 2],
            [0, 4],
            [False, True],
            [None, "UNKNOWN_LABEL"],
        )
    ),
)
def test_rows_that_would_take_away_too_much_are_refused(
    action: str | None, forward: int, reverse: int, *, is_unlabeled: bool, error: str | None
) -> None:
    """Removing with a label, removing labels without one, and unknown words are never carried out."""
    expected = None
    if action is None:
        expected = UNKNOWN_ACTION
    elif action == REMOVE and (forward or reverse or error):
        expected = LABEL_WITH_REMOVE
    elif action == REMOVE_LABELS and is_unlabeled and not error:
        expected = UNLABELED_REMOVES_ALL
    category, message = trouble(
        action, forward=forward, reverse=reverse, is_unlabeled=is_unlabeled, error=error
    )
    assert category == expected
    assert (message is None) == (category is None)


def test_an_unknown_word_is_shown_with_its_column() -> None:
    """Who wrote `delete` reads their own word and column; a cell of pages is not repeated whole."""
    assert trouble(None, cell=" delete ") == (UNKNOWN_ACTION, "op 'delete' is no action")
    _, message = trouble(None, cell="x" * 1000)
    assert message is not None
    assert len(message) < 200


@pytest.mark.parametrize("action", Action)
def test_a_fixed_action_is_held_to_the_same_rules(action: Action) -> None:
    """One action for the whole job refuses the same rows as the same word in each of them."""
    for forward, is_unlabeled in product([0, 1], [False, True]):
        fixed = trouble(action.value, forward=forward, is_unlabeled=is_unlabeled, job=action)
        assert fixed == trouble(action.value, forward=forward, is_unlabeled=is_unlabeled)


Row: TypeAlias = tuple[int, int, int, int, str]
"""from_id, to_id, forward and reverse types as bits, action"""

IDS = st.sampled_from([1, 2, MAX_ID])
ROWS = st.lists(
    st.tuples(
        IDS,
        IDS,
        st.integers(0, 3),
        st.sampled_from([0, 0, 1, 2]),
        st.sampled_from([ASSOCIATE, REMOVE, REMOVE_LABELS]),
    ).map(lambda row: (*row[:2], 0, 0, REMOVE) if row[4] == REMOVE else row),
    max_size=8,
)


def found(rows: list[Row], *, same_object: bool = False) -> dict[int, int]:
    """Give each row that contradicts another, and that other."""
    numbered = [(number, *row) for number, row in enumerate(rows, 1)]
    frame = pl.DataFrame(numbered, schema=PAIR, orient="row")
    told = contradictions(frame, same_object=same_object)
    assert told["row_number"].is_unique().all()
    return dict(told.iter_rows())


def expected(rows: list[Row], *, same_object: bool) -> dict[int, int]:
    """Compare each row with every other."""
    told: dict[int, int] = {}
    for number, row in enumerate(rows, 1):
        whole = [
            at for at, each in enumerate(rows, 1) if _parts(row, each, same_object=same_object)
        ]
        labels = [at for at, each in enumerate(rows, 1) if _disagree(row, each)]
        if whole:
            told[number] = whole[0]
        elif labels:
            told[number] = labels[0]
    return told


def _parts(one: Row, other: Row, *, same_object: bool) -> bool:
    same_pair = one[:2] == other[:2] or (same_object and one[:2] == other[1::-1])
    return same_pair and {one[4], other[4]} == {ASSOCIATE, REMOVE}


def _disagree(one: Row, other: Row) -> bool:
    shares = one[2] & other[2] or one[3] & other[3]
    return (
        one[:2] == other[:2] and bool(shares) and {one[4], other[4]} == {ASSOCIATE, REMOVE_LABELS}
    )


@given(rows=ROWS, same_object=st.booleans())
@example(rows=[(1, 2, 0, 0, ASSOCIATE), (2, 1, 0, 0, REMOVE)], same_object=True)
@example(
    rows=[
        (1, 2, 1, 0, ASSOCIATE),
        (1, 2, 2, 0, REMOVE_LABELS),
        (1, 2, 1, 0, REMOVE_LABELS),
    ],
    same_object=False,
)
def test_rows_of_two_minds_are_found(*, rows: list[Row], same_object: bool) -> None:
    """Rows that ask the opposite of another are all refused, each with the first that it clashes with."""
    assert found(rows, same_object=same_object) == expected(rows, same_object=same_object)


@pytest.mark.parametrize(
    ("rows", "contradicting"),
    [
        pytest.param([(1, 2, 0, 0, ASSOCIATE), (1, 2, 0, 0, REMOVE)], {1: 2, 2: 1}, id="all of it"),
        pytest.param([(1, 2, 0, 0, REMOVE), (1, 2, 1, 0, REMOVE_LABELS)], {}, id="all and a part"),
        pytest.param([(1, 2, 1, 0, ASSOCIATE), (1, 2, 2, 0, REMOVE_LABELS)], {}, id="other labels"),
        pytest.param(
            [(1, 2, 3, 0, ASSOCIATE), (1, 2, 2, 0, REMOVE_LABELS)], {1: 2, 2: 1}, id="one label"
        ),
        pytest.param(
            [(1, 2, 0, 2, ASSOCIATE), (1, 2, 2, 0, REMOVE_LABELS)], {}, id="the same bit backwards"
        ),
        pytest.param([(1, 2, 0, 0, ASSOCIATE), (1, 3, 0, 0, REMOVE)], {}, id="other pairs"),
        pytest.param([(1, 2, 0, 0, ASSOCIATE), (2, 1, 0, 0, REMOVE)], {}, id="other way round"),
    ],
)
def test_what_is_a_contradiction(rows: list[Row], contradicting: dict[int, int]) -> None:
    """Only the same pair and, of labels, only the same label in the same direction can clash."""
    assert found(rows) == contradicting


def test_a_contradiction_is_told_before_anything_else() -> None:
    """A row that another row contradicts is rejected and names it; other rows stay what they are."""
    fates = pl.DataFrame(
        {
            "contradicts": [None, 7, 8],
            "outcome": ["failed", "associated", None],
            "error_category": ["OBJECT_NOT_FOUND", None, None],
            "error_message": ["gone", None, None],
        }
    )
    told = fates.with_columns(*rejecting_contradictions()).drop("contradicts")
    opposite = "asks for the opposite for the same pair"
    assert told.rows() == [
        ("failed", "OBJECT_NOT_FOUND", "gone"),
        ("rejected", "CONTRADICTING_ROWS", f"row 7 {opposite}"),
        ("rejected", "CONTRADICTING_ROWS", f"row 8 {opposite}"),
    ]
