"""What a label cell stands for, in both directions and languages, and what is never guessed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.normal_form import normal_form
from etl.core.normalize import SHOWN_CHARACTERS
from etl.core.resolve import (
    AMBIGUOUS_LABEL,
    UNKNOWN_LABEL,
    UNKNOWN_TYPE,
    Resolution,
    Resolver,
    Trouble,
)
from etl.hubspot.builtin_types import aliases_between
from etl.model import AssociationType, LabelDefinition


def user(number: int) -> AssociationType:
    """Make a custom type."""
    return AssociationType("USER_DEFINED", number)


def hubspot(number: int) -> AssociationType:
    """Make a built-in type."""
    return AssociationType("HUBSPOT_DEFINED", number)


PRIMARY, PRIMARY_BACK = hubspot(1), hubspot(2)
KINDS = aliases_between("contacts", "companies")
FORWARD = [
    LabelDefinition(hubspot(279), None),
    LabelDefinition(PRIMARY, "Primary"),
    LabelDefinition(user(36), "Decision maker"),
    LabelDefinition(user(37), "意思決定者"),
    LabelDefinition(user(38), "ﾊﾟｰﾄﾅｰ企業"),
    LabelDefinition(user(39), "Manager"),
    LabelDefinition(hubspot(931), "Billing contact"),
]
REVERSE = [
    LabelDefinition(hubspot(280), None),
    LabelDefinition(PRIMARY_BACK, "Primary"),
    LabelDefinition(user(40), "Decision maker"),
    LabelDefinition(user(41), "Employee"),
]
CONTACTS_TO_COMPANIES = Resolver(FORWARD, REVERSE, aliases=KINDS, pair="contacts → companies")


def resolver(*forward: LabelDefinition, reverse: tuple[LabelDefinition, ...] = ()) -> Resolver:
    """Make a resolver of a portal with these labels."""
    return Resolver(forward, reverse, aliases=KINDS, pair="contacts → companies")


def trouble_with(
    cell: str, *, known: Resolver = CONTACTS_TO_COMPANIES, separator: str | None = None
) -> Trouble:
    """Give the trouble with a cell, which stands for no type at all then."""
    resolution = known.resolve_labels(cell, separator)
    assert resolution.trouble is not None
    assert resolution.forward == resolution.reverse == ()
    return resolution.trouble


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("Decision maker", user(36)),
        ("  decision   MAKER\n", user(36)),
        ("ＤＥＣＩＳＩＯＮ　ｍａｋｅｒ", user(36)),
        ("意思決定者", user(37)),
        ("　意思決定者　", user(37)),
        ("パートナー企業", user(38)),
        ("ﾊﾟｰﾄﾅｰ企業", user(38)),
    ],
)
def test_a_label_is_known_however_it_is_typed(cell: str, wanted: AssociationType) -> None:
    """Case, blanks, full-width letters and half-width kana are no difference between labels."""
    assert CONTACTS_TO_COMPANIES.resolve_labels(cell) == Resolution(forward=(wanted,))


@given(
    st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from(["パートナー", "Café", "가나"])
)
def test_unicode_forms_of_a_label_are_one(form: str, text: str) -> None:
    """A label typed on a Mac matches the one made in a browser, though their code points differ."""
    spelled = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    known = resolver(LabelDefinition(user(5), text))
    assert known.resolve_labels(spelled) == Resolution(forward=(user(5),))


@pytest.mark.parametrize("text", ["straße", "ΐδιος", "éclair", "ﬁnance"])
def test_upper_case_is_the_same_label(text: str) -> None:
    """A label typed in capitals matches, also where capitals have other letters or accents."""
    known = resolver(LabelDefinition(user(5), text))
    assert known.resolve_labels(text.upper()) == Resolution(forward=(user(5),))


@given(st.text())
def test_the_normal_form_is_settled(text: str) -> None:
    """Folding a text twice is folding it once, so a label always matches itself."""
    assert normal_form(normal_form(text)) == normal_form(text)


@given(st.text(min_size=1).filter(normal_form))
def test_any_label_finds_itself(text: str) -> None:
    """Whatever people call a label, the same text in a cell means it."""
    known = resolver(LabelDefinition(user(5), text))
    assert known.resolve_labels(text) == Resolution(forward=(user(5),))
    assert known.resolve_labels(f" {text} ") == Resolution(forward=(user(5),))


@given(st.text(), st.sampled_from([None, ";", ","]))
def test_a_cell_stands_for_types_or_for_trouble(cell: str, separator: str | None) -> None:
    """Any cell either resolves or is told with a category, a message and a hint."""
    resolution = CONTACTS_TO_COMPANIES.resolve_labels(cell, separator)
    if resolution.trouble is not None:
        assert resolution.forward == resolution.reverse == ()
        assert resolution.trouble.category in {UNKNOWN_LABEL, AMBIGUOUS_LABEL}
        assert resolution.trouble.message.endswith("does not exist for contacts → companies")
        assert resolution.trouble.hint


@pytest.mark.parametrize(
    "cell",
    [
        "",
        " ",
        "\u3000",
        "Unlabeled",
        "unlabelled",
        "No label",
        "NO  LABEL",
        "ラベルなし",
        "ﾗﾍﾞﾙなし",
    ],
)
def test_blank_and_unlabeled_ask_for_the_default(cell: str) -> None:
    """An empty cell and HubSpot's own words for "no label" are the default association."""
    assert CONTACTS_TO_COMPANIES.resolve_labels(cell) == Resolution()


