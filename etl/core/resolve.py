"""Find the association types, and the direction, that a row's label stands for.

Rule 1: texts match trimmed, Unicode NFKC and case-folded; the labels of both directions are known.
Rule 2: the job's own direction wins; a label found only in the other one is sent that way round.
Rule 3: a text that stands for two types, or for none, is never guessed: the row is unresolved.
Rule 4: a blank cell, or an alias of "unlabeled", asks for the default association.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz, process

from etl.core.normal_form import normal_form
from etl.core.normalize import SHOWN_CHARACTERS
from etl.model import AssociationType, Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from etl.model import LabelDefinition

UNKNOWN_LABEL: Final = "UNKNOWN_LABEL"
AMBIGUOUS_LABEL: Final = "AMBIGUOUS_LABEL"
UNKNOWN_TYPE: Final = "UNKNOWN_TYPE"

UNLABELED: Final = frozenset({"unlabeled", "unlabelled", "no label", "ラベルなし"})
"""What people write for the type that HubSpot gives without a text (its guide, in two languages)."""

_TYPE_ID: Final = re.compile(r"\d{1,18}")
"""A number that fits 64 bits: Python refuses to read one of thousands of digits."""

_SIMILAR_ENOUGH: Final = 60
"""rapidfuzz ratio (0 to 100) below which a hint would puzzle more than help."""
_SHOWN_LABELS: Final = 8
_LIKELY_SEPARATORS: Final = (";", ",", "|", "/", "、", "\n")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a cell stands for no type."""

    category: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a cell stands for: types in each direction, or none (the default association)."""

    forward: tuple[AssociationType, ...] = ()
    reverse: tuple[AssociationType, ...] = ()
    trouble: Trouble | None = None
    beside_unlabeled: bool = False
    """The cell names the unlabeled type beside these, which imply it."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How whoever gives a label can say it otherwise; by default, the keys of a job file."""

    several: str = "set label.separator to '{separator}' if the cell holds several labels"
    outright: str = "give the type outright: type: {{id: {type_id}, category: {category}}}"


JOB_FILE: Final = Ways()


