"""Bodies and answers about association limits: how many others a record may have. No network here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from etl.hubspot.wire import WireError
from etl.model import AssociationType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from etl.hubspot.wire import Answer


@dataclass(frozen=True, slots=True)
class AssociationLimit:
    """How many records one record may be associated with by one type, as an admin has set it."""

    type: AssociationType
    most: int
    label: str | None
    """As HubSpot tells it with the limit; None for the unlabeled type, and for some others."""


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    category: str
    type_id: int
    label: str | None = None
    user_enforced_max_to_object_ids: int | None = None
    max_to_object_ids: int | None = None
    """What the guide's text calls the same number; its example and the specs have the other name."""


_LINES: Final = msgspec.json.Decoder(list[_Line] | None, strict=False)


def read_limits(answer: Answer) -> list[AssociationLimit]:
    """List the limits of an answer; a type without a number has no limit. Raises WireError."""
    try:
        lines = _LINES.decode(answer.results) or []
    except msgspec.MsgspecError as error:
        raise WireError(f"the limits can't be read: {error}") from error
    limits = []
    for line in lines:
        enforced = line.user_enforced_max_to_object_ids
        most = line.max_to_object_ids if enforced is None else enforced
        if most is not None:
            kind = AssociationType(line.category, line.type_id)
            limits.append(AssociationLimit(kind, most, line.label))
    return limits


def limits_body(limits: Mapping[AssociationType, int]) -> bytes:
    """Write the body of ``batch/create`` and ``batch/update``."""
    return _inputs({**_spec(kind), "maxToObjectIds": most} for kind, most in limits.items())


def purge_body(types: Iterable[AssociationType]) -> bytes:
    """Write the body of ``batch/purge``."""
    return _inputs(_spec(kind) for kind in types)


def _spec(kind: AssociationType) -> dict[str, str | int]:
    return {"category": kind.category, "typeId": kind.type_id}


def _inputs(inputs: Iterable[dict[str, str | int]]) -> bytes:
    return msgspec.json.encode({"inputs": list(inputs)})
