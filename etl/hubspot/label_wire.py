"""Bodies of requests that make and rename labels, as the OpenAPI spec ``associations-schema`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from etl.core.label_rules import name_of

if TYPE_CHECKING:
    from etl.model import DefinedLabel


def make_body(wanted: DefinedLabel) -> bytes:
    """Write the body that makes a label (POST …/labels)."""
    body = {"label": wanted.label, "name": name_of(wanted)}
    return msgspec.json.encode(body | _inverse(wanted.inverse))


def rename_body(type_id: int, text: str, inverse: str | None) -> bytes:
    """Write the body that renames a label (PUT …/labels)."""
    return msgspec.json.encode({"associationTypeId": type_id, "label": text} | _inverse(inverse))


def _inverse(text: str | None) -> dict[str, str]:
    return {} if text is None else {"inverseLabel": text}
