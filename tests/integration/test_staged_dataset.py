"""Rows become associations: nothing lost, nothing asked for twice, no pair in two places at once."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.merge import PAIR, merge_pairs
from etl.model import MAX_ID, Direction
from etl.staging import Dataset, Staging, read_rows

Row = tuple[int, int, int, int]
"""from_id, to_id, forward and reverse types as bits."""

Key = tuple[int, int, int]
"""direction, from_id and to_id as the request has them."""

IDS = st.sampled_from([1, 2, 3, MAX_ID])
CROSS_OBJECT = st.lists(
    st.tuples(IDS, IDS, st.integers(0, 3), st.sampled_from([0, 0, 1, 2])), max_size=12
)
# Between records of one object every label is known forward: one list of labels has both sides.
SAME_OBJECT = st.lists(st.tuples(IDS, IDS, st.integers(0, 3), st.just(0)), max_size=12)
# Most files ask for one thing in every row, which is merged with less work.
ONE_WISH = st.tuples(st.integers(0, 1), st.integers(0, 1)).flatmap(
    lambda wish: st.lists(st.tuples(IDS, IDS, *map(st.just, wish)), max_size=12)
)
TABLES = st.one_of(
    st.tuples(CROSS_OBJECT, st.just(value=False)),
    st.tuples(ONE_WISH, st.just(value=False)),
    st.tuples(SAME_OBJECT, st.just(value=True)),
)


def pairs_of(rows: list[Row], first: int = 1) -> pl.DataFrame:
    """Make rows a frame, with their numbers."""
    numbered = [(number, *row, "associate") for number, row in enumerate(rows, first)]
    return pl.DataFrame(numbered, schema=PAIR, orient="row")


def expected(rows: list[Row]) -> tuple[dict[Key, int], dict[int, set[Key]]]:
    """Say row by row what must be sent: the types of each association, and each row's own."""
    asked: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for from_id, to_id, forward, reverse in rows:
        asked[from_id, to_id][0] |= forward
        asked[from_id, to_id][1] |= reverse
    types: dict[Key, int] = {}
    links: dict[int, set[Key]] = {}
    for number, (from_id, to_id, forward, reverse) in enumerate(rows, 1):
        all_forward, all_reverse = asked[from_id, to_id]
        blank_goes_back = not forward and not reverse and not all_forward and all_reverse
        mine: dict[Key, int] = {}
        if reverse or blank_goes_back:
            mine[Direction.REVERSE, to_id, from_id] = all_reverse
        if forward or not mine:
            mine[Direction.FORWARD, from_id, to_id] = all_forward
        types |= mine
        links[number] = set(mine)
    return types, links


def first_twins(rows: list[Row]) -> dict[int, int | None]:
    """Find for each row the first that is exactly the same."""
    firsts: dict[Row, int] = {}
    found = {number: firsts.setdefault(row, number) for number, row in enumerate(rows, 1)}
    return {number: first if first != number else None for number, first in found.items()}


def keyed(associations: pl.DataFrame) -> dict[int, Key]:
    """Name associations by what they are instead of by their number."""
    columns = ("association_id", "direction", "from_id", "to_id")
    return {number: key for number, *key in associations.select(columns).iter_rows()}  # type: ignore[misc]


def linked(links: pl.DataFrame, keys: dict[int, Key]) -> dict[int, set[Key]]:
    """Collect each row's associations."""
    found: dict[int, set[Key]] = defaultdict(set)
    for row_number, association_id in links.select("row_number", "association_id").iter_rows():
        assert tuple(keys[association_id]) not in found[row_number]
        found[row_number].add(tuple(keys[association_id]))  # type: ignore[arg-type]
    return dict(found)


def records_touched(
    phase: int, direction: int, from_id: int, to_id: int, *, same_object: bool
) -> tuple[int, int, int]:
    """Name the two records of an association whichever way round it is sent."""
    swap = from_id > to_id if same_object else direction == Direction.REVERSE
    return (phase, to_id, from_id) if swap else (phase, from_id, to_id)


