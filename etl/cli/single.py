"""The commands ``associate`` and ``disassociate``: one pair of records."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, get_args

import click
import msgspec

from etl.cli.account import account_options
from etl.cli.options import IdCommand, IdRange, confirm
from etl.core.named_type import read_type
from etl.hubspot.existing import Between
from etl.model import MAX_ID, ExistingLabels
from etl.pipeline.pair import Asked, associate_pair, disassociate_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from etl.cli.account import AccountCommand
    from etl.pipeline.pair import PairTold

THEN: Final = "what became of the pair is not known: run the command again"


def _read_types(
    _context: click.Context, _option: click.Parameter, values: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Take types apart into category and id."""
    found = []
    for value in values:
        outright = read_type(value)
        if outright is None:
            raise click.BadParameter(
                f"'{value}' is no CATEGORY:ID; write it as USER_DEFINED:36 or HUBSPOT_DEFINED:279"
            )
        found.append(outright)
    return tuple(found)


def _pair(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its four arguments, the options for labels and types, and --json."""
    record = IdRange(1, MAX_ID)
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON."),
        account_options,
        click.option(
            "--type",
            "types",
            multiple=True,
            metavar="CATEGORY:ID",
            callback=_read_types,
            help="A type by its number, such as USER_DEFINED:36; may be given several times.",
        ),
        click.option(
            "--label",
            "labels",
            multiple=True,
            metavar="TEXT",
            help="A label as people see it; may be given several times.",
        ),
        click.argument("to_id", metavar="TO_ID", type=record),
        click.argument("to_object", metavar="TO"),
        click.argument("from_id", metavar="FROM_ID", type=record),
        click.argument("from_object", metavar="FROM"),
    ):
        command = decorate(command)
    return command


@click.command(
    cls=IdCommand,
    epilog="""\b
Examples:
  hubspot-assoc associate contacts 101 companies 202
  hubspot-assoc associate contacts 101 companies 202 --label "Decision maker" --label Partner
  hubspot-assoc associate contacts 101 companies 202 --label Partner --existing-labels replace
  hubspot-assoc associate contacts 101 companies 202 --type USER_DEFINED:36 --json
""",
)
@_pair
@click.option(
    "--existing-labels",
    type=click.Choice(get_args(ExistingLabels)),
    default="keep",
    show_default=True,
    help="keep: read first, add to what is there. replace: custom labels not asked for go."
    " ignore: write without reading.",
)
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
    """Associate the record FROM_ID of FROM with TO_ID of TO, without a label or with some.

    A label that exists only from TO to FROM is sent that way round.
    """
    there = Between.of(account.api_version, from_object, to_object)
    asked = Asked(there, from_id, to_id, labels, types)
    told = account.ask(
        lambda client, stop: associate_pair(client, stop, asked, existing_labels), THEN
    )
    _end(told, as_json=as_json)


@click.command(
    cls=IdCommand,
    epilog="""\b
Examples:
  hubspot-assoc disassociate contacts 101 companies 202 --yes                      everything
  hubspot-assoc disassociate contacts 101 companies 202 --label Partner --yes      this label
""",
)
@_pair
@click.option("--yes", is_flag=True, help="Remove without asking; needed where nobody can answer.")
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
    """Take everything between two records away, or only some labels.

    The unlabeled type can't go alone: the labels go with it, which is everything.
    """
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
