"""Every URL path of HubSpot's API that we call, for each API version.

The one place that knows them. Sources: HubSpot's OpenAPI specs ``associations``,
``associations-schema``, ``objects``, ``account-info`` and ``limits-tracking``, and its guide to
associations v4.

Rule 1: where spec and guide disagree on a path, both stand here, the spec's first; the client takes
        the first that HubSpot serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from etl.model import ApiVersion

DETAILS = "/account-info/v3/details"
"""The account's id and time zone (spec ``account-info-v3``); it needs no scope."""

DAILY_USAGE = "/account-info/v3/api-usage/daily/private-apps"
"""Calls of today by the account's private apps (the same spec)."""


@dataclass(frozen=True, slots=True)
class AccountPaths:
    """Build the paths for one API version that are about no pair of objects."""

    api_version: ApiVersion

    @property
    def limits(self) -> tuple[str, ...]:
        """List the association limits that are configured between any objects."""
        return tuple(f"{root}/all" for root in _limit_roots(self.api_version))

    def label_limits(self, from_type_id: str, to_type_id: str) -> tuple[str, ...]:
        """Tell how many custom labels two objects have and may have.

        Not every dated version has a spec of it, so v3 stands last.
        """
        roots = ["/crm/v3/limits"]
        if self.api_version != "v4":
            roots.insert(0, f"/crm/limits/{self.api_version}")
        ends = f"fromObjectTypeId={quote(from_type_id)}&toObjectTypeId={quote(to_type_id)}"
        return tuple(f"{root}/associations/labels?{ends}" for root in roots)

    def usage_report(self, user_id: int) -> str:
        """Have a report of records near their association limits mailed to a user."""
        return f"{_associations_root(self.api_version)}/usage/high-usage-report/{user_id}"

    def objects_read(self, object_name: str) -> str:
        """Read records in bulk, by id or by a unique property."""
        root = "/crm/v3/objects" if self.api_version == "v4" else _objects_root(self.api_version)
        return f"{root}/{quote(object_name, safe='')}/batch/read"


@dataclass(frozen=True, slots=True)
class Paths:
    """Build the paths for one API version and one ordered pair of objects."""

    api_version: ApiVersion
    from_object: str
    to_object: str

    @property
    def create(self) -> str:
        """Associate with types, in bulk."""
        return f"{self._batch}/create"

    @property
    def default(self) -> str:
        """Associate without a label, in bulk."""
        return f"{self._batch}/associate/default"

    @property
    def read(self) -> str:
        """Read what records are associated with, in bulk."""
        return f"{self._batch}/read"

    @property
    def archive(self) -> str:
        """Take whole associations away, in bulk."""
        return f"{self._batch}/archive"

    @property
    def archive_labels(self) -> str:
        """Take labels away, in bulk."""
        return f"{self._batch}/labels/archive"

    @property
    def labels(self) -> tuple[str, ...]:
        """List, make and rename the labels of the pair."""
        roots = [f"/crm/associations/{self.api_version}"]
        if self.api_version == "v4":
            roots.append(_associations_root("v4"))
        return tuple(f"{root}/{self._pair}/labels" for root in roots)

    def label(self, type_id: int) -> tuple[str, ...]:
        """Delete one label."""
        return tuple(f"{path}/{type_id}" for path in self.labels)

    @property
    def limits(self) -> tuple[str, ...]:
        """List the association limits that are configured for the pair."""
        return tuple(f"{root}/{self._pair}" for root in _limit_roots(self.api_version))

    @property
    def limits_create(self) -> tuple[str, ...]:
        """Set limits where there are none."""
        return tuple(f"{path}/batch/create" for path in self.limits)

    @property
    def limits_update(self) -> tuple[str, ...]:
        """Change limits that are there."""
        return tuple(f"{path}/batch/update" for path in self.limits)

    @property
    def limits_purge(self) -> tuple[str, ...]:
        """Take limits away."""
        return tuple(f"{path}/batch/purge" for path in self.limits)

    @property
    def lists_a_record(self) -> bool:
        """Tell whether HubSpot serves `record` (the spec ``associations-2026-09`` has it no more)."""
        return self.api_version != "2026-09"

    def record(self, from_id: int) -> str:
        """List what one record is associated with, where `lists_a_record`."""
        root = _objects_root(self.api_version)
        from_object, to_object = quote(self.from_object, safe=""), quote(self.to_object, safe="")
        return f"{root}/{from_object}/{from_id}/associations/{to_object}"

    def single(self, from_id: int, to_id: int) -> str:
        """Associate two records with types (PUT), or part them (DELETE)."""
        return f"{self.record(from_id)}/{to_id}"

    def single_default(self, from_id: int, to_id: int) -> str:
        """Associate two records without a label (PUT)."""
        root = _objects_root(self.api_version)
        from_object, to_object = quote(self.from_object, safe=""), quote(self.to_object, safe="")
        return f"{root}/{from_object}/{from_id}/associations/default/{to_object}/{to_id}"

    @property
    def _batch(self) -> str:
        return f"{_associations_root(self.api_version)}/{self._pair}/batch"

    @property
    def _pair(self) -> str:
        return f"{quote(self.from_object, safe='')}/{quote(self.to_object, safe='')}"


def _associations_root(api_version: ApiVersion) -> str:
    return "/crm/v4/associations" if api_version == "v4" else f"/crm/associations/{api_version}"


def _objects_root(api_version: ApiVersion) -> str:
    return "/crm/v4/objects" if api_version == "v4" else f"/crm/objects/{api_version}"


def _limit_roots(api_version: ApiVersion) -> tuple[str, ...]:
    roots = [f"/crm/associations/{api_version}"]
    if api_version == "v4":
        roots.append(_associations_root("v4"))
    return tuple(f"{root}/definitions/configurations" for root in roots)
