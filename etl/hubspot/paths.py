"""Every URL path of HubSpot's API that we call, for each API version.

The one place that knows them. Sources: HubSpot's OpenAPI specs ``associations`` and
``associations-schema``, and its guide to associations v4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from etl.model import ApiVersion

DETAILS = "/account-info/v3/details"
"""The account's id and time zone (spec ``account-info-v3``); it needs no scope."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Build the paths for one API version and one ordered pair of objects."""

    api_version: ApiVersion
    from_object: str
    to_object: str

    @property
    def create(self) -> str:
        """Associate with types, in bulk."""
        return f"{self._associations}/batch/create"

    @property
    def default(self) -> str:
        """Associate without a label, in bulk."""
        return f"{self._associations}/batch/associate/default"

    @property
    def read(self) -> str:
        """Read what records are associated with, in bulk."""
        return f"{self._associations}/batch/read"

    @property
    def labels(self) -> tuple[str, ...]:
        """List the labels of the pair: the spec's path, then the guide's, for v4 has both."""
        spec = f"/crm/associations/{self.api_version}/{self._pair}/labels"
        if self.api_version == "v4":
            return (spec, f"{self._associations}/labels")
        return (spec,)

    @property
    def _associations(self) -> str:
        if self.api_version == "v4":
            return f"/crm/v4/associations/{self._pair}"
        return f"/crm/associations/{self.api_version}/{self._pair}"

    @property
    def _pair(self) -> str:
        return f"{quote(self.from_object, safe='')}/{quote(self.to_object, safe='')}"
