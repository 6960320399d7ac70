"""What the commands ``labels list``, ``create``, ``update`` and ``delete`` do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.cli.account import AccountCommand, with_account
from etl.cli.confirm import confirm
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


@with_account
def list_labels(
    from_object: str, to_object: str, account: AccountCommand, *, as_json: bool
) -> None:
    """Print the labels between two objects, and how many more there may be."""

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


@with_account
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
    """Make a label that is right, new and within the limit, and print its types."""
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


@with_account
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
    """Rename a label, and print it as it is now."""
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


@with_account
def delete(
    from_object: str,
    to_object: str,
    which: str,
    account: AccountCommand,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete a label once somebody has said yes, and print what is gone."""

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
