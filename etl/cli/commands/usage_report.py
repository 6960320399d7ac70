"""The command ``usage-report``."""

from __future__ import annotations

import click

from etl.cli.commands.options import IdCommand, IdRange, account_options, json_option
from etl.cli.commands.work import Work
from etl.hubspot.usage_report import MAX_USER_ID

usage_report = IdCommand(
    "usage-report",
    short_help="Have HubSpot mail which records are near their limits.",
    callback=Work("etl.cli.usage_report:usage_report"),
    params=[
        click.Argument(["user_id"], metavar="USER_ID", type=IdRange(1, MAX_USER_ID)),
        json_option("Print what was ordered as JSON."),
        *account_options,
    ],
    help="""Have HubSpot mail a user which records are near their association limits.

    The report is made by HubSpot and mailed to that user; nothing of it comes here.
    """,
    epilog="""\b
Examples:
  hubspot-assoc usage-report 7654321
  hubspot-assoc usage-report 7654321 --api-version 2026-09 --json
""",
)
