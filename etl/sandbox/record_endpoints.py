"""The endpoints of single records: associate, list and part."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from aiohttp import web

from etl.sandbox.definition import PAGE_SIZE
from etl.sandbox.endpoints import Endpoints, answer, batch_body, body_of
from etl.sandbox.judge import Judge, Types, refuse_all
from etl.sandbox.links import UNBOUND
from etl.sandbox.pages import association_types, page
from etl.sandbox.refusal import invalid, not_found
from etl.sandbox.wire import Spec, decode, record_id

_SPECS = msgspec.json.Decoder(tuple[Spec, ...])


class RecordEndpoints(Endpoints):
    """One pair of records a request."""

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        record = f"{self._version.objects_root}/{{from_object}}/{{from_id}}/associations"
        routes = [
            web.put(f"{record}/default/{{to_object}}/{{to_id}}", self.associate_default),
            web.put(f"{record}/{{to_object}}/{{to_id}}", self.associate),
            web.delete(f"{record}/{{to_object}}/{{to_id}}", self.part),
        ]
        if self._version.lists_a_record:
            routes.append(web.get(f"{record}/{{to_object}}", self.list, allow_head=False))
        return routes

    async def associate_default(self, request: web.Request) -> web.Response:
        """Associate two records by the unlabeled type."""
        started, pair = datetime.now(UTC), self._pair(request, "write")
        from_id, to_id = _ids(request)
        unlabeled, links = self._unlabeled(pair), self._portal.links(pair)
        judge = Judge(self._portal, pair, self._portal.room(pair))
        _refuse_if_wrong(judge, from_id, to_id, (Spec.of(unlabeled),))
        links.write(links.plan((), unlabeled), from_id, to_id)
        return answer(batch_body(started, self._associated_by_default(unlabeled, from_id, to_id)))

    async def associate(self, request: web.Request) -> web.Response:
        """Associate two records with types; no types are accepted and do nothing."""
        pair = self._pair(request, "write")
        from_id, to_id = _ids(request)
        types = decode(_SPECS, await body_of(request))
        judge = Judge(self._portal, pair, self._portal.room(pair))
        links = self._portal.links(pair)
        _refuse_if_wrong(judge, from_id, to_id, types)
        plan = judge.plan(types) if types else None
        if plan is None:
            labels = links.of(from_id).get(to_id, UNBOUND).labels
        else:
            labels = links.write(plan, from_id, to_id)
        return answer(self._associated(pair, from_id, to_id, labels), HTTPStatus.CREATED)

    async def part(self, request: web.Request) -> web.Response:
        """Take every association between two records away."""
        pair = self._pair(request, "write")
        self._portal.links(pair).remove(*_ids(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def list(self, request: web.Request) -> web.Response:
        """List the associations of one record; none is an empty list."""
        pair = self._pair(request, "read")
        from_id = record_id(request.match_info["from_id"])
        if from_id not in self._portal.records(pair.from_object):
            raise not_found()
        size = min(_limit(request), self._portal.settings.page_size)
        tos = self._portal.links(pair).of(from_id)
        cut, cursor = page(tos, request.query.get("after"), size)
        body: dict[str, object] = {
            "results": [
                {"toObjectId": self._id(to_id), "associationTypes": association_types(bond.labels)}
                for to_id, bond in cut
            ]
        }
        if cursor is not None:
            link = request.url.update_query(after=cursor)
            body["paging"] = {"next": {"after": cursor, "link": str(link)}}
        return answer(body)


def _refuse_if_wrong(judge: Judge, from_id: int, to_id: int, types: Types) -> None:
    """Refuse a pair that can't be associated: a single one has no other way to fail."""
    wrong = judge.wrong(from_id, to_id, types)
    if wrong is not None:
        raise refuse_all([wrong])


def _ids(request: web.Request) -> tuple[int, int]:
    return record_id(request.match_info["from_id"]), record_id(request.match_info["to_id"])


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(PAGE_SIZE))
    if text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= PAGE_SIZE:
        return int(text)
    raise invalid(f"Invalid limit {text[:40]!r}: send a number from 1 to {PAGE_SIZE}")
