"""The first input of a request, whatever the request is for: whom a refusal may blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from etl.sandbox.wire import RecordRef, Spec, decode, record_id

if TYPE_CHECKING:
    from aiohttp import web

    from etl.sandbox.objects import ObjectType
    from etl.sandbox.portal import Pair


class FirstInput(msgspec.Struct):
    """An input of any batch, or what the path and the body of a single pair say."""

    id: str | None = None
    """The record that a ``batch/read`` asks for."""
    from_: RecordRef | None = msgspec.field(name="from", default=None)
    to: RecordRef | tuple[RecordRef, ...] = ()
    types: tuple[Spec, ...] = ()

    def records(self, pair: Pair) -> list[tuple[ObjectType, int]]:
        """List the records that it names."""
        from_id = self.from_.id if self.from_ else self.id
        tos = (self.to,) if isinstance(self.to, RecordRef) else self.to
        froms = [] if from_id is None else [(pair.from_object, record_id(from_id))]
        return froms + [(pair.to_object, record_id(to.id)) for to in tos]


class _AnyBatch(msgspec.Struct):
    inputs: list[FirstInput]


_BATCH = msgspec.json.Decoder(_AnyBatch)
_SPECS = msgspec.json.Decoder(tuple[Spec, ...])


def first_input(request: web.Request, body: bytes, *, is_batch: bool) -> FirstInput:
    """Find the first input; a request without any has an empty one."""
    if is_batch:
        inputs = decode(_BATCH, body).inputs
        return inputs[0] if inputs else FirstInput()
    path = request.match_info
    return FirstInput(
        from_=RecordRef(path["from_id"]) if "from_id" in path else None,
        to=RecordRef(path["to_id"]) if "to_id" in path else (),
        types=decode(_SPECS, body) if body else (),
    )
