"""The commands ``limits list``, ``limits set`` and ``limits clear``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click
import msgspec

from etl.cli.account import account_options
from etl.cli.limit_tables import as_listed, print_limits, tell_changes
from etl.core.named_type import named_type
from etl.errors import UsageError
from etl.hubspot.existing import Between
from etl.hubspot.labels import labels_between, resolver_between
from etl.hubspot.limits import clear_limits, fetch_limits, set_limits
from etl.hubspot.paths import AccountPaths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.cli.account import AccountCommand
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Labels
    from etl.hubspot.limit_wire import AssociationLimit
    from etl.hubspot.limits import ChangedLimit
    from etl.model import AssociationType
    from etl.stop import Stop

MAX_LIMIT: Final = 2**31 - 1
"""HubSpot takes limits as 32-bit integers (OpenAPI specs ``associations-schema``)."""

_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,10}")

json_option = click.option("--json", "as_json", is_flag=True, help="Print the limits as JSON.")
from_argument = click.argument("from_object", metavar="FROM")
to_argument = click.argument("to_object", metavar="TO")


@click.group(
    epilog="""\b
Examples:
  hubspot-assoc limits list
  hubspot-assoc limits list deals contacts --json
  hubspot-assoc limits set deals contacts unlabeled 5
  hubspot-assoc limits clear deals contacts "Point of contact"
""",
)
def limits() -> None:
    """List, set and clear how many TO records a FROM record may have, by label."""


@limits.command(
    "list",
    epilog="""\b
Examples:
  hubspot-assoc limits list                        every limit of the account
  hubspot-assoc limits list deals contacts --json  those from deals to contacts
""",
)
@click.argument("from_object", metavar="[FROM", required=False)
@click.argument("to_object", metavar="TO]", required=False)
@json_option
@account_options
def list_command(
    from_object: str | None, to_object: str | None, *, as_json: bool, account: AccountCommand
) -> None:
    """List the limits that are set: all, or those from one object to another."""
    if from_object and not to_object:
        raise UsageError(
            f"limits have a direction, and '{from_object}' is only where it begins",
            "give FROM and TO, such as: limits list deals contacts; or neither, for all limits",
        )

    async def work(client: Client, _: Stop) -> Sequence[AssociationLimit]:
        if from_object and to_object:
            there = Between.of(account.api_version, from_object, to_object)
            return await fetch_limits(client, there.paths.limits, f"for {there}")
        return await fetch_limits(client, AccountPaths(account.api_version).limits, "at all")

    found = account.ask(work, "nothing was changed")
    lines = [as_listed(limit, from_object, to_object) for limit in found]
    if as_json:
        click.echo(msgspec.json.encode(lines))
    elif not lines:
        where = f" for {from_object} → {to_object}" if from_object else ""
        click.echo(f"no limits are set{where}; HubSpot's own hold", err=True)
    else:
        print_limits(lines)


@limits.command(
    "set",
    epilog="""\b
Examples:
  hubspot-assoc limits set deals contacts unlabeled 5             five contacts a deal
  hubspot-assoc limits set deals contacts "Point of contact" 1    one of them so labeled
  hubspot-assoc limits set deals contacts unlabeled=5 USER_DEFINED:35=1
""",
)
@from_argument
@to_argument
@click.argument("words", metavar="LABEL_OR_TYPE MAX", nargs=-1, required=True)
@json_option
@account_options
def set_command(
    from_object: str,
    to_object: str,
    words: tuple[str, ...],
    *,
    as_json: bool,
    account: AccountCommand,
) -> None:
    """Set how many TO records one FROM record may have by a label.

    LABEL_OR_TYPE is a label's text, 'unlabeled' (whatever the label), or CATEGORY:ID. Several at
    once as LABEL_OR_TYPE=MAX.
    """
    asked = _limits_asked(words)
    between = Between.of(account.api_version, from_object, to_object)

    async def work(client: Client, _: Stop) -> tuple[Labels, list[ChangedLimit]]:
        labels = await labels_between(client, between)
        resolver = resolver_between(between.sides, labels)
        wanted: dict[AssociationType, int] = {}
        for word, most in asked:
            kind = named_type(word, resolver)
            if wanted.setdefault(kind, most) != most:
                raise UsageError(
                    f"{kind} ('{word}') is to have two limits, {wanted[kind]} and {most}",
                    "name each label once",
                )
        return labels, await set_limits(client, between, wanted)

    labels, changes = account.ask(work, f"see: limits list {from_object} {to_object}")
    tell_changes(changes, labels, as_json=as_json)


@limits.command(
    "clear",
    epilog="""\b
Examples:
  hubspot-assoc limits clear deals contacts "Point of contact"
  hubspot-assoc limits clear deals contacts unlabeled USER_DEFINED:35
  hubspot-assoc limits clear deals contacts --all
""",
)
@from_argument
@to_argument
@click.argument("words", metavar="[LABEL_OR_TYPE]...", nargs=-1)
@click.option("--all", "clears_all", is_flag=True, help="Clear every limit from FROM to TO.")
@json_option
@account_options
def clear_command(
    from_object: str,
    to_object: str,
    words: tuple[str, ...],
    *,
    clears_all: bool,
    as_json: bool,
    account: AccountCommand,
) -> None:
    """Take limits away: HubSpot's own hold again."""
    if clears_all == bool(words):
        raise UsageError(
            "labels and --all say two things" if words else "there is no label to clear limits of",
            "give labels, 'unlabeled' or CATEGORY:ID, or --all for every limit from FROM to TO",
        )
    between = Between.of(account.api_version, from_object, to_object)

    async def work(client: Client, _: Stop) -> tuple[Labels, list[ChangedLimit]]:
        labels = await labels_between(client, between)
        resolver = resolver_between(between.sides, labels)
        types = dict.fromkeys(named_type(word, resolver) for word in words)
        return labels, await clear_limits(client, between, None if clears_all else types)

    labels, changes = account.ask(work, f"see: limits list {from_object} {to_object}")
    if all(change.before is None for change in changes):
        click.echo("nothing to clear: there is no such limit", err=True)
    tell_changes(changes, labels, as_json=as_json)


def _limits_asked(words: Sequence[str]) -> list[tuple[str, int]]:
    """Read ``LABEL MAX`` or ``LABEL=MAX …``. Raises UsageError."""
    if len(words) == 2 and "=" not in words[1]:  # noqa: PLR2004  (a label and its number)
        return [(words[0], _whole_number(words[1]))]
    asked = []
    for word in words:
        label, equals, most = word.rpartition("=")
        if not equals:
            raise UsageError(
                f"'{word}' is no LABEL=MAX",
                "give one label and its limit, or several as LABEL=MAX: unlabeled=5 Partner=1",
            )
        asked.append((label, _whole_number(most)))
    return asked


def _whole_number(text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text.strip()) or not 1 <= int(text) <= MAX_LIMIT:
        raise UsageError(
            f"a limit can't be '{text}'",
            f"give a whole number from 1 to {MAX_LIMIT}; `limits clear` takes a limit away",
        )
    return int(text)
