"""Rows of several actions become associations: in order, once each, and none that is of two minds."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.action import contradictions
from etl.core.merge import LINK, PAIR, SECTION_KEY, merge_pairs, merge_rows
from etl.model import MAX_ID, Action, Direction

ASSOCIATE, REMOVE, REMOVE_LABELS = "associate", "remove", "remove_labels"

Row: TypeAlias = tuple[int, int, int, int, str]
"""from_id, to_id, forward and reverse types as bits, action"""


def row(from_id: int, to_id: int, forward: int, reverse: int, action: str) -> Row:
    """Make a row as it comes from resolving: who removes names no label, who removes labels does."""
    if action == REMOVE:
        return from_id, to_id, 0, 0, action
    if action == REMOVE_LABELS and not forward | reverse:
        return from_id, to_id, 1, 0, action
    return from_id, to_id, forward, reverse, action


IDS = st.sampled_from([1, 2, 3, MAX_ID])
WORDS = st.sampled_from([ASSOCIATE, ASSOCIATE, REMOVE, REMOVE_LABELS])
ACROSS = st.lists(
    st.builds(row, IDS, IDS, st.integers(0, 3), st.sampled_from([0, 0, 1, 2]), WORDS), max_size=12
)
# Between records of one object every label is known forward.
WITHIN = st.lists(st.builds(row, IDS, IDS, st.integers(0, 3), st.just(0), WORDS), max_size=12)
TABLES = st.one_of(st.tuples(ACROSS, st.just(value=False)), st.tuples(WITHIN, st.just(value=True)))


def as_frame(rows: list[Row]) -> pl.DataFrame:
    """Make rows a frame, with their numbers."""
    numbered = [(number, *each) for number, each in enumerate(rows, 1)]
    return pl.DataFrame(numbered, schema=PAIR, orient="row")


@given(TABLES)
def test_every_row_is_done_or_contradicted(table: tuple[list[Row], bool]) -> None:
    """A row hangs on associations of its own action, or on none and on the row that it clashes with."""
    rows, same_object = table
    frame = as_frame(rows)
    clashing = dict(contradictions(frame, same_object=same_object).iter_rows())
    links, associations = merge_rows(frame, same_object=same_object)
    assert links.columns == list(LINK)
    assert (
        dict(
            links.filter(pl.col("contradicts").is_not_null())
            .select("row_number", "contradicts")
            .iter_rows()
        )
        == clashing
    )
    assert set(links["row_number"]) == set(range(1, len(rows) + 1))
    joined = links.join(associations, on="association_id", how="left", suffix="_sent")
    lines = joined.select("row_number", "association_id", "action", "direction", "from_id", "to_id")
    for number, association, action, direction, *ids in lines.iter_rows():
        if number in clashing:
            assert association is None
            continue
        from_id, to_id, *_, wanted = rows[number - 1]
        assert action == wanted
        assert ids == ([from_id, to_id] if direction == Direction.FORWARD else [to_id, from_id])
    assert associations["rows"].sum() == len(rows) - len(clashing)
    assert associations["association_id"].to_list() == list(range(associations.height))
    assert set(associations["association_id"]) == set(links["association_id"].drop_nulls())


@given(TABLES)
def test_a_record_is_written_in_one_go(table: tuple[list[Row], bool]) -> None:
    """Whichever way round a section goes, its from-records come one after the other."""
    rows, same_object = table
    _, associations = merge_rows(as_frame(rows), same_object=same_object)
    for section in associations.partition_by(*SECTION_KEY):
        pairs = section.select("from_id", "to_id").rows()
        assert pairs == sorted(pairs)


@given(TABLES)
def test_what_goes_makes_room_for_what_comes(table: tuple[list[Row], bool]) -> None:
    """Whole associations go first, then labels, then new ones come; no phase meets a pair twice."""
    rows, same_object = table
    _, associations = merge_rows(as_frame(rows), same_object=same_object)
    assert associations["phase"].is_sorted()
    in_order = associations["phase"].to_list(), associations["action"].to_physical().to_list()
    assert in_order == (sorted(in_order[0]), sorted(in_order[1]))
    of_phase = associations.group_by("phase").agg(pl.col("action").n_unique())
    assert set(of_phase["action"]) <= {1}
    touched: Counter[tuple[int, ...]] = Counter()
    lines = associations.select("phase", "direction", "from_id", "to_id")
    for phase, direction, *ids in lines.iter_rows():
        turned = ids[::-1] if direction == Direction.REVERSE else ids
        touched[phase, *(sorted(ids) if same_object else turned)] += 1
    assert all(times == 1 for times in touched.values())


@given(TABLES)
def test_an_action_alone_merges_as_if_there_were_no_other(
    table: tuple[list[Row], bool],
) -> None:
    """Rows that remove take nothing from the labels that other rows of the file give."""
    rows, same_object = table
    frame = as_frame(rows)
    refused = contradictions(frame, same_object=same_object)
    good = frame.join(refused, on="row_number", how="anti")
    _, associations = merge_rows(frame, same_object=same_object)
    columns = ["direction", "has_types", "from_id", "to_id", "types", "rows"]
    for action in Action:
        ours = good.filter(pl.col("action") == action.value)
        _, alone = merge_pairs(ours, same_object=same_object)
        merged = associations.filter(pl.col("action") == action.value)
        assert merged.select(columns).rows() == alone.select(columns).rows()


def test_rows_that_all_contradict_one_another_leave_nothing_to_send() -> None:
    """A file of nothing but contradictions has its links, and no association."""
    links, associations = merge_rows(
        as_frame([(1, 2, 0, 0, ASSOCIATE), (1, 2, 0, 0, REMOVE)]), same_object=False
    )
    assert links.select("row_number", "association_id", "contradicts").rows() == [
        (1, None, 2),
        (2, None, 1),
    ]
    assert associations.is_empty()


@pytest.mark.parametrize(
    ("rows", "second"),
    [
        pytest.param([(1, 2, 1, 0, ASSOCIATE), (2, 1, 2, 0, ASSOCIATE)], [(2, 1)], id="labels"),
        pytest.param([(1, 2, 1, 0, ASSOCIATE), (2, 1, 0, 0, ASSOCIATE)], [(2, 1)], id="one label"),
        pytest.param(
            [(1, 2, 0, 0, ASSOCIATE), (2, 1, 1, 0, ASSOCIATE)], [(1, 2)], id="no label first"
        ),
        pytest.param([(2, 1, 1, 0, ASSOCIATE)], [], id="one end"),
        pytest.param([(1, 2, 1, 0, ASSOCIATE), (3, 1, 2, 0, ASSOCIATE)], [], id="other records"),
        pytest.param([(1, 2, 1, 0, REMOVE_LABELS), (2, 1, 2, 0, ASSOCIATE)], [], id="other action"),
    ],
)
def test_the_second_end_of_a_pair_is_known(rows: list[Row], second: list[tuple[int, int]]) -> None:
    """Between two contacts, what the second end is given must not take away what the first one got."""
    _, associations = merge_rows(as_frame(rows), same_object=True)
    found = associations.filter("keeps").select("from_id", "to_id").rows()
    assert found == second


@pytest.mark.parametrize("same_object", [False, True])
def test_a_pair_of_which_a_row_is_unclear_keeps_what_it_has(*, same_object: bool) -> None:
    """A typo in one row does not cost its pair the label that the row may have meant."""
    rows = [(1, 5, 1, 0, ASSOCIATE), (1, 6, 1, 0, ASSOCIATE), (5, 1, 1, 0, ASSOCIATE)]
    unclear = pl.DataFrame([(4, 1, 5, 0, 0, None)], schema=PAIR, orient="row")
    links, associations = merge_rows(pl.concat([as_frame(rows), unclear]), same_object=same_object)
    assert sorted(links["row_number"]) == [1, 2, 3]
    keeps = associations.select("from_id", "to_id", "keeps").rows()
    assert set(keeps) == {(1, 5, True), (1, 6, False), (5, 1, same_object)}


def test_a_pair_that_rows_are_of_two_minds_about_keeps_what_it_has() -> None:
    """Rows that contradict one another are refused, and what they were about is left alone."""
    rows = [(1, 5, 1, 0, ASSOCIATE), (1, 5, 1, 0, REMOVE_LABELS), (1, 5, 2, 0, ASSOCIATE)]
    _, associations = merge_rows(as_frame(rows), same_object=False)
    assert associations.select("types", "keeps").rows() == [(2, True)]
