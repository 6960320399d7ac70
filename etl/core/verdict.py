"""The columns that say what became of an association."""

from __future__ import annotations

from typing import Final

import msgspec
import polars as pl

from etl.model import Outcome

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


class SharedVerdict(msgspec.Struct, frozen=True):
    """One verdict on all associations of a request: what nearly every answer gives."""

    outcome: Outcome
    http_status: int
    correlation_id: str | None
    attempts: int

    def on(self, associations: pl.DataFrame, batch: int) -> pl.DataFrame:
        """Write it down for each association: SETTLED."""
        values = {
            "types": None,
            "error_category": None,
            "error_message": None,
            "batch": batch,
            **msgspec.structs.asdict(self),
        }
        return associations.select(
            "association_id",
            *(pl.lit(values[name], SETTLED[name]).alias(name) for name in list(SETTLED)[1:]),
        )
