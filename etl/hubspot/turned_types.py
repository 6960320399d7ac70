"""Which type a pair has in one direction where it has another in the other direction.

Rule 1: only what is certain: the unlabeled type, of which each direction has one; HubSpot's own types,
        by its table; and a custom label that is the only one. HubSpot does not tell which side of
        which label is which, and two directions may have the same texts for different labels.
Rule 2: what is not certain shows all the same: a custom label has a type in each direction. Where
        that need not be so, nothing can be told from the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.core.label_rules import custom_types
from etl.hubspot.builtin_types import builtin_types
from etl.hubspot.objects import singular
from etl.model import AssociationType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from etl.hubspot.culprits import Sides
    from etl.model import LabelDefinition


def turned_types(
    ours: Sequence[LabelDefinition], theirs: Sequence[LabelDefinition], sides: Sides
) -> Mapping[AssociationType, AssociationType] | None:
    """Give our type for each of theirs of which it is certain; None where theirs may hide one of ours.

    `ours` are the labels of the direction of `sides`, `theirs` those of the other one.
    """
    if sides.same:
        return None
    known = _by_table(ours, theirs, sides)
    custom, their_custom = custom_types(ours), custom_types(theirs)
    for our, their in ((_unlabeled(ours), _unlabeled(theirs)), (custom, their_custom)):
        if len(our) == len(their) == 1:
            known[next(iter(their))] = next(iter(our))
    is_hidden = {line.type for line in ours} - custom - set(known.values())
    return None if is_hidden or len(custom) != len(their_custom) else known


def _unlabeled(lines: Iterable[LabelDefinition]) -> frozenset[AssociationType]:
    return frozenset(line.type for line in lines if not line.text)


def _by_table(
    ours: Sequence[LabelDefinition], theirs: Sequence[LabelDefinition], sides: Sides
) -> dict[AssociationType, AssociationType]:
    one, other = singular(sides.from_object), singular(sides.to_object)
    there, back = _labeled_kinds(ours, one, other), _labeled_kinds(theirs, other, one)
    return {back[kind]: there[kind] for kind in there.keys() & back.keys()}


def _labeled_kinds(
    lines: Sequence[LabelDefinition], from_object: str, to_object: str
) -> dict[str, AssociationType]:
    """List the labeled types of HubSpot's table that an account has, each by its only kind."""
    listed = {line.type for line in lines}
    kinds: dict[str, list[AssociationType]] = {}
    for line in builtin_types():
        kind = AssociationType("HUBSPOT_DEFINED", line.type_id)
        ends = (line.from_object, line.to_object)
        if ends == (from_object, to_object) and line.kind != "unlabeled" and kind in listed:
            kinds.setdefault(line.kind, []).append(kind)
    return {kind: types[0] for kind, types in kinds.items() if len(types) == 1}
