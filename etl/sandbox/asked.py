"""What a request asks for, as far as faults care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web

    from etl.sandbox.faults import Kind

KINDS: tuple[tuple[str, Kind], ...] = (
    ("/account-info/", "account"),
    ("/{to_object}/labels", "labels"),
    ("/definitions/configurations/", "limits"),
    ("/limits/", "limits"),
    ("/usage/", "limits"),
    ("/{object}/batch/", "records"),
)
"""What a path with one of these parts is for; every other is about associations."""

WITHOUT_RESULTS = ("/details", "/records/{from_object}/{to_object}")
"""How the paths end that tell one thing instead of a list."""


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
    path, method = resource.canonical, request.method
    _, is_batch, operation = path.partition("/batch/")
    reads = operation == "read" if is_batch else method == hdrs.METH_GET
    kind = next((kind for part, kind in KINDS if part in path), "read" if reads else "write")
    if is_batch:
        gets_results = not operation.endswith(("archive", "purge"))
    elif method == hdrs.METH_GET:
        gets_results = not path.endswith(WITHOUT_RESULTS)
    else:
        gets_results = "/default/" in path or (kind == "labels" and method == hdrs.METH_POST)
    return Asked(kind, has_inputs=bool(is_batch), gets_results=gets_results)
