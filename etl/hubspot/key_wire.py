"""Bodies and answers of objects ``batch/read``, which finds records by a unique property.

Rule 1: every value that an answer gives for a record counts as its key: a contact is found by its
        secondary emails too, and answered under its primary one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import polars as pl

from etl.hubspot.objects import singular
from etl.hubspot.wire import WireError
from etl.model import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.core.keys import UniqueProperty
    from etl.hubspot.wire import Answer

VALUE: Final = {"record_id": pl.Int64, "key": pl.String}
"""A record of an answer and one of its keys, null where the answer tells none."""

SECONDARY: Final = {("contact", "email"): "hs_additional_emails"}
"""Where HubSpot keeps further values of a property, by object and property."""

_BETWEEN: Final = ";"
"""Parts several values of one property."""


class Record(msgspec.Struct, frozen=True):
    """A record of an answer, and those of its properties that were asked for."""

    id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
    properties: dict[str, Any] | None = None


_RECORDS: Final = msgspec.json.Decoder(list[Record] | None, strict=False)


def look_up_body(keys: pl.DataFrame, by: UniqueProperty) -> bytes:
    """Write the body that asks for the records of keys."""
    inputs = [{"id": key} for key in keys["key"]]
    return msgspec.json.encode(
        {
            "idProperty": by.name,
            "inputs": inputs,
            "properties": _names(by),
            "propertiesWithHistory": [],
        }
    )


def decode_records(answer: Answer) -> list[Record]:
    """Read the records of an answer. Raises WireError."""
    try:
        return _RECORDS.decode(answer.results) or []
    except msgspec.MsgspecError as error:
        raise WireError(f"the records can't be read: {error}") from error


def values_of(answers: Sequence[list[Record]], by: UniqueProperty) -> pl.DataFrame:
    """List the records of some answers with their keys: VALUE, and the place of their answer."""
    lines = [
        (place, record.id, _values(record.properties or {}, by))
        for place, records in enumerate(answers)
        for record in records
    ]
    places, ids, values = zip(*lines, strict=True) if lines else ((), (), ())
    return (
        pl.DataFrame(
            {"place": places, "record_id": ids, "key": values},
            schema={"place": pl.Int64, "record_id": pl.Int64, "key": pl.List(pl.String)},
        )
        .lazy()
        .explode("key", empty_as_null=True)
        .with_columns(by.key(pl.col("key")).alias("key"))
        .collect()
    )


def _names(by: UniqueProperty) -> list[str]:
    secondary = SECONDARY.get((singular(by.object), by.name))
    return [by.name] if secondary is None else [by.name, secondary]


def _values(properties: dict[str, Any], by: UniqueProperty) -> list[str]:
    first, *others = (
        "" if (value := properties.get(name)) is None else str(value) for name in _names(by)
    )
    return [first, *(value for other in others for value in other.split(_BETWEEN))]
