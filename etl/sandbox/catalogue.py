"""Every label of one portal, each way, and which label is the inverse of which.

Rule 1: what is defined, renamed or deleted, is so in both directions at once.
Rule 2: the type id of a deleted label is never given to another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.sandbox.definition import PortalError
from etl.sandbox.labels import (
    CUSTOM,
    INVERSE_KINDS,
    UNLABELED,
    USER_DEFINED,
    Label,
    LabelKey,
    built_in_labels,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from etl.sandbox.definition import CustomLabel, PortalDefinition
    from etl.sandbox.objects import Objects

MAX_LABELS_PER_PAIR = 10
"""Custom labels, single or paired, between two objects (HubSpot's guide to association labels)."""


TWICE = "is defined twice: keep one of them"


class LabelError(ValueError):
    """Say why a label can't be as asked."""


class Catalogue:
    """The labels of a portal: HubSpot's own, and those that its people define."""

    def __init__(self, definition: PortalDefinition, objects: Objects) -> None:
        self._by_pair: dict[tuple[str, str], dict[LabelKey, Label]] = {}
        self._inverse: dict[Label, Label] = {}
        self._taken = {i for each in definition.labels for i in each.type_ids or ()}
        self._next_type_id = 1
        self._add_built_in()
        for label in definition.labels:
            self._add_defined(label, objects)
        self._connect_custom_objects(definition)

    def labels(self, from_object: str, to_object: str) -> Collection[Label]:
        """List the labels of one direction, built-in ones first."""
        return self._by_pair.get((from_object, to_object), {}).values()

    def custom_labels(self, from_object: str, to_object: str) -> list[Label]:
        """List the labels of one direction that people defined."""
        return [each for each in self.labels(from_object, to_object) if each.kind == CUSTOM]

    def labelled_pairs(self) -> list[tuple[str, str]]:
        """List the directions in which people defined labels."""
        return [pair for pair in self._by_pair if self.custom_labels(*pair)]

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

    def count_defined(self, from_object: str, to_object: str) -> int:
        """Count the labels that people defined between two objects, a paired one once."""
        custom = self.custom_labels(from_object, to_object)
        return len({frozenset([each, self._inverse[each]]) for each in custom})

    def define(
        self,
        from_object: str,
        to_object: str,
        text: str,
        *,
        inverse_text: str | None = None,
        name: str | None = None,
        type_ids: tuple[int, ...] | None = None,
    ) -> tuple[Label, ...]:
        """Add a label, single or paired, and list its sides: one when it is its own inverse."""
        sides = ((from_object, to_object, text), (to_object, from_object, inverse_text or text))
        wanted = 1 if sides[0] == sides[1] else 2
        ids = type_ids or tuple(self._free_type_id() for _ in range(wanted))
        if len(ids) != wanted or len(set(ids)) != wanted:
            raise LabelError(
                f"{_told(*sides[0])} has type_ids {list(ids)}: give {wanted} different ids,"
                " or leave type_ids out"
            )
        self._refuse_a_clash(sides, name, ids)
        labels = tuple(
            self._add(Label(one, other, USER_DEFINED, type_id, said, CUSTOM, name))
            for type_id, (one, other, said) in zip(ids, sides, strict=False)
        )
        self._inverse[labels[0]], self._inverse[labels[-1]] = labels[-1], labels[0]
        self._connect(from_object, to_object)
        return labels

    def rename(self, label: Label, text: str, inverse_text: str | None) -> None:
        """Give a label another text; a single one has it both ways unless told otherwise."""
        inverse = self._inverse[label]
        kept = text if inverse.text == label.text else inverse.text
        back = inverse_text or kept or text
        where = _told(label.from_object, label.to_object, text)
        if inverse is label and back != text:
            raise LabelError(f"{where} is one label for both sides: leave inverseLabel out")
        if inverse is not label and label.from_object == label.to_object and back == text:
            raise LabelError(f"{where} is the text of both sides of a pair: give two texts")
        for side, said in ((label, text), (inverse, back)):
            others = self.custom_labels(side.from_object, side.to_object)
            if any(each.text == said for each in others if each not in {label, inverse}):
                raise LabelError(f"{_told(side.from_object, side.to_object, said)} {TWICE}")
        label.text, inverse.text = text, back

    def delete(self, label: Label) -> frozenset[Label]:
        """Take a label away with its inverse, and tell both sides."""
        sides = frozenset([label, self._inverse[label]])
        for each in sides:
            del self._by_pair[each.from_object, each.to_object][each.key]
            del self._inverse[each]
        return sides

    def _add(self, label: Label) -> Label:
        self._by_pair.setdefault((label.from_object, label.to_object), {})[label.key] = label
        return label

    def _add_built_in(self) -> None:
        by_kind = {
            (each.from_object, each.to_object, each.kind): each for each in built_in_labels()
        }
        for (from_object, to_object, kind), label in by_kind.items():
            self._add(label)
            inverse = by_kind.get((to_object, from_object, INVERSE_KINDS.get(kind, kind)))
            if inverse is not None:
                self._inverse[label] = inverse

    def _add_defined(self, made: CustomLabel, objects: Objects) -> None:
        where = f"label {made.label!r}"
        one, other = (objects.defined(each, where) for each in (made.from_object, made.to_object))
        try:
            self.define(
                one.name,
                other.name,
                made.label,
                inverse_text=made.inverse_label,
                type_ids=made.type_ids,
            )
        except LabelError as refused:
            raise PortalError(str(refused)) from refused

    def _refuse_a_clash(
        self, sides: Iterable[tuple[str, str, str]], name: str | None, type_ids: Iterable[int]
    ) -> None:
        for from_object, to_object, text in sides:
            custom = self.custom_labels(from_object, to_object)
            where = _told(from_object, to_object, text)
            if any(each.text == text for each in custom):
                raise LabelError(f"{where} {TWICE}")
            if name is not None and any(each.name == name for each in custom):
                raise LabelError(f"{where} has the name {name!r}, which another one has: change it")
            if self.count_defined(from_object, to_object) >= MAX_LABELS_PER_PAIR:
                raise LabelError(
                    f"{where} is one too many: HubSpot has at most {MAX_LABELS_PER_PAIR} custom"
                    " labels between two objects"
                )
            for type_id in type_ids:
                if any((USER_DEFINED, type_id) in pair for pair in self._by_pair.values()):
                    raise LabelError(
                        f"{where} has type id {type_id}, which another label has: change it"
                    )

    def _connect_custom_objects(self, definition: PortalDefinition) -> None:
        for each in definition.objects:
            for standard in ("contact", "company", "deal", "ticket"):
                self._connect(each.name, standard)

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


def _told(from_object: str, to_object: str, text: str) -> str:
    return f"label {text!r} ({from_object} to {to_object})"
