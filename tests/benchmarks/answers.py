"""What the far end of the benchmarks says: by rule, without a portal to look things up in.

Rule 1: each body is parsed in full and each record named, so that clients have real answers to judge.
Rule 2: an answer is one formatted text a record: what is measured is the client.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
from account import DEFINITIONS, EMAIL, LABEL, Belonging, is_new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PAGE: Final = 500
"""Associations of one record in one answer (the specs of HubSpot's associations API)."""

OK: Final = 200
NOT_FOUND: Final = 404
CREATED: Final = 201
"""How v4 answers ``batch/create``; HubSpot's own client reads nothing else."""

_DETAILS: Final = b'{"portalId":1,"timeZone":"UTC","utcOffsetMilliseconds":0}'
_ENDING: Final = (
    '],"status":"COMPLETE","startedAt":"2026-11-23T00:00:00Z","completedAt":"2026-11-23T00:00:00Z"}'
)


class _Record(msgspec.Struct):
    id: str
    after: str = "0"


class _Pair(msgspec.Struct):
    from_: _Record = msgspec.field(name="from")
    to: _Record


class _Pairs(msgspec.Struct):
    inputs: list[_Pair]


class _Records(msgspec.Struct):
    inputs: list[_Record]


_PAIRS: Final = msgspec.json.Decoder(_Pairs)
_RECORDS: Final = msgspec.json.Decoder(_Records)


def _types(from_object: str) -> tuple[str, str]:
    """Write the types of an association: of one without the label, and of one with it."""
    unlabeled, labelled = (
        msgspec.json.encode({"category": category, "typeId": type_id, "label": text}).decode()
        for category, type_id, text in DEFINITIONS[from_object]
    )
    return unlabeled, f"{unlabeled},{labelled}"


_TYPES: Final = {from_object: _types(from_object) for from_object in DEFINITIONS}


@dataclass(frozen=True, slots=True)
class Account:
    """An account that has, and accepts, what it is asked about."""

    belonging: Belonging
    calls: Counter[str] = field(default_factory=Counter)
    """How often it has been asked, by kind of question."""

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Give status and body."""
        kind = "look-up" if "/objects/" in path else path.rsplit("/", 1)[1]
        if kind == "calls":
            return OK, msgspec.json.encode(self.calls)
        if kind == "details":
            status, answer = OK, _DETAILS
        elif (results := self._results(path, body)) is None:
            status, answer = NOT_FOUND, b"{}"
        else:
            answer = f'{{"results":[{",".join(results)}{_ENDING}'.encode()
            status = CREATED if kind == "create" else OK
        self.calls[kind] += 1
        return status, answer

    def _results(self, path: str, body: bytes) -> Iterable[str] | None:
        match path.split("/"):
            case [*_, from_object, _, "labels"]:
                return [_TYPES[from_object][1]]
            case [*_, parent, _, "batch", "read"]:
                readers: dict[str, Callable[[list[_Record]], Iterator[str]]] = {
                    "objects": _found,
                    "contacts": self._companies,
                    "companies": self._contacts,
                }
                return readers[parent](_RECORDS.decode(body).inputs)
            case [*_, "batch", "create"]:
                return _created(_PAIRS.decode(body).inputs)
            case [*_, "associate", "default"]:
                return _defaulted(_PAIRS.decode(body).inputs)
        return None

    def _companies(self, contacts: list[_Record]) -> Iterator[str]:
        without_label, with_label = _TYPES["contacts"]
        for contact in contacts:
            number = int(contact.id)
            types = without_label if is_new(number) else with_label
            yield (
                f'{{"from":{{"id":"{number}"}},"to":[{{"toObjectId":'
                f'{self.belonging.company_of(number)},"associationTypes":[{types}]}}]}}'
            )

    def _contacts(self, companies: list[_Record]) -> Iterator[str]:
        without_label, with_label = _TYPES["companies"]
        for company in companies:
            everyone, begin = self.belonging.contacts_of(int(company.id)), int(company.after)
            end = begin + PAGE
            to = ",".join(
                f'{{"toObjectId":{contact},"associationTypes":'
                f"[{without_label if is_new(contact) else with_label}]}}"
                for contact in everyone[begin:end]
            )
            paging = f',"paging":{{"next":{{"after":"{end}"}}}}' if end < len(everyone) else ""
            yield f'{{"from":{{"id":"{company.id}"}},"to":[{to}]{paging}}}'


def _found(emails: list[_Record]) -> Iterator[str]:
    before, after = EMAIL.split("{}")
    for email in emails:
        number = email.id.removeprefix(before).removesuffix(after)
        yield f'{{"id":"{number}","properties":{{"email":"{email.id}"}}}}'


def _created(pairs: list[_Pair]) -> Iterator[str]:
    for pair in pairs:
        yield (
            f'{{"fromObjectTypeId":"0-1","fromObjectId":"{pair.from_.id}",'
            f'"toObjectTypeId":"0-2","toObjectId":"{pair.to.id}","labels":["{LABEL}"]}}'
        )


def _defaulted(pairs: list[_Pair]) -> Iterator[str]:
    for pair in pairs:
        yield (
            f'{{"from":{{"id":"{pair.from_.id}"}},"to":{{"id":"{pair.to.id}"}},'
            '"associationSpec":{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}}'
        )