@settings(deadline=None)
@given(TABLES)
def test_every_row_links_to_what_it_needs(table: tuple[list[Row], bool]) -> None:
    """Each row hangs on an association in each direction that its types need, and on no other."""
    rows, same_object = table
    links, associations = merge_pairs(pairs_of(rows), same_object=same_object)
    keys = keyed(associations)
    types, wanted = expected(rows)
    assert linked(links, keys) == wanted
    sent = associations.select("direction", "from_id", "to_id", "types").iter_rows()
    assert {(d, f, t): kinds for d, f, t, kinds in sent} == types
    assert associations["association_id"].to_list() == list(range(len(types)))
    assert associations["has_types"].to_list() == (associations["types"] != 0).to_list()


@settings(deadline=None)
@given(TABLES)
def test_each_row_is_counted_at_one_association(table: tuple[list[Row], bool]) -> None:
    """Progress ends at 100 % and max_failures counts rows, also where labels go both ways."""
    rows, same_object = table
    links, associations = merge_pairs(pairs_of(rows), same_object=same_object)
    assert associations["rows"].sum() == len(rows)
    linked_rows = Counter(links["association_id"].to_list())
    counted = associations.select("association_id", "rows").iter_rows()
    assert all(0 <= count <= linked_rows[number] for number, count in counted)


@settings(deadline=None)
@given(TABLES)
def test_a_duplicate_names_the_first_row_that_asks_the_same(
    table: tuple[list[Row], bool],
) -> None:
    """A doubled line points to the line it repeats, and a line that asks for more does not."""
    rows, same_object = table
    links, _ = merge_pairs(pairs_of(rows), same_object=same_object)
    told = dict(links.select("row_number", "duplicate_of").iter_rows())
    assert told == first_twins(rows)


@settings(deadline=None)
@given(TABLES)
def test_a_phase_touches_two_records_once(table: tuple[list[Row], bool]) -> None:
    """HubSpot never gets two requests about the same two records at a time, which would lock."""
    rows, same_object = table
    _, associations = merge_pairs(pairs_of(rows), same_object=same_object)
    touched = Counter(
        records_touched(*line, same_object=same_object)
        for line in associations.select("phase", "direction", "from_id", "to_id").iter_rows()
    )
    assert all(times == 1 for times in touched.values())


@settings(deadline=None)
@given(SAME_OBJECT)
def test_both_ways_round_between_two_contacts_stand_in_two_phases(rows: list[Row]) -> None:
    """A manager's row and the report's row are about the same two contacts, so one waits."""
    turned = [(to_id, from_id, forward, reverse) for from_id, to_id, forward, reverse in rows]
    _, associations = merge_pairs(pairs_of(rows + turned), same_object=True)
    phases = {
        (f, t): phase
        for phase, f, t in associations.select("phase", "from_id", "to_id").iter_rows()
    }
    assert all(phases[f, t] != phases[t, f] for f, t in phases if f != t)


def test_from_records_stand_together() -> None:
    """One record's associations go in few requests: fewer locks, and one read of what it has."""
    rows: list[Row] = [(1, 5, 0, 0), (2, 5, 0, 0), (1, 6, 0, 0), (2, 6, 0, 0), (1, 4, 0, 0)]
    _, associations = merge_pairs(pairs_of(rows), same_object=False)
    assert associations["from_id"].to_list() == [1, 1, 1, 2, 2]


def stage(folder: Path, rows: list[Row], *, same_object: bool, partition_rows: int) -> Staging:
    """Stage rows in chunks of three."""
    staging = Staging(folder, same_object=same_object, partition_rows=partition_rows)
    for start in range(0, len(rows), 3):
        pairs = pairs_of(rows[start : start + 3], start + 1)
        staging.add_rows(pairs.select("row_number"))
        staging.add_pairs(pairs)
    return staging


