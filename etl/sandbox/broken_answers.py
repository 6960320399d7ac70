"""Answers that are none: pages for people, connections that close too early, bodies cut or changed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Callable


def page(status: int) -> web.Response:
    """Write the page of a gateway."""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"
    text = (
        f"<html>\r\n<head><title>{status} {phrase}</title></head>\r\n"
        f"<body>\r\n<center><h1>{status} {phrase}</h1></center>\r\n"
        "<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    )
    return web.Response(status=status, text=text, content_type="text/html")


def cut(request: web.Request) -> web.Response:
    """Close the connection; what is answered after that reaches nobody."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def half(response: web.StreamResponse, request: web.Request) -> web.Response:
    """Promise the whole body, send half of it and close; an answer without a body gets no answer."""
    body = body_in(response)
    if not body:
        return cut(request)
    headers = response.headers.copy()
    headers[hdrs.CONTENT_LENGTH] = str(len(body))
    broken = web.Response(status=response.status, body=body[: len(body) // 2], headers=headers)
    broken.force_close()
    return broken


def changed(response: web.StreamResponse, change: Callable[[bytes], bytes]) -> web.StreamResponse:
    """Put another body in place of an answer's own; an answer without one stays."""
    if isinstance(response, web.Response) and response.body is not None:
        response.body = change(body_in(response))
    return response


def body_in(response: web.StreamResponse) -> bytes:
    """Read the body that an answer of the sandbox has."""
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else b""
