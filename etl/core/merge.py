"""Merge rows of the same pair into associations that remember them.

Rule 1: a pair's rows become one association in each direction that their types need.
Rule 2: associations that touch the same two records never stand in the same phase, so that
        finishing one phase before the next keeps a pair at most once in flight; what is removed goes
        before what is made, as `Action` has them.
Rule 3: rows that contradict one another become no association; their links say so.
Rule 4: a pair keeps what it has where the rows do not say all that it should have: a row of it could
        not be understood, or was refused.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.core.action import ACTIONS, contradictions
from etl.model import Action, Direction

PAIR: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "row_number": pl.Int64,
    "from_id": pl.Int64,
    "to_id": pl.Int64,
    "forward": pl.Int64,
    "reverse": pl.Int64,
    "action": ACTIONS,
}
"""A good row; `forward` and `reverse` are sets of types as bits, 0 for none.

`action` is null in a row that names a pair and asks for something that nobody understands.
"""

LINK: Final = {
    "row_number": pl.Int64,
    "association_id": pl.Int64,
    "types": pl.Int64,
    "duplicate_of": pl.Int64,
    "contradicts": pl.Int64,
}
"""What joins a row to an association; `types` is what the row itself asks for in its direction.

A row that another one contradicts has the number of that row, and no association.
"""

MOST_ASSOCIATIONS: Final = 2
"""Of one row: one each way round."""

SECTION_KEY: Final = ("phase", "action", "direction", "has_types")
"""What all associations of a section have in common."""

ASSOCIATION: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "association_id": pl.Int64,
    "phase": pl.Int8,
    "action": ACTIONS,
    "direction": pl.Int8,
    "has_types": pl.Boolean,
    "from_id": pl.Int64,
    "to_id": pl.Int64,
    "types": pl.Int64,
    "other_types": pl.Int64,
    "keeps": pl.Boolean,
    "rows": pl.Int64,
}
"""What is asked of one pair in one direction, whose ids are as the request has them.

`other_types` is what the pair's rows ask for in the other direction (in that direction's bits).
`keeps` tells that nothing of what the pair has is stale, as its rows do not say all that it should
have.
"""


def merge_rows(rows: pl.DataFrame, *, same_object: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Merge rows of the same pair and action.

    Takes PAIR. Gives the links (LINK) and the associations (ASSOCIATION, numbered from 0), both
    sorted, from-records together.
    """
    unclear = rows.filter(pl.col("action").is_null())
    if unclear.height:
        rows = rows.filter(pl.col("action").is_not_null())
    refused = contradictions(rows, same_object=same_object)
    if refused.height:
        unclear = pl.concat([unclear, rows.join(refused, on="row_number", how="semi")])
        rows = rows.join(refused, on="row_number", how="anti")
    links = [
        refused.select(
            "row_number",
            *(pl.lit(None, pl.Int64).alias(name) for name in ("association_id", "types")),
            pl.lit(None, pl.Int64).alias("duplicate_of"),
            "contradicts",
        )
    ]
    associations: list[pl.DataFrame] = []
    first_id = 0
    for place, action in enumerate(Action):
        pairs = rows.filter(pl.col("action") == action.value)
        if not pairs.height:
            continue
        linked, merged = merge_pairs(pairs, same_object=same_object)
        links.append(linked.with_columns(pl.col("association_id") + first_id))
        associations.append(
            merged.with_columns(
                pl.col("association_id") + first_id,
                # Two phases an action: one each way round.
                pl.col("phase") + 2 * place,
                pl.lit(action.value, ACTIONS).alias("action"),
            ).select(*ASSOCIATION)
        )
        first_id += merged.height
    merged = pl.concat(associations or [pl.DataFrame(schema=ASSOCIATION)])
    if unclear.height:
        merged = _keeping(merged, unclear, same_object=same_object)
    return _sorted(pl.concat(links), "row_number"), merged


