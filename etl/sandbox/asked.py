"""What a request asks for, as far as faults care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs

from etl.sandbox.account_endpoints import DETAILS_PATHS

if TYPE_CHECKING:
    from aiohttp import web

    from etl.sandbox.faults import Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, by its path and its method alone."""

    kind: Kind | None
    """None for a path that the sandbox doesn't have."""
    has_inputs: bool = False
    """Whether it is a batch."""
    gets_results: bool = False
    """Whether an answer that goes well has ``results``."""


def asked_of(request: web.Request) -> Asked:
    """Tell what a request is for."""
    resource = request.match_info.route.resource
    if resource is None:
        return Asked(None)
    path = resource.canonical
    if path in DETAILS_PATHS:
        return Asked("account")
    _, is_batch, operation = path.partition("/batch/")
    if is_batch:
        kind: Kind = "read" if operation == "read" else "write"
        return Asked(kind, has_inputs=True, gets_results=not operation.endswith("archive"))
    if "/labels" in path:
        return Asked("labels", gets_results=request.method in {hdrs.METH_GET, hdrs.METH_POST})
    if request.method == hdrs.METH_GET:
        return Asked("read", gets_results=True)
    return Asked("write", gets_results="/default/" in path)
