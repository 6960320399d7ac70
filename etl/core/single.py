"""Decide what a single pair of records needs, from what is asked for and what HubSpot has.

Rule 1: what is written holds all that is to stay: right whether HubSpot adds types or replaces them.
Rule 2: only custom labels are ever stale; HubSpot's own types stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.model import AssociationType, ExistingLabels

Types = frozenset["AssociationType"]


@dataclass(frozen=True, slots=True)
class Bond:
    """What HubSpot has between two records, in one direction."""

    exists: bool
    """Whether they are associated at all; an association may name no type."""
    types: Types = frozenset()

    def has(self, wanted: Types) -> bool:
        """Tell whether the records are associated by all of these types."""
        return self.exists and wanted <= self.types


def to_write(
    wanted: Types, bond: Bond, custom: Types, existing_labels: ExistingLabels
) -> Types | None:
    """Give the types to write, no types for the default association, and None for no write."""
    if bond.has(wanted):
        return None
    if not wanted:
        return wanted
    return wanted | (bond.types - custom if existing_labels == "replace" else bond.types)


def stale(wanted: Types, bond: Bond, custom: Types) -> Types:
    """Give the custom labels that a pair has and nobody asks for."""
    return (bond.types & custom) - wanted
