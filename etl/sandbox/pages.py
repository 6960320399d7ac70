"""One record's associations, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.sandbox.refusal import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.labels import Label
    from etl.sandbox.links import Bond


def page(
    tos: dict[int, Bond], after: str | None, size: int
) -> tuple[list[tuple[int, Bond]], str | None]:
    """Cut the page behind a cursor, in the order of ids, and the cursor of the next one."""
    last = _last_read(after)
    left = sorted(to_id for to_id in tos if to_id > last)
    cut = left[:size]
    cursor = str(cut[-1]) if len(left) > size else None
    return [(to_id, tos[to_id]) for to_id in cut], cursor


def association_types(labels: Iterable[Label]) -> list[dict[str, object]]:
    """Write the types between two records; the unlabeled one has a null label."""
    ordered = sorted(labels, key=lambda each: (each.category, each.type_id))
    return [
        {"category": each.category, "typeId": each.type_id, "label": each.text} for each in ordered
    ]


def _last_read(after: str | None) -> int:
    if after is None:
        return 0
    if after.isascii() and after.isdecimal():
        return int(after[:20])
    raise invalid(f"Invalid paging cursor {after[:40]!r}: send the value of paging.next.after")
