"""The bodies of requests, read by the OpenAPI specs and refused in HubSpot's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

import msgspec

from etl.sandbox.labels import Category
from etl.sandbox.refusal import invalid

if TYPE_CHECKING:
    from etl.sandbox.labels import Label

MAX_ID_DIGITS = 19
"""HubSpot's record ids are signed 64-bit integers."""


Text = Annotated[str, msgspec.Meta(min_length=1)]

Name = Annotated[str, msgspec.Meta(pattern="^[^0-9-][^-]*$")]
"""No hyphen in it and no digit before it (HubSpot's guide to association types)."""


class RecordRef(msgspec.Struct):
    """A record, by the text of its id."""

    id: str


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    """An association type, as a request names it."""

    association_category: Category
    association_type_id: int

    @classmethod
    def of(cls, label: Label) -> Self:
        """Name a label."""
        return cls(label.category, label.type_id)

    def __str__(self) -> str:
        return f"{self.association_category}={self.association_type_id}"


class LabelledInput(msgspec.Struct):
    """Two records and the types between them: ``batch/create``, ``batch/labels/archive``."""

    from_: RecordRef = msgspec.field(name="from")
    to: RecordRef
    types: tuple[Spec, ...]


class DefaultInput(msgspec.Struct):
    """Two records: ``batch/associate/default``."""

    from_: RecordRef = msgspec.field(name="from")
    to: RecordRef


class ArchiveInput(msgspec.Struct):
    """A record and those to part from it: ``batch/archive``."""

    from_: RecordRef = msgspec.field(name="from")
    to: tuple[RecordRef, ...]


class ObjectsRead(msgspec.Struct, rename="camel"):
    """Records to read, by id or by a unique property: the body of objects' ``batch/read``.

    The specs require ``properties``; HubSpot takes a body without it.
    """

    inputs: list[RecordRef]
    properties: tuple[str, ...] = ()
    id_property: str | None = None


class ReadInput(msgspec.Struct):
    """A record to list, from a page on: ``batch/read``."""

    id: str
    after: str | None = None


class LabelMade(msgspec.Struct, rename="camel"):
    """A label to define: ``POST …/labels``."""

    label: Text
    name: Name
    inverse_label: Text | None = None


class LabelChange(msgspec.Struct, rename="camel"):
    """A label to rename: ``PUT …/labels``."""

    association_type_id: int
    label: Text
    inverse_label: Text | None = None


class TypeRef(msgspec.Struct, rename="camel"):
    """An association type, as requests about limits name it."""

    category: str
    type_id: int


class LimitWanted(TypeRef, rename="camel"):
    """A limit to set or change."""

    max_to_object_ids: Annotated[int, msgspec.Meta(ge=1)]


class TypeBatch(msgspec.Struct):
    """The body of limits' ``batch/purge``."""

    inputs: list[TypeRef]


class LimitBatch(msgspec.Struct):
    """The body of limits' ``batch/create`` and ``batch/update``."""

    inputs: list[LimitWanted]


class LabelledBatch(msgspec.Struct):
    """The body of ``batch/create`` and ``batch/labels/archive``."""

    inputs: list[LabelledInput]


class DefaultBatch(msgspec.Struct):
    """The body of ``batch/associate/default``."""

    inputs: list[DefaultInput]


class ArchiveBatch(msgspec.Struct):
    """The body of ``batch/archive``."""

    inputs: list[ArchiveInput]


class ReadBatch(msgspec.Struct):
    """The body of ``batch/read``."""

    inputs: list[ReadInput]


Body = TypeVar("Body")


def decode(decoder: msgspec.json.Decoder[Body], content: bytes) -> Body:
    """Read a body, or refuse it with the line and the column of the trouble."""
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as trouble:
        # HubSpot counts from the body's first token; the reason names the field.
        missing = re.search(r"missing required field `(\w+)`", str(trouble))
        reason = f". Some required fields were not set: [{missing[1]}]" if missing else ""
        message = f"Invalid input JSON on line 1, column 2{reason or f': {trouble}'}"
        raise invalid(message) from trouble
    except (msgspec.DecodeError, UnicodeDecodeError) as trouble:
        found = re.search(r"\(byte (\d+)\)", str(trouble))
        before = content[: int(found[1])] if found else content
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        raise invalid(f"Invalid input JSON on line {line}, column {column}: {trouble}") from trouble


def record_id(text: str) -> int:
    """Read an id, which HubSpot writes as plain digits."""
    if text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS:
        return int(text)
    raise invalid(f"Invalid record id {text[:40]!r}: an id is text of 1 to {MAX_ID_DIGITS} digits")
