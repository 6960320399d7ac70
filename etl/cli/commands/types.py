"""The command ``types``."""

from __future__ import annotations

import click

from etl.cli.commands.options import json_option
from etl.cli.commands.work import Work

types = click.Command(
    "types",
    short_help="List HubSpot's own association types, offline.",
    callback=Work("etl.cli.types:types"),
    params=[
        click.Argument(["from_object"], metavar="[FROM", required=False),
        click.Argument(["to_object"], metavar="[TO]]", required=False),
        click.Option(["--id", "type_id"], type=int, metavar="TYPE_ID", help="Only this type id."),
        click.Option(
            ["--kind"],
            default="",
            metavar="TEXT",
            help="Only kinds with this in them: primary, unlabeled, …",
        ),
        click.Option(["--v1"], is_flag=True, help="Search the table of the legacy API v1 instead."),
        json_option("Print the table as JSON."),
    ],
    help="List HubSpot's own association types, offline. Custom labels differ by portal: `labels list`.",
    epilog="""\b
Examples:
  hubspot-assoc types                      the whole table
  hubspot-assoc types contacts             all types from and to contacts
  hubspot-assoc types contacts companies   both directions of one pair
  hubspot-assoc types --id 279             what a type id stands for
  hubspot-assoc types --kind primary       all primary types
  hubspot-assoc types --v1 deals           the other numbers of API v1
""",
)
