"""The associations between two objects, kept so that both directions are visible.

Rule 1: whatever is written from → to is also written to → from, by the inverse labels.
Rule 2: any label also makes the unlabeled association; taking that away takes every label.
Rule 3: an exclusive label (primary) moves: the record's older one loses it and stays associated.

The labels of two records are one ``Bond``, shared by every pair of records that has the same
labels, and each step from one bond to the next is computed once: a write is a few dict look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from etl.sandbox.labels import CUSTOM, Label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.catalogue import Catalogue

LabelSet = frozenset[Label]
NO_LABELS: LabelSet = frozenset()


class Bond(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The labels between two records in one direction.

    Out of the garbage collector's sight, and so are the dicts that hold nothing else: with a
    million associations its full passes otherwise double the time of a write.
    """

    labels: LabelSet


Direction = dict[int, dict[int, Bond]]
"""from_id → to_id → what is between them."""

UNBOUND = Bond(NO_LABELS)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What writing some labels means for each direction."""

    forward: LabelSet
    backward: LabelSet
    forward_exclusive: tuple[Label, ...]
    backward_exclusive: tuple[Label, ...]


class Links:
    """The associations of one ordered pair of objects."""

    def __init__(
        self, catalogue: Catalogue, forward: Direction, backward: Direction, *, replaces: bool
    ) -> None:
        self._catalogue = catalogue
        self._forward = forward
        self._backward = backward
        self._replaces = replaces
        self._steps: dict[tuple[LabelSet, LabelSet], Bond] = {}

    def plan(self, labels: Iterable[Label], unlabeled: Label | None) -> Plan:
        """Work out both directions of a write, once for all the pairs that want these labels."""
        forward = frozenset(labels) | ({unlabeled} if unlabeled else NO_LABELS)
        backward = self._inverses(forward)
        return Plan(
            forward,
            backward,
            tuple(each for each in forward if each.is_exclusive),
            tuple(each for each in backward if each.is_exclusive),
        )

    def write(self, plan: Plan, from_id: int, to_id: int) -> LabelSet:
        """Associate two records and answer the labels that they have now."""
        tos = self._forward.setdefault(from_id, {})
        tos[to_id] = bond = self._step(tos.get(to_id, UNBOUND).labels, plan.forward)
        froms = self._backward.setdefault(to_id, {})
        froms[from_id] = self._step(froms.get(from_id, UNBOUND).labels, plan.backward)
        for label in plan.forward_exclusive:
            self._move(label, self._forward, self._backward, holder=from_id, keeper=to_id)
        for label in plan.backward_exclusive:
            self._move(label, self._backward, self._forward, holder=to_id, keeper=from_id)
        return bond.labels

    def remove(self, from_id: int, to_id: int) -> None:
        """Take every association between two records away; none is fine."""
        self._forward.get(from_id, {}).pop(to_id, None)
        self._backward.get(to_id, {}).pop(from_id, None)

    def remove_labels(self, labels: LabelSet, from_id: int, to_id: int) -> None:
        """Take some labels away; the unlabeled type takes all the others with it."""
        left = self._forward.get(from_id, {}).get(to_id, UNBOUND).labels - labels
        if not left or any(each.text is None for each in labels):
            self.remove(from_id, to_id)
            return
        _take(labels, self._forward[from_id], to_id)
        _take(self._inverses(labels), self._backward[to_id], from_id)

    def of(self, from_id: int) -> dict[int, Bond]:
        """Look up what one record is associated with."""
        return self._forward.get(from_id, {})

    def back_of(self, to_id: int) -> dict[int, Bond]:
        """Look up what one record on the other side is associated with."""
        return self._backward.get(to_id, {})

    def counts(self) -> dict[int, int]:
        """Count what each record is associated with."""
        return {from_id: len(tos) for from_id, tos in self._forward.items()}

    def _step(self, before: LabelSet, wanted: LabelSet) -> Bond:
        after = self._steps.get((before, wanted))
        if after is None:
            kept = before
            if self._replaces and any(each.text is not None for each in wanted):
                kept = frozenset(each for each in before if each.kind != CUSTOM)
            after = self._steps[before, wanted] = Bond(kept | wanted)
        return after

    def _move(
        self, label: Label, ours: Direction, theirs: Direction, *, holder: int, keeper: int
    ) -> None:
        taken = frozenset({label})
        for other, bond in ours[holder].items():
            if other != keeper and label in bond.labels:
                _take(taken, ours[holder], other)
                _take(self._inverses(taken), theirs[other], holder)

    def _inverses(self, labels: LabelSet) -> LabelSet:
        found = (self._catalogue.inverse(each) for each in labels)
        return frozenset(each for each in found if each is not None)


def forget(labels: LabelSet, direction: Direction) -> None:
    """Take some labels away from every association of a direction; the associations stay."""
    bonds = {bond for tos in direction.values() for bond in tos.values() if bond.labels & labels}
    left = {bond: Bond(bond.labels - labels) for bond in bonds}
    for tos in direction.values():
        for other, bond in tos.items():
            if bond in left:
                tos[other] = left[bond]


def _take(labels: LabelSet, bonds: dict[int, Bond], other: int) -> None:
    bonds[other] = Bond(bonds[other].labels - labels)
