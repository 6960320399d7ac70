"""Read out of an error which records and types HubSpot means.

Errors carry no index into the request, only a free-form ``context``, whose keys and values have
been seen in several shapes::

    {"fromObjectId": ["1"], "toObjectId": ["2"]}                     one pair
    {"INVALID_OBJECT_IDS": ["CONTACT=1 is not valid"]}               a record, its object named
    {"objectId": ["1"], "objectType": ["CONTACT"]}                   the same, in two keys
    {"INVALID_ASSOCIATION_TYPE_ID": ["USER_DEFINED=3 is not …"]}     a type
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from etl.hubspot.objects import singular
from etl.model import Category

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from etl.hubspot.wire import ErrorDetail

Side = Literal["from", "to", "either"]

CATEGORIES: Final = frozenset(get_args(Category))

NOT_THERE: Final = frozenset({"OBJECT_NOT_FOUND", "NOT_FOUND"})
"""Categories of errors that say that a record, or what it should be associated with, does not exist."""

NOT_VALID: Final = "VALIDATION_ERROR"
"""The category that says so where it names the record; without a name it may be about anything."""

_NAMED_ID: Final = re.compile(r"\b([A-Za-z][\w-]*|[0-9]+-[0-9]+)=([0-9]{1,19})\b")
_BARE_ID: Final = re.compile(r"(?<![\w-])[0-9]{1,19}(?![\w-])")
_TYPE_KEY: Final = re.compile(r"association_?type", re.IGNORECASE)
_ID_KEY: Final = re.compile(r"(from|to)?(object|record)?ids?|invalidobjectids")
"""Keys under which ids are records', besides those that name an object (``contactId``)."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The two objects of a request, in its own direction."""

    from_object: str
    to_object: str

    @property
    def same(self) -> bool:
        """Tell whether an id can stand on either side."""
        return singular(self.from_object) == singular(self.to_object)

    def of(self, object_name: str) -> Side:
        """Tell on which side records of an object stand; ``either`` if that can't be told."""
        if not self.same:
            if singular(object_name) == singular(self.from_object):
                return "from"
            if singular(object_name) == singular(self.to_object):
                return "to"
        return "either"


@dataclass(frozen=True, slots=True)
class Culprits:
    """The ids and types that one error names."""

    pair_from: frozenset[int] = frozenset()
    pair_to: frozenset[int] = frozenset()
    """Ids under keys of both sides mean the pairs between them."""
    from_ids: frozenset[int] = frozenset()
    to_ids: frozenset[int] = frozenset()
    """Records of one side; each association of such a record is meant."""
    either_ids: frozenset[int] = frozenset()
    """Records named without a side."""
    types: frozenset[str] = frozenset()
    """Association types, as ``CATEGORY:id``."""
    guessed: bool = False
    """The ids are numbers in a sentence, and may mean something else."""

    @property
    def has_ids(self) -> bool:
        """Tell whether the error names records."""
        ids = (self.pair_from, self.pair_to, self.from_ids, self.to_ids, self.either_ids)
        return any(ids)

    @property
    def nobody(self) -> bool:
        """Tell whether the error names no record and no type."""
        return not (self.has_ids or self.types)


def culprits(error: ErrorDetail, sides: Sides) -> Culprits:
    """Find who an error names: in its context, or else in its message."""
    types = set(_types_in(error.message))
    keyed: dict[Side, set[int]] = defaultdict(set)
    named: dict[Side, set[int]] = defaultdict(set)
    bare_side = _bare_side(error.context, sides)
    for key, value in error.context.items():
        for text in _texts(value):
            tokens = _NAMED_ID.findall(text)
            types.update(_types_in(text))
            if _TYPE_KEY.search(key):
                types.update(f"{category}:{number}" for category, number in tokens)
            elif tokens:
                for name, number in tokens:
                    if name not in CATEGORIES:
                        named[sides.of(name)].add(int(number))
            elif _is_id_key(key, sides):
                keyed[_key_side(key, sides) or bare_side].update(_bare_ids(text))
    if keyed["from"] and keyed["to"]:
        pair_from, pair_to = keyed.pop("from"), keyed.pop("to")
    else:
        pair_from, pair_to = set(), set()
    from_ids, to_ids = keyed["from"] | named["from"], keyed["to"] | named["to"]
    # An id told with its side says more than the same id told bare elsewhere in the context.
    told = from_ids | to_ids | pair_from | pair_to
    found = Culprits(
        frozenset(pair_from),
        frozenset(pair_to),
        frozenset(from_ids),
        frozenset(to_ids),
        frozenset((keyed["either"] | named["either"]) - told),
        frozenset(types),
    )
    return _in_message(error.message, sides) if found.nobody else found


def _types_in(text: str) -> Iterator[str]:
    """List the association types that a text names, as ``USER_DEFINED=3``."""
    found = _NAMED_ID.findall(text)
    return (f"{category}:{number}" for category, number in found if category in CATEGORIES)


def _in_message(message: str, sides: Sides) -> Culprits:
    ids: dict[Side, set[int]] = defaultdict(set)
    for name, number in _NAMED_ID.findall(message):
        if name not in CATEGORIES:
            ids[sides.of(name)].add(int(number))
    if ids:
        from_ids, to_ids = frozenset(ids["from"]), frozenset(ids["to"])
        return Culprits(from_ids=from_ids, to_ids=to_ids, either_ids=frozenset(ids["either"]))
    return Culprits(either_ids=frozenset(_bare_ids(message)), guessed=True)


def _bare_side(context: Mapping[str, object], sides: Sides) -> Side:
    """Read the side of bare ids from the one object type that the context gives beside them."""
    for key, value in context.items():
        if key.casefold().replace("_", "") == "objecttype" and len(set(_texts(value))) == 1:
            return sides.of(_texts(value)[0])
    return "either"


def _is_id_key(key: str, sides: Sides) -> bool:
    folded = key.casefold().replace("_", "")
    named = singular(folded.removesuffix("s").removesuffix("id"))
    objects = {singular(sides.from_object), singular(sides.to_object)}
    return bool(_ID_KEY.fullmatch(folded)) or (folded.endswith(("id", "ids")) and named in objects)


def _key_side(key: str, sides: Sides) -> Side | None:
    folded = key.casefold().replace("_", "")
    if folded.startswith("from"):
        return "from"
    if folded.startswith("to"):
        return "to"
    side = sides.of(folded.removesuffix("s").removesuffix("id"))
    return None if side == "either" else side


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _bare_ids(text: str) -> list[int]:
    return [int(number) for number in _BARE_ID.findall(text)]
