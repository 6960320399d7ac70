"""HubSpot's own association types, from the tables in its guide to associations v4.

Custom labels have ids that differ from portal to portal and are always fetched instead.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from etl.core.normal_form import normal_form
from etl.core.resolve import UNLABELED
from etl.hubspot.objects import singular
from etl.model import AssociationType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TABLE_DATE: Final = "2026-03-30"
"""The day of the guide that the table was taken from."""

LEGACY_TABLE_DATE: Final = "2025-08-22"
"""The day of the guide that the table of API v1 was taken from: its section "v1 associations (legacy)"."""


@dataclass(frozen=True, slots=True)
class BuiltinType:
    """One line of the table: a type id in one direction."""

    type_id: int
    from_object: str
    to_object: str
    kind: str
    """``unlabeled``, ``primary``, ``billing``, ``signer``, …"""

    @property
    def words(self) -> str:
        """Give what the line says besides numbers and objects."""
        return self.kind


@dataclass(frozen=True, slots=True)
class LegacyType:
    """One line of the table of API v1, whose numbers are others."""

    type_id: int
    from_object: str
    to_object: str
    note: str
    """``default``, ``all labels``, ``parent to child``, …; mostly nothing."""

    @property
    def words(self) -> str:
        """Give what the line says besides numbers and objects."""
        return self.note


TypeLine = BuiltinType | LegacyType
"""A line of either table."""


@cache
def builtin_types() -> tuple[BuiltinType, ...]:
    """Read the packaged table."""
    return tuple(
        BuiltinType(int(line["type_id"]), line["from_object"], line["to_object"], line["kind"])
        for line in _packaged("association_types.csv")
    )


@cache
def legacy_types() -> tuple[LegacyType, ...]:
    """Read the packaged table of API v1."""
    return tuple(
        LegacyType(int(line["type_id"]), line["from_object"], line["to_object"], line["note"])
        for line in _packaged("association_types_v1.csv")
    )


def _packaged(name: str) -> Iterable[dict[str, str]]:
    table = files("etl.hubspot").joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(table.splitlines())


def builtin_type(kind: AssociationType) -> BuiltinType | None:
    """Find the table's line of a type: between which objects it is, and what it means."""
    if kind.category != "HUBSPOT_DEFINED":
        return None
    return next((line for line in builtin_types() if line.type_id == kind.type_id), None)


def kinds_between(*objects: str) -> dict[str, frozenset[AssociationType]]:
    """List the labeled built-in types between two objects, either way, by kind."""
    ends = {singular(name) for name in objects}
    kinds: dict[str, set[AssociationType]] = defaultdict(set)
    for line in builtin_types():
        if line.kind != "unlabeled" and {line.from_object, line.to_object} == ends:
            kinds[line.kind].add(AssociationType("HUBSPOT_DEFINED", line.type_id))
    return {kind: frozenset(types) for kind, types in kinds.items()}


def aliases_between(from_object: str, to_object: str) -> dict[str, frozenset[AssociationType]]:
    """List what people may call the labeled built-in types, folded to lower case.

    HubSpot itself has written "Primary", "Primary Company" and "Contact with Primary Company". No
    other object's name is let in: "primary contact" towards companies may mean something else.
    """
    aliases: dict[str, frozenset[AssociationType]] = {}
    for kind, types in kinds_between(from_object, to_object).items():
        aliases[kind] = types
        if kind == "primary":
            one, others = primary_ends(from_object, to_object)
            for text in (
                f"primary {one}",
                f"{others} with primary",
                f"{others} with primary {one}",
                "プライマリー",
                *(["プライマリー会社"] if one == "company" else []),
            ):
                aliases[text] = types
    return aliases


def primary_ends(from_object: str, to_object: str) -> tuple[str, str]:
    """Name the object of which a record of the other has at most one, and that other.

    HubSpot's guide has "one primary company" a record; where no company is involved, its table has
    primaries of leads alone.
    """
    ends = (singular(from_object), singular(to_object))
    one = "company" if "company" in ends else next((end for end in ends if end != "lead"), ends[1])
    return one, ends[0] if one == ends[1] else ends[1]


def matching(
    lines: Iterable[TypeLine],
    *,
    objects: Sequence[str] = (),
    type_id: int | None = None,
    kind: str = "",
) -> list[TypeLine]:
    """Pick the lines of a table that are about some objects, a type id and a kind, or part of one.

    One object is either side; the same name twice asks for the types of an object to itself.
    """
    ends = {singular(name) for name in objects}
    to_itself = len(objects) > len(ends)
    wanted = normal_form(kind.replace("_", " "))
    wanted = "unlabeled" if wanted in UNLABELED else wanted
    return [
        line
        for line in lines
        if ends <= {line.from_object, line.to_object}
        and not (to_itself and line.from_object != line.to_object)
        and type_id in {None, line.type_id}
        and wanted in line.words.replace("_", " ")
    ]
