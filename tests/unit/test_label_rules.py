"""What a new custom label has to be, before HubSpot is asked to make it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.label_rules import (
    MAX_CUSTOM_LABELS,
    Room,
    check_name,
    check_new,
    check_text,
    internal_name,
    least_used,
)
from etl.core.normal_form import normal_form
from etl.model import AssociationType, DefinedLabel, LabelDefinition

PAIR = "contacts → companies"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def line(type_id: int, text: str | None, category: str = "USER_DEFINED") -> LabelDefinition:
    """Write one line of HubSpot's list."""
    return LabelDefinition(AssociationType(category, type_id), text)


FORWARD = [
    line(279, None, "HUBSPOT_DEFINED"),
    line(1, "Primary", "HUBSPOT_DEFINED"),
    line(5, "Boss"),
]
REVERSE = [line(280, None, "HUBSPOT_DEFINED"), line(6, "Ｕnderling")]


def told(*wanted: DefinedLabel) -> list[str]:
    """List what is wrong with labels beside those above."""
    return [problem.message for problem in check_new(wanted, FORWARD, REVERSE, pair=PAIR)]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Decision maker", "decision_maker"),
        ("  DECISION   Maker ", "decision_maker"),
        ("VIP", "vip"),
    ],
)
def test_a_plain_label_gives_a_plain_name(label: str, name: str) -> None:
    """The internal name of an English label is what a person would have written."""
    assert internal_name(label) == name


@pytest.mark.parametrize(
    ("label", "shape"),
    [
        ("決裁者", r"label_[0-9a-f]{10}"),
        ("Décideur", r"decideur_[0-9a-f]{10}"),
        ("1st contact", r"label_[0-9a-f]{10}"),
        ("Decision-maker", r"decision_maker_[0-9a-f]{10}"),
        ("Decision_maker", r"decision_maker_[0-9a-f]{10}"),
        ("🤝", r"label_[0-9a-f]{10}"),
    ],
)
def test_a_label_in_any_script_has_a_legal_name(label: str, shape: str) -> None:
    """What a name can't hold is told apart by a digest, and stays readable where it can."""
    assert re.fullmatch(shape, internal_name(label))


@given(TEXTS, TEXTS)
def test_names_are_legal_and_as_different_as_labels(one: str, other: str) -> None:
    """Whatever is written, its name is legal; two names are the same just where people see one label."""
    assert check_name(internal_name(one)) is None
    same = normal_form(one) == normal_form(other)
    assert (internal_name(one) == internal_name(other)) == same


@given(TEXTS)
def test_a_label_that_looks_like_the_name_of_another_has_its_own(label: str) -> None:
    """A label can't be written so that it takes the name that another one gets."""
    imitation = internal_name(label).replace("_", " ")
    if normal_form(imitation) != normal_form(label):
        assert internal_name(imitation) != internal_name(label)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "A", "a b", "é", "a" * 101])
def test_a_name_that_hubspot_refuses_is_refused_here(name: str) -> None:
    """HubSpot's guide: no hyphen, no digit in front."""
    assert check_name(name) is not None


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\x00", "a" * 256])
def test_a_text_that_is_no_label_is_refused(text: str) -> None:
    """A blank, a line break or a whole sentence is a mistake, not a label."""
    assert check_text(text) is not None


def test_everything_is_told_at_once() -> None:
    """Whoever defines labels mends all of them in one go."""
    messages = told(
        DefinedLabel("boss"),
        DefinedLabel(" "),
        DefinedLabel("Chief", inverse="CHIEF"),
        DefinedLabel("New", name="9"),
    )
    assert messages == [
        "HubSpot has 'Boss' for contacts → companies already (USER_DEFINED:5)",
        "its text is blank",
        "its inverse reads like the label itself, 'Chief'",
        "its name can't be '9'",
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        DefinedLabel("BOSS"),
        DefinedLabel("Underling"),
        DefinedLabel("New", inverse="boss "),
        DefinedLabel("primary"),
    ],
)
def test_a_text_that_is_there_in_either_direction_is_refused(wanted: DefinedLabel) -> None:
    """Two types under one text would leave every row that asks for it unresolved."""
    [message] = told(wanted)
    assert message.startswith("HubSpot has '")


def test_labels_asked_for_together_are_held_against_each_other() -> None:
    """Two labels of one command must not be one text or one name."""
    [twice] = told(DefinedLabel("New"), DefinedLabel("Other", inverse="NEW"))
    assert twice == "'new' is asked for twice"
    [name] = told(DefinedLabel("New", name="x"), DefinedLabel("Other", name="x"))
    assert name == "has the name 'x' like 'New'"


def test_a_label_that_has_everything_may_be_made() -> None:
    """What is right is not objected to."""
    assert told(DefinedLabel("Manager", "Direct report", "manager"), DefinedLabel("決裁者")) == []


def test_the_eleventh_label_is_refused_before_the_call() -> None:
    """HubSpot has at most ten custom labels between two objects; its own ones do not count."""
    full = [*FORWARD, *(line(100 + n, f"L{n}") for n in range(MAX_CUSTOM_LABELS - 2))]
    assert check_new([DefinedLabel("One")], full, REVERSE, pair=PAIR) == ()
    [problem] = check_new([DefinedLabel("One"), DefinedLabel("Two")], full, REVERSE, pair=PAIR)
    assert problem.message == "9 of 10 custom labels used: no room for 2 more"
    # What HubSpot itself tells of its limit goes before what its guide says.
    wanted = [DefinedLabel("One"), DefinedLabel("Two")]
    assert check_new(wanted, full, REVERSE, pair=PAIR, room=Room(9, 50)) == ()


def test_between_records_of_one_object_a_pair_counts_once() -> None:
    """One list has both sides of a paired label there, so that only the least is known."""
    sides = [line(n, f"L{n}") for n in range(19)]
    assert least_used(sides, []) == 10
    assert least_used(sides[:18], []) == 9
    # A single label listed under two ids is one all the same.
    assert least_used([line(1, "Friend"), line(2, "friend")], []) == 1


def test_a_custom_objects_unlabeled_type_is_no_label() -> None:
    """HubSpot calls it USER_DEFINED too, and nobody made it."""
    assert least_used([line(7, None)], [line(8, None)]) == 0