def test_a_label_that_is_called_unlabeled_is_a_label() -> None:
    """A portal that has made a label "No label" gets that label."""
    known = resolver(LabelDefinition(user(5), "No Label"))
    assert known.resolve_labels("no label") == Resolution(forward=(user(5),))


@pytest.mark.parametrize(
    ("cell", "is_unlabeled"),
    [
        ("", True),
        ("No label", True),
        ("Manager", False),
        ("Manager;", False),
        ("Manager;No label", True),
    ],
)
def test_who_names_the_unlabeled_type_is_known(cell: str, *, is_unlabeled: bool) -> None:
    """Taking the unlabeled type away takes all of a pair away: it counts among other labels too."""
    resolution = CONTACTS_TO_COMPANIES.resolve_labels(cell, ";")
    assert CONTACTS_TO_COMPANIES.is_unlabeled(resolution) is is_unlabeled


def test_the_unlabeled_type_is_known_by_its_missing_text() -> None:
    """Results name the type that the default association makes in the job's own direction."""
    assert CONTACTS_TO_COMPANIES.unlabeled == hubspot(279)
    assert resolver(LabelDefinition(user(5), "A")).unlabeled is None


@pytest.mark.parametrize(
    "cell",
    [
        "Primary",
        "primary company",
        "Primary Company",
        "Contact with Primary Company",
        "contact with primary company",
        "プライマリー",
        "ﾌﾟﾗｲﾏﾘｰ",
        "プライマリー会社",
    ],
)
@pytest.mark.parametrize("text", ["Primary", "Contact with Primary Company", "プライマリー", "主"])
def test_primary_has_many_names(cell: str, text: str) -> None:
    """HubSpot has renamed its label, and shows it in two languages: all of them are one type."""
    known = resolver(LabelDefinition(PRIMARY, text), reverse=(LabelDefinition(PRIMARY_BACK, text),))
    assert known.resolve_labels(cell) == Resolution(forward=(PRIMARY,))


@pytest.mark.parametrize(
    "cell",
    [
        "Primary contact",
        "Company with Primary Contact",
        "Primary investor",
        "Primary sales lead",
        "Meets with billing department",
        "Billing 2",
    ],
)
def test_a_label_that_begins_like_a_built_in_one_is_not_guessed(cell: str) -> None:
    """A custom label that this portal lacks never becomes HubSpot's Primary or Billing."""
    assert trouble_with(cell).category == UNKNOWN_LABEL


