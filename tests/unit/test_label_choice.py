"""Which label somebody means who renames or deletes one, and what it may be called then."""

from __future__ import annotations

import pytest

from etl.core.label_choice import check_rename, choose
from etl.errors import UsageError
from etl.model import AssociationType, Direction, LabelDefinition

PAIR = "contacts → companies"


def line(type_id: int, text: str | None, category: str = "USER_DEFINED") -> LabelDefinition:
    """Write one line of HubSpot's list."""
    return LabelDefinition(AssociationType(category, type_id), text)


AHEAD, BACK = Direction.FORWARD, Direction.REVERSE
LABELS = [
    (AHEAD, line(1, "Primary", "HUBSPOT_DEFINED")),
    (AHEAD, line(279, None, "HUBSPOT_DEFINED")),
    (AHEAD, line(90, None)),
    (AHEAD, line(1, "Boss")),
    (BACK, line(2, "Boss")),
    (AHEAD, line(3, "Employer")),
    (BACK, line(4, "Employee")),
    (AHEAD, line(5, "Twin")),
    (AHEAD, line(6, "twin")),
    (AHEAD, line(7, "40")),
    (AHEAD, line(40, "Forty")),
]
ONE_LIST = [(AHEAD, line(1, "Manager")), (AHEAD, line(2, "Report")), (AHEAD, line(3, "Friend"))]


@pytest.mark.parametrize(
    ("given", "direction", "type_id"),
    [
        ("Boss", AHEAD, 1),
        (" bOSS ", AHEAD, 1),
        ("1", AHEAD, 1),
        ("2", BACK, 2),
        ("Employee", BACK, 4),
        ("5", AHEAD, 5),
        ("USER_DEFINED:6", AHEAD, 6),
        (" user_defined: 40", AHEAD, 40),
    ],
)
def test_a_label_is_meant_by_text_or_number(given: str, direction: Direction, type_id: int) -> None:
    """A text as people see it, a typeId or a type, either way; HubSpot's own number 1 is not meant."""
    found = choose(given, LABELS, pair=PAIR)
    assert (found[0], found[1].type) == (direction, AssociationType("USER_DEFINED", type_id))


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("Primary", r"'Primary' \(HUBSPOT_DEFINED:1\) is not a label that people", "custom"),
        ("279", "the unlabeled type HUBSPOT_DEFINED:279 is not a label", "custom"),
        ("90", "the unlabeled type USER_DEFINED:90 is not a label", "custom"),
        ("twin", r"'twin' may be any of 'Twin' \(USER_DEFINED:5\), 'twin'", "CATEGORY:ID"),
        ("40", r"'40' may be any of '40' \(USER_DEFINED:7\), 'Forty'", "CATEGORY:ID"),
        (
            "HUBSPOT_DEFINED:1",
            r"'Primary' \(HUBSPOT_DEFINED:1\) is not a label that people",
            "custom",
        ),
        ("USER_DEFINED:99", "has no label or type 'USER_DEFINED:99'", "labels list"),
        ("Employr", "contacts → companies has no label or type 'Employr'", "mean 'Employer'"),
    ],
)
def test_what_is_not_clear_or_not_theirs_is_refused(given: str, message: str, hint: str) -> None:
    """HubSpot's own labels stay, and nothing is guessed where a label goes for good."""
    with pytest.raises(UsageError, match=message) as told:
        choose(given, LABELS, pair=PAIR)
    assert hint in told.value.hint


def test_labels_called_by_each_others_numbers_can_be_told_apart() -> None:
    """There is a way to name every label, whatever people have called it."""
    labels = [(AHEAD, line(3, "1")), (AHEAD, line(1, "3"))]
    with pytest.raises(UsageError, match="may be any of '1'") as told:
        choose("1", labels, pair=PAIR)
    assert told.value.hint == "give it as CATEGORY:ID"
    assert choose("USER_DEFINED:3", labels, pair=PAIR) == labels[0]
    assert choose("USER_DEFINED:1", labels, pair=PAIR) == labels[1]


def faults(given: str, text: str, inverse: str | None = None, labels: object = LABELS) -> list[str]:
    """List what keeps a label from new texts."""
    assert isinstance(labels, list)
    chosen = choose(given, labels, pair=PAIR)
    found = check_rename(chosen, text, inverse, labels, pair=PAIR)
    return [f"{problem.place} {problem.message}" for problem in found]


@pytest.mark.parametrize(
    ("given", "text", "inverse"),
    [
        ("Boss", "BOSS", None),
        ("Boss", "Chief", None),
        ("Employer", "Firm", "Employee"),
        ("Employer", "Employer", "Staff"),
        ("Employee", "Staff", "Employer"),
    ],
)
def test_a_label_may_have_another_text(given: str, text: str, inverse: str | None) -> None:
    """Another way to write it, another text, and an other side that stays as it is, are all right."""
    assert faults(given, text, inverse) == []


def test_all_that_is_wrong_with_new_texts_is_told_at_once() -> None:
    """A text that another label has, in either direction, would be ambiguous from then on."""
    assert faults("Employer", "boss", "Twin") == [
        "--label HubSpot has 'Boss' for contacts → companies already (USER_DEFINED:1)",
        "--inverse HubSpot has 'Twin' for contacts → companies already (USER_DEFINED:5)",
    ]
    assert faults("Employer", " ", "\n") == ["--label is blank", "--inverse is blank"]
    assert faults("Employer", "Firm", "firm") == ["--inverse reads like the label itself, 'Firm'"]
    assert faults("Employer", "Primary")[0].startswith("--label HubSpot has 'Primary'")


def test_between_records_of_one_object_the_other_side_is_in_the_same_list() -> None:
    """HubSpot does not tell which side belongs to which, so one that is there may be this label's."""
    assert faults("Manager", "Boss", "Report", ONE_LIST) == []
    assert faults("Manager", "friend", None, ONE_LIST) == [
        "--label HubSpot has 'Friend' for contacts → companies already (USER_DEFINED:3)"
    ]