class Resolver:
    """Answer for any cell, from the labels of both directions fetched once a run."""

    def __init__(
        self,
        forward: Sequence[LabelDefinition],
        reverse: Sequence[LabelDefinition],
        *,
        aliases: Mapping[str, Iterable[AssociationType]],
        pair: str,
        ways: Ways = JOB_FILE,
    ) -> None:
        """Index the definitions.

        `reverse` is empty where both sides are the same object: one list has both sides then.
        `aliases` are further texts for HubSpot's own types, whose labels it has renamed more than
        once. `pair` is how messages call the two objects.
        """
        self._pair = pair
        self._ways = ways
        self._texts = {Direction.FORWARD: _by_text(forward), Direction.REVERSE: _by_text(reverse)}
        self._types = {
            Direction.FORWARD: {definition.type for definition in forward},
            Direction.REVERSE: {definition.type for definition in reverse},
        }
        self._aliases = {normal_form(text): frozenset(types) for text, types in aliases.items()}
        self._shown: dict[str, str] = {}
        """Every text as people see it, by its normal form; the job's own direction first."""
        for definition in (*forward, *reverse):
            if definition.text:
                self._shown.setdefault(normal_form(definition.text), definition.text)
        unlabeled = [definition.type for definition in forward if not definition.text]
        self.unlabeled: AssociationType | None = unlabeled[0] if unlabeled else None
        self._unlabeled = {
            definition.type for definition in (*forward, *reverse) if not definition.text
        }

    def resolve_labels(self, cell: str, separator: str | None = None) -> Resolution:
        """Resolve a cell of one label, or of several when there is a separator."""
        texts = cell.split(separator) if separator else [cell]
        found: dict[Direction, dict[AssociationType, None]] = {
            Direction.FORWARD: {},
            Direction.REVERSE: {},
        }
        names_unlabeled = False
        for text in texts:
            wanted = normal_form(text)
            if not wanted or wanted in UNLABELED - self._shown.keys():
                names_unlabeled |= bool(wanted)
                continue
            direction, types = self._look_up(wanted)
            if len(types) > 1:
                return Resolution(trouble=self._ambiguous(text, types))
            if not types:
                return Resolution(trouble=self._unknown(text))
            found[direction].update(dict.fromkeys(types))
        forward, reverse = (tuple(found[direction]) for direction in Direction)
        beside = names_unlabeled and bool(forward or reverse)
        return Resolution(forward, reverse, beside_unlabeled=beside)

    def resolve_type(self, category: str, type_id: str) -> Resolution:
        """Verify a type given outright; both halves blank ask for the default association."""
        category, type_id = normal_form(category).upper(), normal_form(type_id)
        if not category and not type_id:
            return Resolution()
        wanted = AssociationType(category, int(type_id)) if _TYPE_ID.fullmatch(type_id) else None
        if wanted in self._types[Direction.FORWARD]:
            return Resolution(forward=(wanted,))
        if wanted in self._types[Direction.REVERSE]:
            return Resolution(reverse=(wanted,))
        given = f"{category}:{type_id}"[:SHOWN_CHARACTERS]
        known = sorted(map(str, self._types[Direction.FORWARD] | self._types[Direction.REVERSE]))
        return Resolution(
            trouble=Trouble(
                UNKNOWN_TYPE,
                f"type '{given}' does not exist for {self._pair}",
                f"use one of: {_listed(known)}",
            )
        )

    def is_unlabeled(self, resolution: Resolution) -> bool:
        """Tell whether a cell stands for the unlabeled type, by no label or among others."""
        types = {*resolution.forward, *resolution.reverse}
        return not types or resolution.beside_unlabeled or not types.isdisjoint(self._unlabeled)

    def _look_up(self, wanted: str) -> tuple[Direction, tuple[AssociationType, ...]]:
        for direction in Direction:
            if types := tuple(self._texts[direction].get(wanted, ())):
                return direction, types
        builtin = self._aliases.get(wanted, frozenset())
        for direction in Direction:
            if types := tuple(sorted(builtin & self._types[direction])):
                return direction, types
        return Direction.FORWARD, ()

    def _unknown(self, text: str) -> Trouble:
        wanted = normal_form(text)
        shown = text.strip()[:SHOWN_CHARACTERS]
        message = f"label '{shown}' does not exist for {self._pair}"
        for separator in _LIKELY_SEPARATORS:
            parts = [normal_form(part) for part in text.split(separator)]
            if len(parts) > 1 and all(self._look_up(part)[1] for part in parts if part):
                hint = self._ways.several.format(separator=separator)
                return Trouble(UNKNOWN_LABEL, message, hint)
        nearest = process.extractOne(
            wanted, self._shown.keys(), scorer=fuzz.ratio, score_cutoff=_SIMILAR_ENOUGH
        )
        if nearest is not None:
            hint = f"did you mean '{self._shown[nearest[0]]}'?"
        elif self._shown:
            hint = f"use one of: {_listed(list(self._shown.values()))}"
        else:
            hint = f"{self._pair} has no labels; make one in HubSpot or leave the cell blank"
        return Trouble(UNKNOWN_LABEL, message, hint)

    def _ambiguous(self, text: str, types: Sequence[AssociationType]) -> Trouble:
        first = types[0]
        outright = self._ways.outright.format(type_id=first.type_id, category=first.category)
        return Trouble(
            AMBIGUOUS_LABEL,
            f"label '{text.strip()[:SHOWN_CHARACTERS]}' stands for {len(types)} types: "
            f"{_listed([str(kind) for kind in types])}",
            f"rename one in HubSpot, or {outright}",
        )


def _by_text(
    definitions: Sequence[LabelDefinition],
) -> dict[str, dict[AssociationType, None]]:
    index: dict[str, dict[AssociationType, None]] = defaultdict(dict)
    for definition in definitions:
        if definition.text:
            index[normal_form(definition.text)][definition.type] = None
    return dict(index)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_LABELS} more" if len(names) > _SHOWN_LABELS else ""
    return ", ".join(names[:_SHOWN_LABELS]) + more
