"""What the commands ``associate`` and ``disassociate`` do: one pair of records."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from etl.cli.account import with_account
from etl.cli.confirm import confirm
from etl.hubspot.existing import Between
from etl.pipeline.pair import Asked, associate_pair, disassociate_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.cli.account import AccountCommand
    from etl.model import ExistingLabels
    from etl.pipeline.pair import PairTold

THEN: Final = "what became of the pair is not known: run the command again"


@with_account
def associate(
    *,
    from_object: str,
    from_id: int,
    to_object: str,
    to_id: int,
    labels: tuple[str, ...],
    types: tuple[tuple[str, str], ...],
    account: AccountCommand,
    existing_labels: ExistingLabels,
    as_json: bool,
) -> None:
    """Associate a pair, and exit by what became of it."""
    there = Between.of(account.api_version, from_object, to_object)
    asked = Asked(there, from_id, to_id, labels, types)
    told = account.ask(
        lambda client, stop: associate_pair(client, stop, asked, existing_labels), THEN
    )
    _end(told, as_json=as_json)


@with_account
def disassociate(
    *,
    from_object: str,
    from_id: int,
    to_object: str,
    to_id: int,
    labels: tuple[str, ...],
    types: tuple[tuple[str, str], ...],
    account: AccountCommand,
    yes: bool,
    as_json: bool,
) -> None:
    """Part a pair once somebody has said yes, and exit by what became of it."""
    there = Between.of(account.api_version, from_object, to_object)
    asked = Asked(there, from_id, to_id, labels, types)
    if not yes:
        _confirm(asked)
    told = account.ask(lambda client, stop: disassociate_pair(client, stop, asked), THEN)
    _end(told, as_json=as_json)


def _confirm(asked: Asked) -> None:
    """Ask before anything goes. Raises UsageError unless the answer is yes."""
    named = [*asked.labels, *(":".join(kind) for kind in asked.types)]
    what = ", ".join(named) if named else "everything"
    question = f"Take {what} between {_named(asked)} away?"
    confirm(question, f"nothing was removed between {_named(asked)}")


def _end(told: PairTold, *, as_json: bool) -> None:
    """Print the outcome, and exit with its code."""
    if as_json:
        click.echo(msgspec.json.encode(told.as_dict()))
    else:
        click.echo(_line(told))
    if told.hint:
        click.echo(f"Try: {told.hint}", err=True)
    sys.exit(told.exit_code)


def _line(told: PairTold) -> str:
    """Say in one line what became of a pair."""
    fate = told.fate
    facts = [f"{fate.outcome.value}: {_named(told.asked)}"]
    if told.types:
        facts.append(_listed(told.types))
    if told.removed:
        facts.append(f"removed {_listed(told.removed)}")
    if fate.error_category:
        facts.append(f"{fate.error_category}: {fate.error_message}")
    if fate.correlation_id:
        facts.append(f"correlation id {fate.correlation_id}")
    return " · ".join(" ".join(fact.split()) for fact in facts)


def _named(asked: Asked) -> str:
    sides = asked.there.sides
    return f"{sides.from_object} {asked.from_id} → {sides.to_object} {asked.to_id}"


def _listed(types: Sequence[dict[str, Any]]) -> str:
    return ", ".join(
        f"{kind['label'] or 'unlabeled'} ({kind['category']}:{kind['type_id']})" for kind in types
    )
