"""What the commands ``limits list``, ``limits set`` and ``limits clear`` do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click
import msgspec

from etl.cli.account import with_account
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


@with_account
def list_command(
    from_object: str | None, to_object: str | None, *, as_json: bool, account: AccountCommand
) -> None:
    """Print the limits that are set."""
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


@with_account
def set_command(
    from_object: str,
    to_object: str,
    words: tuple[str, ...],
    *,
    as_json: bool,
    account: AccountCommand,
) -> None:
    """Set limits, and tell what became of each."""
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


@with_account
def clear_command(
    from_object: str,
    to_object: str,
    words: tuple[str, ...],
    *,
    clears_all: bool,
    as_json: bool,
    account: AccountCommand,
) -> None:
    """Clear limits, and tell what became of each."""
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
