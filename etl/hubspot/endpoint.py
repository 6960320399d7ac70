"""One way of asking: an action in a direction, and with types or without."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from etl.core.typebits import TypeBits
from etl.hubspot.objects import type_id
from etl.hubspot.wire import (
    DEFAULT_WORDING,
    PAIR,
    archive_body,
    create_body,
    create_wording,
    read_created,
    read_defaulted,
)
from etl.model import Action, AssociationType, Direction, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    singles: frozenset[AssociationType] = frozenset()
    """Those of them that read the same in both directions."""
    other_bits: TypeBits = field(default_factory=TypeBits)
    other_paired: frozenset[AssociationType] = frozenset()
    """The other direction's labels that read differently there, and the bits of that direction."""
    turned: Mapping[AssociationType, AssociationType] | None = None
    """Our type for each of the other direction's, where both are certain (`turned_types`)."""
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

    def body(self, pairs: pl.DataFrame, ids: bytes) -> bytes:
        """Write the request for from_id, to_id and types; `ids` are the pairs' `ids_of`."""
        if self.action is Action.REMOVE:
            return archive_body(pairs)
        if self.action is Action.ASSOCIATE and not self.has_types:
            return DEFAULT_WORDING.of(ids)
        masks = pairs["types"]
        if masks.min() == masks.max():
            return create_wording(self._kinds(masks[0])).of(ids)
        return create_body(pairs, {mask: self._kinds(mask) for mask in masks.unique()})

    def _kinds(self, mask: int) -> list[AssociationType]:
        # Sorted: the same associations make the same bytes, in whatever order types were met.
        return sorted(self.bits.types(mask))

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
            kinds = created.drop_in_place("object_type")
            ours, mirror = type_id(self.sides.from_object), type_id(self.sides.to_object)
            if self.sides.same or (mirror is None and ours is None):
                return created
            is_mirrored = kinds == mirror if mirror is not None else kinds != ours
            # A result that does not name its object is taken for ours.
            return (
                created.filter(~is_mirrored.fill_null(value=False))
                if is_mirrored.any()
                else created
            )
        defaulted = read_defaulted(answer)
        return defaulted.filter(
            ~pl.any_horizontal(
                pl.lit(value=False),
                *(
                    pl.col("category").eq_missing(kind.category)
                    & pl.col("type_id").eq_missing(kind.type_id)
                    for kind in self.other_way
                ),
            )
        ).select("from_id", "to_id")

    def may_go(self, direction: Direction) -> pl.Expr:
        """Tell of ASSOCIATION, as bits, which labels are to go unless the pair wants them.

        A paired label has another type at the other end, and HubSpot does not tell which. Where rows
        ask for labels in both directions, each direction therefore judges what it can be sure of:
        the first one the labels that read the same in both, the second one the others. Only where
        the first one asks for a paired label too, all others go before the second is written, unless
        the pair is `as_asked_both_ways`.
        """
        custom = self.bits.mask(self.custom)
        singles = self.bits.mask(self.singles)
        goes_one_way = pl.col("other_types") == 0
        if direction is Direction.FORWARD:
            asks_for_paired = (pl.col("types") & (custom & ~singles)) != 0
            both_ways = pl.when(asks_for_paired).then(custom).otherwise(singles)
        else:
            other_paired = self.other_bits.mask(self.other_paired)
            is_judged = (pl.col("other_types") & other_paired) == 0
            both_ways = pl.when(is_judged).then(custom & ~singles).otherwise(0)
        return (
            pl.when(pl.col("keeps"))
            .then(0)
            .when(goes_one_way)
            .then(custom)
            .otherwise(both_ways)
            .cast(pl.Int64)
        )

    def asks_both_ways(self) -> pl.Expr:
        """Tell of ASSOCIATION which pairs are asked to have paired labels in both directions."""
        paired = self.bits.mask(self.custom - self.singles)
        return (pl.col("other_types") != 0) & ((pl.col("types") & paired) != 0)

    def as_asked_both_ways(self) -> pl.Expr:
        """Tell which of these pairs have what is asked of both directions, and no other custom label.

        Takes there and there_back, the types that a pair has in each direction. A pair has as many
        custom labels as types of them in one direction; so it is as asked when it has all that is
        asked, and no more of them than that.
        """
        custom, singles = self.bits.mask(self.custom), self.bits.mask(self.singles)
        there, types, other = pl.col("there"), pl.col("types"), pl.col("other_types")
        asked = (types & custom).bitwise_count_ones() + (
            other & self.other_bits.mask(self.other_paired)
        ).bitwise_count_ones()
        return (
            ((there & types) == types)
            & ((pl.col("there_back") & other) == other)
            & ((there & singles & ~types) == 0)
            & ((there & custom).bitwise_count_ones() == asked)
        )

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
