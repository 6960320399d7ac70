"""Find the custom label that somebody wants to rename or delete, and judge its new texts.

Rule 1: only what the portal's people made may be changed; HubSpot's own labels and those of apps not.
Rule 2: a text or number that could mean two labels is never guessed; a type outright never could.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

from etl.core.label_rules import check_pair, check_text, custom_labels
from etl.core.named_type import AS_TYPE
from etl.core.normal_form import normal_form
from etl.core.outright_type import read_type
from etl.errors import Problem, UsageError
from etl.model import DefinedLabel, Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from etl.core.label_rules import Fault
    from etl.model import LabelDefinition

Placed = tuple[Direction, "LabelDefinition"]
"""A label and the direction that it stands in."""


def choose(given: str, labels: Iterable[Placed], *, pair: str) -> Placed:
    """Find a label by its type (``USER_DEFINED:36``), its typeId or its text. Raises UsageError.

    A single label stands in both directions; its side of the direction asked for is given.
    """
    placed = list(labels)
    named = [(way, line) for way, line in placed if _is_named(line, given)]
    own = [(way, line) for way, line in named if custom_labels([line])]
    if not named:
        raise _unknown(given, [line for _, line in placed], pair)
    if not own:
        _, line = named[0]
        shown = f"'{line.text}' ({line.type})" if line.text else f"the unlabeled type {line.type}"
        raise UsageError(
            f"{shown} is not a label that people of this portal made",
            "only those can be renamed or deleted: `hubspot-assoc labels list` marks them as custom",
        )
    texts = {normal_form(line.text or "") for _, line in own}
    ways = [way for way, _ in own]
    if len(texts) > 1 or len(set(ways)) < len(ways):
        shown = ", ".join(f"'{line.text}' ({line.type})" for _, line in own)
        raise UsageError(f"'{given}' may be any of {shown}", AS_TYPE)
    return own[0]


def check_rename(
    chosen: Placed, text: str, inverse: str | None, labels: Iterable[Placed], *, pair: str
) -> tuple[Problem, ...]:
    """Tell all that keeps a label from its new texts.

    HubSpot does not list which two sides belong together. So what reads like the old text counts as
    the label's own other side, and a new inverse may be there already where that side may stand.
    """
    direction, line = chosen
    own = normal_form(line.text or "")
    others = [
        (way, other)
        for way, other in labels
        if other.text and other.type != line.type and normal_form(other.text) != own
    ]
    is_one_list = all(way is direction for way, _ in others)
    rivals = [other for way, other in others if way is direction and not is_one_list]
    wanted = DefinedLabel(text, inverse)
    findings = [
        ("--label", check_text(text)),
        ("--label", _check_free(text, [other for _, other in others], pair)),
    ]
    if inverse is not None:
        findings += [
            ("--inverse", check_text(inverse)),
            ("--inverse", check_pair(wanted)),
            ("--inverse", _check_free(inverse, rivals, pair)),
        ]
    return tuple(Problem(place, *finding) for place, finding in findings if finding is not None)


def _check_free(text: str, labels: Iterable[LabelDefinition], pair: str) -> Fault:
    for line in labels:
        if normal_form(line.text or "") == normal_form(text):
            fault = f"HubSpot has '{line.text}' for {pair} already ({line.type})"
            return fault, "write another text"
    return None


def _is_named(line: LabelDefinition, given: str) -> bool:
    if outright := read_type(given):
        return outright == (line.type.category, str(line.type.type_id))
    is_text = line.text is not None and normal_form(line.text) == normal_form(given)
    return is_text or str(line.type.type_id) == given.strip()


def _unknown(given: str, lines: Sequence[LabelDefinition], pair: str) -> UsageError:
    texts = {normal_form(line.text): line.text for line in custom_labels(lines) if line.text}
    nearest = process.extractOne(normal_form(given), texts.keys(), scorer=fuzz.ratio)
    hint = f"did you mean '{texts[nearest[0]]}'?" if nearest else "there are no custom labels"
    if nearest and read_type(given):
        hint = "`hubspot-assoc labels list` shows the types that there are"
    return UsageError(f"{pair} has no label or type '{given}'", hint)
