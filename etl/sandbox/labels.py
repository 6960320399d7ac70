"""Association labels, and the ones that HubSpot itself defines.

Rule 1: a label belongs to one direction; its inverse is another label, or itself when both sides
are the same object and the text is the same.
Rule 2: category and type id name a label together: USER_DEFINED 1 and HUBSPOT_DEFINED 1 are two.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal

from etl.sandbox.objects import BUILT_IN_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

Category = Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"]
"""Who defined a label (the OpenAPI specs)."""

HUBSPOT_DEFINED: Final = "HUBSPOT_DEFINED"
USER_DEFINED: Final = "USER_DEFINED"

UNLABELED = "unlabeled"
PRIMARY = "primary"
CUSTOM = "custom"

INVERSE_KINDS = {"parent_to_child": "child_to_parent", "child_to_parent": "parent_to_child"}
"""Kinds whose inverse is another kind; every other kind is its own."""

BUILT_IN_TEXTS = {
    "billing": "Billing",
    "child_to_parent": "Parent Company",
    "parent_to_child": "Child Company",
    "signer": "Signer",
    "upcoming": "Upcoming",
}


LabelKey = tuple[str, int]
"""Category and type id."""


@dataclass(slots=True, eq=False)
class Label:
    """One association type in one direction. Compared by identity: a portal makes each once."""

    from_object: str
    to_object: str
    category: Category
    type_id: int
    text: str | None
    """What people see, who may change it; None for the unlabeled type."""
    kind: str
    """``custom``, or HubSpot's own kind: unlabeled, primary, billing, …"""
    name: str | None = None
    """The internal name, which its maker gave it over the API."""

    @property
    def key(self) -> LabelKey:
        """Name the label within its direction."""
        return self.category, self.type_id

    @property
    def is_exclusive(self) -> bool:
        """Tell whether a from-record has this label to one record at most."""
        return self.kind == PRIMARY and (self.to_object == "company" or self.from_object == "lead")


def built_in_labels() -> Iterator[Label]:
    """Make HubSpot's own labels between the objects that every portal has."""
    known = {each.name for each in BUILT_IN_OBJECTS}
    with (resources.files("etl.sandbox") / "association_types.csv").open(encoding="utf-8") as f:
        for row in csv.DictReader(f):
            from_object, to_object, kind = row["from_object"], row["to_object"], row["kind"]
            if from_object in known and to_object in known:
                text = _built_in_text(kind, from_object, to_object)
                type_id = int(row["type_id"])
                yield Label(from_object, to_object, HUBSPOT_DEFINED, type_id, text, kind)


def _built_in_text(kind: str, from_object: str, to_object: str) -> str | None:
    if kind == UNLABELED:
        return None
    if kind == PRIMARY and from_object == "company" and to_object != "company":
        return f"{to_object.replace('_', ' ').title()} with Primary Company"
    return BUILT_IN_TEXTS.get(kind, "Primary")
