"""The association labels of a portal, each way, and which label is the inverse of which.

Rule 1: a label belongs to one direction; its inverse is another label, or itself when both sides
are the same object and the text is the same.
Rule 2: category and type id name a label together: USER_DEFINED 1 and HUBSPOT_DEFINED 1 are two.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from etl.sandbox.definition import CustomLabel, PortalError
from etl.sandbox.objects import BUILT_IN_OBJECTS, Objects, ObjectType, UnknownObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.definition import PortalDefinition

HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"

MAX_LABELS_PER_PAIR = 10
"""Custom labels between two objects (HubSpot's guide to association labels)."""

UNLABELED = "unlabeled"
PRIMARY = "primary"
CUSTOM = "custom"

INVERSE_KINDS = {"parent_to_child": "child_to_parent", "child_to_parent": "parent_to_child"}
"""Kinds whose inverse is another kind; every other kind is its own."""

BUILT_IN_TEXTS = {
    "billing": "Billing",
    "child_to_parent": "Parent Company",
    "parent_to_child": "Child Company",
    "signer": "Signer",
    "upcoming": "Upcoming",
}


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """One association type in one direction. Compared by identity: a portal makes each once."""

    from_object: str
    to_object: str
    category: str
    type_id: int
    text: str | None
    """What people see; None for the unlabeled type."""
    kind: str
    """``custom``, or HubSpot's own kind: unlabeled, primary, billing, …"""

    @property
    def is_exclusive(self) -> bool:
        """Tell whether a from-record has this label to one record at most."""
        return self.kind == PRIMARY and (self.to_object == "company" or self.from_object == "lead")


class Catalogue:
    """Every label of one portal."""

    def __init__(self, definition: PortalDefinition, objects: Objects) -> None:
        self._by_pair: dict[tuple[str, str], dict[tuple[str, int], Label]] = {}
        self._inverse: dict[Label, Label] = {}
        self._taken = {i for each in definition.labels for i in each.type_ids or ()}
        self._next_type_id = 1
        self._add_built_in()
        for label in definition.labels:
            self._add_custom(label, objects)
        self._connect_custom_objects(definition, objects)

    def labels(self, from_object: str, to_object: str) -> Iterable[Label]:
        """List the labels of one direction, built-in ones first."""
        return self._by_pair.get((from_object, to_object), {}).values()

    def find(self, from_object: str, to_object: str, category: str, type_id: int) -> Label | None:
        """Find a label of one direction by its key."""
        return self._by_pair.get((from_object, to_object), {}).get((category, type_id))

    def unlabeled(self, from_object: str, to_object: str) -> Label | None:
        """Find the type that says "associated" and nothing more; some pairs have none."""
        kinds = (each for each in self.labels(from_object, to_object) if each.kind == UNLABELED)
        return next(kinds, None)

    def inverse(self, label: Label) -> Label | None:
        """Find the label that the other record shows; HubSpot lists some one way only."""
        return self._inverse.get(label)

    def _add(self, label: Label) -> Label:
        pair = self._by_pair.setdefault((label.from_object, label.to_object), {})
        pair[label.category, label.type_id] = label
        return label

    def _add_built_in(self) -> None:
        known = {each.name for each in BUILT_IN_OBJECTS}
        by_kind: dict[tuple[str, str, str], Label] = {}
        with (resources.files("etl.sandbox") / "association_types.csv").open(encoding="utf-8") as f:
            for row in csv.DictReader(f):
                from_object, to_object, kind = row["from_object"], row["to_object"], row["kind"]
                if from_object in known and to_object in known:
                    text = _built_in_text(kind, from_object, to_object)
                    type_id = int(row["type_id"])
                    by_kind[from_object, to_object, kind] = self._add(
                        Label(from_object, to_object, HUBSPOT_DEFINED, type_id, text, kind)
                    )
        for (from_object, to_object, kind), label in by_kind.items():
            inverse = by_kind.get((to_object, from_object, INVERSE_KINDS.get(kind, kind)))
            if inverse is not None:
                self._inverse[label] = inverse

    def _add_custom(self, made: CustomLabel, objects: Objects) -> None:
        from_object, to_object = (
            _infer(objects, name, made).name for name in (made.from_object, made.to_object)
        )
        inverse_text = made.inverse_label or made.label
        is_own_inverse = from_object == to_object and inverse_text == made.label
        wanted = 1 if is_own_inverse else 2
        type_ids = made.type_ids or tuple(self._free_type_id() for _ in range(wanted))
        if len(type_ids) != wanted or len(set(type_ids)) != wanted:
            raise PortalError(
                f"label {made.label!r} ({made.from_object} to {made.to_object}) has type_ids"
                f" {list(type_ids)}: give {wanted} different ids, or leave type_ids out"
            )
        sides = ((from_object, to_object, made.label), (to_object, from_object, inverse_text))
        labels: list[Label] = []
        for type_id, (one, other, text) in zip(type_ids, sides, strict=False):
            self._refuse_a_clash(made, one, other, text, type_id)
            labels.append(self._add(Label(one, other, USER_DEFINED, type_id, text, CUSTOM)))
        self._inverse[labels[0]], self._inverse[labels[-1]] = labels[-1], labels[0]
        self._connect(from_object, to_object)

    def _refuse_a_clash(
        self, made: CustomLabel, from_object: str, to_object: str, text: str, type_id: int
    ) -> None:
        custom = [each for each in self.labels(from_object, to_object) if each.kind == CUSTOM]
        where = f"label {text!r} ({made.from_object} to {made.to_object})"
        if any(each.text == text for each in custom):
            raise PortalError(f"{where} is defined twice: keep one of them")
        if any((USER_DEFINED, type_id) in pair for pair in self._by_pair.values()):
            raise PortalError(f"{where} has type id {type_id}, which another label has: change it")
        sides = 2 if from_object == to_object else 1
        if len(custom) >= MAX_LABELS_PER_PAIR * sides:
            raise PortalError(
                f"{where} is one too many: HubSpot has at most {MAX_LABELS_PER_PAIR} custom labels"
                " between two objects"
            )

    def _connect_custom_objects(self, definition: PortalDefinition, objects: Objects) -> None:
        for each in definition.objects:
            for standard in ("contact", "company", "deal", "ticket"):
                self._connect(objects.infer(each.type_id).name, standard)

    def _connect(self, from_object: str, to_object: str) -> None:
        """Give two objects an unlabeled type; a custom object has one of the portal's own."""
        if self.unlabeled(from_object, to_object) is not None:
            return
        pairs = dict.fromkeys([(from_object, to_object), (to_object, from_object)])
        labels = [
            self._add(Label(one, other, USER_DEFINED, self._free_type_id(), None, UNLABELED))
            for one, other in pairs
        ]
        self._inverse[labels[0]], self._inverse[labels[-1]] = labels[-1], labels[0]

    def _free_type_id(self) -> int:
        while self._next_type_id in self._taken:
            self._next_type_id += 1
        self._taken.add(self._next_type_id)
        return self._next_type_id


def _infer(objects: Objects, name: str, made: CustomLabel) -> ObjectType:
    try:
        return objects.infer(name)
    except UnknownObjectError as unknown:
        raise PortalError(
            f"label {made.label!r} names the object {name!r}, which this portal doesn't have:"
            " write a name such as contacts, a type id such as 0-1, or p_<name> of one in `objects`"
        ) from unknown


def _built_in_text(kind: str, from_object: str, to_object: str) -> str | None:
    if kind == UNLABELED:
        return None
    if kind == PRIMARY and from_object == "company" and to_object != "company":
        return f"{to_object.replace('_', ' ').title()} with Primary Company"
    return BUILT_IN_TEXTS.get(kind, "Primary")
