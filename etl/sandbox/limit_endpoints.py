"""The endpoints about association limits: list them, set, change and clear them."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from etl.sandbox import wire
from etl.sandbox.endpoints import Endpoints, answer, batch_body, body_of
from etl.sandbox.judge import standard_error
from etl.sandbox.wire import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.sandbox.labels import Label
    from etl.sandbox.portal import Pair

_WANTED = msgspec.json.Decoder(wire.LimitBatch)
_NAMED = msgspec.json.Decoder(wire.TypeBatch)


class LimitEndpoints(Endpoints):
    """The limits that admins set, one direction a request."""

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        routes: list[web.RouteDef] = []
        for root in self._version.roots:
            path = f"{root}/definitions/configurations"
            pair = f"{path}/{{from_object}}/{{to_object}}"
            routes += [
                web.get(f"{path}/all", self.list_all, allow_head=False),
                web.get(pair, self.list, allow_head=False),
                web.post(f"{pair}/batch/create", self.create),
                web.post(f"{pair}/batch/update", self.update),
                web.post(f"{pair}/batch/purge", self.purge),
            ]
        return routes

    async def list_all(self, _: web.Request) -> web.Response:
        """List the limits of every direction; nothing in the answer names the objects."""
        self._check_any_scope()
        return answer({"results": _configurations(self._portal.limits.all())})

    async def list(self, request: web.Request) -> web.Response:
        """List the limits of one direction."""
        pair = self._pair(request, "read")
        return answer({"results": _configurations(self._portal.limits.between(*pair.key))})

    async def create(self, request: web.Request) -> web.Response:
        """Set limits where there are none; where there is one, that is an error."""
        return await self._set(request, are_new=True)

    async def update(self, request: web.Request) -> web.Response:
        """Change limits; where there is none, that is an error."""
        return await self._set(request, are_new=False)

    async def purge(self, request: web.Request) -> web.Response:
        """Clear limits; one that isn't there is no error."""
        started, pair = datetime.now(UTC), self._pair(request, "write")
        errors: list[object] = []
        for each in decode(_NAMED, await body_of(request)).inputs:
            label = self._find(pair, each)
            if label is None:
                errors.append(_error(each, "is no association type of these objects"))
            else:
                self._portal.limits.clear(label)
        if self._version.archived == HTTPStatus.NO_CONTENT:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return answer(batch_body(started, [], errors), self._version.archived)

    async def _set(self, request: web.Request, *, are_new: bool) -> web.Response:
        started, pair = datetime.now(UTC), self._pair(request, "write")
        set_: dict[Label, int] = {}
        errors: list[object] = []
        for each in decode(_WANTED, await body_of(request)).inputs:
            label = self._find(pair, each)
            if label is None:
                errors.append(_error(each, "is no association type of these objects"))
            elif (label in self._portal.limits.all()) == are_new:
                errors.append(_error(each, "has a limit already" if are_new else "has no limit"))
            else:
                self._portal.limits.set(label, each.max_to_object_ids)
                set_[label] = each.max_to_object_ids
        results = _configurations(set_)
        if not are_new:  # the specs' result of an update has no label
            for result in results:
                del result["label"]
        done = self._version.limits.created if are_new else HTTPStatus.OK
        status = self._version.limits.partial if errors else done
        return answer(batch_body(started, results, errors), status)

    def _find(self, pair: Pair, named: wire.TypeRef) -> Label | None:
        return self._portal.catalogue.find(*pair.key, named.category, named.type_id)


def _configurations(limits: Mapping[Label, int]) -> list[dict[str, object]]:
    """Write limits in the order of their types."""
    return [
        {
            "category": label.category,
            "typeId": label.type_id,
            "userEnforcedMaxToObjectIds": most,
            "label": label.text,
        }
        for label, most in sorted(limits.items(), key=lambda item: item[0].key)
    ]


def _error(named: wire.TypeRef, trouble: str) -> dict[str, object]:
    return standard_error(
        "VALIDATION_ERROR",
        f"{named.category} {named.type_id} {trouble}",
        {"category": [named.category], "typeId": [str(named.type_id)]},
    )
