"""Every category of ours says what to do."""

from __future__ import annotations

import pytest

from etl.core import keys, normalize
from etl.core.hints import DEFAULT_HINT, HINTS, NOT_SENT_HINT
from etl.hubspot import judge, settle


@pytest.mark.parametrize(
    "category",
    [
        normalize.RAGGED_LINE,
        normalize.BLANK_ID,
        normalize.INVALID_ID,
        normalize.BLANK_KEY,
        keys.KEY_NOT_FOUND,
        keys.KEY_FOUND_TWICE,
        judge.NOT_NAMED,
        settle.NO_ANSWER,
    ],
)
def test_our_own_categories_have_a_hint(category: str) -> None:
    """A row that we could not settle never gets the general hint: we know what is wrong."""
    assert category in HINTS


@pytest.mark.parametrize("category", ["VALIDATION_ERROR", "OBJECT_NOT_FOUND"])
def test_refusals_seen_for_associations_have_a_hint(category: str) -> None:
    """The refusals that HubSpot has been seen to give come with what to check."""
    assert category in HINTS


@pytest.mark.parametrize("hint", [*HINTS.values(), DEFAULT_HINT, NOT_SENT_HINT])
def test_a_hint_is_a_clause(hint: str) -> None:
    """Hints follow ``Try:`` in one line: no capital, no full stop, no line break."""
    assert hint
    assert hint == hint.strip().rstrip(".")
    assert "\n" not in hint
    assert hint.startswith(tuple("abcdefghijklmnopqrstuvwxyz")), hint


def test_hints_do_not_name_hubspot_in_capitals() -> None:
    """A hint speaks to people; category names stay in their own column."""
    assert not any(category in hint for category in HINTS for hint in HINTS.values())
