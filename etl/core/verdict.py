"""The columns that say what became of an association."""

from __future__ import annotations

from typing import Final

import polars as pl

VERDICT: Final = {
    "association_id": pl.Int64,
    "types": pl.Int64,
    "outcome": pl.String,
    "http_status": pl.Int64,
    "error_category": pl.String,
    "error_message": pl.String,
    "correlation_id": pl.String,
}
"""What one answer says. `types` is null where it says it of the whole association; otherwise only of
the rows that ask for one of these types (bits), and a line for the others follows."""

SETTLED: Final = {**VERDICT, "attempts": pl.Int64, "batch": pl.Int64}
"""A verdict with what it took; `batch` is null where nothing had to be sent."""
