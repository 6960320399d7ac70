"""The endpoints about labels: list them, define, rename and delete those of the portal's people."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from etl.sandbox import wire
from etl.sandbox.catalogue import LabelError
from etl.sandbox.endpoints import Endpoints, answer, body_of
from etl.sandbox.labels import CUSTOM, USER_DEFINED
from etl.sandbox.pages import association_types
from etl.sandbox.refusal import invalid, not_found
from etl.sandbox.wire import decode

if TYPE_CHECKING:
    from etl.sandbox.labels import Label
    from etl.sandbox.portal import Pair

_MADE = msgspec.json.Decoder(wire.LabelMade)
_CHANGE = msgspec.json.Decoder(wire.LabelChange)


class LabelEndpoints(Endpoints):
    """The association types that two objects have, one direction a request."""

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        paths = [f"{root}/{{from_object}}/{{to_object}}/labels" for root in self._version.roots]
        return [
            route
            for path in paths
            for route in (
                web.get(path, self.list, allow_head=False),
                web.post(path, self.define),
                web.put(path, self.rename),
                web.delete(f"{path}/{{type_id}}", self.delete),
            )
        ]

    async def list(self, request: web.Request) -> web.Response:
        """List the labels of one direction: for the same object, both sides of a paired label."""
        pair = self._pair(request, "read")
        return answer({"results": association_types(self._portal.catalogue.labels(*pair.key))})

    async def define(self, request: web.Request) -> web.Response:
        """Define a label and answer both of its sides; every version says 200."""
        pair = self._pair(request, "write")
        made = decode(_MADE, await body_of(request))
        try:
            labels = self._portal.catalogue.define(
                *pair.key, made.label, inverse_text=made.inverse_label, name=made.name
            )
        except LabelError as refused:
            raise invalid(str(refused)) from refused
        return answer({"results": association_types(labels)})

    async def rename(self, request: web.Request) -> web.Response:
        """Give a label another text; every association that has it shows it at once."""
        pair = self._pair(request, "write")
        change = decode(_CHANGE, await body_of(request))
        label = self._custom(pair, change.association_type_id)
        try:
            self._portal.catalogue.rename(label, change.label, change.inverse_label)
        except LabelError as refused:
            raise invalid(str(refused)) from refused
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a label with its inverse; what had it stays associated without it."""
        pair = self._pair(request, "write")
        text = request.match_info["type_id"]
        if not (text.isascii() and text.isdecimal()):
            raise invalid(f"Invalid association type id {text[:40]!r}: an id is a whole number")
        self._portal.delete_label(self._custom(pair, int(text[:20])))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _custom(self, pair: Pair, type_id: int) -> Label:
        """Find a label that people may change; HubSpot's own are not theirs."""
        catalogue = self._portal.catalogue
        label = catalogue.find(*pair.key, USER_DEFINED, type_id)
        if label is not None and label.kind == CUSTOM:
            return label
        if any(each.type_id == type_id for each in catalogue.labels(*pair.key)):
            raise invalid(f"Association type {type_id} is HubSpot's own and can't be changed")
        one, other = pair.key
        raise not_found(f"No association type {type_id} exists between {one} and {other}")
