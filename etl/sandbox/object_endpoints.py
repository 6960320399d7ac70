"""The endpoint that reads records, by their ids or by a unique property."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from etl.sandbox import wire
from etl.sandbox.endpoints import Endpoints, answer, batch_body, body_of, within
from etl.sandbox.judge import standard_error
from etl.sandbox.properties import RECORDS_MADE_AT, UnknownPropertyError
from etl.sandbox.refusal import invalid
from etl.sandbox.wire import decode, record_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.objects import ObjectType

MAX_INPUTS = 100
"""Inputs of a read (HubSpot's guides to objects)."""

_READ = msgspec.json.Decoder(wire.ObjectsRead)


class ObjectEndpoints(Endpoints):
    """Records themselves, as far as associating them takes."""

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        return [web.post(f"{self._version.records_root}/{{object}}/batch/read", self.read)]

    async def read(self, request: web.Request) -> web.Response:
        """Read records; one that is asked for twice, by two of its keys, comes once."""
        started, of = datetime.now(UTC), self._object(request, "read")
        asked = decode(_READ, await body_of(request))
        keys = [each.id for each in within(asked.inputs, MAX_INPUTS)]
        found: dict[int, None] = {}
        missing: list[str] = []
        for key in dict.fromkeys(keys):
            records = list(self._find(of, asked.id_property, key))
            found.update(dict.fromkeys(records))
            if not records:
                missing.append(key)
        results = [self._record(of, each, asked.properties) for each in found]
        if missing and self._version.batch.partial == HTTPStatus.MULTI_STATUS:
            errors = [_not_found(of, missing)]
            return answer(batch_body(started, results, errors), self._version.batch.partial)
        # The spec of 2026-09 has 200 alone and errors that may be left out: silence is what is
        # harder to understand, so this is what clients have to cope with here.
        return answer(batch_body(started, results))

    def _find(self, of: ObjectType, id_property: str | None, key: str) -> Iterable[int]:
        if id_property is None:
            found = record_id(key)
            return [found] if found in self._portal.records(of) else []
        try:
            return self._portal.properties(of).find(id_property, key)
        except UnknownPropertyError as unknown:
            raise invalid(str(unknown)) from unknown

    def _record(self, of: ObjectType, record: int, asked: tuple[str, ...]) -> dict[str, object]:
        return {
            "id": self._id(record),
            "properties": self._portal.properties(of).of(record, asked),
            "createdAt": RECORDS_MADE_AT,
            "updatedAt": RECORDS_MADE_AT,
            "archived": False,
        }


def _not_found(of: ObjectType, keys: list[str]) -> dict[str, object]:
    """Write the one error that names every key for which there is no record."""
    return standard_error(
        "OBJECT_NOT_FOUND",
        f"Could not get some {of.name.upper()} objects, they may be deleted or not exist."
        " Check that ids are valid.",
        {"ids": keys},
    )
