"""How near records are to what they may have of associations.

What is told of a direction is about associations of any label: the limit that admins set for the
unlabeled type, or else HubSpot's own, which the sandbox tells but doesn't enforce.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.sandbox.portal import Pair, Portal

MAX_ASSOCIATIONS = 50_000
"""Records of one object that a record may be associated with (the guide's example: a company)."""

NEAR = 0.8
"""The share of a limit from which on a record is near it (the guide, high usage report)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The records of one direction that are near their limit, or at it."""

    limit: int
    near: dict[int, int]
    """How many associations a record has, by its id."""
    full: dict[int, int]


def usage_of(portal: Portal, pair: Pair) -> Usage:
    """Count what the records of one direction have."""
    unlabeled = portal.catalogue.unlabeled(*pair.key)
    limit = MAX_ASSOCIATIONS
    if unlabeled is not None:
        limit = portal.limits.all().get(unlabeled, limit)
    counts = portal.links(pair).counts()
    near = {i: count for i, count in counts.items() if limit > count >= limit * NEAR}
    full = {i: count for i, count in counts.items() if count >= limit}
    return Usage(limit, near, full)


def percentage(used: int, limit: int) -> float:
    """Tell how much of a limit is used, in percent."""
    return round(100 * used / limit, 2)
