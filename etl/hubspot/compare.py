"""Read what pairs have before they are written, and tell what is left to ask of HubSpot.

Rule 1: a section that was compared before it was cut off keeps its batches: which of its pairs are
        unchanged is written down once, before the others are cut.
Rule 2: of a pair that can't be read nothing is known, so nothing is written over it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from etl.core.keep import keep_existing
from etl.core.merge import in_doubt
from etl.core.remove import part_removals
from etl.core.replace import replace_existing
from etl.hubspot.either_side import EitherSide
from etl.hubspot.existing import back
from etl.hubspot.judge import verdicts
from etl.hubspot.settle import with_cost
from etl.hubspot.settled import final, rows_settled, without
from etl.hubspot.wire import swapped
from etl.model import Action, Direction, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.facts import Progress
    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.existing import Existing, ExistingReader
    from etl.hubspot.settled import RowsSettled
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import ExistingLabels
    from etl.staging import Section


class Comparer:
    """Compare the sections of a run with what HubSpot has."""

    def __init__(
        self,
        reader: ExistingReader,
        journal: Journal,
        existing_labels: ExistingLabels,
        *,
        log: Log,
        on_settled: Callable[[RowsSettled], Progress],
    ) -> None:
        self._reader = reader
        self._either_side = EitherSide(reader, log)
        self._journal = journal
        self._existing_labels = existing_labels
        self._log = log
        self._on_settled = on_settled

    def has_to_look(self, section: Section) -> bool:
        """Tell whether a section is read before it is written."""
        return self._existing_labels != "ignore" or section.has_doubt

    async def compare(
        self, section: Section, pairs: pl.DataFrame, endpoint: Endpoint, settled: pl.DataFrame
    ) -> pl.DataFrame:
        """Read what the pairs have; give those to write, with the union of their types.

        A section that was compared before it was cut off keeps its batches: what was to be written
        then is written now, by what HubSpot has now.
        """
        unchanged = await asyncio.to_thread(self._journal.comparison, section.number)
        is_new = unchanged is None
        asked = pairs
        if self._existing_labels == "ignore":
            # Written blindly, these might lose what is theirs by other rows of this run.
            asked = pairs.filter(in_doubt(section.direction))
        if unchanged is not None:
            asked = without(without(asked, unchanged), final(settled))
        existing, side = await self._either_side.read(asked, endpoint)
        if self._existing_labels == "replace" and section.direction is Direction.FORWARD:
            pairs = await self._keeping_both_ways(asked, pairs, existing.types, endpoint)
        # A section's pairs are compared for longer than other requests should have to wait.
        change, same = await asyncio.to_thread(
            self._part,
            pairs,
            existing,
            endpoint,
            section,
            write_all=self._existing_labels == "ignore" or not is_new,
        )
        if unchanged is None:
            unchanged = with_cost(verdicts(same, Outcome.UNCHANGED, None), attempts=0)
            await asyncio.to_thread(self._remember, section, asked, existing, unchanged)
            self._on_settled(rows_settled(unchanged, pairs))
        write = await asyncio.to_thread(_to_write, without(pairs, unchanged), change, existing)
        self._log.info(
            "section.compared",
            section=section.number,
            side=side,
            unchanged=unchanged.height,
            unread=existing.unread.height,
            write=write.height,
        )
        return write

    async def _keeping_both_ways(
        self, asked: pl.DataFrame, pairs: pl.DataFrame, existing: pl.DataFrame, endpoint: Endpoint
    ) -> pl.DataFrame:
        """Let pairs keep what they have that are as asked, with paired labels from both ends."""
        both = asked.filter(endpoint.asks_both_ways())
        if endpoint.action is not Action.ASSOCIATE or not both.height:
            return pairs
        there_back = replace(endpoint, bits=endpoint.other_bits).fold_types(
            (await self._reader.read(swapped(both), back(endpoint))).types
        )
        as_asked = (
            both.join(_named(endpoint.fold_types(existing), "there"), on=["from_id", "to_id"])
            .join(
                _named(there_back, "there_back"),
                left_on=["from_id", "to_id"],
                right_on=["to_id", "from_id"],
            )
            .filter(endpoint.as_asked_both_ways())
        )
        is_as_asked = pl.col("association_id").is_in(as_asked["association_id"].implode())
        return pairs.with_columns(pl.col("keeps") | is_as_asked)

    def _part(
        self,
        pairs: pl.DataFrame,
        existing: Existing,
        endpoint: Endpoint,
        section: Section,
        *,
        write_all: bool,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Part what needs a request, with its types, writes and stale, from what is as asked."""
        pairs = pairs.join(existing.unread, on="from_id", how="anti", maintain_order="left")
        folded = endpoint.fold_types(existing.types)
        if endpoint.action is not Action.ASSOCIATE:
            labels_alone = endpoint.action is Action.REMOVE_LABELS
            there, gone = part_removals(pairs, folded, labels_alone=labels_alone)
            return (pl.concat([there, gone]), gone.clear()) if write_all else (there, gone)
        exclusive, holder = endpoint.bits.mask(endpoint.primary), endpoint.primary_holder
        if self._existing_labels == "replace":
            return replace_existing(
                pairs.drop("writes", "stale").with_columns(
                    endpoint.may_go(section.direction).alias("may_go")
                ),
                folded,
                exclusive=exclusive,
                holder=holder,
                write_all=write_all,
            )
        return keep_existing(pairs, folded, exclusive=exclusive, holder=holder, write_all=write_all)

    def _remember(
        self, section: Section, asked: pl.DataFrame, existing: Existing, unchanged: pl.DataFrame
    ) -> None:
        self._journal.compared(
            section.number, unchanged, existing=there(asked, existing.types, section)
        )


def _to_write(left: pl.DataFrame, change: pl.DataFrame, existing: Existing) -> pl.DataFrame:
    """Give the pairs that are left with what has to change of them, and why not where they are unread."""
    changed = ("types", "writes", "stale")
    return (
        left.drop("unread")
        .lazy()
        .join(existing.unread.lazy().rename({"error_message": "unread"}), on="from_id", how="left")
        .join(change.lazy().select("association_id", *changed), on="association_id", how="left")
        .with_columns(pl.coalesce(f"{name}_right", name).alias(name) for name in changed)
        .drop(f"{name}_right" for name in changed)
        .sort("association_id")
        .collect()
    )


def _named(folded: pl.DataFrame, name: str) -> pl.DataFrame:
    return folded.select("from_id", "to_id", pl.col("types").alias(name))


def there(asked: pl.DataFrame, existing: pl.DataFrame, section: Section) -> int:
    """Count the pairs that HubSpot has; one that is asked for both ways is counted where it goes first."""
    if section.direction is Direction.REVERSE:
        asked = asked.filter(pl.col("other_types") == 0)
    return asked.join(existing, on=["from_id", "to_id"], how="semi").height
