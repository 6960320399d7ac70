"""What the records of one object have in their properties, and which record has a unique value.

Rule 1: a template says the value of every record, so a portal of millions costs nothing.
Rule 2: what is said of one record alone goes before the template, also that it has no value.
Rule 3: two records may have the same value, as imports have left them: both are found by it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from etl.sandbox.definition import PortalError, RecordRule
from etl.sandbox.wire import MAX_ID_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from etl.sandbox.objects import ObjectType
    from etl.sandbox.records import Records

PLACE: Final = "{id}"
"""Where the id of the record stands in a template."""

BUILT_IN_KEYS: Final = {"contact": "email", "company": "domain"}
"""The unique property that every portal has for an object, whether it says so or not."""

SECONDARY_KEYS: Final = {("contact", "email"): "hs_additional_emails"}
"""Where an object keeps further values of a unique property, joined by ``SEPARATOR``."""

SEPARATOR: Final = ";"

CASELESS: Final = frozenset(BUILT_IN_KEYS.values())
"""HubSpot keeps emails and domains in lower case."""

SHOWN: Final = {
    "contact": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "company": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
}
"""What an answer has of a record when no property is asked for (HubSpot's guides to objects)."""

ALWAYS_SHOWN: Final = ("createdate", "hs_lastmodifieddate", "hs_object_id")

RECORD_ID: Final = "hs_object_id"
DATES: Final = frozenset(["createdate", "hs_lastmodifieddate", "lastmodifieddate"])
RECORDS_MADE_AT: Final = "2025-01-01T00:00:00.000Z"
"""When every record of the sandbox was made and changed last: records never change here."""


class UnknownPropertyError(LookupError):
    """Name a property by which no record can be found."""


class Template:
    """The values of a property that differ by nothing but the record's id."""

    def __init__(self, text: str) -> None:
        if text.count(PLACE) != 1:
            raise PortalError(
                f"`records` has the key {text!r}, which is to differ from record to record:"
                f" write {PLACE} once where the record's id stands, as in person{PLACE}@example.com"
            )
        self._before, _, self._after = text.partition(PLACE)

    def value(self, record_id: int) -> str:
        """Write the value of a record."""
        return f"{self._before}{record_id}{self._after}"

    def record_id(self, value: str) -> int | None:
        """Find the only record that can have a value."""
        digits = value.removeprefix(self._before).removesuffix(self._after)
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_ID_DIGITS):
            return None
        found = int(digits)
        return found if self.value(found) == value else None  # not for 007, nor by half a template


class Properties:
    """The properties of one object's records."""

    def __init__(self, of: ObjectType, records: Records, rule: RecordRule | None = None) -> None:
        rule = rule or RecordRule()
        self._of = of
        self._records = records
        self._values = {name: _tidy(name, values) for name, values in rule.values.items()}
        self._templates = {
            name: None if text is None else Template(_cased(name, text))
            for name, text in rule.keys.items()
        }
        built_in = BUILT_IN_KEYS.get(of.name)
        if built_in is not None:
            self._templates.setdefault(built_in, None)
        self._known = frozenset(
            [*self._templates, *self._values, *ALWAYS_SHOWN, *SHOWN.get(of.name, ())]
            + [kept for (owner, _), kept in SECONDARY_KEYS.items() if owner == of.name]
        )
        self._owners = {name: self._owners_by_value(name) for name in self._templates}

    def find(self, name: str, value: str) -> Iterable[int]:
        """Find the records that have a value of a unique property; most values have one at most."""
        if name not in self._templates:
            raise UnknownPropertyError(
                f"Property {name!r} of {self._of.plural} doesn't exist or isn't unique"
            )
        value = _cased(name, value)
        template, said = self._templates[name], self._values.get(name, {})
        candidates = list(self._owners[name].get(value, ()))
        if template is not None:
            record_id = template.record_id(value)
            if record_id is not None and record_id not in said:
                candidates.append(record_id)
        return (each for each in dict.fromkeys(candidates) if each in self._records)

    def of(self, record_id: int, asked: Iterable[str]) -> dict[str, str | None]:
        """Write the properties of a record; asking for one that isn't there asks for nothing."""
        names = [*asked, *ALWAYS_SHOWN] if asked else SHOWN.get(self._of.name, ALWAYS_SHOWN)
        return {name: self._value(name, record_id) for name in names if name in self._known}

    def key_of(self, record_id: int) -> str | None:
        """Find what people know a record by: its value of the first unique property."""
        name = next(iter(self._templates), None)
        return None if name is None else self._value(name, record_id)

    def _value(self, name: str, record_id: int) -> str | None:
        if name == RECORD_ID:
            return str(record_id)
        if name in DATES:
            return RECORDS_MADE_AT
        said = self._values.get(name, {})
        if record_id in said:
            return said[record_id]
        template = self._templates.get(name)
        return None if template is None else template.value(record_id)

    def _owners_by_value(self, name: str) -> Mapping[str, list[int]]:
        """Turn around what is said of single records, which is all that takes room."""
        owners: defaultdict[str, list[int]] = defaultdict(list)
        for record_id, value in self._said(name):
            owners[value].append(record_id)
        return dict(owners)

    def _said(self, name: str) -> Iterator[tuple[int, str]]:
        for record_id, value in self._values.get(name, {}).items():
            if value is not None:
                yield record_id, value
        secondary = SECONDARY_KEYS.get((self._of.name, name))
        if secondary is not None:
            for record_id, joined in self._values.get(secondary, {}).items():
                if joined is not None:
                    yield from (
                        (record_id, _cased(name, value.strip()))
                        for value in joined.split(SEPARATOR)
                    )


def _tidy(name: str, values: Mapping[int, str | None]) -> dict[int, str | None]:
    return {i: None if value is None else _cased(name, value) for i, value in values.items()}


def _cased(name: str, value: str) -> str:
    return value.lower() if name in CASELESS else value
