"""Rows get their types: the same answer for the same cell, in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from etl.core import resolve_rows
from etl.core.resolve import UNKNOWN_LABEL, UNKNOWN_TYPE, Resolver
from etl.core.resolve_rows import RESOLVED, RowResolver
from etl.core.typebits import TypeBits
from etl.errors import SettingsError
from etl.model import (
    AssociationType,
    Direction,
    ExplicitType,
    LabelColumn,
    LabelDefinition,
    LabelValue,
)

if TYPE_CHECKING:
    from etl.model import Labelling

MANAGER, MAKER, EMPLOYEE = (AssociationType("USER_DEFINED", n) for n in (36, 37, 41))
UNLABELED = AssociationType("HUBSPOT_DEFINED", 279)
COLUMNS = {"role": "c2", "type": "c2", "category": "c3"}


class Case:
    """A row resolver with the bits it writes to."""

    def __init__(self, labelling: Labelling, *, unlabeled: bool = True) -> None:
        forward = [LabelDefinition(MANAGER, "Manager"), LabelDefinition(MAKER, "Decision maker")]
        if unlabeled:
            forward.append(LabelDefinition(UNLABELED, None))
        resolver = Resolver(
            forward,
            [LabelDefinition(EMPLOYEE, "Employee")],
            aliases={},
            pair="contacts → companies",
        )
        self.bits = {direction: TypeBits() for direction in Direction}
        self.rows = RowResolver(resolver, labelling, self.bits)

    def resolve(self, *cells: tuple[str | None, str | None]) -> pl.DataFrame:
        """Resolve rows of two cells, the label's (or the type id's) and the category's."""
        frame = pl.DataFrame(cells, schema={"c2": pl.String, "c3": pl.String}, orient="row")
        return self.rows.resolve(frame.with_row_index("row_number", 1), COLUMNS)

    def types(self, *cells: tuple[str | None, str | None]) -> list[tuple[object, ...]]:
        """Give each row's types: forward, reverse, and as results write them."""
        return [
            (
                self.bits[Direction.FORWARD].types(forward),
                self.bits[Direction.REVERSE].types(reverse),
                text,
            )
            for forward, reverse, text in self.resolve(*cells)
            .select("forward", "reverse", "association_types")
            .iter_rows()
        ]


def test_each_row_gets_what_its_label_stands_for() -> None:
    """Rows keep their order, and equal cells get equal types."""
    case = Case(LabelColumn("role"))
    assert case.types(("Manager", None), ("employee", None), (None, None), ("MANAGER", None)) == [
        ((MANAGER,), (), "USER_DEFINED:36"),
        ((), (EMPLOYEE,), "USER_DEFINED:41"),
        ((), (), "HUBSPOT_DEFINED:279"),
        ((MANAGER,), (), "USER_DEFINED:36"),
    ]


def test_a_cell_of_several_labels_is_several_types() -> None:
    """Types of both directions are told in one text, in the contract's form."""
    case = Case(LabelColumn("role", ";"))
    assert case.types(("Manager;Employee;Decision maker", None)) == [
        ((MANAGER, MAKER), (EMPLOYEE,), "USER_DEFINED:36;USER_DEFINED:37;USER_DEFINED:41")
    ]


def test_an_unknown_label_is_told_in_its_own_rows() -> None:
    """Trouble with one label leaves the rows around it alone."""
    rows = Case(LabelColumn("role")).resolve(("Manager", None), ("Manger", None))
    assert rows.select("error_category", "error_message", "hint").rows() == [
        (None, None, None),
        (
            UNKNOWN_LABEL,
            "label 'Manger' does not exist for contacts → companies",
            "did you mean 'Manager'?",
        ),
    ]
    assert rows.select("forward", "reverse", "association_types").row(1) == (0, 0, "")


def test_without_a_label_every_row_is_the_default() -> None:
    """A job without `label` makes the unlabeled association, and results name its type."""
    assert Case(None).types(("x", "y"), (None, None)) == [((), (), "HUBSPOT_DEFINED:279")] * 2


def test_an_unlabeled_type_that_the_portal_hides_is_left_blank() -> None:
    """Where HubSpot does not list the unlabeled type, results make none up."""
    assert Case(None, unlabeled=False).types((None, None)) == [((), (), "")]


def test_one_label_for_every_row() -> None:
    """`label: {value: …}` gives all rows the same types."""
    expected = ((MAKER,), (), "USER_DEFINED:37")
    assert Case(LabelValue("decision MAKER")).types(("x", None), ("", None)) == [expected] * 2


def test_a_fixed_label_is_not_split() -> None:
    """A value is one label, even with a mark in it that could separate two."""
    with pytest.raises(SettingsError, match="label 'Manager;Employee' does not exist"):
        Case(LabelValue("Manager;Employee"))


