"""The commands ``associate`` and ``disassociate``: one pair of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from etl.cli.commands.options import (
    IdCommand,
    IdRange,
    account_options,
    from_argument,
    json_option,
    to_argument,
)
from etl.cli.commands.work import Work
from etl.core.outright_type import read_type
from etl.model import MAX_ID, ExistingLabels

if TYPE_CHECKING:
    from collections.abc import Sequence


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


record = IdRange(1, MAX_ID)
pair = (
    from_argument,
    click.Argument(["from_id"], metavar="FROM_ID", type=record),
    to_argument,
    click.Argument(["to_id"], metavar="TO_ID", type=record),
    click.Option(
        ["--label", "labels"],
        multiple=True,
        metavar="TEXT",
        help="A label as people see it; may be given several times.",
    ),
    click.Option(
        ["--type", "types"],
        multiple=True,
        metavar="CATEGORY:ID",
        callback=_read_types,
        help="A type by its number, such as USER_DEFINED:36; may be given several times.",
    ),
    *account_options,
    json_option("Print the outcome as JSON."),
)

associate = IdCommand(
    "associate",
    short_help="Associate two records.",
    callback=Work("etl.cli.single:associate"),
    params=[
        *pair,
        click.Option(
            ["--existing-labels"],
            type=click.Choice(get_args(ExistingLabels)),
            default="keep",
            show_default=True,
            help="keep: read first, add to what is there. replace: custom labels not asked for go."
            " ignore: write without reading.",
        ),
    ],
    help="""Associate the record FROM_ID of FROM with TO_ID of TO, without a label or with some.

    A label that exists only from TO to FROM is sent that way round.
    """,
    epilog="""\b
Examples:
  hubspot-assoc associate contacts 101 companies 202
  hubspot-assoc associate contacts 101 companies 202 --label "Decision maker" --label Partner
  hubspot-assoc associate contacts 101 companies 202 --label Partner --existing-labels replace
  hubspot-assoc associate contacts 101 companies 202 --type USER_DEFINED:36 --json
""",
)

disassociate = IdCommand(
    "disassociate",
    short_help="Part two records, or take labels of theirs away.",
    callback=Work("etl.cli.single:disassociate"),
    params=[
        *pair,
        click.Option(
            ["--yes"], is_flag=True, help="Remove without asking; needed where nobody can answer."
        ),
    ],
    help="""Take everything between two records away, or only some labels.

    The unlabeled type can't go alone: the labels go with it, which is everything.
    """,
    epilog="""\b
Examples:
  hubspot-assoc disassociate contacts 101 companies 202 --yes                      everything
  hubspot-assoc disassociate contacts 101 companies 202 --label Partner --yes      this label
""",
)
