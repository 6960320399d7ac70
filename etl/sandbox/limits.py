"""How many records a record may be associated with, by label: what admins set, below HubSpot's own.

Rule 1: a limit belongs to one direction, like the label it is for; the unlabeled type has one too.
Rule 2: a limit is about what is written from now on; what is there already stays.
Rule 3: an exclusive label (primary) moves, so its limit is never met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.sandbox.definition import PortalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from etl.sandbox.catalogue import Catalogue
    from etl.sandbox.definition import AssociationLimit
    from etl.sandbox.labels import Label
    from etl.sandbox.links import Links, Plan
    from etl.sandbox.objects import Objects


class Limits:
    """The limits of one portal."""

    def __init__(self) -> None:
        self._by_label: dict[Label, int] = {}

    def between(self, from_object: str, to_object: str) -> dict[Label, int]:
        """List the limits of one direction."""
        found = self._by_label.items()
        return {
            each: most
            for each, most in found
            if (each.from_object, each.to_object) == (from_object, to_object)
        }

    def all(self) -> Mapping[Label, int]:
        """List the limits of every direction."""
        return self._by_label

    def set(self, label: Label, most: int) -> None:
        """Let records have so many others by a label."""
        self._by_label[label] = most

    def clear(self, label: Label) -> bool:
        """Take a limit away, and tell whether there was one."""
        return self._by_label.pop(label, None) is not None


class Room:
    """What the limits leave for one request, counting also what it has asked for so far."""

    def __init__(self, limits: Limits, links: Links, from_object: str, to_object: str) -> None:
        there, back = (from_object, to_object), (to_object, from_object)
        self._limits = {
            each: most
            for each, most in (limits.between(*there) | limits.between(*back)).items()
            if not each.is_exclusive
        }
        self._links = links
        self._others: dict[tuple[Label, int], set[int]] = {}

    def take(self, plan: Plan, from_id: int, to_id: int) -> Label | None:
        """Take the room for one association, or name the label that has none left."""
        if not self._limits:
            return None
        forward, backward = self._links.of(from_id), self._links.back_of(to_id)
        wanted = [(each, from_id, to_id, forward) for each in plan.forward if each in self._limits]
        wanted += [
            (each, to_id, from_id, backward) for each in plan.backward if each in self._limits
        ]
        taken: list[tuple[set[int], int]] = []
        for label, holder, other, bonds in wanted:
            others = self._others.get((label, holder))
            if others is None:
                others = {each for each, bond in bonds.items() if label in bond.labels}
                self._others[label, holder] = others
            if other not in others and len(others) >= self._limits[label]:
                return label
            taken.append((others, other))
        for others, other in taken:
            others.add(other)
        return None


def defined_limits(
    definitions: Iterable[AssociationLimit], catalogue: Catalogue, objects: Objects
) -> Limits:
    """Set the limits of a portal file."""
    limits = Limits()
    for each in definitions:
        one, other = (objects.defined(i, "`limits`") for i in (each.from_object, each.to_object))
        labels = catalogue.labels(one.name, other.name)
        found = next((label for label in labels if label.text == each.label), None)
        if found is None:
            known = ", ".join(repr(label.text) for label in labels if label.text) or "none"
            raise PortalError(
                f"`limits` names the label {each.label!r} from {each.from_object} to"
                f" {each.to_object}, which this portal doesn't have: it has {known}"
            )
        limits.set(found, each.max)
    return limits
