"""How long HubSpot supports each version of its API.

Rule 1: every version's last day stands here, once, with its source.
Rule 2: that support ends says nothing of what HubSpot answers afterwards: it is told, never enforced.
Rule 3: an end that is known by its month alone counts as past when the whole month is.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.model import ApiVersion

DATED_MONTHS: Final = 18
"""From a dated version's release, in the month of its name, to "unsupported" (HubSpot's versioning
schedule: developers.hubspot.com/docs/developer-tooling/platform/versioning)."""

NEWEST: Final[ApiVersion] = "2026-09"
"""The dated version that is supported longest."""


@dataclass(frozen=True, slots=True)
class Support:
    """How long a version is supported."""

    last_day: date
    is_exact: bool
    """False where HubSpot tells the month alone."""

    def __str__(self) -> str:
        return f"{self.last_day:%Y-%m-%d}" if self.is_exact else f"{self.last_day:%Y-%m}"

    def is_over(self, today: date) -> bool:
        """Tell whether the last day has passed."""
        return today > self.last_day


def _dated(released: str) -> Support:
    year, month = map(int, released.split("-"))
    years, past_december = divmod(month - 1 + DATED_MONTHS, 12)
    year, month = year + years, past_december + 1
    return Support(date(year, month, calendar.monthrange(year, month)[1]), is_exact=False)


SUPPORT: Final[Mapping[ApiVersion, Support]] = {
    # HubSpot's changelog and its guide to associations v4.
    "v4": Support(date(2027, 3, 30), is_exact=True),
    "2025-09": _dated("2025-09"),
    "2026-03": _dated("2026-03"),
    "2026-09": _dated("2026-09"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What to know of a version, and what to do about it."""

    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.message}; {self.fix}"


def support_notice(version: ApiVersion, today: date) -> Notice | None:
    """Say that a version's support ends, or has ended; None where there is nothing to do yet.

    v4 has no successor of its name, so whoever uses it has to change a setting: that is told from
    the start. Of a dated version it is told when it is over.
    """
    support = SUPPORT[version]
    is_over = support.is_over(today)
    if version != "v4" and not is_over:
        return None
    fix = f"set hubspot.api_version (or --api-version) to a dated version, such as {NEWEST}"
    if SUPPORT[NEWEST].is_over(today):
        fix = "update hubspot-assoc: this one knows no version that is still supported"
    return Notice(
        f"HubSpot {'ended' if is_over else 'ends'} its support of API version {version} "
        f"{'on' if support.is_exact else 'in'} {support}",
        fix,
    )
