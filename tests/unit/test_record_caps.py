"""HubSpot's own limits of records: what its documents name, and nothing else."""

from __future__ import annotations

import pytest

from etl.hubspot.record_caps import RECORD_CAPS, record_cap


@pytest.mark.parametrize(("one", "other"), [("companies", "contacts"), ("0-2", "CONTACT")])
def test_a_cap_is_found_by_any_name(one: str, other: str) -> None:
    """A company takes 50,000 contacts, whatever the job calls the two objects."""
    cap = record_cap(one, other)
    assert cap is not None
    assert cap.most == 50_000


@pytest.mark.parametrize("pair", [("contacts", "companies"), ("deals", "contacts"), ("2-1", "2-2")])
def test_what_no_source_names_is_not_made_up(pair: tuple[str, str]) -> None:
    """A cap that is not known is absent, also the other way round of one that is."""
    assert record_cap(*pair) is None
    assert all(cap.source for cap in RECORD_CAPS)
