"""Every path of every API version, as the OpenAPI specs and the guide have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import pytest

from etl.hubspot.paths import DAILY_USAGE, DETAILS, AccountPaths, Paths
from etl.model import ApiVersion
from etl.sandbox.versions import VERSIONS

if TYPE_CHECKING:
    from etl.sandbox.versions import Version

SPECS: Final[dict[ApiVersion, dict[str, tuple[str, ...]]]] = {
    "v4": {
        "create": ("/crm/v4/associations/{from}/{to}/batch/create",),
        "default": ("/crm/v4/associations/{from}/{to}/batch/associate/default",),
        "read": ("/crm/v4/associations/{from}/{to}/batch/read",),
        "archive": ("/crm/v4/associations/{from}/{to}/batch/archive",),
        "archive_labels": ("/crm/v4/associations/{from}/{to}/batch/labels/archive",),
        "labels": (
            "/crm/associations/v4/{from}/{to}/labels",
            "/crm/v4/associations/{from}/{to}/labels",
        ),
        "label": (
            "/crm/associations/v4/{from}/{to}/labels/36",
            "/crm/v4/associations/{from}/{to}/labels/36",
        ),
        "limits": (
            "/crm/associations/v4/definitions/configurations/{from}/{to}",
            "/crm/v4/associations/definitions/configurations/{from}/{to}",
        ),
        "limits_create": (
            "/crm/associations/v4/definitions/configurations/{from}/{to}/batch/create",
            "/crm/v4/associations/definitions/configurations/{from}/{to}/batch/create",
        ),
        "limits_update": (
            "/crm/associations/v4/definitions/configurations/{from}/{to}/batch/update",
            "/crm/v4/associations/definitions/configurations/{from}/{to}/batch/update",
        ),
        "limits_purge": (
            "/crm/associations/v4/definitions/configurations/{from}/{to}/batch/purge",
            "/crm/v4/associations/definitions/configurations/{from}/{to}/batch/purge",
        ),
        "record": ("/crm/v4/objects/{from}/5/associations/{to}",),
        "single": ("/crm/v4/objects/{from}/5/associations/{to}/7",),
        "single_default": ("/crm/v4/objects/{from}/5/associations/default/{to}/7",),
        "all_limits": (
            "/crm/associations/v4/definitions/configurations/all",
            "/crm/v4/associations/definitions/configurations/all",
        ),
        "usage_report": ("/crm/v4/associations/usage/high-usage-report/12",),
        "objects_read": ("/crm/v3/objects/{from}/batch/read",),
    },
    "2026-09": {
        "create": ("/crm/associations/2026-09/{from}/{to}/batch/create",),
        "default": ("/crm/associations/2026-09/{from}/{to}/batch/associate/default",),
        "read": ("/crm/associations/2026-09/{from}/{to}/batch/read",),
        "archive": ("/crm/associations/2026-09/{from}/{to}/batch/archive",),
        "archive_labels": ("/crm/associations/2026-09/{from}/{to}/batch/labels/archive",),
        "labels": ("/crm/associations/2026-09/{from}/{to}/labels",),
        "label": ("/crm/associations/2026-09/{from}/{to}/labels/36",),
        "limits": ("/crm/associations/2026-09/definitions/configurations/{from}/{to}",),
        "limits_create": (
            "/crm/associations/2026-09/definitions/configurations/{from}/{to}/batch/create",
        ),
        "limits_update": (
            "/crm/associations/2026-09/definitions/configurations/{from}/{to}/batch/update",
        ),
        "limits_purge": (
            "/crm/associations/2026-09/definitions/configurations/{from}/{to}/batch/purge",
        ),
        "record": ("/crm/objects/2026-09/{from}/5/associations/{to}",),
        "single": ("/crm/objects/2026-09/{from}/5/associations/{to}/7",),
        "single_default": ("/crm/objects/2026-09/{from}/5/associations/default/{to}/7",),
        "all_limits": ("/crm/associations/2026-09/definitions/configurations/all",),
        "usage_report": ("/crm/associations/2026-09/usage/high-usage-report/12",),
        "objects_read": ("/crm/objects/2026-09/{from}/batch/read",),
    },
}
"""By version and operation, the specs' templates; for v4 the guide's after them where it differs."""

for dated in ("2025-09", "2026-03"):
    # The specs of the dated versions differ in nothing but the date.
    SPECS[dated] = {
        name: tuple(path.replace("2026-09", dated) for path in paths)
        for name, paths in SPECS["2026-09"].items()
    }


def built(version: ApiVersion, from_object: str, to_object: str) -> dict[str, tuple[str, ...]]:
    """Build every path of a version, with the ids of the templates."""
    paths, account = Paths(version, from_object, to_object), AccountPaths(version)
    return {
        "create": (paths.create,),
        "default": (paths.default,),
        "read": (paths.read,),
        "archive": (paths.archive,),
        "archive_labels": (paths.archive_labels,),
        "labels": paths.labels,
        "label": paths.label(36),
        "limits": paths.limits,
        "limits_create": paths.limits_create,
        "limits_update": paths.limits_update,
        "limits_purge": paths.limits_purge,
        "record": (paths.record(5),),
        "single": (paths.single(5, 7),),
        "single_default": (paths.single_default(5, 7),),
        "all_limits": account.limits,
        "usage_report": (account.usage_report(12),),
        "objects_read": (account.objects_read(from_object),),
    }


@pytest.mark.parametrize("version", get_args(ApiVersion))
@pytest.mark.parametrize("pair", [("contacts", "companies"), ("0-1", "2-123")])
def test_paths_are_those_of_the_specs(version: ApiVersion, pair: tuple[str, str]) -> None:
    """Every operation goes where HubSpot serves it, the spec's path before the guide's."""
    from_object, to_object = pair
    assert built(version, from_object, to_object) == {
        name: tuple(
            path.replace("{from}", from_object).replace("{to}", to_object) for path in paths
        )
        for name, paths in SPECS[version].items()
    }


def test_the_account_has_paths_of_its_own() -> None:
    """What is asked of the account is the same in every version of the associations API."""
    assert DETAILS == "/account-info/v3/details"
    assert DAILY_USAGE == "/account-info/v3/api-usage/daily/private-apps"


@pytest.mark.parametrize("version", get_args(ApiVersion))
@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("p_vendor", "p_vendor"),
        ("../../oauth", "..%2F..%2Foauth"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("取引先", "%E5%8F%96%E5%BC%95%E5%85%88"),
    ],
)
def test_an_object_name_stays_in_its_place(version: ApiVersion, name: str, quoted: str) -> None:
    """A slip in the job file asks for an unknown object, never for another path."""
    for one, other in ((name, "companies"), ("companies", name)):
        plain, odd = built(version, "contacts", "companies"), built(version, one, other)
        ends = (quoted, "companies") if one == name else ("companies", quoted)
        assert odd == {
            operation: tuple(
                path.replace("companies", ends[1]).replace("contacts", ends[0]) for path in paths
            )
            for operation, paths in plain.items()
        }


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_who_lists_a_single_record(version: Version) -> None:
    """Our reading of the specs and the sandbox's agree on which versions list one record."""
    paths = Paths(version.name, "contacts", "companies")  # type: ignore[arg-type]
    assert paths.lists_a_record is version.lists_a_record
