"""What every request passes on its way to an endpoint: token, limits, faults, one form of error.

Rule 1: who has no valid token is told so first, without the account's limits.
Rule 2: every right answer to a valid token carries the limits, as they were when the request came.
"""

from __future__ import annotations

import hmac
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from aiohttp import hdrs, web

from etl.sandbox.endpoints import CORRELATION_ID, refuse
from etl.sandbox.misbehaviour import Visit
from etl.sandbox.refusal import (
    NO_CREDENTIALS,
    Refusal,
    invalid,
    method_not_allowed,
    not_found,
    rate_limited,
    too_large,
    unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

    from etl.sandbox.misbehaviour import Misbehaviour
    from etl.sandbox.quota import Quota

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Room for the largest batch with every label of a pair; the emulator's own limit."""


class Gate:
    """Let requests in, count them, and turn refusals into answers."""

    def __init__(self, quota: Quota, access_token: str | None, misbehaviour: Misbehaviour) -> None:
        self._quota = quota
        self._access_token = access_token
        self._misbehaviour = misbehaviour
        self.requests = 0
        self.refused = 0

    async def pass_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request, whatever becomes of it."""
        self.requests += 1
        limits: dict[str, str] = {}
        try:
            self._check_token(request)
            policy = self._quota.admit()
            limits = self._quota.headers()
            if policy is not None:
                self.refused += 1
                raise rate_limited(policy)
            await request.read()  # before any fault: no cut tells how far the server has come
        except (Refusal, web.HTTPException) as trouble:
            return _refuse(trouble, request, limits)
        return await self._misbehaviour.answer(
            Visit(request, limits, partial(_serve, request, handler, limits))
        )

    def _check_token(self, request: web.Request) -> None:
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is None:
            raise unauthenticated(NO_CREDENTIALS)
        scheme, _, token = header.partition(" ")
        malformed = scheme.lower() != "bearer" or not token.strip()
        wrong = self._access_token is not None and not hmac.compare_digest(
            token.strip().encode(), self._access_token.encode()
        )
        if malformed or wrong:
            raise unauthenticated(
                "Authentication credentials not valid: send `Authorization: Bearer <access token>`"
            )


async def _serve(
    request: web.Request, handler: Handler, limits: Mapping[str, str]
) -> web.StreamResponse:
    """Do the work and answer in HubSpot's form."""
    try:
        response = await handler(request)
    except (Refusal, web.HTTPException) as trouble:
        return _refuse(trouble, request, limits)
    response.headers.update(limits)
    response.headers[CORRELATION_ID] = str(uuid4())
    return response


def _refuse(
    trouble: Refusal | web.HTTPException, request: web.Request, limits: Mapping[str, str]
) -> web.Response:
    refusal = trouble if isinstance(trouble, Refusal) else _translate(trouble, request)
    return refuse(refusal, limits)


def _translate(trouble: web.HTTPException, request: web.Request) -> Refusal:
    """Say in HubSpot's form what aiohttp refuses by itself."""
    if isinstance(trouble, web.HTTPMethodNotAllowed):
        return method_not_allowed(request.method)
    if isinstance(trouble, web.HTTPRequestEntityTooLarge):
        return too_large(MAX_BODY_BYTES)
    if isinstance(trouble, web.HTTPNotFound):
        return not_found()
    return invalid(trouble.reason)
