"""The commands ``labels list``, ``create``, ``update`` and ``delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.cli.account import AccountCommand, account_options
from etl.cli.options import confirm
from etl.core.label_choice import check_rename, choose
from etl.core.label_rules import check_new, custom_labels, name_of
from etl.errors import ProblemsError, UsageError
from etl.hubspot.label_admin import LabelAdmin
from etl.hubspot.label_room import fetch_room
from etl.model import DefinedLabel

if TYPE_CHECKING:
    from etl.core.label_choice import Placed
    from etl.core.label_rules import Room
    from etl.hubspot.client import Client
    from etl.hubspot.label_admin import Made
    from etl.hubspot.labels import Labels
    from etl.stop import Stop

_LOOK = "look at what is there with: hubspot-assoc labels list"

from_argument = click.argument("from_object", metavar="FROM")
to_argument = click.argument("to_object", metavar="TO")
which_argument = click.argument("which", metavar="LABEL_OR_TYPE")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the labels as JSON.")


@click.group(
    epilog="""\b
Examples:
  hubspot-assoc labels list contacts companies
  hubspot-assoc labels create contacts contacts Manager --inverse "Direct report"
  hubspot-assoc labels update contacts contacts Manager --label Boss
  hubspot-assoc labels delete contacts contacts Boss
""",
)
def labels() -> None:
    """List, make, rename and delete the labels of associations between two objects.

    A label has a typeId in each direction. Objects are names (contacts) or type ids (0-1, 2-123).
    """


@labels.command(
    name="list",
    epilog="""\b
Examples:
  hubspot-assoc labels list contacts companies
  hubspot-assoc labels list contacts 2-123 --json
""",
)
@from_argument
@to_argument
@json_option
@account_options
def list_labels(
    from_object: str, to_object: str, account: AccountCommand, *, as_json: bool
) -> None:
    """List the labels between two objects, both directions, and how many more there may be."""

    async def work(client: Client, _stop: Stop) -> tuple[Labels, Room]:
        found = await _admin(account, client, from_object, to_object).labels()
        room = await fetch_room(client, account.api_version, from_object, to_object, found)
        return found, room

    found, room = account.ask(work, "nothing was changed")
    if as_json:
        facts = {
            "custom_labels": room.used,
            "custom_labels_is_least": room.is_least,
            "custom_labels_limit": room.limit,
        }
        _print_json({"from": from_object, "to": to_object, "labels": _lines(found), **facts})
        return
    _print_table(found, str(room))


@labels.command(
    epilog="""\b
Examples:
  hubspot-assoc labels create contacts companies "Decision maker"
  hubspot-assoc labels create contacts contacts Manager --inverse "Direct report"
  hubspot-assoc labels create contacts companies 決裁者 --name decision_maker
""",
)
@from_argument
@to_argument
@click.argument("label")
@click.option("--inverse", metavar="TEXT", help="The label of the other direction, for a pair.")
@click.option("--name", help="HubSpot's internal name. Left out: made of the label.")
@json_option
@account_options
def create(
    from_object: str,
    to_object: str,
    label: str,
    account: AccountCommand,
    *,
    inverse: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Make a label, single or paired (--inverse), and give its typeIds.

    Nothing is asked of HubSpot before the label is known to be right, new and within the limit.
    """
    wanted = DefinedLabel(label.strip(), _stripped(inverse), name)

    async def work(client: Client, _stop: Stop) -> Made:
        admin = _admin(account, client, from_object, to_object)
        before = await admin.labels()
        room = await fetch_room(client, account.api_version, from_object, to_object, before)
        problems = check_new([wanted], before.forward, before.reverse, pair=admin.pair, room=room)
        if problems:
            raise ProblemsError(problems)
        return await admin.make(wanted, before)

    made = account.ask(work, _LOOK)
    if made.by_others:
        click.echo("HubSpot has it already: somebody else made it meanwhile", err=True)
    _print(made.labels, as_json=as_json, created=not made.by_others, name=name_of(wanted))


