"""Tell good inputs from those that name a record or a type that the portal doesn't have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.sandbox.refusal import Refusal, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from etl.sandbox.labels import Label
    from etl.sandbox.limits import Room
    from etl.sandbox.links import Plan
    from etl.sandbox.objects import ObjectType
    from etl.sandbox.portal import Pair, Portal
    from etl.sandbox.wire import Spec

OVER_LIMIT = "crm.associations.ASSOCIATION_LIMIT_EXCEEDED"
"""Our guess at the subcategory of an association over a limit; its category is as for wrong types."""

Types = tuple["Spec", ...]
"""The association types of one input."""


@dataclass(frozen=True, slots=True)
class WrongInput:
    """One input that can't be carried out, and why."""

    from_id: int
    to_id: int
    missing: tuple[tuple[ObjectType, int], ...]
    """The records that don't exist."""
    unknown_types: Types
    """The types that this direction doesn't have."""
    full: Label | None = None
    """The label of which one of the two records has as many as it may have."""

    def as_error(self) -> dict[str, object]:
        """Write the member of ``errors[]`` for this input: it has ids, and no index."""
        context = {"fromObjectId": [str(self.from_id)], "toObjectId": [str(self.to_id)]}
        if self.missing:
            named = ", ".join(f"{each.name} {record_id}" for each, record_id in self.missing)
            return standard_error("OBJECT_NOT_FOUND", f"No record exists for {named}", context)
        if self.full is not None:
            return standard_error("VALIDATION_ERROR", _told(self.full), context, OVER_LIMIT)
        message = ", ".join(map(_unknown_type, self.unknown_types))
        return standard_error("VALIDATION_ERROR", message, context)


class Judge:
    """Check the inputs of one request; each set of types is looked up once."""

    def __init__(self, portal: Portal, pair: Pair, room: Room | None = None) -> None:
        """Prepare to judge; ``room`` is for what makes associations, and has limits."""
        self._portal = portal
        self._pair = pair
        self._from_records = portal.records(pair.from_object)
        self._to_records = portal.records(pair.to_object)
        self._unlabeled = portal.catalogue.unlabeled(*pair.key)
        self._room = room
        self._plans: dict[Types, Plan | None] = {}

    def wrong(self, from_id: int, to_id: int, types: Types) -> WrongInput | None:
        """Find what is wrong with one input; most have nothing."""
        has_from, has_to = from_id in self._from_records, to_id in self._to_records
        plan = self.plan(types) if types else None
        if has_from and has_to and (not types or plan is not None):
            full = self._room.take(plan, from_id, to_id) if self._room and plan else None
            return None if full is None else WrongInput(from_id, to_id, (), (), full)
        sides = ((has_from, self._pair.from_object, from_id), (has_to, self._pair.to_object, to_id))
        missing = tuple((each, record_id) for has, each, record_id in sides if not has)
        unknown = tuple(each for each in types if self._find(each) is None)
        return WrongInput(from_id, to_id, missing, unknown)

    def plan(self, types: Types) -> Plan | None:
        """Plan the write of these types; None when this direction lacks one of them."""
        if types not in self._plans:
            labels = self.labels(types)
            self._plans[types] = (
                self._portal.links(self._pair).plan(labels, self._unlabeled)
                if len(labels) == len(set(types))
                else None
            )
        return self._plans[types]

    def labels(self, types: Types) -> frozenset[Label]:
        """Find the labels of the types that this direction has."""
        found = (self._find(each) for each in types)
        return frozenset(each for each in found if each is not None)

    def _find(self, spec: Spec) -> Label | None:
        return self._portal.catalogue.find(
            *self._pair.key, spec.association_category, spec.association_type_id
        )


def refuse_all(wrong: Sequence[WrongInput]) -> Refusal:
    """Refuse a whole request for what is wrong with some of its inputs."""
    missing = [record for each in wrong for record in each.missing]
    unknown_types = [spec for each in wrong for spec in each.unknown_types]
    full = next((each.full for each in wrong if each.full is not None), None)
    if full is not None and not missing and not unknown_types:
        # Nobody has seen HubSpot's words. Naming no record is what leaves a client the most to do.
        return invalid(_told(full), sub_category=OVER_LIMIT)
    return invalid_associations(missing, unknown_types)


def invalid_associations(
    missing: Iterable[tuple[ObjectType, int]], unknown_types: Iterable[Spec]
) -> Refusal:
    """Refuse a whole request, with the culprits named only in the context."""
    records, types = dict.fromkeys(missing), dict.fromkeys(unknown_types)
    context: dict[str, list[str]] = {}
    if records:
        context["INVALID_OBJECT_IDS"] = [
            f"{_upper(each)}={record_id} is not valid" for each, record_id in records
        ]
        context["objectId"] = [str(record_id) for _, record_id in records]
        context["objectType"] = list(dict.fromkeys(_upper(each) for each, _ in records))
    if types:
        context["INVALID_ASSOCIATION_TYPE_ID"] = [_unknown_type(each) for each in types]
    return invalid("One or more associations are invalid", context)


def standard_error(
    category: str, message: str, context: dict[str, list[str]], sub_category: str | None = None
) -> dict[str, object]:
    """Write one ``StandardError`` of the OpenAPI specs."""
    error: dict[str, object] = {
        "status": "error",
        "category": category,
        "message": message,
        "context": context,
        "errors": [],
        "links": {},
    }
    if sub_category is not None:
        error["subCategory"] = sub_category
    return error


def _told(full: Label) -> str:
    return (
        f"A {full.from_object} would have more {full.to_object} associations of the type"
        f" {full.text or 'without a label'!r} than the limit set for it"
    )


def _unknown_type(spec: Spec) -> str:
    return f"{spec} is not a valid association definition id"


def _upper(each: ObjectType) -> str:
    return each.type_id if each.is_custom else each.name.upper()
