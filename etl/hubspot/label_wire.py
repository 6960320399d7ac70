"""Bodies of requests that make and rename labels, as the OpenAPI spec ``associations-schema`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from etl.core.label_rules import Room, name_of
from etl.hubspot.wire import WireError

if TYPE_CHECKING:
    from etl.hubspot.wire import Answer
    from etl.model import DefinedLabel


def make_body(wanted: DefinedLabel) -> bytes:
    """Write the body that makes a label (POST …/labels)."""
    body = {"label": wanted.label, "name": name_of(wanted)}
    return msgspec.json.encode(body | _inverse(wanted.inverse))


def rename_body(type_id: int, text: str, inverse: str | None) -> bytes:
    """Write the body that renames a label (PUT …/labels)."""
    return msgspec.json.encode({"associationTypeId": type_id, "label": text} | _inverse(inverse))


class _Limit(msgspec.Struct, frozen=True):
    limit: int
    usage: int


_LIMITS: Final = msgspec.json.Decoder(list[_Limit], strict=False)


def read_room(answer: Answer) -> Room | None:
    """Read the room of one pair of objects; None where the answer is about none. Raises WireError."""
    try:
        lines = _LIMITS.decode(answer.results)
    except msgspec.MsgspecError as error:
        raise WireError(f"the limits of labels can't be read: {error}") from error
    if not lines:
        return None
    # Both directions may be told: the one with less room decides.
    return Room(max(line.usage for line in lines), min(line.limit for line in lines))


def _inverse(text: str | None) -> dict[str, str]:
    return {} if text is None else {"inverseLabel": text}
