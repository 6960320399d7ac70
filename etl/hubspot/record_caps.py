"""HubSpot's own limits on how many records of an object one record may have.

HubSpot's documents name few of them. What is not in this table is not known to us, which is not to
say that there is no limit: `usage-report` and HubSpot's settings have the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from etl.hubspot.objects import singular


@dataclass(frozen=True, slots=True)
class RecordCap:
    """How many records of one object a record of another may have, whatever the labels."""

    object: str
    to_object: str
    most: int
    source: str


RECORD_CAPS: Final = (
    RecordCap("company", "contact", 50_000, "HubSpot's guide to associations v4, its example"),
)
"""What our sources name, and no more."""


def record_cap(from_object: str, to_object: str) -> RecordCap | None:
    """Find the cap of a record of one object towards another; None where our sources have none."""
    ends = (singular(from_object), singular(to_object))
    return next((cap for cap in RECORD_CAPS if (cap.object, cap.to_object) == ends), None)
