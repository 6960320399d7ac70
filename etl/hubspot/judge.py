"""Decide from one answer what became of each association of a batch.

Rule 1: an association that `results` names is made, whatever the status says.
Rule 2: an error is matched by the ids that it names, never by position.
Rule 3: an association that a 2xx names nowhere is not confirmed; it is asked for again.
Rule 4: a refusal of the whole request that names its culprits costs only them; one that names
        nobody, or ids that can't be told apart, is narrowed down by halves.
Rule 5: a type that is refused is taken off the associations that have it; those that rows still
        want by another type are sent without it.

A batch is a frame with association_id, from_id, to_id, types (bits: what is sent; 0 for the default
association) and wanted (bits: what rows ask for), all Int64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.verdict import VERDICT
from etl.hubspot.blame import blame
from etl.hubspot.culprits import Culprits, culprits
from etl.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from etl.hubspot.culprits import Sides
    from etl.hubspot.wire import Answer, ErrorDetail

_MASKS: Final = {"place": pl.Int64, "mask": pl.Int64}

NOT_NAMED: Final = "NOT_NAMED"
"""Our category for an association that a 2xx did not name."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer settles, and what has to be asked again."""

    settled: pl.DataFrame
    """VERDICT."""
    unnamed: pl.DataFrame
    """Associations of the batch that a 2xx named nowhere."""
    again: list[pl.DataFrame] = field(default_factory=list)
    """Parts of the batch to send as requests of their own."""
    doubts_settings: bool = False
    """The refusal may be about the job's objects or labels rather than about its rows."""
    names_types: bool = False
    """It names a type that rows ask for."""


def judge_success(
    batch: pl.DataFrame,
    made: pl.DataFrame,
    answer: Answer,
    *,
    http_status: int,
    sides: Sides,
    type_bits: Mapping[str, int],
) -> Judgement:
    """Judge a 2xx; `made` has the from_id and to_id that its results name.

    `type_bits` gives the bit of each type by its name in errors, ``CATEGORY:id``.
    """
    confirmed = batch.join(made, on=["from_id", "to_id"], how="semi")
    settled = [verdicts(confirmed, Outcome.ASSOCIATED, http_status, answer)]
    rest = batch.join(made, on=["from_id", "to_id"], how="anti")
    named = [culprits(error, sides) for error in answer.errors]
    told, stripped, rest, about_types = _strip_all(
        rest, named, answer.errors, answer, http_status=http_status, type_bits=type_bits
    )
    settled.append(told)
    again = [stripped] if stripped.height else []
    # A number in a sentence may be a limit; an id of no row of ours may be a portal's.
    certain = [Culprits() if each.guessed else each for each in named]
    blamed, places = blame(batch, certain)
    found = rest.join(blamed.drop("from_id", "to_id"), on="association_id", how="inner")
    settled.append(_failed(found, answer.errors, answer, http_status))
    rest = rest.join(found, on="association_id", how="anti")
    anonymous = [
        error
        for place, error in enumerate(answer.errors)
        if place not in places and place not in about_types
    ]
    if anonymous and rest.height == 1:
        settled.append(verdicts(rest, Outcome.FAILED, http_status, answer, anonymous[0]))
        rest = rest.clear()
    elif anonymous and rest.height:
        again += _halves(rest)
        rest = rest.clear()
    is_about_types = bool(about_types)
    return Judgement(pl.concat(settled), rest, again, is_about_types, is_about_types)


def judge_refusal(
    batch: pl.DataFrame,
    answer: Answer,
    *,
    http_status: int,
    sides: Sides,
    type_bits: Mapping[str, int],
) -> Judgement:
    """Judge a 4xx that refuses the whole request: settle its culprits, or halve the batch."""
    refusal = answer.as_error()
    errors = (refusal, *refusal.errors)
    named = [culprits(error, sides) for error in errors]
    told, stripped, rest, about_types = _strip_all(
        batch, named, errors, answer, http_status=http_status, type_bits=type_bits
    )
    settled = [told] if told.height else []
    suspects: list[pl.DataFrame] = []
    if batch.height > 1:
        blamed, _ = blame(rest, named)
        found = rest.join(blamed, on="association_id", how="inner", suffix="_is_meant")
        rest = rest.join(found, on="association_id", how="anti")
        vague = [
            place
            for place in found["place"].unique()
            if not _is_certain(named[place], batch, sides)
        ]
        # One message is for all of them; the row's own record makes it the row's.
        failed = found.filter(~pl.col("place").is_in(vague))
        own = _failed(failed, errors, answer, http_status)
        words = pl.col("error_message") + _records_meant(failed, sides)
        settled += [own.with_columns(words.alias("error_message"))] if own.height else []
        suspects = [
            part.select(batch.columns)
            for part in found.filter(pl.col("place").is_in(vague)).partition_by("place")
        ]
    doubts_settings = bool(about_types) or not (settled or suspects)
    if batch.height == 1 and rest.height == 1:
        settled.append(verdicts(batch, Outcome.FAILED, http_status, answer, refusal))
        rest = rest.clear()
    # What has lost a type goes with those that never had it.
    again = [part for part in (*suspects, pl.concat([rest, stripped])) if part.height]
    if not settled and len(again) == 1:
        again = _halves(batch)
    no_verdict = verdicts(batch.clear(), Outcome.FAILED, http_status, answer)
    told = pl.concat([no_verdict, *settled])
    return Judgement(told, batch.clear(), again, doubts_settings, bool(about_types))


