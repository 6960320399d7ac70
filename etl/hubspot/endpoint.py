"""One way of asking: an action in a direction, and with types or without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from etl.hubspot.objects import type_id
from etl.hubspot.wire import (
    PAIR,
    archive_body,
    create_body,
    default_body,
    read_created,
    read_defaulted,
)
from etl.model import Action, AssociationType, Outcome

if TYPE_CHECKING:
    from etl.core.typebits import TypeBits
    from etl.hubspot.culprits import Sides
    from etl.hubspot.paths import Paths
    from etl.hubspot.wire import Answer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a section's requests have in common."""

    sides: Sides
    paths: Paths
    has_types: bool
    bits: TypeBits
    other_way: frozenset[AssociationType]
    """Types that exist only from `to` to `from`: answers may name them beside ours."""
    primary: frozenset[AssociationType]
    """Types of which a record has at most one."""
    primary_holder: Literal["from_id", "to_id"]
    """The side whose records have at most one primary."""
    custom: frozenset[AssociationType] = frozenset()
    """Labels that the portal's people have made: what `existing_labels: replace` may take away."""
    action: Action = Action.ASSOCIATE

    def to(self, action: Action) -> Endpoint:
        """Give the endpoint for an action on the same objects."""
        return self if action is self.action else replace(self, action=action)

    @property
    def path(self) -> str:
        """The path to post batches to."""
        match self.action:
            case Action.REMOVE:
                return self.paths.archive
            case Action.REMOVE_LABELS:
                return self.paths.archive_labels
            case Action.ASSOCIATE:
                return self.paths.create if self.has_types else self.paths.default

    @property
    def done(self) -> Outcome:
        """The outcome of what HubSpot has done."""
        return Outcome.ASSOCIATED if self.action is Action.ASSOCIATE else Outcome.REMOVED

    def body(self, pairs: pl.DataFrame) -> bytes:
        """Write the request for from_id, to_id and types."""
        if self.action is Action.REMOVE:
            return archive_body(pairs)
        if self.action is Action.ASSOCIATE and not self.has_types:
            return default_body(pairs)
        masks = pairs["types"].unique().to_list()
        # Sorted: the same associations make the same bytes, in whatever order types were met.
        return create_body(pairs, {mask: sorted(self.bits.types(mask)) for mask in masks})

    def made(self, answer: Answer) -> pl.DataFrame:
        """List the pairs (from_id, to_id) that an answer names in our direction.

        Answers of the default endpoint have been seen to name each pair in both directions; taken
        at face value, the mirror of one pair would confirm another whose ids are the other way
        round. An answer to a removal names nothing.
        """
        if self.action is not Action.ASSOCIATE:
            return pl.DataFrame(schema=PAIR)
        if self.has_types:
            created = read_created(answer)
            ours, mirror = type_id(self.sides.from_object), type_id(self.sides.to_object)
            if mirror is not None and not self.sides.same:
                created = created.filter(pl.col("object_type").ne_missing(mirror))
            elif ours is not None and not self.sides.same:
                created = created.filter(pl.col("object_type").fill_null(ours) == ours)
            return created.select("from_id", "to_id")
        defaulted = read_defaulted(answer)
        for kind in self.other_way:
            defaulted = defaulted.filter(
                ~(
                    pl.col("category").eq_missing(kind.category)
                    & pl.col("type_id").eq_missing(kind.type_id)
                )
            )
        return defaulted.select("from_id", "to_id")

    def fold_types(self, typed_pairs: pl.DataFrame) -> pl.DataFrame:
        """Fold TYPED_PAIR into one line a pair: from_id, to_id and types (bits)."""
        kinds = typed_pairs.select("category", "type_id").unique().drop_nulls()
        bits = kinds.with_columns(
            pl.Series(
                "types",
                [self.bits.mask([AssociationType(*kind)]) for kind in kinds.iter_rows()],
                dtype=pl.Int64,
            )
        )
        return (
            typed_pairs.join(bits, on=["category", "type_id"], how="left")
            .group_by("from_id", "to_id")
            .agg(pl.col("types").fill_null(0).bitwise_or())
        )
