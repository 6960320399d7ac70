"""Read what each row asks for, and refuse what would take away more than its author can mean.

Rule 1: a blank cell associates; a word that is no action is never guessed.
Rule 2: who removes a whole association names no label: the row may have meant the label alone.
Rule 3: the unlabeled type takes every label with it (HubSpot's guide); only `remove` asks for that.
Rule 4: rows of one pair that ask for opposite things are all refused: which was meant last is not
        ours to say.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.core.normalize import SHOWN_CHARACTERS
from etl.model import Action, ActionColumn, Outcome

UNKNOWN_ACTION: Final = "UNKNOWN_ACTION"
LABEL_WITH_REMOVE: Final = "LABEL_WITH_REMOVE"
UNLABELED_REMOVES_ALL: Final = "UNLABELED_REMOVES_ALL"
CONTRADICTING_ROWS: Final = "CONTRADICTING_ROWS"

ACTIONS: Final = pl.Enum([action.value for action in Action])
"""In the order in which a run does them."""

_TROUBLE: Final = {"action_category": pl.String, "action_message": pl.String}


def read_action(action: Action | ActionColumn, cell: str | None) -> pl.Expr:
    """Give each row's action, ACTIONS; null where `cell` holds a word that is none."""
    if isinstance(action, Action):
        return pl.lit(action.value, ACTIONS)
    word = pl.col(cell or "").fill_null("").str.strip_chars().str.to_lowercase()
    word = word.str.replace_all(r"[\s-]+", "_")
    return (
        pl.when(word == "")
        .then(pl.lit(Action.ASSOCIATE.value))
        .otherwise(word)
        .cast(ACTIONS, strict=False)
    )


def action_trouble(action: Action | ActionColumn, cell: str | None) -> list[pl.Expr]:
    """Say why a row can't be done: ``action_category`` and ``action_message``, null where it can.

    Takes the columns action (ACTIONS), forward and reverse (types as bits), is_unlabeled (the label
    stands for the unlabeled type, or for none) and error_category (of the label).
    """
    if action is Action.ASSOCIATE:
        return [pl.lit(None, dtype).alias(name) for name, dtype in _TROUBLE.items()]
    names_label = (
        (pl.col("forward") != 0) | (pl.col("reverse") != 0) | pl.col("error_category").is_not_null()
    )
    removes = pl.col("action") == Action.REMOVE.value
    removes_labels = pl.col("action") == Action.REMOVE_LABELS.value
    is_unlabeled = pl.col("is_unlabeled") & pl.col("error_category").is_null()
    is_unknown = pl.col("action").is_null()
    category = (
        pl.when(is_unknown)
        .then(pl.lit(UNKNOWN_ACTION))
        .when(removes & names_label)
        .then(pl.lit(LABEL_WITH_REMOVE))
        .when(removes_labels & is_unlabeled)
        .then(pl.lit(UNLABELED_REMOVES_ALL))
    )
    message = (
        pl.when(is_unknown)
        .then(_unknown(action, cell))
        .when(removes & names_label)
        .then(pl.lit("the row removes the whole association, but names a label"))
        .when(removes_labels & is_unlabeled)
        .then(
            pl.lit(
                "the row removes labels, but names none, or the unlabeled type, which would take the "
                "whole association away"
            )
        )
    )
    return [
        expression.alias(name)
        for name, expression in zip(_TROUBLE, (category, message), strict=True)
    ]


def contradictions(pairs: pl.DataFrame, *, same_object: bool) -> pl.DataFrame:
    """Find rows that another row of the same pair asks the opposite of.

    Takes row_number, from_id, to_id, action, forward and reverse; gives row_number and contradicts,
    the first row that asks for the opposite.
    """
    if pairs["action"].n_unique() < 2:  # noqa: PLR2004  (nobody can be of another mind)
        return pl.DataFrame(schema={"row_number": pl.Int64, "contradicts": pl.Int64})
    made, removed, lost = (
        pairs.filter(pl.col("action") == action.value)
        for action in (Action.ASSOCIATE, Action.REMOVE, Action.REMOVE_LABELS)
    )
    if same_object:
        # Between records of one object, both ways round are one association.
        one, other = pl.min_horizontal("from_id", "to_id"), pl.max_horizontal("from_id", "to_id")
    else:
        one, other = pl.col("from_id"), pl.col("to_id")
    ends = (one.alias("from_id"), other.alias("to_id"))
    return pl.concat(
        [
            _opposed(made.with_columns(ends), removed.with_columns(ends)),
            _opposed(removed.with_columns(ends), made.with_columns(ends)),
            _opposed(made, lost, by_label=True),
            _opposed(lost, made, by_label=True),
        ]
    ).unique("row_number", keep="first", maintain_order=True)


def _opposed(rows: pl.DataFrame, others: pl.DataFrame, *, by_label: bool = False) -> pl.DataFrame:
    """Find rows of which some others are about the same pair; `by_label`, about the same label."""
    wish = ("from_id", "to_id", "forward", "reverse")
    others = others.join(rows, on=["from_id", "to_id"], how="semi")
    # A pair has few different wishes, however many rows.
    firsts = others.group_by(*wish).agg(pl.col("row_number").min().alias("contradicts"))
    met = rows.join(firsts, on=["from_id", "to_id"], how="inner", suffix="_other")
    if by_label:
        shares = (pl.col(side) & pl.col(f"{side}_other") != 0 for side in ("forward", "reverse"))
        met = met.filter(pl.any_horizontal(*shares))
    return met.group_by("row_number").agg(pl.col("contradicts").min())


def rejecting_contradictions() -> list[pl.Expr]:
    """Reject rows that `contradicts` names another for, whatever else was to be told of them."""
    told = {
        "outcome": pl.lit(Outcome.REJECTED.value),
        "error_category": pl.lit(CONTRADICTING_ROWS),
        "error_message": contradiction(),
    }
    contradicts = pl.col("contradicts").is_not_null()
    return [
        pl.when(contradicts).then(instead).otherwise(name).alias(name)
        for name, instead in told.items()
    ]


def contradiction() -> pl.Expr:
    """Say which row `contradicts` names."""
    return pl.concat_str(
        pl.lit("row "), "contradicts", pl.lit(" asks for the opposite for the same pair")
    )


def _unknown(action: ActionColumn | Action, cell: str | None) -> pl.Expr:
    column = action.column if isinstance(action, ActionColumn) else "action"
    shown = pl.col(cell or "action").cast(pl.String).fill_null("").str.strip_chars()
    return pl.concat_str(
        pl.lit(f"{column} '"), shown.str.slice(0, SHOWN_CHARACTERS), pl.lit("' is no action")
    )