def test_a_custom_label_comes_before_an_alias() -> None:
    """A portal's own label "Primary company" is meant before HubSpot's type of that kind."""
    known = resolver(
        LabelDefinition(PRIMARY, "Primary"), LabelDefinition(user(5), "Primary Company")
    )
    assert known.resolve_labels("primary company") == Resolution(forward=(user(5),))
    assert known.resolve_labels("primary") == Resolution(forward=(PRIMARY,))


def test_the_own_direction_wins() -> None:
    """A label that exists both ways is sent the way the job is written."""
    assert CONTACTS_TO_COMPANIES.resolve_labels("Decision maker").forward == (user(36),)


def test_a_label_of_the_other_direction_is_sent_that_way_round() -> None:
    """A label that exists only from companies to contacts is not unknown: the pair is turned."""
    assert CONTACTS_TO_COMPANIES.resolve_labels("Employee") == Resolution(reverse=(user(41),))


def test_an_alias_of_the_other_direction_is_sent_that_way_round() -> None:
    """A primary that the portal lists only the other way is turned too."""
    known = resolver(reverse=(LabelDefinition(PRIMARY_BACK, "Primary Company"),))
    assert known.resolve_labels("primary") == Resolution(reverse=(PRIMARY_BACK,))


def test_paired_labels_of_one_object_differ_by_their_text() -> None:
    """Between contacts, "Parent" and "Child" are two types of the one list."""
    known = resolver(LabelDefinition(user(1), "Parent"), LabelDefinition(user(2), "Child"))
    assert known.resolve_labels("parent") == Resolution(forward=(user(1),))
    assert known.resolve_labels("child") == Resolution(forward=(user(2),))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Manager;Decision maker", Resolution(forward=(user(39), user(36)))),
        (" Manager ; decision maker ;; ", Resolution(forward=(user(39), user(36)))),
        ("Manager;manager;MANAGER", Resolution(forward=(user(39),))),
        ("Manager;Employee", Resolution(forward=(user(39),), reverse=(user(41),))),
        ("Manager;No label", Resolution(forward=(user(39),), beside_unlabeled=True)),
        ("No label;", Resolution()),
        (";", Resolution()),
    ],
)
def test_a_cell_may_hold_several_labels(cell: str, expected: Resolution) -> None:
    """With a separator each part is a label of its own; empty and doubled parts do not count."""
    assert CONTACTS_TO_COMPANIES.resolve_labels(cell, ";") == expected


def test_one_bad_label_spoils_the_cell() -> None:
    """A row is not half done: of several labels the unknown one is told and nothing is sent."""
    trouble = trouble_with("Manager;Decision taker", separator=";")
    assert trouble == Trouble(
        UNKNOWN_LABEL,
        "label 'Decision taker' does not exist for contacts → companies",
        "did you mean 'Decision maker'?",
    )


@pytest.mark.parametrize("text", ["VIP", "ＶＩＰ", "vip "])
def test_an_ambiguous_label_is_not_guessed(text: str) -> None:
    """Two types with texts that people can't tell apart are told, with both types and a way out."""
    known = resolver(LabelDefinition(user(7), "VIP"), LabelDefinition(hubspot(7), text))
    assert trouble_with(" vip", known=known) == Trouble(
        AMBIGUOUS_LABEL,
        "label 'vip' stands for 2 types: USER_DEFINED:7, HUBSPOT_DEFINED:7",
        "rename one in HubSpot, or give the type outright: type: {id: 7, category: USER_DEFINED}",
    )


