"""Keys: values of a unique property in a cell, and the records that HubSpot has for them.

Rule 1: a key is its cell without the white space around it; an email or a domain besides in lower
        case, as HubSpot stores them. Nothing else is changed: a guessed key links the wrong record.
Rule 2: a key leads to exactly one record, or its rows are not sent and say why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from etl.core.normalize import SHOWN_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etl.model import Job

KEY_NOT_FOUND: Final = "KEY_NOT_FOUND"
KEY_FOUND_TWICE: Final = "KEY_FOUND_TWICE"

KEY: Final = {"key": pl.String}
"""Distinct keys."""

FOUND: Final = {
    **KEY,
    "record_id": pl.Int64,
    "error_category": pl.String,
    "reason": pl.String,
}
"""What a key leads to: a record, or a category and a reason that ends the sentence "contact_email
'ada@example.com' …"."""

_CASELESS: Final = frozenset({"email", "domain"})
"""Properties that HubSpot stores in lower case, whatever was typed."""

_SIDE_KEY: Final = "side_key"


@dataclass(frozen=True, slots=True)
class UniqueProperty:
    """A property that tells the records of an object apart."""

    object: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} of {self.object}"

    def key(self, text: pl.Expr) -> pl.Expr:
        """Bring a text to the one form of its key; null where it is blank."""
        trimmed = text.str.strip_chars()
        if self.name in _CASELESS:
            trimmed = trimmed.str.to_lowercase()
        return pl.when(trimmed != "").then(trimmed)

    def not_found(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Say of keys that no record has them: FOUND."""
        return self._trouble(
            keys, KEY_NOT_FOUND, pl.lit(f"is the {self.name} of no record of {self.object}")
        )

    def refused(self, keys: pl.DataFrame, said: str) -> pl.DataFrame:
        """Say of keys that HubSpot can't make a record of them: FOUND."""
        return self._trouble(keys, KEY_NOT_FOUND, pl.lit(f"is refused by HubSpot: {said}"))

    def found(self, hits: pl.DataFrame) -> pl.DataFrame:
        """Tell keys (key, record_id) that lead to one record from those that lead to several: FOUND."""
        records = (
            hits.unique()
            .sort("key", "record_id")
            .group_by("key", maintain_order=True)
            .agg("record_id")
        )
        is_one = pl.col("record_id").list.len() == 1
        one = records.filter(is_one).select("key", pl.col("record_id").list.first())
        ids = pl.col("record_id").cast(pl.List(pl.String)).list.join(", ")
        several = self._trouble(
            records.filter(~is_one),
            KEY_FOUND_TWICE,
            pl.concat_str(
                pl.lit(f"is the {self.name} of more than one record of {self.object}: "), ids
            ),
        )
        nothing_wrong = (
            pl.lit(None, pl.String).alias(name) for name in ("error_category", "reason")
        )
        return pl.concat([one.with_columns(nothing_wrong), several])

    @staticmethod
    def _trouble(keys: pl.DataFrame, category: str, reason: pl.Expr) -> pl.DataFrame:
        return keys.select(
            "key",
            pl.lit(None, pl.Int64).alias("record_id"),
            pl.lit(category).alias("error_category"),
            reason.alias("reason"),
        )


def unique_properties(job: Job) -> dict[Literal["from", "to"], UniqueProperty]:
    """Name the properties that the columns of a job hold in the place of record ids, by side."""
    return {
        end: UniqueProperty(side.object, side.match_by)
        for end, side in job.keyed_sides.items()
        if side.match_by is not None
    }


@dataclass(frozen=True, slots=True)
class Matched:
    """One side's keys and what they lead to."""

    end: Literal["from", "to"]
    column: str
    """As the job names it."""
    by: UniqueProperty
    found: pl.DataFrame
    """FOUND, each key of the source once."""


def identify(
    rows: pl.DataFrame, matches: Sequence[Matched], places: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows whose keys all lead to a record from those with one that does not.

    Takes rows with ``from_id`` and ``to_id``, null on the matched sides; `places` maps the job's
    column names to the frame's. Gives the rows with the ids filled in, and those that lack one with
    ``error_category`` and ``error_message`` besides: the from side's where both are in trouble.
    """
    if not matches:
        return rows, rows.clear()
    for match in matches:
        cell = pl.col(places[match.column])
        shown = cell.str.strip_chars().str.slice(0, SHOWN_CHARACTERS)
        said = pl.concat_str(
            pl.lit(f"{match.column} '"), shown, pl.lit("' "), pl.col(f"{match.end}_reason")
        )
        answers = match.found.select(
            pl.col("key").alias(_SIDE_KEY),
            pl.col("record_id").alias(f"{match.end}_id"),
            pl.col("error_category").alias(f"{match.end}_category"),
            pl.col("reason").alias(f"{match.end}_reason"),
        )
        rows = (
            rows.drop(f"{match.end}_id")
            .with_columns(match.by.key(cell).alias(_SIDE_KEY))
            .join(answers, on=_SIDE_KEY, how="left", maintain_order="left")
            .with_columns(said.alias(f"{match.end}_message"))
        )
    is_found = pl.col("from_id").is_not_null() & pl.col("to_id").is_not_null()
    lost = rows.filter(~is_found).with_columns(
        pl.coalesce(f"{match.end}_{name}" for match in matches).alias(f"error_{name}")
        for name in ("category", "message")
    )
    return rows.filter(is_found), lost
