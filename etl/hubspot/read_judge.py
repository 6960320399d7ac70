"""Decide from an answer to ``batch/read`` what became of the records that were asked for.

Rule 1: a record that HubSpot does not know has nothing to keep, and writing will tell why; of any
        other that the answer is not about we may not say that it has nothing.
Rule 2: a request that comes to nothing is asked for by halves: one record must not hide the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.hubspot.culprits import NOT_THERE, NOT_VALID, culprits
from etl.model import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.hubspot.culprits import Sides
    from etl.hubspot.wire import ErrorDetail

UNREAD: Final = {"from_id": pl.Int64, "error_message": pl.String}
"""A record, and why nothing is known of it."""

_NONE: Final = pl.DataFrame(schema=UNREAD)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What one answer tells besides associations."""

    again: Sequence[pl.DataFrame] = ()
    """Parts of the request to ask for next: from_id and after."""
    unread: pl.DataFrame = field(default_factory=lambda: _NONE)
    """UNREAD of the records that could not be read."""
    unknown: pl.DataFrame = field(default_factory=lambda: _NONE)
    """UNREAD of the records that HubSpot does not have."""


def judge_errors(untold: pl.DataFrame, errors: Sequence[ErrorDetail], sides: Sides) -> ReadAnswer:
    """Judge the errors of a 2xx; `untold` are the records of which the answer has nothing."""
    unread = [_NONE]
    for error in errors:
        named = _named(error, sides)
        if _says_nothing_there(error, named):
            continue
        # An error that names nobody may mean any record that the answer has nothing of.
        meant = untold.filter(_is_in(named)) if named else untold
        unread.append(_unread(meant, error.message or error.category))
    return ReadAnswer(unread=pl.concat(unread))


def judge_refused_read(
    asked: pl.DataFrame, error: ErrorDetail, http_status: int, sides: Sides
) -> ReadAnswer:
    """Narrow the refusal of a whole request down to its records."""
    named = _named(error, sides)
    unknown = http_status == HTTPStatus.NOT_FOUND or _says_nothing_there(error, named)
    if asked.height == 1:
        is_first_page = asked["after"].is_null().all()
        if unknown and is_first_page:
            return ReadAnswer(unknown=_unknown(asked, error, http_status))
        return ReadAnswer(unread=_unread(asked, error.message or f"HTTP {http_status}"))
    rest = asked.filter(~_is_in(named))
    if unknown and rest.height < asked.height:
        meant = asked.filter(_is_in(named))
        return ReadAnswer(
            again=[rest] if rest.height else [], unknown=_unknown(meant, error, http_status)
        )
    return narrowed(asked, error.message)


def narrowed(asked: pl.DataFrame, reason: str) -> ReadAnswer:
    """Ask by halves where a request comes to nothing."""
    if asked.height == 1:
        return ReadAnswer(unread=_unread(asked, reason))
    middle = asked.height // 2
    return ReadAnswer(again=[asked.slice(0, middle), asked.slice(middle)])


def _says_nothing_there(error: ErrorDetail, named: list[int]) -> bool:
    return error.category in NOT_THERE or (error.category == NOT_VALID and bool(named))


def _named(error: ErrorDetail, sides: Sides) -> list[int]:
    named = culprits(error, sides)
    ids = named.pair_from | named.from_ids | named.either_ids
    return [] if named.guessed else sorted(number for number in ids if number <= MAX_ID)


def _is_in(ids: list[int]) -> pl.Expr:
    return pl.col("from_id").is_in(pl.Series(ids, dtype=pl.Int64).implode())


def _unread(records: pl.DataFrame, reason: str) -> pl.DataFrame:
    message = f"what the record has could not be read: {reason}"
    return records.select("from_id", pl.lit(message).alias("error_message"))


def _unknown(records: pl.DataFrame, error: ErrorDetail, http_status: int) -> pl.DataFrame:
    message = error.message or f"HTTP {http_status}"
    return records.select("from_id", pl.lit(message).alias("error_message"))