def test_a_type_listed_twice_is_not_ambiguous() -> None:
    """HubSpot naming one type on two lines is still one type."""
    known = resolver(LabelDefinition(user(7), "VIP"), LabelDefinition(user(7), "vip"))
    assert known.resolve_labels("VIP") == Resolution(forward=(user(7),))


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("Decision makr", "did you mean 'Decision maker'?"),
        ("desicion maker", "did you mean 'Decision maker'?"),
        ("意志決定者", "did you mean '意思決定者'?"),
        ("パートナ企業", "did you mean 'ﾊﾟｰﾄﾅｰ企業'?"),
        ("Employe", "did you mean 'Employee'?"),
        (
            "zzz",
            (
                "use one of: Primary, Decision maker, 意思決定者, ﾊﾟｰﾄﾅｰ企業, Manager, "
                "Billing contact, Employee"
            ),
        ),
        (
            "Manager, Decision maker",
            "set label.separator to ',' if the cell holds several labels",
        ),
        ("Manager;Employee", "set label.separator to ';' if the cell holds several labels"),
        ("意思決定者、Manager", "set label.separator to '、' if the cell holds several labels"),
    ],
)
def test_an_unknown_label_comes_with_the_nearest_fix(cell: str, hint: str) -> None:
    """A slip of the pen, a missing separator and a wrong portal each get the hint that helps."""
    trouble = trouble_with(cell)
    assert trouble.category == UNKNOWN_LABEL
    assert trouble.message == f"label '{cell}' does not exist for contacts → companies"
    assert trouble.hint == hint


def test_a_portal_without_labels_says_so() -> None:
    """Where there is nothing to choose from the hint says where labels are made."""
    known = resolver(LabelDefinition(hubspot(279), None))
    assert trouble_with("Manager", known=known).hint == (
        "contacts → companies has no labels; make one in HubSpot or leave the cell blank"
    )


def test_many_labels_are_listed_in_part() -> None:
    """A hint stays readable in a portal with dozens of labels."""
    known = resolver(*(LabelDefinition(user(n), f"L{n}") for n in range(1, 21)))
    hint = trouble_with("something else", known=known).hint
    assert hint == "use one of: L1, L2, L3, L4, L5, L6, L7, L8 and 12 more"


def test_a_long_cell_is_cut_in_the_message() -> None:
    """A comment in the label column does not flood the log."""
    shown = "y" * SHOWN_CHARACTERS
    assert trouble_with("y" * 9000).message.startswith(f"label '{shown}' does not exist")


@pytest.mark.parametrize(
    ("category", "type_id", "expected"),
    [
        ("USER_DEFINED", "36", Resolution(forward=(user(36),))),
        (" user_defined ", " 36 ", Resolution(forward=(user(36),))),
        ("ＵＳＥＲ_ＤＥＦＩＮＥＤ", "３６", Resolution(forward=(user(36),))),
        ("USER_DEFINED", "41", Resolution(reverse=(user(41),))),
        ("HUBSPOT_DEFINED", "279", Resolution(forward=(hubspot(279),))),
        ("", "", Resolution()),
        (" ", "\u3000", Resolution()),
    ],
)
def test_a_type_given_outright_is_verified(
    category: str, type_id: str, expected: Resolution
) -> None:
    """A type by number is sent in the direction in which the portal has it."""
    assert CONTACTS_TO_COMPANIES.resolve_type(category, type_id) == expected


@pytest.mark.parametrize(
    ("category", "type_id"),
    [
        ("HUBSPOT_DEFINED", "36"),
        ("USER_DEFINED", "999"),
        ("USER_DEFINED", ""),
        ("", "36"),
        ("USER_DEFINED", "36.0"),
        ("USER_DEFINED", "-36"),
        ("USER_DEFINED", "９" * 12),
        ("USER_DEFINED", "9" * 30),
        ("USER_DEFINED", "9" * 5000),
        ("CUSTOM", "36"),
    ],
)
def test_a_type_that_the_portal_lacks_is_told(category: str, type_id: str) -> None:
    """The number alone is not the type, and a type of another portal is never sent."""
    trouble = CONTACTS_TO_COMPANIES.resolve_type(category, type_id).trouble
    assert trouble is not None
    assert trouble.category == UNKNOWN_TYPE
    assert trouble.message.startswith("type '")
    assert trouble.message.endswith("' does not exist for contacts → companies")
    assert trouble.hint.startswith("use one of: HUBSPOT_DEFINED:1, ")
