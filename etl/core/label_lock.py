"""Hold what a job means, the types of its labels in one portal, against what HubSpot has now.

Rule 1: a lock holds whole or not at all: any difference stops a run before anything is sent.
Rule 2: all differences are told at once, each in words and with what to do.
Rule 3: under a lock nothing is made: a label that HubSpot lacks is a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.core.normal_form import normal_form
from etl.errors import Problem
from etl.model import AssociationType, Direction, LockedLabel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etl.core.label_choice import Placed
    from etl.model import DefinedLabel, LabelLock

PORTAL_UNKNOWN: Final = (
    "HubSpot does not tell the portal's id, and did not when the lock was written: the lock holds the "
    "labels, but whether this is the same portal is not known"
)

PORTAL_UNPINNED: Final = (
    "HubSpot does not tell the portal's id: the lock pins the labels, but not the portal"
)


@dataclass(frozen=True, slots=True)
class PortalNow:
    """What a lock is held against."""

    portal_id: int | None
    """None where HubSpot does not tell."""
    from_object: str
    to_object: str
    labels: tuple[Placed, ...]
    """All that HubSpot lists for the two objects, each way."""


@dataclass(frozen=True, slots=True)
class Told:
    """How messages name a lock."""

    place: str
    """The lock's file."""
    write_again: str
    """The command that writes it."""

    @property
    def if_meant(self) -> str:
        """Say what to do about a difference that is meant."""
        return f"if that is meant, write the lock again: {self.write_again}"


def locked(labels: Iterable[Placed]) -> tuple[LockedLabel, ...]:
    """Write labels down, each once, in an order of their own."""
    lines = {_line(placed) for placed in labels}
    return tuple(sorted(lines, key=lambda line: (line.direction, line.category, line.type_id)))


def differences(lock: LabelLock, now: PortalNow, told: Told) -> tuple[Problem, ...]:
    """Tell all that is not as the lock has it, as far as it shows without the source."""
    problems = list(_portal(lock, now, told))
    if (lock.from_object, lock.to_object) != (now.from_object, now.to_object):
        message = (
            f"the lock is for {lock.from_object} → {lock.to_object}, and the job for "
            f"{now.from_object} → {now.to_object}"
        )
        return (*problems, Problem(told.place, message, told.if_meant))
    there = {_key(_line(placed)): placed[1].text for placed in now.labels}
    for line in lock.labels:
        if _key(line) not in there:
            message = _gone(line, now)
        elif there[_key(line)] != line.text:
            message = f"{_shown(line)} is called {_quoted(there[_key(line)])} now"
        else:
            continue
        problems.append(Problem(told.place, message, told.if_meant))
    return tuple(problems)


def not_locked(lock: LabelLock, needed: Iterable[Placed], told: Told) -> tuple[Problem, ...]:
    """Tell the labels that the job needs and the lock does not have.

    A text that the lock has under another type has been told as that.
    """
    keys = {_key(line) for line in lock.labels}
    texts = {normal_form(line.text or "") for line in lock.labels}
    return tuple(
        Problem(told.place, f"the job uses {_shown(line)}, which is not locked", told.if_meant)
        for line in locked(needed)
        if _key(line) not in keys and normal_form(line.text or "") not in texts
    )


def not_there(lock: LabelLock, missing: Iterable[DefinedLabel], told: Told) -> tuple[Problem, ...]:
    """Tell the labels that the job defines and neither HubSpot nor the lock has."""
    texts = {normal_form(line.text or "") for line in lock.labels}
    hint = f"run the job once without --locked, which makes it; then {told.write_again}"
    return tuple(
        Problem(told.place, f"the job defines '{each.label}', which HubSpot does not have", hint)
        for each in missing
        if normal_form(each.label) not in texts
    )


def _portal(lock: LabelLock, now: PortalNow, told: Told) -> Iterator[Problem]:
    if lock.portal_id == now.portal_id:
        return
    if now.portal_id is None:
        message = (
            f"the lock is for portal {lock.portal_id}, and HubSpot does not tell which this is"
        )
        yield Problem(
            told.place, message, "try again in a minute; the lock can't be held without it"
        )
    elif lock.portal_id is None:
        message = f"the lock was written without a portal's id, and this is portal {now.portal_id}"
        yield Problem(told.place, message, told.if_meant)
    else:
        message = (
            f"the lock is for portal {lock.portal_id}, and the access token is of {now.portal_id}"
        )
        hint = f"set the token of portal {lock.portal_id}; {told.if_meant}"
        yield Problem(told.place, message, hint)


def _gone(line: LockedLabel, now: PortalNow) -> str:
    """Say where a label went that is not where the lock has it."""
    kind = AssociationType(line.category, line.type_id)
    for direction, there in now.labels:
        if there.type == kind and there.text == line.text:
            return f"{_shown(line)} is {direction.name.lower()} now"
    for direction, there in now.labels:
        if line.text and there.text and normal_form(there.text) == normal_form(line.text):
            return f"{_shown(line)} is {there.type}, {direction.name.lower()}, now"
    return f"{_shown(line)} does not exist any more"


def _line(placed: Placed) -> LockedLabel:
    direction, line = placed
    return LockedLabel(
        line.text,
        line.type.category,
        line.type.type_id,
        "forward" if direction is Direction.FORWARD else "reverse",
    )


def _key(line: LockedLabel) -> tuple[str, str, int]:
    return line.direction, line.category, line.type_id


def _shown(line: LockedLabel) -> str:
    return f"{_quoted(line.text)} ({line.category}:{line.type_id}, {line.direction})"


def _quoted(text: str | None) -> str:
    return "the unlabeled type" if text is None else f"'{text}'"
