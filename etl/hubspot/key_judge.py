"""Decide what an answer says of the keys that were asked for.

Rule 1: a record belongs to the key that it has, wherever it stands in the answer.
Rule 2: where HubSpot has answered with a record under no key that was asked for, whoever is without
        a record is asked for alone: then the record can be nobody else's.
Rule 3: "not found" is only said of a key that HubSpot had the chance to find: a refusal or an error
        that may mean others is narrowed down first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.keys import FOUND, KEY, KEY_NOT_FOUND
from etl.hubspot.culprits import NOT_THERE, NOT_VALID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.core.keys import UniqueProperty
    from etl.hubspot.wire import ErrorDetail

_NAMED: Final = re.compile(r"[\w-]+=(.+?)(?: is .*)?")
"""How an error names one thing with what it is: ``CONTACT=ada@example.com is not valid``."""

_ABOUT_PROPERTY: Final = re.compile(r"propert|unique", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What one answer brings."""

    told: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FOUND))
    """FOUND."""
    again: list[pl.DataFrame] = field(default_factory=list)
    """Groups to ask for next: KEY."""
    unclear: str | None = None
    """What HubSpot said of the one key that was asked for, where that does not decide it."""


def judge_answers(asked: pl.DataFrame, records: pl.DataFrame, by: UniqueProperty) -> KeyAnswer:
    """Judge 2xx answers without errors, all at once.

    Takes KEY and VALUE, both with the place of their answer: a record of one says nothing of the
    keys of another.
    """
    is_alone = pl.len().over("place") == 1
    alone = asked.filter(is_alone)
    hits = records.join(asked, on=["place", "key"], how="semi")
    strangers = records.join(hits, on=["place", "record_id"], how="anti")
    if strangers.height and alone.height:
        # Whatever HubSpot calls them now, it has found them for these keys.
        own = strangers.drop("key").join(alone, on="place", how="inner").select(hits.columns)
        hits = pl.concat([hits, own])
    told = [by.found(hits.select("key", "record_id"))]
    missing = asked.join(hits, on=["place", "key"], how="anti")
    if not missing.height:
        return KeyAnswer(told[0])
    among_others = missing.join(alone, on="place", how="anti")
    suspects = pl.concat(
        [
            among_others.join(strangers, on="place", how="semi"),
            _written_alike(among_others, records),
        ]
    ).unique("key", maintain_order=True)
    told.append(by.not_found(missing.join(suspects, on="key", how="anti")))
    return KeyAnswer(pl.concat(told), list(suspects.select("key").iter_slices(1)))


def judge_records(
    asked: pl.DataFrame, records: pl.DataFrame, errors: Sequence[ErrorDetail], by: UniqueProperty
) -> KeyAnswer:
    """Judge a 2xx answer to KEY by the VALUE of its records and by its errors."""
    is_alone = asked.height == 1
    place = pl.lit(0, pl.Int64).alias("place")
    answer = judge_answers(asked.with_columns(place), records.with_columns(place), by)
    if not errors:
        return answer
    found = answer.told.filter(pl.col("error_category").ne_missing(KEY_NOT_FOUND))
    missing = asked.join(found, on="key", how="anti", maintain_order="left")
    told, doubted = [found], []
    for error in errors:
        named = _named(missing, error, by)
        meant = missing if named.is_empty() else named
        if error.category in NOT_THERE:
            missing = missing.join(named, on="key", how="anti")
            told.append(by.not_found(named))
        elif error.category == NOT_VALID and (named.height or is_alone):
            missing = missing.join(meant, on="key", how="anti")
            told.append(by.refused(meant, error.message))
        elif meant.height:
            if is_alone:
                return KeyAnswer(unclear=error.message or error.category)
            missing = missing.join(meant, on="key", how="anti")
            doubted += _halves(meant) if meant.height > 1 else [meant]
    suspects = pl.concat([missing.clear(), *answer.again])
    suspects = missing.join(suspects, on="key", how="semi", maintain_order="left")
    doubted += suspects.iter_slices(1)
    missing = missing.join(suspects, on="key", how="anti")
    return KeyAnswer(pl.concat([*told, by.not_found(missing)]), doubted)


def judge_refusal(asked: pl.DataFrame, error: ErrorDetail, by: UniqueProperty) -> KeyAnswer:
    """Judge the refusal of a whole request for KEY."""
    named = _named(asked, error, by)
    if named.height:
        is_missing = any(each.category in NOT_THERE for each in _with_members(error))
        told = by.not_found(named) if is_missing else by.refused(named, error.message)
        rest = asked.join(named, on="key", how="anti")
        return KeyAnswer(told, [rest] if rest.height else [])
    if asked.height > 1:
        return KeyAnswer(again=_halves(asked))
    if error.category in NOT_THERE:
        return KeyAnswer(by.not_found(asked))
    return KeyAnswer(unclear=error.message or error.category)


def is_about_property(error: ErrorDetail, by: UniqueProperty) -> bool:
    """Tell whether a refusal names the property itself: unknown, or not unique."""
    texts = [each.message for each in _with_members(error)]
    texts += [f"{key} {text}" for key, text in _context(error)]
    name = re.compile(rf"(?<!\w){re.escape(by.name)}(?!\w)")
    return any(name.search(text) and _ABOUT_PROPERTY.search(text) for text in texts)


def halved(asked: pl.DataFrame) -> KeyAnswer:
    """Ask by halves where a request comes to nothing."""
    return KeyAnswer(again=_halves(asked))


def _halves(asked: pl.DataFrame) -> list[pl.DataFrame]:
    middle = asked.height // 2
    return [asked.slice(0, middle), asked.slice(middle)]


def _written_alike(missing: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """List the keys that differ from one of the same answer only in upper and lower case."""
    folded = [pl.col("place"), pl.col("key").str.to_lowercase()]
    return missing.join(records, left_on=folded, right_on=folded, how="semi")


def _named(asked: pl.DataFrame, error: ErrorDetail, by: UniqueProperty) -> pl.DataFrame:
    """List the keys that an error names in its context; a message may hold any word by chance."""
    texts = [text for _, text in _context(error)]
    texts += [match[1] for text in texts if (match := _NAMED.fullmatch(text))]
    named = pl.DataFrame({"key": texts}, schema=KEY).select(by.key(pl.col("key")).alias("key"))
    return asked.join(named, on="key", how="semi")


def _context(error: ErrorDetail) -> Iterator[tuple[str, str]]:
    for each in _with_members(error):
        for key, value in each.context.items():
            texts = value if isinstance(value, list) else [value]
            yield from ((key, str(text)) for text in texts)


def _with_members(error: ErrorDetail) -> Iterator[ErrorDetail]:
    yield error
    for member in error.errors:
        yield from _with_members(member)
