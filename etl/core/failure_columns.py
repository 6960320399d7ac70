"""What ``failures.csv`` adds to the source's own columns; by these it is known when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CATEGORY_COLUMN: Final = "_error_category"

FAILURE_COLUMNS: Final = {
    "_row_number": "row_number",
    "_outcome": "outcome",
    CATEGORY_COLUMN: "error_category",
    "_error_message": "error_message",
    "_hint": "hint",
    "_correlation_id": "correlation_id",
}
"""Each with the column of the results that it repeats."""


def is_failures_file(columns: Iterable[str]) -> bool:
    """Tell whether a table is one that we have written, by its header."""
    return FAILURE_COLUMNS.keys() <= {column.strip() for column in columns}