def _keeping(
    associations: pl.DataFrame, unclear: pl.DataFrame, *, same_object: bool
) -> pl.DataFrame:
    """Let pairs keep what they have of which a row is unclear."""
    ends = unclear.select("from_id", "to_id")
    turned = ends.select(pl.col("to_id").alias("from_id"), pl.col("from_id").alias("to_id"))
    named = pl.concat(
        [
            each.unique().with_columns(pl.lit(way, pl.Int8).alias("direction"))
            for each, way in (
                (pl.concat([ends, turned]) if same_object else ends, Direction.FORWARD.value),
                (turned, Direction.REVERSE.value),
            )
        ]
    )
    return (
        associations.join(
            named.with_columns(pl.lit(value=True).alias("is_unclear")),
            on=["from_id", "to_id", "direction"],
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("keeps") | pl.col("is_unclear").fill_null(value=False))
        .drop("is_unclear")
    )


def in_doubt(direction: Direction) -> pl.Expr:
    """Tell of ASSOCIATION which pairs may have what a blind write would take away.

    The forward direction goes first: the reverse one may find what the run has just written.
    """
    if direction is Direction.FORWARD:
        return pl.col("keeps")
    return pl.col("keeps") | (pl.col("other_types") != 0)


def merge_pairs(pairs: pl.DataFrame, *, same_object: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Merge rows of the same pair that ask for one action.

    Takes PAIR. Gives the links (LINK; duplicate_of is the first row that asks for exactly the same,
    or null) and the associations (ASSOCIATION without action), both sorted, from-records together.
    """
    pairs = _with_pair_types(_sorted(pairs, "from_id", "to_id", "row_number"))
    needs = _needs(pairs)
    if same_object:
        needs = _with_second_ends(needs, pairs)
    runs_backward = pl.col("from_id") > pl.col("to_id") if same_object else pl.col("direction") == 1
    needs = needs.with_columns(
        runs_backward.cast(pl.Int8).alias("phase"), (pl.col("types") != 0).alias("has_types")
    )
    key = ("phase", "direction", "has_types", "from_id", "to_id")
    # Sorting costs more than all the rest, and most files ask for one thing in their own direction.
    is_alike = all(needs[name].min() == needs[name].max() for name in key[:3])
    if not is_alike or needs["direction"].max() != Direction.FORWARD:
        needs = _sorted(needs, *key, "row_number")
    is_new = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in key)
    needs = needs.with_columns(is_new.fill_null(value=True).alias("is_new")).with_columns(
        (pl.col("is_new").cast(pl.Int64).cum_sum() - 1).alias("association_id")
    )
    is_last = pl.col("is_new").shift(-1, fill_value=True)
    rows_until = pl.col("rows").cum_sum().filter(is_last)
    associations = needs.select(
        pl.col("association_id", *key, "types", "other_types", "keeps").filter("is_new"),
        rows_until - rows_until.shift(fill_value=0),
    )
    links = needs.select(
        "row_number",
        "association_id",
        pl.col("own_types").alias("types"),
        "duplicate_of",
        pl.lit(None, pl.Int64).alias("contradicts"),
    )
    return _sorted(links, "row_number"), associations


def _sorted(frame: pl.DataFrame, *key: str) -> pl.DataFrame:
    # One partition is sorted in half the time that several threads take for it together, and it is
    # not the only one.
    return frame.sort(*key, multithreaded=False)


def _needs(pairs: pl.DataFrame) -> pl.DataFrame:
    """Give one line a row and direction in which it goes; takes rows with their pairs' types."""
    if not pairs["reverse"].max():
        return _one_way(pairs, Direction.FORWARD)
    # A row without a label is done by whatever associates its pair: a label implies the default.
    goes_forward = (pl.col("forward") != 0) | (
        (pl.col("reverse") == 0) & ((pl.col("pair_forward") != 0) | (pl.col("pair_reverse") == 0))
    )
    goes_reverse = (pl.col("reverse") != 0) | (
        (pl.col("forward") == 0) & (pl.col("pair_forward") == 0) & (pl.col("pair_reverse") != 0)
    )
    reverse = pairs.filter(goes_reverse)
    return pl.concat(
        [
            _one_way(pairs.filter(goes_forward), Direction.FORWARD),
            _one_way(reverse, Direction.REVERSE).with_columns(
                # A row that goes both ways is counted where it goes forward.
                reverse.select(rows=(~goes_forward).cast(pl.Int64)).to_series()
            ),
        ]
    )


def _one_way(pairs: pl.DataFrame, direction: Direction) -> pl.DataFrame:
    ends, own, other = ("from_id", "to_id"), "forward", "reverse"
    if direction is Direction.REVERSE:
        ends, own, other = ("to_id", "from_id"), "reverse", "forward"
    return pairs.select(
        "row_number",
        "duplicate_of",
        pl.col(own).alias("own_types"),
        pl.col(ends[0]).alias("from_id"),
        pl.col(ends[1]).alias("to_id"),
        pl.lit(direction.value, pl.Int8).alias("direction"),
        pl.lit(value=False).alias("keeps"),
        pl.col(f"pair_{own}").alias("types"),
        pl.col(f"pair_{other}").alias("other_types"),
        pl.lit(1, pl.Int64).alias("rows"),
    )


def _with_second_ends(needs: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Let one end of an association keep what the rows give it at the other end.

    Between records of one object, what (1, 2) is given shows at (2, 1) too, under inverse labels
    that nobody can tell from stale ones. The later end keeps what the earlier one was given; an
    earlier end without labels of its own keeps what the later one will be given.
    """
    labelled = pairs.filter(pl.col("pair_forward") != 0)
    turned = labelled.select(
        pl.col("to_id").alias("from_id"),
        pl.col("from_id").alias("to_id"),
        pl.lit(value=True).alias("is_given"),
    ).unique()
    is_later = pl.col("from_id") > pl.col("to_id")
    return (
        needs.join(turned, on=["from_id", "to_id"], how="left")
        .with_columns(
            (pl.col("is_given").fill_null(value=False) & (is_later | (pl.col("types") == 0))).alias(
                "keeps"
            )
        )
        .drop("is_given")
    )


def _with_pair_types(pairs: pl.DataFrame) -> pl.DataFrame:
    """Add duplicate_of and what all rows of the pair ask for; takes and gives them sorted by pair."""
    repeats = (pl.col("from_id") == pl.col("from_id").shift()) & (
        pl.col("to_id") == pl.col("to_id").shift()
    )
    pairs = pairs.with_columns(repeats.fill_null(value=False).alias("repeats"))
    if all(pairs[name].min() == pairs[name].max() for name in ("forward", "reverse")):
        # Rows of one pair ask for the same: what the first one does.
        first = pl.when(~pl.col("repeats")).then("row_number").forward_fill()
        return pairs.with_columns(
            pl.when("repeats").then(first).alias("duplicate_of"),
            pl.col("forward").alias("pair_forward"),
            pl.col("reverse").alias("pair_reverse"),
        )
    pairs = pairs.with_row_index("place")
    is_alone = ~(pl.col("repeats") | pl.col("repeats").shift(-1, fill_value=False))
    # Windows cost twenty times a filter, and most pairs of most files stand alone.
    alone = pairs.filter(is_alone).with_columns(
        pl.lit(None, pl.Int64).alias("duplicate_of"),
        pl.col("forward").alias("pair_forward"),
        pl.col("reverse").alias("pair_reverse"),
    )
    pair = ("from_id", "to_id")
    twin = pl.col("row_number").min().over(*pair, "forward", "reverse")
    together = pairs.filter(~is_alone).with_columns(
        pl.when(twin != pl.col("row_number")).then(twin).alias("duplicate_of"),
        pl.col("forward").bitwise_or().over(*pair).alias("pair_forward"),
        pl.col("reverse").bitwise_or().over(*pair).alias("pair_reverse"),
    )
    return alone.merge_sorted(together, key="place")
