"""What all endpoints share: finding the objects of a path, scopes, and writing answers."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeVar, get_args
from uuid import uuid4

import msgspec
from aiohttp import web

from etl.sandbox.objects import BUILT_IN_OBJECTS, UnknownObjectError
from etl.sandbox.portal import Pair
from etl.sandbox.refusal import invalid, missing_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etl.sandbox.labels import Label
    from etl.sandbox.links import LabelSet
    from etl.sandbox.objects import ObjectType
    from etl.sandbox.portal import Portal
    from etl.sandbox.refusal import Refusal
    from etl.sandbox.versions import Version

Access = Literal["read", "write"]
Input = TypeVar("Input")
IRREGULAR_SCOPES = {"goal": "goals", "payment": "commercepayments"}
CORRELATION_ID = "X-HubSpot-Correlation-Id"
_encode = msgspec.json.Encoder().encode

body_left: ContextVar[bytes | None] = ContextVar("body_left", default=None)
"""What a fault left of the body of the request at hand; None is all of it."""


class Endpoints:
    """The endpoints of one version over one portal."""

    def __init__(self, portal: Portal, version: Version) -> None:
        self._portal = portal
        self._version = version

    def _pair(self, request: web.Request, access: Access) -> Pair:
        """Find the two objects of the path and check that the token may touch them."""
        path = request.match_info
        pair = Pair(self._infer(path["from_object"]), self._infer(path["to_object"]))
        self._check_scopes({scope(each, access) for each in (pair.from_object, pair.to_object)})
        return pair

    def _object(self, request: web.Request, access: Access) -> ObjectType:
        """Find the one object of the path and check that the token may touch it."""
        found = self._infer(request.match_info["object"])
        self._check_scopes({scope(found, access)})
        return found

    def _infer(self, name: str) -> ObjectType:
        try:
            return self._portal.objects.infer(name)
        except UnknownObjectError as unknown:
            raise invalid(str(unknown)) from unknown

    def _check_any_scope(self) -> None:
        """Check that the token may touch some object, where a path names none."""
        scopes = {scope(each, access) for each in BUILT_IN_OBJECTS for access in get_args(Access)}
        granted = self._portal.settings.scopes
        if granted is not None and not scopes & set(granted):
            raise missing_scopes(sorted(scopes))

    def _check_scopes(self, needed: set[str]) -> None:
        granted = self._portal.settings.scopes
        missing = set() if granted is None else needed - set(granted)
        if missing:
            raise missing_scopes(sorted(missing))

    def _id(self, record_id: int) -> int | str:
        return record_id if self._portal.settings.ids == "numbers" else str(record_id)

    def _associated(self, pair: Pair, from_id: int, to_id: int, labels: LabelSet) -> object:
        """Write one ``LabelsBetweenObjectPair``: it has texts, and no type ids."""
        return {
            "fromObjectTypeId": pair.from_object.type_id,
            "fromObjectId": self._id(from_id),
            "toObjectTypeId": pair.to_object.type_id,
            "toObjectId": self._id(to_id),
            "labels": sorted(each.text for each in labels if each.text is not None),
        }

    def _associated_by_default(self, there: Label, from_id: int, to_id: int) -> list[object]:
        """Write the two results of one default association: HubSpot answers both directions."""
        back = self._portal.catalogue.inverse(there)
        sides = ((from_id, to_id, there), (to_id, from_id, back))
        return [
            {
                "from": {"id": self._id(one)},
                "to": {"id": self._id(other)},
                "associationSpec": {
                    "associationCategory": label.category,
                    "associationTypeId": label.type_id,
                },
            }
            for one, other, label in sides
            if label is not None
        ]

    def _unlabeled(self, pair: Pair) -> Label:
        """Find the type of a default association; some pairs of objects have none."""
        unlabeled = self._portal.catalogue.unlabeled(*pair.key)
        if unlabeled is None:
            one, other = pair.key
            raise invalid(f"No default association type exists between {one} and {other}")
        return unlabeled


def answer(body: object, status: int = 200) -> web.Response:
    """Write a JSON answer."""
    return web.Response(body=_encode(body), status=status, content_type="application/json")


def refuse(refusal: Refusal, limits: Mapping[str, str] | None = None) -> web.Response:
    """Write a refusal, with the account's limits unless it is one that tells nothing of them."""
    correlation_id = str(uuid4())
    response = answer(refusal.body(correlation_id), refusal.status)
    response.headers.update(limits or {})
    response.headers[CORRELATION_ID] = correlation_id
    return response


async def body_of(request: web.Request) -> bytes:
    """Read what a handler has to work on."""
    left = body_left.get()
    return await request.read() if left is None else left


def within(inputs: list[Input], most: int) -> list[Input]:
    """Refuse a batch with more inputs than HubSpot takes."""
    if len(inputs) > most:
        raise invalid(
            f"The maximum number of inputs in a batch request is {most}, got {len(inputs)}"
        )
    return inputs


def batch_body(
    started: datetime, results: Sequence[object], errors: Sequence[object] = ()
) -> dict[str, object]:
    """Write the envelope that every batch answer has."""
    body: dict[str, object] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": started,
        "completedAt": datetime.now(UTC),
    }
    if errors:
        body["errors"] = errors
        body["numErrors"] = len(errors)
    return body


def scope(of: ObjectType, access: Access) -> str:
    """Name the scope that touching an object takes (the specs' security requirements)."""
    if of.name == "ticket":
        return "tickets"  # older than the scheme of the others, and both to read and to write
    noun = "custom" if of.is_custom else IRREGULAR_SCOPES.get(of.name, of.plural)
    return f"crm.objects.{noun}.{access}"
