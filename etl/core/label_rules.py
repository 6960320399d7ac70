"""The rules for new custom labels, checked before HubSpot is asked to make one.

Rule 1: labels are told apart by what people see (`normal_form`), in both directions together: a text
        that stands twice would be ambiguous in every file.
Rule 2: what is wrong is told all at once.
Rule 3: an internal name follows from the label alone, so that a label which is asked for twice is
        asked for under one name, and HubSpot can refuse the second.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from etl.core.normal_form import normal_form
from etl.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from etl.model import AssociationType, DefinedLabel, LabelDefinition

USER_DEFINED: Final = "USER_DEFINED"

MAX_CUSTOM_LABELS: Final = 10
"""Custom labels between two objects, where HubSpot itself does not tell: its guide to associations v4
has "up to 10 association types between each object pair". A paired label is made by one request and
counts once."""

MAX_LABEL_CHARACTERS: Final = 255
"""HubSpot names no limit; what is longer is a sentence, pasted by mistake."""

MAX_NAME_CHARACTERS: Final = 100
"""As MAX_LABEL_CHARACTERS."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
"""HubSpot's guide: no hyphen, no digit in front. Its own names are lower case."""

_SPEAKING_CHARACTERS: Final = 40
"""Of a label in its internal name: enough to know it by."""
_DIGEST_DIGITS: Final = 10
"""Hexadecimal digits, 40 bits: a portal's few labels never share them by chance."""
_PLAIN: Final = re.compile(r"[a-z][a-z0-9]*(?: [a-z0-9]+)*")
_ENDS_LIKE_DIGEST: Final = re.compile(rf"[0-9a-f]{{{_DIGEST_DIGITS}}}$")

Fault = tuple[str, str] | None
"""What is wrong and what to write instead; None when all is well."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many custom labels two objects have, and may have."""

    used: int
    limit: int
    is_least: bool = False
    """True where `used` is only the least that it may be."""

    @classmethod
    def counted(
        cls, forward: Sequence[LabelDefinition], reverse: Sequence[LabelDefinition]
    ) -> Room:
        """Count what HubSpot lists."""
        return cls(least_used(forward, reverse), MAX_CUSTOM_LABELS, is_least=not reverse)

    def __str__(self) -> str:
        least = "at least " if self.is_least else ""
        return f"{least}{self.used} of {self.limit} custom labels used"


def internal_name(label: str) -> str:
    """Make a legal internal name of a label in any script; different labels have different names.

    ``Decision maker`` is ``decision_maker``; what a name can't hold is told apart by a digest.
    """
    seen = normal_form(label)
    is_plain = _PLAIN.fullmatch(seen) and len(seen) <= _SPEAKING_CHARACTERS
    if is_plain and not _ENDS_LIKE_DIGEST.search(seen):
        return seen.replace(" ", "_")
    digest = sha256(seen.encode()).hexdigest()[:_DIGEST_DIGITS]
    ascii_text = unicodedata.normalize("NFKD", seen).encode("ascii", "ignore").decode()
    words = "_".join(re.findall(r"[a-z0-9]+", ascii_text))[:_SPEAKING_CHARACTERS].strip("_")
    return f"{words}_{digest}" if words and not words[0].isdigit() else f"label_{digest}"


def name_of(wanted: DefinedLabel) -> str:
    """Give the internal name under which a label is made."""
    return wanted.name or internal_name(wanted.label)


def check_text(text: str) -> Fault:
    """Judge the text of a label."""
    if not normal_form(text):
        return "is blank", "write the label as people are to see it"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        return "has a line break or another control character in it", "write it on one line"
    if len(text) > MAX_LABEL_CHARACTERS:
        fault = f"has {len(text)} characters, more than {MAX_LABEL_CHARACTERS}"
        return fault, "write a shorter one"
    return None


def check_name(name: str) -> Fault:
    """Judge an internal name."""
    if _NAME.fullmatch(name) and len(name) <= MAX_NAME_CHARACTERS:
        return None
    hint = (
        f"write a to z, 0 to 9 and _, with no digit in front, at most {MAX_NAME_CHARACTERS} of them"
    )
    return f"can't be '{name[:MAX_NAME_CHARACTERS]}'", hint


def check_pair(wanted: DefinedLabel) -> Fault:
    """Judge the two texts of a paired label together."""
    inverse = normal_form(wanted.inverse or "")
    if not inverse or inverse != normal_form(wanted.label):
        return None
    return f"reads like the label itself, '{wanted.label}'", "leave it out: the label is single"


def check_new(
    wanted: Sequence[DefinedLabel],
    forward: Sequence[LabelDefinition],
    reverse: Sequence[LabelDefinition],
    *,
    pair: str,
    room: Room | None = None,
) -> tuple[Problem, ...]:
    """Tell all that keeps labels from being made beside those that HubSpot lists.

    `reverse` is empty between records of one object; `pair` is how messages call the two objects,
    `room` what HubSpot tells of its own limit; None counts the labels.
    """
    problems = []
    taken = {normal_form(line.text): line for line in (*reverse, *forward) if line.text}
    names: dict[str, str] = {}
    asked: set[str] = set()
    for label in wanted:
        place = f"label '{label.label}'"
        for part, finding in _findings(label):
            if finding is not None:
                problems.append(Problem(place, f"{part} {finding[0]}", finding[1]))
        for text in dict.fromkeys(map(normal_form, _texts(label))):
            if text in taken:
                line = taken[text]
                message = f"HubSpot has '{line.text}' for {pair} already ({line.type})"
                problems.append(Problem(place, message, "use that one, or write another text"))
            elif text in asked:
                problems.append(Problem(place, f"'{text}' is asked for twice", "keep one of them"))
            asked.add(text)
        name = name_of(label)
        if names.setdefault(name, label.label) != label.label:
            message = f"has the name '{name}' like '{names[name]}'"
            problems.append(Problem(place, message, "give each its own name"))
    room = room or Room.counted(forward, reverse)
    if wanted and room.used + len(wanted) > room.limit:
        message = f"{room}: no room for {len(wanted)} more"
        problems.append(Problem(pair, message, "delete one that nobody uses, or use one of them"))
    return tuple(problems)


def custom_labels(labels: Iterable[LabelDefinition]) -> list[LabelDefinition]:
    """List the labels that the portal's people made; a custom object's unlabeled type is none."""
    return [line for line in labels if line.type.category == USER_DEFINED and line.text]


def custom_types(labels: Iterable[LabelDefinition]) -> frozenset[AssociationType]:
    """Give the types of these labels."""
    return frozenset(line.type for line in custom_labels(labels))


def least_used(forward: Sequence[LabelDefinition], reverse: Sequence[LabelDefinition]) -> int:
    """Count the custom labels that HubSpot has, the two sides of a paired label as one.

    Between records of one object (`reverse` is empty) a single list has both sides of a paired label
    and does not say which belong together, so only the least that it may be is known.
    """
    if reverse:
        return max(len(custom_labels(forward)), len(custom_labels(reverse)))
    return math.ceil(len({normal_form(line.text or "") for line in custom_labels(forward)}) / 2)


def _texts(wanted: DefinedLabel) -> list[str]:
    return [wanted.label, *([wanted.inverse] if wanted.inverse is not None else [])]


def _findings(wanted: DefinedLabel) -> Iterator[tuple[str, Fault]]:
    yield "its text", check_text(wanted.label)
    if wanted.inverse is not None:
        yield "its inverse", check_text(wanted.inverse)
        yield "its inverse", check_pair(wanted)
    if wanted.name is not None:
        yield "its name", check_name(wanted.name)
