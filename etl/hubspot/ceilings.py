"""Collect the limits that a job's records may run into: those set in HubSpot, and its own.

Rule 1: what can't be checked is told, with the reason; a plan does not fail by it.
Rule 2: an association counts for the limit of its own type, of the same label the other way round
        where HubSpot's lists show which that is, and of the unlabeled type, which every label implies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.core.normal_form import normal_form
from etl.core.over_limits import Ceiling
from etl.errors import RequestError, SettingsError
from etl.hubspot.builtin_types import builtin_type
from etl.hubspot.existing import Between
from etl.hubspot.limits import fetch_limits
from etl.hubspot.record_caps import record_cap
from etl.model import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.core.over_limits import Side
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.hubspot.limit_wire import AssociationLimit
    from etl.model import AssociationType, Job, LabelDefinition


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The limits to hold a file against."""

    known: tuple[Ceiling, ...]
    not_checked: tuple[str, ...]
    """What could not be found out, or not be counted whole, and why."""


async def fetch_ceilings(client: Client, job: Job, portal: Portal) -> Ceilings:
    """Ask for the limits of both directions; `portal` knows the types that the file is to have."""
    known: list[Ceiling] = []
    not_checked: list[str] = []
    for direction in [Direction.FORWARD] if portal.same_object else list(Direction):
        view = _View.of(job, portal, direction)
        where = Between.of(job.hubspot.api_version, view.object, view.to_object)
        try:
            limits = await fetch_limits(client, where.paths.limits, f"for {where}")
        except (SettingsError, RequestError) as error:
            not_checked.append(f"limits set in HubSpot for {where}: {error.message}")
            limits = []
        known += [view.ceiling_of(limit) for limit in limits]
        not_checked += view.half_counted(limits)
        cap = record_cap(view.object, view.to_object)
        if cap is None:
            not_checked.append(
                f"HubSpot's own limit for {where}: not in the sources of this program"
            )
        else:
            known.append(
                Ceiling(view.holder, view.object, view.to_object, None, None, cap.most, cap.source)
            )
    return Ceilings(tuple(known), tuple(not_checked))


@dataclass(frozen=True, slots=True)
class _View:
    """The job's pairs, as seen from the records of one side."""

    direction: Direction
    object: str
    to_object: str
    portal: Portal
    own: Sequence[LabelDefinition]
    """Labels from these records to the others."""
    back: Sequence[LabelDefinition]
    """Labels from the others to these records."""

    @classmethod
    def of(cls, job: Job, portal: Portal, direction: Direction) -> _View:
        labels = portal.labels
        ends = (job.from_side.object, job.to_side.object)
        ways: tuple[Sequence[LabelDefinition], ...] = (labels.forward, labels.reverse)
        if direction is Direction.REVERSE:
            ends, ways = ends[::-1], ways[::-1]
        # Of one object there is a single list, which does not tell the two sides of a paired label.
        return cls(direction, *ends, portal, ways[0], ways[1])

    @property
    def holder(self) -> Side:
        return "from_id" if self.direction is Direction.FORWARD else "to_id"

    def ceiling_of(self, limit: AssociationLimit) -> Ceiling:
        """Say which pairs count for a limit."""
        bits = {self.direction: self._bit(self.direction, limit.type)}
        other_way = Direction(1 - self.direction)
        bits[other_way] = 0
        for kind in self._counterparts(limit.type):
            bits[other_way] |= self._bit(other_way, kind)
        return Ceiling(
            self.holder,
            self.object,
            self.to_object,
            None if self._is_unlabeled(limit.type) else limit.label or self._text(limit.type),
            limit.type,
            limit.most,
            "set in HubSpot",
            forward=bits[Direction.FORWARD],
            reverse=bits[Direction.REVERSE],
        )

    def half_counted(self, limits: Sequence[AssociationLimit]) -> Iterator[str]:
        """Name the limits for which labels of the other direction may count without our knowing."""
        back = Direction.FORWARD if self.portal.same_object else Direction(1 - self.direction)
        definitions = self.own if self.portal.same_object else self.back
        in_use = self.portal.bits[back].in_use
        unknown = [
            each
            for each in definitions
            if each.text
            and each.type in in_use
            and (self.portal.same_object or not any(_are_one(each, mine) for mine in self.own))
        ]
        for limit in limits:
            is_labeled = not self._is_unlabeled(limit.type)
            if unknown and is_labeled and not self._counterparts(limit.type):
                yield (
                    f"{self.object} → {self.to_object} '{limit.label or self._text(limit.type)}' "
                    f"({limit.type}): counted only where rows ask for this very label; HubSpot does "
                    f"not tell which label is its other side, and '{unknown[0].text}' may be"
                )

    def _bit(self, direction: Direction, kind: AssociationType) -> int:
        return self.portal.bits[direction].by_name.get(str(kind), 0)

    def _definition(self, kind: AssociationType) -> LabelDefinition | None:
        return next((each for each in self.own if each.type == kind), None)

    def _is_unlabeled(self, kind: AssociationType) -> bool:
        definition = self._definition(kind)
        return definition is not None and not definition.text

    def _text(self, kind: AssociationType) -> str:
        definition = self._definition(kind)
        return (definition.text if definition else None) or str(kind)

    def _counterparts(self, kind: AssociationType) -> list[AssociationType]:
        definition = self._definition(kind)
        if definition is None:
            return []
        return [each.type for each in self.back if _are_one(definition, each)]


def _are_one(one: LabelDefinition, other: LabelDefinition) -> bool:
    """Tell whether two labels of opposite directions are the two sides of one label."""
    if one.text and other.text and normal_form(one.text) == normal_form(other.text):
        return True
    kinds = [builtin_type(each.type) for each in (one, other)]
    return None not in kinds and len({line.kind for line in kinds if line}) == 1
