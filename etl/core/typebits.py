"""Number the association types of a run, so that a set of types is one integer.

A set as an integer lets a million rows merge their types by a bitwise or, in columns. The numbers
live for one run and one direction; the journal keeps them with the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.model import AssociationType

MAX_TYPES: Final = 63
"""Bits of a signed 64-bit column. HubSpot's own limit is about ten labels a pair of objects."""


class TypeBits:
    """Give each type of one direction its bit, in the order of first use."""

    def __init__(self, types: Iterable[AssociationType] = ()) -> None:
        """Begin with the types whose bits are in use already, in the order of the bits."""
        self._types = list(types)
        self._bits = {kind: bit for bit, kind in enumerate(self._types)}

    @property
    def in_use(self) -> tuple[AssociationType, ...]:
        """List the types that have a bit, in the order of the bits."""
        return tuple(self._types)

    @property
    def by_name(self) -> dict[str, int]:
        """Give the bit of each type by its name, ``CATEGORY:id``."""
        return {str(kind): 1 << bit for kind, bit in self._bits.items()}

    def mask(self, types: Iterable[AssociationType]) -> int:
        """Write a set of types as an integer. Raises UsageError past 63 different types."""
        mask = 0
        for association_type in types:
            mask |= 1 << self._bit(association_type)
        return mask

    def types(self, mask: int) -> tuple[AssociationType, ...]:
        """Read an integer back as types, in the order of first use."""
        return tuple(kind for bit, kind in enumerate(self._types) if mask >> bit & 1)

    def _bit(self, association_type: AssociationType) -> int:
        bit = self._bits.get(association_type)
        if bit is None:
            bit = len(self._types)
            if bit >= MAX_TYPES:
                raise UsageError(
                    f"the run meets more than {MAX_TYPES} different association types in one "
                    f"direction; {association_type} is one too many",
                    "split the source by label and run one job for each part",
                )
            self._types.append(association_type)
            self._bits[association_type] = bit
        return bit