def laid_out(
    dataset: Dataset,
) -> tuple[dict[Key, tuple[int, int]], dict[int, set[Key]], dict[int, int | None]]:
    """Read the staged dataset back: associations, links and duplicates, without their numbers."""
    keys: dict[int, Key] = {}
    associations: dict[Key, tuple[int, int]] = {}
    for section in dataset.sections:
        frame = dataset.pairs(section).collect()
        assert (frame.height, frame["rows"].sum()) == (section.associations, section.rows)
        assert (frame["types"] != 0).to_list() == [section.has_types] * frame.height
        ids = frame["association_id"].to_list()
        assert ids == list(range(ids[0], ids[0] + frame.height))
        lines = frame.select("association_id", "from_id", "to_id", "types", "rows").iter_rows()
        for number, from_id, to_id, types, rows in lines:
            key = (int(section.direction), from_id, to_id)
            assert number not in keys
            assert key not in associations
            keys[number], associations[key] = key, (types, rows)
    links: dict[int, set[Key]] = {}
    twins: dict[int, int | None] = {}
    for partition, frame in dataset.links():
        mine = linked(frame, keys)
        assert not mine.keys() & links.keys()
        links |= mine
        twins |= dict(frame.select("row_number", "duplicate_of").iter_rows())
        ours = [
            dataset.pairs(each).collect()
            for each in dataset.sections
            if each.partition == partition
        ]
        assert set(frame["association_id"]) == set(pl.concat(ours)["association_id"])
    return associations, links, twins


@settings(max_examples=40, deadline=None)
@given(TABLES, st.integers(1, 5))
def test_partitions_change_nothing(table: tuple[list[Row], bool], partition_rows: int) -> None:
    """A source too large for one sort comes to the same associations as a small one."""
    rows, same_object = table
    with tempfile.TemporaryDirectory() as folder:
        whole = stage(Path(folder, "a"), rows, same_object=same_object, partition_rows=1000)
        parted = stage(
            Path(folder, "b"), rows, same_object=same_object, partition_rows=partition_rows
        )
        assert (parted.rows, parted.good_rows) == (len(rows), len(rows))
        dataset = parted.merge()
        found = laid_out(dataset)
        assert found == laid_out(whole.merge())
    types, links = expected(rows)
    assert ({key: kinds for key, (kinds, _) in found[0].items()}, found[1]) == (types, links)
    assert found[2] == first_twins(rows)
    phases = [section.phase for section in dataset.sections]
    assert phases == sorted(phases)
    assert len({section.number for section in dataset.sections}) == len(phases)


@pytest.mark.parametrize("same_object", [False, True])
def test_both_directions_of_a_pair_meet_in_one_partition(
    tmp_path: Path, *, same_object: bool
) -> None:
    """However a large source is cut, rows about the same two records are merged with each other."""
    rows: list[Row] = [(number, number + 50, 1, 0) for number in range(1, 50)]
    rows += [(number + 50, number, 2, 0) for number in range(1, 50)] if same_object else rows
    staging = stage(tmp_path, rows, same_object=same_object, partition_rows=7)
    dataset = staging.merge()
    assert len({section.partition for section in dataset.sections}) > 3
    homes: dict[frozenset[int], set[int]] = defaultdict(set)
    for section in dataset.sections:
        for pair in dataset.pairs(section).select("from_id", "to_id").collect().iter_rows():
            homes[frozenset(pair)].add(section.partition)
    assert all(len(partitions) == 1 for partitions in homes.values())


def test_a_source_without_a_good_row_has_nothing_to_send(tmp_path: Path) -> None:
    """Rows that are all rejected still count as read."""
    staging = Staging(tmp_path, same_object=False)
    staging.add_rows(pl.DataFrame({"row_number": [1, 2]}))
    staging.add_pairs(pl.DataFrame(schema=PAIR))
    dataset = staging.merge()
    assert (dataset.rows, dataset.associations, dataset.sections) == (2, 0, ())
    assert list(dataset.links()) == []


def test_row_files_come_in_source_order(tmp_path: Path) -> None:
    """Results are written in the order of the source, also past nine chunks."""
    rows: list[Row] = [(1, number, 0, 0) for number in range(1, 40)]
    staging = stage(tmp_path, rows, same_object=False, partition_rows=1000)
    read = pl.concat([read_rows(path) for path in staging.merge().row_files()])
    assert read["row_number"].to_list() == list(range(1, 40))
