"""Who gets more others than a limit allows, worked out in columns as with pen and paper."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.over_limits import (
    CLAIM,
    WISH,
    Ceiling,
    count_others,
    distinct_pairs,
    records_over,
    rival_primaries,
    sum_counts,
)
from etl.model import AssociationType

ANY = AssociationType("HUBSPOT_DEFINED", 279)
BOSS = AssociationType("USER_DEFINED", 36)

IDS = st.integers(1, 4)
WISHES = st.lists(st.tuples(IDS, IDS, st.integers(0, 3), st.integers(0, 3)), max_size=15)


def ceiling(
    most: int, *, forward: int = 0, reverse: int = 0, label: str | None = "Boss"
) -> Ceiling:
    """Make a limit of contacts towards companies."""
    return Ceiling(
        "from_id", "contacts", "companies", label, BOSS, most, "a test", forward, reverse
    )


def wishes(*lines: tuple[int, int, int, int]) -> pl.DataFrame:
    """Make pairs with their types a frame."""
    return pl.DataFrame(list(lines), schema=WISH, orient="row")


def over(*lines: tuple[int, int, int, int], limit: Ceiling) -> list[tuple[int, int]]:
    """List the records over one limit with their counts."""
    pairs = distinct_pairs(wishes(*lines), same_object=False)
    found = records_over(count_others(pairs, {0: limit}, "from_id"), {0: limit})
    return sorted(found.select("record_id", "associations").iter_rows())


def test_a_record_at_its_limit_is_not_over_it() -> None:
    """The limit itself is allowed; one more is named, with its count."""
    two = [(1, 11, 1, 0), (1, 12, 1, 0)]
    assert over(*two, limit=ceiling(2, forward=1)) == []
    assert over(*two, (1, 13, 1, 0), limit=ceiling(2, forward=1)) == [(1, 3)]


def test_a_pair_counts_once() -> None:
    """Two labels of one pair, or the same pair from both directions, are one other record."""
    lines = [(1, 11, 1, 0), (1, 11, 2, 0), (1, 11, 0, 1)]
    assert over(*lines, limit=ceiling(0, label=None)) == [(1, 1)]
    assert over(*lines, limit=ceiling(0, forward=1, reverse=1)) == [(1, 1)]


def test_other_labels_do_not_count_for_a_label() -> None:
    """A limit of one label leaves the others alone; the unlabeled limit counts every label."""
    lines = [(1, 11, 1, 0), (1, 12, 2, 0), (1, 13, 0, 0), (1, 14, 0, 4)]
    assert over(*lines, limit=ceiling(0, forward=1)) == [(1, 1)]
    assert over(*lines, limit=ceiling(0, reverse=4)) == [(1, 1)]
    assert over(*lines, limit=ceiling(0, label=None)) == [(1, 4)]


def test_between_records_of_one_object_both_ends_count() -> None:
    """A contact linked to from three others has three, though it stands first in no row."""
    pairs = distinct_pairs(
        wishes((1, 9, 1, 0), (2, 9, 0, 0), (3, 9, 0, 0), (9, 1, 0, 0)), same_object=True
    )
    limit = ceiling(2, label=None)
    found = records_over(count_others(pairs, {5: limit}, "from_id"), {5: limit})
    assert found.rows() == [(9, 5, 2, 3)]


@settings(deadline=None)
@given(WISHES, st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.sampled_from([0, 1]))
def test_counts_of_parts_add_up(
    lines: list[tuple[int, int, int, int]], forward: int, reverse: int, parts: int, most: int
) -> None:
    """However a file is parted by its pairs, each record has the count of the whole."""
    limit = ceiling(most, forward=forward, reverse=reverse)
    counts = [
        count_others(distinct_pairs(part, same_object=False), {0: limit}, "from_id")
        for part in (
            wishes(*[line for line in lines if (line[0] + line[1]) % parts == number])
            for number in range(parts)
        )
    ]
    expected: dict[int, set[int]] = defaultdict(set)
    for from_id, to_id, ours, theirs in lines:
        if ours & forward or theirs & reverse:
            expected[from_id].add(to_id)
    found = records_over(sum_counts(pl.concat(counts)), {0: limit})
    assert dict(found.select("record_id", "associations").iter_rows()) == {
        record: len(others) for record, others in expected.items() if len(others) > most
    }


def test_two_primaries_are_told_with_their_rows() -> None:
    """A contact that rows give two primary companies is named with both, and where they stand."""
    claims = [(7, 50, 4), (7, 50, 2), (7, 60, 3), (8, 50, 1), (8, 50, 5)]
    found = rival_primaries(pl.DataFrame(claims, schema=CLAIM, orient="row"), most_others=10)
    assert found.to_dicts() == [
        {
            "record_id": 7,
            "row_number": 2,
            "others": 2,
            "claims": [
                {"other_id": 50, "row_number": 2, "rows": 2},
                {"other_id": 60, "row_number": 3, "rows": 1},
            ],
        }
    ]


def test_a_record_with_a_thousand_primaries_stays_a_line() -> None:
    """All are counted, and the first listed, so that one bad column can't fill the memory."""
    claims = [(7, company, company) for company in range(1000, 0, -1)]
    [line] = rival_primaries(
        pl.DataFrame(claims, schema=CLAIM, orient="row"), most_others=2
    ).to_dicts()
    assert line["others"] == 1000
    assert [claim["other_id"] for claim in line["claims"]] == [1, 2]
