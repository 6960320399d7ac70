"""Bodies of requests, and answers read back, as columns. No network here.

Rule 1: ids travel as text, as the OpenAPI specs have them; they come back as text or as numbers.
Rule 2: an answer is judged by its body: versions differ in their success codes, and the same
        version has changed them.
Rule 3: what can't be read as JSON is no answer: WireError, and the attempt counts as broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import polars as pl

from etl.hubspot.wording import Wording
from etl.model import AssociationType, LabelDefinition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAIR: Final = {"from_id": pl.Int64, "to_id": pl.Int64}
"""Two record ids, as a request has them."""

_Pairs = TypeVar("_Pairs", pl.DataFrame, pl.LazyFrame)


def swapped(pairs: _Pairs) -> _Pairs:
    """Give pairs the other way round, with all else that they have as it is."""
    return pairs.with_columns(pl.col("to_id").alias("from_id"), pl.col("from_id").alias("to_id"))


TYPED_PAIR: Final = {**PAIR, "category": pl.String, "type_id": pl.Int64}
"""A pair and one association type."""

ID: Final = pl.Struct({"id": pl.String})
"""A record, as answers have it."""

_CREATED: Final = {
    "fromObjectTypeId": pl.String,
    "fromObjectId": pl.String,
    "toObjectId": pl.String,
}
_DEFAULTED: Final = {
    "from": ID,
    "to": ID,
    "associationSpec": pl.Struct({"associationCategory": pl.String, "associationTypeId": pl.Int64}),
}


class WireError(ValueError):
    """The bytes are no answer of HubSpot's: cut off, or a page of html."""


class ErrorDetail(msgspec.Struct, frozen=True, rename="camel"):
    """One error of an answer; at the top of a refusal, or a member of a batch's `errors`."""

    message: str = ""
    category: str = ""
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    errors: list[ErrorDetail] = msgspec.field(default_factory=list)


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """What any endpoint may answer; the fields that an answer lacks are empty."""

    body: bytes = b""
    """All of it, for `record_wire`: single records are answered without ``results``."""
    results: msgspec.Raw = msgspec.Raw(b"[]")
    errors: list[ErrorDetail] = msgspec.field(default_factory=list)
    message: str = ""
    category: str = ""
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    correlation_id: str = ""
    policy_name: str = ""
    portal_id: int | None = None
    time_zone: str = ""
    utc_offset_milliseconds: int | None = None
    user_email: str = ""

    def as_error(self) -> ErrorDetail:
        """See a refused request as one error, its members below it."""
        return ErrorDetail(self.message, self.category, self.context, self.errors)


class _Body(msgspec.Struct, rename="camel"):
    """An answer as it stands in a body: only the results have to be what the specs say."""

    results: msgspec.Raw = msgspec.Raw(b"[]")
    errors: Any = None
    message: Any = None
    category: Any = None
    context: Any = None
    correlation_id: Any = None
    policy_name: Any = None
    portal_id: Any = None
    time_zone: Any = None
    utc_offset_milliseconds: Any = None
    user_email: Any = None


_BODY: Final = msgspec.json.Decoder(_Body, strict=False)


def decode_answer(body: bytes) -> Answer:
    """Read any answer; an empty body is an empty answer. Raises WireError."""
    if not body.strip():
        return Answer()
    try:
        read = _BODY.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireError(f"the answer is not HubSpot's JSON: {error}") from error
    return Answer(
        body=body,
        results=read.results,
        errors=_details(read.errors),
        message=_text(read.message),
        category=_text(read.category),
        context=_mapping(read.context),
        correlation_id=_text(read.correlation_id),
        policy_name=_text(read.policy_name),
        portal_id=_whole_number(read.portal_id),
        time_zone=_text(read.time_zone),
        utc_offset_milliseconds=_whole_number(read.utc_offset_milliseconds),
        user_email=_text(read.user_email),
    )


def create_body(pairs: pl.DataFrame, types: Mapping[int, Sequence[AssociationType]]) -> bytes:
    """Write the body of ``batch/create`` from from_id, to_id and types (a key of `types`)."""
    ends = {mask: f'"}},"types":{types_json(kinds)}}}' for mask, kinds in types.items()}
    end = pl.col("types").replace_strict(ends, return_dtype=pl.String)
    return inputs_body(
        pairs, pl.lit('{"from":{"id":"'), "from_id", pl.lit('"},"to":{"id":"'), "to_id", end
    )


