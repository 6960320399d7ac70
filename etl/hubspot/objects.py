"""What HubSpot calls its objects: singular, plural and type id stand for one object."""

from __future__ import annotations

import re
from typing import Final

OBJECT_TYPE_IDS: Final = {
    "contact": "0-1",
    "company": "0-2",
    "deal": "0-3",
    "ticket": "0-5",
    "task": "0-27",
    "note": "0-46",
    "meeting": "0-47",
    "call": "0-48",
    "email": "0-49",
}
"""Singular name → object type id (HubSpot's guide "Object type IDs")."""

_PLURALS: Final = {"company": "companies"}
_CUSTOM: Final = re.compile(r"2-[0-9]|p[0-9]*_")
_TYPE_ID: Final = re.compile(r"[0-9]+-[0-9]+")


def type_id(name: str) -> str | None:
    """Give an object's type id where its name tells it; a custom name does not."""
    folded = singular(name)
    return folded if _TYPE_ID.fullmatch(folded) else OBJECT_TYPE_IDS.get(folded)


def singular(name: str) -> str:
    """Bring any spelling of an object to one: ``Contacts``, ``0-1`` and ``CONTACT`` to ``contact``.

    A custom object (``2-123``, ``p_vendor``) comes back folded to lower case, otherwise as it is.
    """
    folded = name.strip().casefold()
    for known, type_id in OBJECT_TYPE_IDS.items():
        if folded in {known, type_id, _PLURALS.get(known, f"{known}s")}:
            return known
    if _CUSTOM.match(folded) or not folded.endswith("s"):
        return folded
    if folded.endswith("xes"):
        return folded[:-2]
    return folded[:-3] + "y" if folded.endswith("ies") else folded[:-1]