def _strip_all(
    batch: pl.DataFrame,
    named: Sequence[Culprits],
    errors: Sequence[ErrorDetail],
    answer: Answer,
    *,
    http_status: int,
    type_bits: Mapping[str, int],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, set[int]]:
    """Take refused types off the associations that have them.

    Gives the verdicts (VERDICT), what is still wanted without these types, all other associations,
    and which of the errors are about types.
    """
    masks = {place: mask for place, each in enumerate(named) if (mask := _mask(each, type_bits))}
    # Beside ids, a type means these pairs; alone, every pair that has it.
    alone = {place for place in masks if not named[place].has_ids}
    beside = [
        each if place in masks.keys() - alone else Culprits() for place, each in enumerate(named)
    ]
    blamed, _ = blame(batch, beside)
    hits = [batch.join(blamed.select("association_id", "place"), on="association_id", how="inner")]
    first_of_mask = {masks[place]: place for place in sorted(alone, reverse=True)}
    hits += [
        batch.with_columns(pl.lit(place, pl.Int64).alias("place"))
        for place in first_of_mask.values()
    ]
    lines = pl.DataFrame(list(masks.items()), schema=_MASKS, orient="row")
    found = (
        pl.concat(hits)
        .join(lines, on="place", how="inner")
        .filter((pl.col("types") & pl.col("mask")) != 0)
        .sort("place", "association_id")
        .unique("association_id", keep="first", maintain_order=True)
    )
    others = batch.join(found, on="association_id", how="anti", maintain_order="left")
    left = found.with_columns(pl.col("types") & ~pl.col("mask"))
    is_wanted = (pl.col("types") & pl.col("wanted")) != 0
    hopeless, left = left.filter(~is_wanted), left.filter(is_wanted)
    about_some = _failed(left, errors, answer, http_status).with_columns(
        left["mask"].alias("types")
    )
    about_all = _failed(hopeless, errors, answer, http_status)
    places = set(found["place"]) | {
        place for place in alone if masks[place] in {masks[hit] for hit in found["place"].unique()}
    }
    return pl.concat([about_some, about_all]), left.select(batch.columns), others, places


def _mask(named: Culprits, type_bits: Mapping[str, int]) -> int:
    mask = 0
    for name in named.types:
        mask |= type_bits.get(name, 0)
    return mask


def verdicts(
    batch: pl.DataFrame,
    outcome: Outcome,
    http_status: int | None,
    answer: Answer | None = None,
    error: ErrorDetail | None = None,
) -> pl.DataFrame:
    """Give every association of a batch one and the same verdict; the error's words are kept."""
    category = message = None
    if error is not None:
        category, message = _words(error, answer, http_status)
    values = {
        "types": None,
        "outcome": outcome.value,
        "http_status": http_status,
        "error_category": category,
        "error_message": message,
        "correlation_id": (answer.correlation_id or None) if answer else None,
    }
    return batch.select(
        "association_id",
        *(pl.lit(value, VERDICT[name]).alias(name) for name, value in values.items()),
    )


def _failed(
    found: pl.DataFrame, errors: Sequence[ErrorDetail], answer: Answer, http_status: int
) -> pl.DataFrame:
    """Fail associations, each with the words of the error at its `place`: VERDICT."""
    words = [_words(error, answer, http_status) for error in errors]
    told = pl.DataFrame(
        words, schema={"error_category": pl.String, "error_message": pl.String}, orient="row"
    ).with_columns(pl.int_range(len(words), dtype=pl.Int64).alias("place"))
    return (
        verdicts(found, Outcome.FAILED, http_status, answer)
        .drop("error_category", "error_message")
        .with_columns(found["place"])
        .join(told, on="place", how="left", maintain_order="left")
        .select(*VERDICT)
    )


def _words(error: ErrorDetail, answer: Answer | None, http_status: int | None) -> tuple[str, str]:
    """Give an error's category and message, or what stands for those that it lacks."""
    category = error.category or (answer.category if answer else "") or f"HTTP_{http_status}"
    return category, error.message or f"HubSpot answered {http_status} and gave no reason"


def _records_meant(found: pl.DataFrame, sides: Sides) -> pl.Series:
    """Say of each association which of its records is meant: `` (contacts 1)``, or nothing."""
    records = pl.concat_str(
        pl.when("from_id_is_meant").then(_record(sides.from_object, "from_id")),
        pl.when("to_id_is_meant").then(_record(sides.to_object, "to_id")),
        separator=", ",
        ignore_nulls=True,
    )
    told = pl.when(records != "").then(pl.concat_str(pl.lit(" ("), records, pl.lit(")")))
    return found.select(told.otherwise(pl.lit(""))).to_series()


def _record(object_name: str, column: str) -> pl.Expr:
    return pl.concat_str(pl.lit(f"{object_name} "), pl.col(column))


def _is_certain(named: Culprits, batch: pl.DataFrame, sides: Sides) -> bool:
    """Tell whether the ids can mean no other association of the batch than those found."""
    # Two lists of ids name pairs, but not which id belongs to which.
    several_pairs = len(named.pair_from) > 1 and len(named.pair_to) > 1
    if named.guessed or several_pairs:
        return False
    if sides.same or not named.either_ids:
        return True
    on_both_sides = batch.select(
        _is_in("from_id", named.either_ids).any() & _is_in("to_id", named.either_ids).any()
    ).item()
    return not on_both_sides


def _is_in(column: str, ids: Iterable[int]) -> pl.Expr:
    # A number beyond 64 bits is no id of ours.
    series = pl.Series(sorted(number for number in ids if number < 1 << 63), dtype=pl.Int64)
    return pl.col(column).is_in(series.implode())


def _halves(batch: pl.DataFrame) -> list[pl.DataFrame]:
    middle = batch.height // 2
    return [batch.slice(0, middle), batch.slice(middle)]