def create_wording(kinds: Sequence[AssociationType]) -> Wording:
    """Word the body of ``batch/create`` where all pairs have the same types."""
    return _worded(f'"}},"types":{types_json(kinds)}}}'.encode())


def archive_body(pairs: pl.DataFrame) -> bytes:
    """Write the body of ``batch/archive`` from from_id and to_id: one input a from-record."""
    to = pl.concat_str(pl.lit('{"id":"'), "to_id", pl.lit('"}')).str.join(",")
    inputs = pairs.group_by("from_id", maintain_order=True).agg(to.alias("to"))
    return inputs_body(
        inputs, pl.lit('{"from":{"id":"'), "from_id", pl.lit('"},"to":['), "to", pl.lit("]}")
    )


def read_created(answer: Answer) -> pl.DataFrame:
    """List the pairs that a create answer names: PAIR and object_type (of from; may be null)."""
    results = read_results(answer, _CREATED)
    # Series, not expressions: where labels differ from pair to pair, every answer comes by here.
    return pl.DataFrame(
        {
            "from_id": results["fromObjectId"].cast(pl.Int64, strict=False),
            "to_id": results["toObjectId"].cast(pl.Int64, strict=False),
            "object_type": results["fromObjectTypeId"],
        }
    )


def read_defaulted(answer: Answer) -> pl.DataFrame:
    """List the pairs that a default answer names, both directions as they come: TYPED_PAIR."""
    spec = pl.col("associationSpec").struct
    return read_results(answer, _DEFAULTED).select(
        as_id(pl.col("from").struct.field("id")).alias("from_id"),
        as_id(pl.col("to").struct.field("id")).alias("to_id"),
        spec.field("associationCategory").alias("category"),
        spec.field("associationTypeId").alias("type_id"),
    )


class _Label(msgspec.Struct, frozen=True, rename="camel"):
    category: str
    type_id: int
    label: str | None = None


_LABELS: Final = msgspec.json.Decoder(list[_Label], strict=False)


def read_labels(answer: Answer) -> list[LabelDefinition]:
    """List the labels of one direction. Raises WireError."""
    try:
        lines = _LABELS.decode(answer.results)
    except msgspec.MsgspecError as error:
        raise WireError(f"the labels can't be read: {error}") from error
    return [
        LabelDefinition(AssociationType(line.category, line.type_id), line.label) for line in lines
    ]


def _details(errors: object) -> list[ErrorDetail]:
    """Read what can be read of errors: their shape is free, and what they spoil is only words."""
    return [_detail(error) for error in errors if error] if isinstance(errors, list) else []


def _detail(error: object) -> ErrorDetail:
    if not isinstance(error, dict):
        return ErrorDetail(message=_text(error))
    return ErrorDetail(
        message=_text(error.get("message")),
        category=_text(error.get("category")),
        context=_mapping(error.get("context")),
        errors=_details(error.get("errors")),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _whole_number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def types_json(kinds: Sequence[AssociationType]) -> str:
    """Write association types as requests have them."""
    return msgspec.json.encode(
        [
            {"associationCategory": kind.category, "associationTypeId": kind.type_id}
            for kind in kinds
        ]
    ).decode()


def _worded(after: bytes) -> Wording:
    return Wording.around(
        start=b'{"inputs":[',
        before=b'{"from":{"id":"',
        between=b'"},"to":{"id":"',
        after=after,
        end=b"]}",
    )


DEFAULT_WORDING: Final = _worded(b'"}}')
"""The body of ``batch/associate/default``."""


def inputs_body(frame: pl.DataFrame, *parts: pl.Expr | str) -> bytes:
    """Write a body with one input a row, each put together of some texts and columns."""
    joined = frame.select(pl.concat_str(*parts).str.join(",")).item()
    return f'{{"inputs":[{joined}]}}'.encode()


def read_results(answer: Answer, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Make columns of an answer's results. Raises WireError."""
    body = bytes(answer.results)
    if body == b"null":
        body = b"[]"
    try:
        return pl.read_json(body, schema=schema)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise WireError(f"the results can't be read: {error}") from error


def as_id(text: pl.Expr) -> pl.Expr:
    """Read a record id; null where it is none."""
    return text.cast(pl.Int64, strict=False)