@labels.command(
    epilog="""\b
Examples:
  hubspot-assoc labels update contacts companies "Decision maker" --label Decider
  hubspot-assoc labels update contacts contacts 37 --label Boss --inverse Report
""",
)
@from_argument
@to_argument
@which_argument
@click.option("--label", "text", required=True, metavar="TEXT", help="Its new text.")
@click.option("--inverse", metavar="TEXT", help="The new text of its other direction.")
@json_option
@account_options
def update(
    from_object: str,
    to_object: str,
    which: str,
    account: AccountCommand,
    *,
    text: str,
    inverse: str | None,
    as_json: bool,
) -> None:
    """Rename a label that people of the portal made; its typeIds stay.

    LABEL_OR_TYPE is the label's text, its typeId or CATEGORY:ID.
    """
    text, inverse = text.strip(), _stripped(inverse)

    async def work(client: Client, _stop: Stop) -> tuple[Labels, Labels]:
        admin = _admin(account, client, from_object, to_object)
        before = await admin.labels()
        chosen = choose(which, before, pair=admin.pair)
        problems = check_rename(chosen, text, inverse, before, pair=admin.pair)
        if problems:
            raise ProblemsError(problems)
        if inverse is None and chosen[1].text == text:
            return before, before
        return before, await admin.rename(chosen, text, inverse)

    before, now = account.ask(work, _LOOK)
    if now is before:
        click.echo(f"it is called '{text}' already: nothing was changed", err=True)
    _print(now.without(before), as_json=as_json)


@labels.command(
    epilog="""\b
Examples:
  hubspot-assoc labels delete contacts companies "Decision maker"
  hubspot-assoc labels delete contacts companies 37 --yes
""",
)
@from_argument
@to_argument
@which_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@account_options
def delete(
    from_object: str,
    to_object: str,
    which: str,
    account: AccountCommand,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete a label that people of the portal made, in both directions.

    LABEL_OR_TYPE is the label's text, its typeId or CATEGORY:ID.

    It can't be undone: the label goes from every association that has it, and one that is made
    again has another typeId. The associations stay, without it.
    """

    async def find(client: Client, _stop: Stop) -> Placed:
        admin = _admin(account, client, from_object, to_object)
        return choose(which, await admin.labels(), pair=admin.pair)

    async def work(client: Client, _stop: Stop) -> Labels:
        admin = _admin(account, client, from_object, to_object)
        before = await admin.labels()
        if choose(which, before, pair=admin.pair) != chosen:
            raise UsageError(f"'{which}' is another label than before", "look, and ask again")
        return await admin.delete(chosen, before)

    chosen = account.ask(find, "nothing was changed")
    _, line = chosen
    what = f"label '{line.text}' ({line.type}) of {from_object} → {to_object}"
    click.echo(
        f"deleting the {what} takes it from every association that has it, in both directions; it "
        "can't be undone, and made again it has another typeId",
        err=True,
    )
    if not yes:
        confirm("Delete it?", f"the {what} was not deleted")
    _print(account.ask(work, _LOOK), as_json=as_json)


def _admin(account: AccountCommand, client: Client, from_object: str, to_object: str) -> LabelAdmin:
    return LabelAdmin(client, account.api_version, from_object, to_object)


def _stripped(text: str | None) -> str | None:
    return None if text is None else text.strip()


def _lines(found: Labels) -> list[dict[str, Any]]:
    return [
        {
            "label": line.text,
            "category": line.type.category,
            "type_id": line.type.type_id,
            "direction": direction.name.lower(),
            "custom": bool(custom_labels([line])),
        }
        for direction, line in found
    ]


def _print(found: Labels, *, as_json: bool, **facts: object) -> None:
    if as_json:
        _print_json({"labels": _lines(found), **facts})
    elif any(found):
        _print_table(found, "")


def _print_json(told: dict[str, Any]) -> None:
    click.echo(msgspec.json.encode(told))


def _print_table(found: Labels, caption: str) -> None:
    table = Table(caption=caption or None, caption_justify="left")
    for heading in ("direction", "label", "category", "typeId", "custom"):
        table.add_column(heading, overflow="fold")
    for line in _lines(found):
        label = "(no label)" if line["label"] is None else escape(line["label"])
        custom = "yes" if line["custom"] else ""
        kind, number = escape(line["category"]), str(line["type_id"])
        table.add_row(line["direction"], label, kind, number, custom)
    Console().print(table)
