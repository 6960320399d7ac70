"""Every path of every API version, as the OpenAPI specs and the guide have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.hubspot.paths import Paths
from etl.sandbox.versions import VERSIONS

if TYPE_CHECKING:
    from etl.model import ApiVersion
    from etl.sandbox.versions import Version


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


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_who_lists_a_single_record(version: Version) -> None:
    """Our reading of the specs and the sandbox's agree on which versions list one record."""
    paths = Paths(version.name, "contacts", "companies")  # type: ignore[arg-type]
    assert paths.lists_a_record is version.lists_a_record


@pytest.mark.parametrize(
    ("version", "root"),
    [("v4", "/crm/v4/objects"), ("2026-03", "/crm/objects/2026-03")],
)
def test_paths_of_single_records(version: ApiVersion, root: str) -> None:
    """One record, one pair, and one pair without a label stand below the objects."""
    paths = Paths(version, "contacts", "2-123")
    assert paths.record(1) == f"{root}/contacts/1/associations/2-123"
    assert paths.single(1, 2) == f"{root}/contacts/1/associations/2-123/2"
    assert paths.single_default(1, 2) == f"{root}/contacts/1/associations/default/2-123/2"
