"""Hold the labels that a job relies on against those that HubSpot has.

Rule 1: a label is there when a cell with its text would be resolved; so nothing is made that rows
        would not need.
Rule 2: what a plan shows of a label that is yet to be made stands under a category that HubSpot does
        not have, so that it can't be taken for a type.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.core.label_rules import check_new, custom_labels
from etl.core.normal_form import normal_form
from etl.core.resolve import UNKNOWN_LABEL
from etl.errors import Problem, ProblemsError
from etl.model import AssociationType, LabelDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from etl.core.label_rules import Room
    from etl.core.resolve import Resolver
    from etl.model import DefinedLabel, Direction, LabelSettings

TO_BE_MADE: Final = "TO_BE_MADE"
"""Stands for the category of a label that a run would make."""


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two objects, and the labels that HubSpot lists for them."""

    from_object: str
    to_object: str
    forward: Sequence[LabelDefinition]
    reverse: Sequence[LabelDefinition]
    """Empty between records of one object."""
    room: Room | None = None
    """What HubSpot tells of its limit; None counts the labels."""

    @property
    def pair(self) -> str:
        """Name the two objects as messages do."""
        return f"{self.from_object} → {self.to_object}"


def missing_labels(
    settings: LabelSettings, resolver: Resolver, there: LabelledPair
) -> tuple[DefinedLabel, ...]:
    """List the labels of a job that have to be made. Raises ProblemsError, with all that is wrong."""
    missing = tuple(each for each in settings.define if is_missing(each.label, resolver))
    problems = [
        *(problem for each in settings.define for problem in _troubles(each, resolver, there)),
        *check_new(missing, there.forward, there.reverse, pair=there.pair, room=there.room),
    ]
    if not settings.create_missing:
        problems = [*problems, *(_to_define(each, there) for each in missing)]
    if problems:
        raise ProblemsError(tuple(problems))
    return missing


def as_if_made(
    missing: Sequence[DefinedLabel], *, same_object: bool
) -> tuple[list[LabelDefinition], list[LabelDefinition]]:
    """Write down labels as HubSpot would list them, in both directions, under no type of its own."""
    forward, reverse = [], []
    for each, (number, other_number) in stand_ins(missing).items():
        forward.append(_unmade(number, each.label))
        if not same_object:
            reverse.append(_unmade(other_number, each.inverse or each.label))
        elif each.inverse is not None:
            forward.append(_unmade(other_number, each.inverse))
    return forward, reverse


def stand_ins(missing: Sequence[DefinedLabel]) -> dict[DefinedLabel, tuple[int, int]]:
    """Give numbers to the two sides of labels that are yet to be made, for want of typeIds."""
    return {each: (number, len(missing) + number) for number, each in enumerate(missing, 1)}


def is_missing(text: str, resolver: Resolver) -> bool:
    """Tell whether no row that asks for a label would get one."""
    trouble = resolver.resolve_labels(text).trouble
    return trouble is not None and trouble.category == UNKNOWN_LABEL


def _troubles(each: DefinedLabel, resolver: Resolver, there: LabelledPair) -> Iterator[Problem]:
    if is_missing(each.label, resolver):
        return
    place = _place(each)
    for text in filter(None, (each.label, each.inverse)):
        trouble = resolver.resolve_labels(text).trouble
        if trouble is None:
            continue
        if trouble.category == UNKNOWN_LABEL:
            message = f"HubSpot has it for {there.pair}, but without the inverse '{text}'"
            hint = "write the inverse that HubSpot lists, or rename it: hubspot-assoc labels update"
            yield Problem(place, message, hint)
        else:
            yield Problem(place, trouble.message, trouble.hint)


def _to_define(each: DefinedLabel, there: LabelledPair) -> Problem:
    wanted = [there.from_object, there.to_object, each.label]
    options = ["--inverse", each.inverse] if each.inverse is not None else []
    options += ["--name", each.name] if each.name is not None else []
    # Behind --, a label that begins with - is not read as an option.
    words = [*options, "--", *wanted] if each.label.startswith("-") else [*wanted, *options]
    command = ["hubspot-assoc", "labels", "create", *words]
    return Problem(
        _place(each),
        f"HubSpot does not have it for {there.pair}",
        f"set labels.create_missing: true, or make it with: {shlex.join(command)}",
    )


def _place(each: DefinedLabel) -> str:
    return f"labels.define: '{each.label}'"


def _unmade(number: int, text: str) -> LabelDefinition:
    return LabelDefinition(AssociationType(TO_BE_MADE, number), text)


def sides_of(
    wanted: DefinedLabel, labels: Iterable[tuple[Direction, LabelDefinition]]
) -> list[tuple[Direction, LabelDefinition]]:
    """List a label's sides among those that HubSpot has."""
    texts = {normal_form(text) for text in (wanted.label, wanted.inverse) if text is not None}
    return [
        (direction, line)
        for direction, line in labels
        if custom_labels([line]) and normal_form(line.text or "") in texts
    ]
