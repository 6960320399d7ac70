"""Every path of every API version, as the OpenAPI specs and the guide have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.hubspot.paths import Paths

if TYPE_CHECKING:
    from etl.model import ApiVersion


def test_v4_paths() -> None:
    """v4 has the version before ``associations``; labels are tried where the spec has them first."""
    paths = Paths("v4", "contacts", "companies")
    pair = "contacts/companies"
    assert paths.create == f"/crm/v4/associations/{pair}/batch/create"
    assert paths.default == f"/crm/v4/associations/{pair}/batch/associate/default"
    assert paths.read == f"/crm/v4/associations/{pair}/batch/read"
    assert paths.labels == (
        f"/crm/associations/v4/{pair}/labels",
        f"/crm/v4/associations/{pair}/labels",
    )


@pytest.mark.parametrize("version", ["2025-09", "2026-03", "2026-09"])
def test_dated_paths(version: ApiVersion) -> None:
    """Dated versions have the date after ``associations``, for every operation alike."""
    paths = Paths(version, "0-1", "2-123")
    base = f"/crm/associations/{version}/0-1/2-123"
    assert paths.create == f"{base}/batch/create"
    assert paths.default == f"{base}/batch/associate/default"
    assert paths.read == f"{base}/batch/read"
    assert paths.labels == (f"{base}/labels",)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("p_vendor", "p_vendor"),
        ("../../oauth", "..%2F..%2Foauth"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("取引先", "%E5%8F%96%E5%BC%95%E5%85%88"),
    ],
)
def test_an_object_name_stays_in_its_place(name: str, quoted: str) -> None:
    """A slip in the job file asks for an unknown object, never for another path."""
    path = f"/crm/v4/associations/{quoted}/companies/batch/create"
    assert Paths("v4", name, "companies").create == path
