"""One HubSpot account in memory: what it is by definition, and the associations made in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.sandbox.catalogue import Catalogue
from etl.sandbox.limits import Room, defined_limits
from etl.sandbox.links import Direction, Links, forget
from etl.sandbox.objects import Objects, ObjectType
from etl.sandbox.properties import Properties
from etl.sandbox.records import Records

if TYPE_CHECKING:
    from etl.sandbox.definition import PortalDefinition
    from etl.sandbox.labels import Label


@dataclass(frozen=True, slots=True)
class Pair:
    """Two objects in one direction."""

    from_object: ObjectType
    to_object: ObjectType

    @property
    def key(self) -> tuple[str, str]:
        """Name the direction."""
        return self.from_object.name, self.to_object.name


class Portal:
    """The mutable account behind the endpoints."""

    def __init__(self, definition: PortalDefinition) -> None:
        self.definition = definition
        self.settings = definition.settings
        self.objects = Objects(definition.objects, definition.portal_id)
        self.catalogue = Catalogue(definition, self.objects)
        self.limits = defined_limits(definition.limits, self.catalogue, self.objects)
        rules = {
            self.objects.defined(name, "`records`"): rule
            for name, rule in definition.records.items()
        }
        self._records = {of.name: Records(rule) for of, rule in rules.items()}
        self._every_record = Records()
        self._properties = {
            of.name: Properties(of, self.records(of), rule) for of, rule in rules.items()
        }
        self._directions: dict[tuple[str, str], Direction] = {}
        self._links: dict[tuple[str, str], Links] = {}

    def pair(self, from_object: str, to_object: str) -> Pair:
        """Find two objects by any of their names."""
        return Pair(self.objects.infer(from_object), self.objects.infer(to_object))

    def records(self, of: ObjectType) -> Records:
        """Find which records of an object exist."""
        return self._records.get(of.name, self._every_record)

    def properties(self, of: ObjectType) -> Properties:
        """Find what the records of an object have in their properties."""
        if of.name not in self._properties:
            self._properties[of.name] = Properties(of, self._every_record)
        return self._properties[of.name]

    def links(self, pair: Pair) -> Links:
        """Open the associations between two objects."""
        from_object, to_object = pair.key
        links = self._links.get(pair.key)
        if links is None:
            links = self._links[pair.key] = Links(
                self.catalogue,
                self._directions.setdefault((from_object, to_object), {}),
                self._directions.setdefault((to_object, from_object), {}),
                replaces=self.settings.labels_written == "replace",
            )
        return links

    def associated_pairs(self) -> list[Pair]:
        """List the directions in which there may be associations."""
        named = self.objects.named
        return [Pair(named(one), named(other)) for one, other in self._directions]

    def room(self, pair: Pair) -> Room:
        """Measure what the limits leave for one request that writes between two objects."""
        return Room(self.limits, self.links(pair), *pair.key)

    def delete_label(self, label: Label) -> None:
        """Take a label away, both ways, also from the associations that have it."""
        sides = self.catalogue.delete(label)
        for each in sides:
            self.limits.clear(each)
            forget(sides, self._directions.get((each.from_object, each.to_object), {}))

    def associations(self, from_object: str, to_object: str) -> set[tuple[int, int, str, int]]:
        """List what is associated: from_id, to_id, category and type id."""
        direction = self._directions.get(self.pair(from_object, to_object).key, {})
        return {
            (from_id, to_id, label.category, label.type_id)
            for from_id, tos in direction.items()
            for to_id, bond in tos.items()
            for label in bond.labels
        }