@pytest.mark.parametrize(
    ("labelling", "message", "hint"),
    [
        (
            LabelValue("Manger"),
            "label 'Manger' does not exist for contacts → companies",
            "did you mean 'Manager'?",
        ),
        (
            ExplicitType(id=5, category="USER_DEFINED"),
            "type 'USER_DEFINED:5' does not exist for contacts → companies",
            "use one of: HUBSPOT_DEFINED:279, USER_DEFINED:36, USER_DEFINED:37, USER_DEFINED:41",
        ),
    ],
)
def test_a_fixed_wish_that_nothing_meets_stops_the_job(
    labelling: Labelling, message: str, hint: str
) -> None:
    """A wrong label for every row is a wrong job: it ends before a row is read."""
    with pytest.raises(SettingsError) as raised:
        Case(labelling)
    assert (raised.value.message, raised.value.hint) == (message, hint)


def test_a_fixed_type_is_verified_and_sent() -> None:
    """`type: {id, category}` gives all rows one type, turned round where it exists only so."""
    forward = Case(ExplicitType(id=36, category="USER_DEFINED"))
    assert forward.types((None, None)) == [((MANAGER,), (), "USER_DEFINED:36")]
    reverse = Case(ExplicitType(id=41, category="USER_DEFINED"))
    assert reverse.types((None, None)) == [((), (EMPLOYEE,), "USER_DEFINED:41")]


@pytest.mark.parametrize(
    ("labelling", "good", "bad"),
    [
        (
            ExplicitType(id_column="type", category_column="category"),
            ("36", "USER_DEFINED"),
            ("36", "HUBSPOT_DEFINED"),
        ),
        (ExplicitType(id_column="type", category="USER_DEFINED"), ("36", "x"), ("5", None)),
        (ExplicitType(id=36, category_column="category"), ("x", "USER_DEFINED"), (None, "WORK")),
    ],
)
def test_types_may_stand_in_columns(
    labelling: Labelling, good: tuple[str, str], bad: tuple[str | None, str | None]
) -> None:
    """Either half of a type can come from the row; each distinct type is verified."""
    rows = Case(labelling).resolve(good, bad)
    assert rows["association_types"].to_list() == ["USER_DEFINED:36", ""]
    assert rows["error_category"].to_list() == [None, UNKNOWN_TYPE]


@pytest.mark.parametrize(
    "labelling",
    [
        ExplicitType(id_column="type", category_column="category"),
        ExplicitType(id_column="type", category="USER_DEFINED"),
        ExplicitType(id=36, category_column="category"),
    ],
)
@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_row_without_a_type_is_the_default(labelling: Labelling, blank: str | None) -> None:
    """A blank type is the unlabeled association, though the job fixes the other half."""
    assert Case(labelling).types((blank, blank)) == [((), (), "HUBSPOT_DEFINED:279")]


def test_labels_seen_are_counted_over_chunks() -> None:
    """The plan and the summary list each distinct cell with the rows that had it."""
    case = Case(LabelColumn("role"))
    case.resolve(("Manager", None), ("", None), ("Manager", None))
    case.resolve(("Manager", None), ("Manger", None))
    assert {seen.cell: seen.rows for seen in case.rows.seen.values()} == {
        "Manager": 3,
        "": 1,
        "Manger": 1,
    }


def test_explicit_types_are_listed_readably() -> None:
    """A type seen in columns is shown as category and id."""
    case = Case(ExplicitType(id_column="type", category_column="category"))
    case.resolve(("36", "USER_DEFINED"))
    assert [seen.cell for seen in case.rows.seen.values()] == ["USER_DEFINED:36"]


def test_a_column_of_free_text_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the cells that are remembered, rows are still resolved, and resolved right."""
    monkeypatch.setattr(resolve_rows, "REMEMBERED_CELLS", 2)
    case = Case(LabelColumn("role"))
    rows = case.resolve(*((f"comment {n}", None) for n in range(5)), ("Manager", None))
    assert rows["error_category"].to_list() == [UNKNOWN_LABEL] * 5 + [None]
    assert rows["association_types"].to_list() == [""] * 5 + ["USER_DEFINED:36"]
    assert len(case.rows.seen) == 2


@pytest.mark.parametrize("cells", [[], [("Manager", None)], [("Manager", None), ("", None)]])
def test_the_columns_do_not_depend_on_the_rows(
    cells: list[tuple[str | None, str | None]],
) -> None:
    """An empty chunk, one of a single label and one of many have the same columns and types."""
    rows = Case(LabelColumn("role")).resolve(*cells)
    assert {name: rows.schema[name] for name in RESOLVED} == RESOLVED
    assert rows.height == len(cells)
    assert {"row_number", "c2", "c3"} <= set(rows.columns)
