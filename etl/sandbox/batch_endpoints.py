"""The batch endpoints: create, associate/default, archive, labels/archive and read."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from etl.sandbox import wire
from etl.sandbox.endpoints import Endpoints, answer, batch_body, body_of, within
from etl.sandbox.judge import Judge, WrongInput, refuse_all, standard_error
from etl.sandbox.pages import association_types, page
from etl.sandbox.wire import Spec, decode, record_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.judge import Types
    from etl.sandbox.portal import Pair

MAX_WRITE_INPUTS = 2000
"""Inputs of a create, a default or an archive (HubSpot's guide to associations v4, limits)."""

MAX_READ_INPUTS = 1000
"""Inputs of a read (the same)."""

_LABELLED = msgspec.json.Decoder(wire.LabelledBatch)
_DEFAULT = msgspec.json.Decoder(wire.DefaultBatch)
_ARCHIVE = msgspec.json.Decoder(wire.ArchiveBatch)
_READ = msgspec.json.Decoder(wire.ReadBatch)

Ask = tuple[int, int, "Types"]
"""from_id, to_id and the types wanted between them."""


class BatchEndpoints(Endpoints):
    """Many associations a request."""

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them."""
        root = f"{self._version.batch_root}/{{from_object}}/{{to_object}}/batch"
        return [
            web.post(f"{root}/create", self.create),
            web.post(f"{root}/associate/default", self.associate_default),
            web.post(f"{root}/archive", self.archive),
            web.post(f"{root}/labels/archive", self.archive_labels),
            web.post(f"{root}/read", self.read),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Associate records with types; an input without types is accepted and does nothing."""
        started, pair = datetime.now(UTC), self._pair(request, "write")
        inputs = within(decode(_LABELLED, await body_of(request)).inputs, MAX_WRITE_INPUTS)
        judge = Judge(self._portal, pair, self._portal.room(pair))
        good, wrong = self._sort(judge, _asks(inputs))
        links = self._portal.links(pair)
        results: list[object] = []
        for from_id, to_id, types in good:
            plan = judge.plan(types) if types else None
            if plan is not None:
                labels = links.write(plan, from_id, to_id)
                results.append(self._associated(pair, from_id, to_id, labels))
        status = self._version.batch.partial if wrong else self._version.batch.created
        return answer(batch_body(started, results, _errors(wrong)), status)

    async def associate_default(self, request: web.Request) -> web.Response:
        """Associate records by the unlabeled type; every version says 200, errors or not."""
        started, pair = datetime.now(UTC), self._pair(request, "write")
        inputs = within(decode(_DEFAULT, await body_of(request)).inputs, MAX_WRITE_INPUTS)
        unlabeled, links = self._unlabeled(pair), self._portal.links(pair)
        plan = links.plan((), unlabeled)
        types = (Spec.of(unlabeled),)
        asks = ((record_id(each.from_.id), record_id(each.to.id), types) for each in inputs)
        judge = Judge(self._portal, pair, self._portal.room(pair))
        good, wrong = self._sort(judge, asks)
        results: list[object] = []
        for from_id, to_id, _ in good:
            links.write(plan, from_id, to_id)
            results += self._associated_by_default(unlabeled, from_id, to_id)
        return answer(batch_body(started, results, _errors(wrong)))

    async def archive(self, request: web.Request) -> web.Response:
        """Take every association of some pairs away; one that isn't there is no error."""
        started, pair = datetime.now(UTC), self._pair(request, "write")
        inputs = within(decode(_ARCHIVE, await body_of(request)).inputs, MAX_WRITE_INPUTS)
        asked = [(record_id(each.from_.id), record_id(to.id)) for each in inputs for to in each.to]
        links = self._portal.links(pair)
        for from_id, to_id in asked:
            links.remove(from_id, to_id)
        return self._archived(started, [])

    async def archive_labels(self, request: web.Request) -> web.Response:
        """Take some labels away; the unlabeled one takes all of a pair's with it."""
        started, pair = datetime.now(UTC), self._pair(request, "write")
        inputs = within(decode(_LABELLED, await body_of(request)).inputs, MAX_WRITE_INPUTS)
        judge = Judge(self._portal, pair)
        good, wrong = self._sort(judge, _asks(inputs))
        links = self._portal.links(pair)
        for from_id, to_id, types in good:
            links.remove_labels(judge.labels(types), from_id, to_id)
        return self._archived(started, wrong)

    async def read(self, request: web.Request) -> web.Response:
        """List the associations of some records; a record without any is told as an error."""
        started, pair = datetime.now(UTC), self._pair(request, "read")
        inputs = within(decode(_READ, await body_of(request)).inputs, MAX_READ_INPUTS)
        asked = [(record_id(each.id), each.after) for each in inputs]
        links, size = self._portal.links(pair), self._portal.settings.page_size
        results: list[object] = []
        errors: list[dict[str, object]] = []
        for from_id, after in asked:
            tos = links.of(from_id)
            if not tos:
                errors.append(_no_associations(pair, from_id))
                continue
            cut, cursor = page(tos, after, size)
            result: dict[str, object] = {
                "from": {"id": self._id(from_id)},
                "to": [
                    {
                        "toObjectId": self._id(to_id),
                        "associationTypes": association_types(bond.labels),
                    }
                    for to_id, bond in cut
                ],
            }
            if cursor is not None:
                result["paging"] = {"next": {"after": cursor}}
            results.append(result)
        status = self._version.batch.partial if errors else HTTPStatus.OK
        return answer(batch_body(started, results, errors), status)

    def _sort(self, judge: Judge, asks: Iterable[Ask]) -> tuple[list[Ask], list[WrongInput]]:
        """Tell good from wrong before anything is written, or refuse the whole request."""
        good: list[Ask] = []
        wrong: list[WrongInput] = []
        for ask in asks:
            trouble = judge.wrong(*ask)
            if trouble is None:
                good.append(ask)
            else:
                wrong.append(trouble)
        if wrong and self._portal.settings.bad_input == "refuse":
            raise refuse_all(wrong)
        return good, wrong

    def _archived(self, started: datetime, wrong: list[WrongInput]) -> web.Response:
        if self._version.archived == HTTPStatus.NO_CONTENT:
            return web.Response(status=HTTPStatus.NO_CONTENT)  # no body to tell an error in
        return answer(batch_body(started, [], _errors(wrong)), self._version.archived)


def _asks(inputs: Iterable[wire.LabelledInput]) -> Iterable[Ask]:
    return ((record_id(each.from_.id), record_id(each.to.id), each.types) for each in inputs)


def _errors(wrong: Iterable[WrongInput]) -> list[object]:
    return [each.as_error() for each in wrong]


def _no_associations(pair: Pair, from_id: int) -> dict[str, object]:
    from_object, to_object = pair.key
    return standard_error(
        "OBJECT_NOT_FOUND",
        f"No {to_object} is associated with {from_object} {from_id}.",
        {
            "fromObjectId": [str(from_id)],
            "fromObjectType": [from_object],
            "toObjectType": [to_object],
        },
        "crm.associations.NO_ASSOCIATIONS_FOUND",
    )
