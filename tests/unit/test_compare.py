"""``check``: which sign a pair of the file and of HubSpot gets."""

from __future__ import annotations

from typing import Final, TypeAlias

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.compare import ASKED, COMPARED, THERE, compare
from etl.model import Action

UNLABELED, PRIMARY, BOSS, VIP = 1, 2, 4, 8
CUSTOM: Final = BOSS | VIP
BOSS_BACK: Final = 1
"""The same label in the other direction, where bits are numbered on their own."""

IDS: Final = {"from_id": pl.Int64, "to_id": pl.Int64}
UNREAD: Final = {**IDS, "action": pl.String, "reason": pl.String}

Pair: TypeAlias = tuple[int, int]
Types: TypeAlias = tuple[int, int]
"""forward and reverse"""
There: TypeAlias = tuple[int | None, int | None]


def signs(
    asked: dict[Pair, Types],
    there: dict[Pair, There],
    *,
    unread: dict[Pair, str] | None = None,
    mirrors: set[Pair] | None = None,
    custom: Types = (0, 0),
    action: Action = Action.ASSOCIATE,
) -> dict[Pair, str]:
    """Give the sign of every pair."""
    lines = [(*pair, action, *types, row) for row, (pair, types) in enumerate(asked.items(), 1)]
    compared = compare(
        pl.DataFrame(lines, schema=ASKED, orient="row"),
        pl.DataFrame([(*p, *types) for p, types in there.items()], schema=THERE, orient="row"),
        unread=pl.DataFrame(
            [(*pair, action, why) for pair, why in (unread or {}).items()],
            schema=UNREAD,
            orient="row",
        ),
        mirrors=pl.DataFrame(sorted(mirrors or set()), schema=IDS, orient="row"),
        custom_forward=custom[0],
        custom_reverse=custom[1],
    )
    assert compared.schema == pl.Schema(COMPARED)
    if mirrors is None:
        pairs = compared.select("from_id", "to_id").rows()
        assert pairs == sorted(asked.keys() | there.keys())
    return {(f, t): sign for f, t, sign in compared.select("from_id", "to_id", "sign").rows()}


@pytest.mark.parametrize(
    ("asked", "there", "sign"),
    [
        ((0, 0), (UNLABELED, None), "="),
        ((0, 0), (0, None), "="),  # there, of a type that HubSpot does not name
        ((0, 0), (UNLABELED | BOSS, None), "="),
        ((BOSS, 0), (UNLABELED | BOSS, None), "="),
        ((BOSS, 0), (UNLABELED | BOSS | VIP, None), "="),
        ((BOSS, 0), (UNLABELED | BOSS | PRIMARY, None), "="),
        ((BOSS, 0), (UNLABELED, None), "*"),
        ((BOSS, 0), (UNLABELED | VIP, None), "*"),
        ((BOSS | VIP, 0), (UNLABELED | VIP, None), "*"),
        ((PRIMARY, 0), (UNLABELED, None), "*"),
        ((0, BOSS_BACK), (UNLABELED | BOSS, BOSS_BACK), "="),
        ((0, BOSS_BACK), (UNLABELED | BOSS, 0), "*"),
        ((0, BOSS_BACK), (None, BOSS_BACK), "="),
        ((VIP, BOSS_BACK), (UNLABELED | BOSS | VIP, BOSS_BACK), "="),
        ((VIP, BOSS_BACK), (UNLABELED | BOSS, BOSS_BACK), "*"),
        # The same bit stands for another type in the other direction.
        ((0, BOSS), (UNLABELED | BOSS, 0), "*"),
    ],
)
def test_a_pair_is_the_same_when_nothing_is_missing(asked: Types, there: There, sign: str) -> None:
    """Where labels are kept, a pair with more labels than the file asks for is as it should be."""
    assert signs({(1, 2): asked}, {(1, 2): there}) == {(1, 2): sign}


@pytest.mark.parametrize(
    ("asked", "there", "sign"),
    [
        ((BOSS, 0), (UNLABELED | BOSS, None), "="),
        ((BOSS, 0), (UNLABELED | BOSS | VIP, None), "*"),
        ((0, 0), (UNLABELED, None), "="),
        ((0, 0), (UNLABELED | VIP, None), "*"),
        ((0, 0), (UNLABELED | PRIMARY, None), "="),
        ((BOSS, 0), (UNLABELED | PRIMARY | BOSS, None), "="),
        ((PRIMARY, 0), (UNLABELED | PRIMARY | BOSS, None), "*"),
        # What is asked for backwards has a type forwards too, which is not one too many.
        ((0, BOSS_BACK), (UNLABELED | BOSS, BOSS_BACK), "="),
        ((0, BOSS_BACK), (UNLABELED | BOSS | VIP, BOSS_BACK), "*"),
        ((VIP, BOSS_BACK), (UNLABELED | BOSS | VIP, BOSS_BACK), "="),
    ],
)
def test_a_custom_label_too_many_counts_where_labels_are_replaced(
    asked: Types, there: There, sign: str
) -> None:
    """Where the file says all labels of a pair, another custom one is a difference; HubSpot's own never."""
    found = signs({(1, 2): asked}, {(1, 2): there}, custom=(CUSTOM, BOSS_BACK))
    assert found == {(1, 2): sign}


def test_a_pair_of_one_side_alone() -> None:
    """What HubSpot lacks is added by a run, and what only HubSpot has is told as such."""
    assert signs({(1, 2): (0, 0), (1, 3): (BOSS, 0)}, {(1, 4): (VIP, None)}) == {
        (1, 2): "+",
        (1, 3): "+",
        (1, 4): "-",
    }


