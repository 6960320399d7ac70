"""A staged file held against the limits of its records, partition by partition, as by hand."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.merge import PAIR
from etl.core.over_limits import Ceiling
from etl.core.typebits import TypeBits
from etl.hubspot.ceilings import Ceilings
from etl.hubspot.labels import Labels, Portal, portal_of
from etl.model import (
    AssociationType,
    Direction,
    HubspotSettings,
    Job,
    LabelColumn,
    LabelDefinition,
    Limits,
    Output,
    Side,
    Source,
)
from etl.plan_limits import COUNTED, LISTED, LimitFindings, check_limits
from etl.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Sequence

PRIMARY, PRIMARY_BACK = AssociationType("HUBSPOT_DEFINED", 1), AssociationType("HUBSPOT_DEFINED", 2)
PARTNER, EMPLOYEE = AssociationType("USER_DEFINED", 7), AssociationType("USER_DEFINED", 10)
FORWARD = [LabelDefinition(PRIMARY, "Primary"), LabelDefinition(PARTNER, "Partner")]
REVERSE = [LabelDefinition(PRIMARY_BACK, "Primary"), LabelDefinition(EMPLOYEE, "Employee")]

ASKS_PRIMARY, ASKS_PARTNER = 1, 2
"""Bits of the first direction; of the other they are its Primary and Employee."""

Row = tuple[int, int, int, int]
IDS = st.integers(1, 4)
ROWS = st.lists(st.tuples(IDS, IDS, st.integers(0, 3), st.integers(0, 3)), max_size=20)


def job_between(one: str, other: str) -> Job:
    """Make a job; only its objects matter here."""
    return Job(
        name="plan",
        file=Path("plan.yaml"),
        source=Source("rows.csv"),
        from_side=Side(one, "one"),
        to_side=Side(other, "other"),
        labelling=LabelColumn("role"),
        existing_labels="keep",
        hubspot=HubspotSettings(None),
        limits=Limits(),
        output=Output(Path("runs")),
    )


def portal_for(job: Job) -> Portal:
    """Know the labels as from contacts to companies, whichever the job has first."""
    ways = [FORWARD, REVERSE] if job.from_side.object == "contacts" else [REVERSE, FORWARD]
    bits = {
        direction: TypeBits(definition.type for definition in way)
        for direction, way in zip(Direction, ways, strict=True)
    }
    return portal_of(job, Labels(*ways), bits)


def findings(
    rows: Sequence[Row],
    ceilings: Sequence[Ceiling],
    job: Job | None = None,
    *,
    partition_rows: int = 3,
) -> LimitFindings:
    """Stage rows, several partitions of them, and check them."""
    job = job or job_between("contacts", "companies")
    portal = portal_for(job)
    numbered = [(number, *row, "associate") for number, row in enumerate(rows, 1)]
    pairs = pl.DataFrame(numbered, schema=PAIR, orient="row")
    with tempfile.TemporaryDirectory() as folder:
        staging = Staging(
            Path(folder) / "staging",
            same_object=portal.same_object,
            together=portal.endpoints[Direction.FORWARD, True].primary_holder,
            partition_rows=partition_rows,
        )
        staging.add_rows(pairs.select("row_number"))
        staging.add_pairs(pairs)
        checked = Ceilings(tuple(ceilings), ("what nobody knows",))
        return check_limits(job, portal, staging.merge(), checked, part_rows=2)


CEILINGS = [
    Ceiling("from_id", "contacts", "companies", None, None, 2, "a cap"),
    Ceiling("from_id", "contacts", "companies", "Partner", PARTNER, 1, "set", forward=2),
    Ceiling("to_id", "companies", "contacts", "Primary", PRIMARY_BACK, 1, "set", 1, 1),
    Ceiling("to_id", "companies", "contacts", None, None, 3, "a cap"),
]


def over_by_hand(rows: Sequence[Row]) -> set[tuple[int, int, int]]:
    """Say, with dictionaries, which records are over which limit: its place, the record, the count."""
    others: dict[tuple[int, int], set[int]] = defaultdict(set)
    for one, other, forward, reverse in rows:
        others[0, one].add(other)
        others[3, other].add(one)
        if forward & ASKS_PARTNER:
            others[1, one].add(other)
        if (forward | reverse) & ASKS_PRIMARY:
            others[2, other].add(one)
    return {
        (place, record, len(found))
        for (place, record), found in others.items()
        if len(found) > CEILINGS[place].most
    }


@settings(deadline=None, max_examples=30)
@given(ROWS)
def test_each_record_over_a_limit_is_named_with_its_count(rows: list[Row]) -> None:
    """Records of either side, spread over partitions, are found with the count of the whole file."""
    found = findings(rows, CEILINGS)
    places = {(c.object, c.type, c.most): place for place, c in enumerate(CEILINGS)}
    told = {
        (
            places[
                line["object"],
                line["category"] and AssociationType(line["category"], line["type_id"]),
                line["limit"],
            ],
            line["record_id"],
            line["associations"],
        )
        for line in found.over
    }
    assert told == over_by_hand(rows)
    assert found.over_count == len(told)
    excess = [line["associations"] - line["limit"] for line in found.over]
    assert excess == sorted(excess, reverse=True)


@settings(deadline=None, max_examples=30)
@given(rows=ROWS, turned=st.booleans())
def test_records_with_two_primaries_are_named_with_their_rows(
    rows: list[Row], *, turned: bool
) -> None:
    """A contact with two primary companies is found, whichever object the job has first."""
    asked: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, (contact, company, forward, reverse) in enumerate(rows, 1):
        if (forward | reverse) & ASKS_PRIMARY:
            asked[contact][company].append(number)
    expected = {
        contact: {company: (numbers[0], len(numbers)) for company, numbers in companies.items()}
        for contact, companies in asked.items()
        if len(companies) > 1
    }
    if turned:
        rows = [(other, one, reverse, forward) for one, other, forward, reverse in rows]
        found = findings(rows, [], job_between("companies", "contacts"))
    else:
        found = findings(rows, [])
    assert {line["object"] for line in found.rival_primaries} <= {"contacts"}
    assert {
        line["record_id"]: {
            claim["other_id"]: (claim["row_number"], claim["rows"]) for claim in line["claims"]
        }
        for line in found.rival_primaries
    } == expected
    assert found.rival_primaries_count == len(expected)


def test_no_row_at_all() -> None:
    """A source whose rows are all rejected has a plan too, and says what was checked."""
    found = findings([], CEILINGS)
    assert (found.over_count, found.over, found.rival_primaries) == (0, [], [])
    assert [line["limit"] for line in found.checked] == [2, 1, 1, 3]
    assert found.not_checked == ["what nobody knows"]
    assert found.counted == COUNTED == "in this file alone; what HubSpot has already comes on top"


def test_the_list_is_bounded_and_the_count_is_not() -> None:
    """A file that puts more records over a limit than are listed says how many there are in all."""
    rows = [(one, other, 0, 0) for one in range(1, LISTED + 6) for other in (1, 2, 3)]
    found = findings(rows, CEILINGS[:1], partition_rows=1000)
    assert found.over_count == LISTED + 5
    assert [line["record_id"] for line in found.over] == list(range(1, LISTED + 1))


def test_between_records_of_one_object() -> None:
    """A contact that three others are linked to is over a limit of two, and no row names it first."""
    rows = [(1, 9, 0, 0), (2, 9, 0, 0), (9, 3, 0, 0), (3, 9, 0, 0)]
    limit = Ceiling("from_id", "contacts", "contacts", None, None, 2, "set")
    [line] = findings(rows, [limit], job_between("contacts", "contacts"), partition_rows=1).over
    assert (line["record_id"], line["associations"]) == (9, 3)
