"""How long HubSpot supports a version of its API, and when that is told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.versions import NEWEST, SUPPORT, support_notice
from etl.model import ApiVersion

if TYPE_CHECKING:
    from typing import Final

TODAY: Final = date(2026, 11, 24)
VERSIONS: Final = get_args(ApiVersion)


def test_every_version_has_its_end() -> None:
    """A version that can be set is a version of which the end of support is known."""
    assert tuple(SUPPORT) == VERSIONS
    assert {version: str(support) for version, support in SUPPORT.items()} == {
        "v4": "2027-03-30",
        "2025-09": "2027-03",
        "2026-03": "2027-09",
        "2026-09": "2028-03",
    }


def test_the_version_to_change_to_is_supported_longest() -> None:
    """Nobody is told to change to a version that ends sooner than another."""
    assert max(SUPPORT, key=lambda version: SUPPORT[version].last_day) == NEWEST


def test_v4_is_told_before_its_end() -> None:
    """Whoever runs v4 hears while there is time when support ends and which setting to change."""
    told = str(support_notice("v4", TODAY))
    assert "ends its support of API version v4 on 2027-03-30" in told
    assert "hubspot.api_version (or --api-version)" in told
    assert NEWEST in told


def test_v4_is_told_after_its_end() -> None:
    """After its last day v4 is told as ended, not as ending."""
    assert "ends its support" in str(support_notice("v4", date(2027, 3, 30)))
    assert "ended its support" in str(support_notice("v4", date(2027, 3, 31)))


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != "v4"])
def test_a_dated_version_is_told_when_it_is_over(version: ApiVersion) -> None:
    """A dated version is quiet to the end of its last month, and told from the next day on."""
    last_day = SUPPORT[version].last_day
    assert (last_day + timedelta(days=1)).day == 1
    assert support_notice(version, last_day) is None
    told = str(support_notice(version, last_day + timedelta(days=1)))
    assert f"ended its support of API version {version} in {SUPPORT[version]}" in told


def test_an_old_program_names_no_version_that_is_over() -> None:
    """Years from now, the fix is a newer hubspot-assoc and not another version that has ended."""
    told = str(support_notice("v4", SUPPORT[NEWEST].last_day + timedelta(days=1)))
    assert "update hubspot-assoc" in told
    assert NEWEST not in told


@given(st.sampled_from(VERSIONS), st.dates(), st.dates())
def test_an_end_stays_an_end(version: ApiVersion, one: date, other: date) -> None:
    """What is over on one day is over on every later one."""
    first, second = sorted((one, other))
    if SUPPORT[version].is_over(first):
        assert SUPPORT[version].is_over(second)