def test_what_was_not_read_is_not_judged() -> None:
    """A record that could not be read is never told as one without associations."""
    found = signs(
        {(1, 2): (0, 0), (3, 4): (0, 0)}, {(1, 2): (UNLABELED, None)}, unread={(1, 2): "no answer"}
    )
    assert found == {(1, 2): "?", (3, 4): "+"}


def test_the_other_end_of_a_pair_is_no_pair_of_its_own() -> None:
    """Contacts 1 and 2, associated by the file, are seen from 2 as well: nothing too many there."""
    there: dict[Pair, There] = {(1, 2): (BOSS, None), (2, 1): (VIP, None), (2, 3): (VIP, None)}
    found = signs({(1, 2): (BOSS, 0), (2, 9): (0, 0)}, there, mirrors={(2, 1), (9, 2)})
    assert found == {(1, 2): "=", (2, 3): "-", (2, 9): "+"}


def test_a_removed_pair_is_as_it_should_be_when_it_is_gone() -> None:
    """Of a job that removes, a pair that HubSpot still has is one that only HubSpot has."""
    asked = {(1, 2): (0, 0), (3, 4): (0, 0)}
    found = signs(asked, {(1, 2): (UNLABELED | BOSS, None)}, action=Action.REMOVE)
    assert found == {(1, 2): "-", (3, 4): "="}


@pytest.mark.parametrize(
    ("asked", "there", "sign"),
    [
        ((BOSS, 0), (UNLABELED | BOSS, None), "*"),
        ((BOSS | VIP, 0), (UNLABELED | VIP, None), "*"),
        ((BOSS, 0), (UNLABELED | VIP, None), "="),
        ((0, BOSS_BACK), (UNLABELED, BOSS_BACK), "*"),
        ((0, BOSS_BACK), (UNLABELED | BOSS, 0), "="),
    ],
)
def test_removed_labels_are_as_they_should_be_when_they_are_gone(
    asked: Types, there: There, sign: str
) -> None:
    """Of a job that removes labels, a pair without them is right, with other labels or not at all."""
    gone = signs({(1, 2): asked, (3, 4): asked}, {(1, 2): there}, action=Action.REMOVE_LABELS)
    assert gone == {(1, 2): sign, (3, 4): "="}


def test_a_pair_has_a_line_for_each_of_its_actions() -> None:
    """A file that gives a pair one label and takes another is judged on both."""
    lines = [(1, 2, "associate", BOSS, 0, 1), (1, 2, "remove_labels", VIP, 0, 2)]
    compared = compare(
        pl.DataFrame(lines, schema=ASKED, orient="row"),
        pl.DataFrame([(1, 2, BOSS | VIP, None)], schema=THERE, orient="row"),
        unread=pl.DataFrame(schema=UNREAD),
        mirrors=pl.DataFrame(schema=IDS),
    )
    assert compared.select("action", "sign").rows() == [("associate", "="), ("remove_labels", "*")]


def test_nothing_compares_with_nothing() -> None:
    """A file without rows and a portal without associations make no line."""
    assert signs({}, {}) == {}


def test_a_line_has_both_sides() -> None:
    """Whoever reads a line sees what the file asks for, in which row, and what HubSpot has."""
    line = compare(
        pl.DataFrame([(1, 2, "associate", BOSS, 0, 7)], schema=ASKED, orient="row"),
        pl.DataFrame([(1, 2, VIP, None)], schema=THERE, orient="row"),
        unread=pl.DataFrame(schema=UNREAD),
        mirrors=pl.DataFrame(schema=IDS),
    )
    assert line.row(0, named=True) == {
        "sign": "*",
        "from_id": 1,
        "to_id": 2,
        "action": "associate",
        "forward": BOSS,
        "reverse": 0,
        "row_number": 7,
        "there_forward": VIP,
        "there_reverse": None,
        "reason": None,
    }


PAIRS: Final = st.tuples(st.integers(1, 3), st.integers(1, 3))
BITS: Final = st.integers(0, 15)


@given(
    st.dictionaries(PAIRS, st.tuples(BITS, BITS), max_size=9),
    st.dictionaries(PAIRS, st.tuples(BITS, BITS), max_size=9),
    st.dictionaries(PAIRS, st.just("no answer"), max_size=3),
    st.tuples(BITS, BITS),
)
def test_signs_are_those_of_pen_and_paper(
    asked: dict[Pair, Types],
    there: dict[Pair, Types],
    unread: dict[Pair, str],
    custom: Types,
) -> None:
    """Every pair of either side has one sign, and it is the one that a person would give."""

    def types(masks: Types, of: Types = (15, 15)) -> set[tuple[int, int]]:
        return {(way, bit) for way in (0, 1) for bit in range(4) if masks[way] & of[way] & 1 << bit}

    def sign(pair: Pair) -> str:
        if pair not in asked:
            return "-"
        if pair in unread:
            return "?"
        if pair not in there:
            return "+"
        if not types(asked[pair]) <= types(there[pair]):
            return "*"
        allowed = len(types(asked[pair], custom))
        ways = [types((there[pair][0], 0), custom), types((0, there[pair][1]), custom)]
        return "*" if max(map(len, ways)) > allowed else "="

    found = signs(asked, dict(there), unread=unread, custom=custom)
    assert found == {pair: sign(pair) for pair in asked.keys() | there.keys()}
