"""What a word of a command stands for, and how it is refused."""

from __future__ import annotations

import pytest

from etl.core.named_type import named_type
from etl.core.outright_type import read_type
from etl.core.resolve import Resolver
from etl.errors import UsageError
from etl.hubspot.builtin_types import aliases_between
from etl.model import AssociationType, LabelDefinition

UNLABELED = AssociationType("HUBSPOT_DEFINED", 279)
PRIMARY = AssociationType("HUBSPOT_DEFINED", 1)
PARTNER = AssociationType("USER_DEFINED", 7)
EMPLOYEE = AssociationType("USER_DEFINED", 10)
TWICE = [LabelDefinition(AssociationType("USER_DEFINED", n), "Twice") for n in (20, 21)]

LABELS = Resolver(
    [
        LabelDefinition(UNLABELED, None),
        LabelDefinition(PRIMARY, "Primary"),
        LabelDefinition(PARTNER, "Partner"),
        *TWICE,
    ],
    [LabelDefinition(EMPLOYEE, "Employee")],
    aliases=aliases_between("contacts", "companies"),
    pair="contacts → companies",
)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (" partner", PARTNER),
        ("Unlabeled", UNLABELED),
        ("primary company", PRIMARY),
        ("USER_DEFINED:7", PARTNER),
        ("user_defined: 7", PARTNER),
        (" ＵＳＥＲ_DEFINED：７ ", PARTNER),
        ("HUBSPOT_DEFINED:279", UNLABELED),
    ],
)
def test_a_word_stands_for_a_type(word: str, kind: AssociationType) -> None:
    """A label's text as people write it, `unlabeled`, and a type outright all find the type."""
    assert named_type(word, LABELS) == kind


@pytest.mark.parametrize(
    ("word", "said", "fix"),
    [
        (" ", "a blank", "'unlabeled'"),
        ("Prtner", "'Prtner' does not exist", "did you mean 'Partner'?"),
        ("USER_DEFINED:8", "'USER_DEFINED:8' does not exist", "USER_DEFINED:7"),
        ("Twice", "stands for 2 types", "CATEGORY:ID"),
        ("Employee", "only in the other direction", "swap FROM and TO"),
    ],
)
def test_a_word_is_never_guessed(word: str, said: str, fix: str) -> None:
    """What stands for no type, for two, or for one of the other direction is told with the fix."""
    with pytest.raises(UsageError) as caught:
        named_type(word, LABELS)
    assert said in caught.value.message
    assert fix in caught.value.hint


@pytest.mark.parametrize(
    "word", ["36", "USER_DEFINED", "MINE:36", "USER_DEFINED:x", "USER_DEFINED:-1"]
)
def test_what_is_no_type_outright_is_a_text(word: str) -> None:
    """Only a category of HubSpot's with a number is taken for a type: labels may have a colon."""
    assert read_type(word) is None


def test_a_pair_without_an_unlabeled_type() -> None:
    """`unlabeled` is told where HubSpot lists no such type, not sent as something else."""
    bare = Resolver([LabelDefinition(PARTNER, "Partner")], [], aliases={}, pair="a → b")
    with pytest.raises(UsageError, match="no unlabeled type"):
        named_type("unlabeled", bare)
