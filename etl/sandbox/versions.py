"""Where each API version has its endpoints and which status says what, as its OpenAPI spec has it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Statuses:
    """Which status says how a batch went."""

    created: HTTPStatus
    """A ``batch/create`` that made everything."""
    partial: HTTPStatus
    """A ``batch/create``, ``batch/update`` or ``batch/read`` with errors beside its results."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of HubSpot's associations API."""

    name: str
    batch_root: str
    roots: tuple[str, ...]
    """Where labels and limits are: the guide and the spec of v4 disagree; HubSpot serves both."""
    objects_root: str
    """Where the associations of single records are."""
    records_root: str
    """Where records are read; v4 is a version of associations alone, and records are at v3."""
    tracking_root: str | None
    """Where limits are tracked; None where there is no spec of it."""
    batch: Statuses
    """How batches of associations and of records answer."""
    limits: Statuses
    """How batches of limits answer."""
    archived: HTTPStatus
    """The status of a batch archive or purge; 204 has no body."""
    lists_a_record: bool
    """Whether ``GET …/{objectId}/associations/{toObjectType}`` exists."""


def _dated(
    name: str,
    *,
    batch: Statuses,
    limits: Statuses,
    lists_a_record: bool,
    tracking_root: str | None = None,
) -> Version:
    root = f"/crm/associations/{name}"
    return Version(
        name=name,
        batch_root=root,
        roots=(root,),
        objects_root=f"/crm/objects/{name}",
        records_root=f"/crm/objects/{name}",
        tracking_root=tracking_root,
        batch=batch,
        limits=limits,
        archived=HTTPStatus.OK,
        lists_a_record=lists_a_record,
    )


TELLING = Statuses(created=HTTPStatus.CREATED, partial=HTTPStatus.MULTI_STATUS)
PLAIN = Statuses(created=HTTPStatus.OK, partial=HTTPStatus.OK)

VERSIONS = (
    Version(
        name="v4",
        batch_root="/crm/v4/associations",
        roots=("/crm/v4/associations", "/crm/associations/v4"),
        objects_root="/crm/v4/objects",
        records_root="/crm/v3/objects",
        tracking_root="/crm/v3/limits",
        batch=TELLING,
        limits=TELLING,
        archived=HTTPStatus.NO_CONTENT,
        lists_a_record=True,
    ),
    _dated("2025-09", batch=TELLING, limits=PLAIN, lists_a_record=True),
    _dated("2026-03", batch=TELLING, limits=TELLING, lists_a_record=True),
    _dated(
        "2026-09",
        batch=PLAIN,
        limits=PLAIN,
        lists_a_record=False,
        tracking_root="/crm/limits/2026-09",
    ),
)
