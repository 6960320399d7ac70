"""What a ``status`` fault says: HubSpot's body for the status, about the request that it strikes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs

from etl.sandbox.endpoints import scope
from etl.sandbox.first_input import first_input
from etl.sandbox.judge import invalid_associations
from etl.sandbox.objects import UnknownObjectError
from etl.sandbox.quota import Policy
from etl.sandbox.refusal import (
    NO_CREDENTIALS,
    Refusal,
    in_trouble,
    missing_scopes,
    not_found,
    rate_limited,
    unauthenticated,
)

if TYPE_CHECKING:
    from aiohttp import web

    from etl.sandbox.asked import Asked
    from etl.sandbox.endpoints import Access
    from etl.sandbox.faults import StatusFault
    from etl.sandbox.portal import Pair, Portal

OBJECT_PARTS = frozenset(["from_object", "to_object", "object"])
"""The parts of a path that name objects."""

ACCOUNT_SCOPE = "oauth"
"""What the account's details take (the spec's security requirement)."""


async def refusal_of(
    fault: StatusFault, request: web.Request, asked: Asked, portal: Portal
) -> Refusal:
    """Find the words for a status."""
    match fault.status:
        case HTTPStatus.BAD_REQUEST:
            return await _invalid(fault, request, asked, portal)
        case HTTPStatus.UNAUTHORIZED:
            return unauthenticated(NO_CREDENTIALS)
        case HTTPStatus.FORBIDDEN:
            return missing_scopes(_scopes(request, asked, portal))
        case HTTPStatus.NOT_FOUND:
            return not_found()
        case HTTPStatus.TOO_MANY_REQUESTS:
            return rate_limited(Policy(fault.policy or Policy.BURST))
        case status:
            return in_trouble(status)


async def _invalid(
    fault: StatusFault, request: web.Request, asked: Asked, portal: Portal
) -> Refusal:
    """Blame the first input, or nobody; a request that can't be read is told so instead."""
    pair = _pair(request, portal)
    if pair is None or asked.kind not in ("read", "write") or fault.naming in (None, "nobody"):
        return invalid_associations((), ())
    try:
        first = first_input(request, await request.read(), is_batch=asked.has_inputs)
        records = first.records(pair)
    except Refusal as unreadable:
        return unreadable
    if fault.naming == "types":
        return invalid_associations((), first.types)
    return invalid_associations(records, ())


def _scopes(request: web.Request, asked: Asked, portal: Portal) -> list[str]:
    sides = [each for key, each in request.match_info.items() if key in OBJECT_PARTS]
    try:
        objects = [portal.objects.infer(each) for each in sides]
    except UnknownObjectError:
        objects = []
    reads = request.method == hdrs.METH_GET or asked.kind in {"read", "records"}
    access: Access = "read" if reads else "write"
    return sorted({scope(each, access) for each in objects}) or [ACCOUNT_SCOPE]


def _pair(request: web.Request, portal: Portal) -> Pair | None:
    path = request.match_info
    try:
        return portal.pair(path["from_object"], path["to_object"])
    except (KeyError, UnknownObjectError):
        return None  # a path without objects, or with one that the portal doesn't have
