"""The command ``runs``."""

from __future__ import annotations

import click

from etl.cli.commands.options import directory_option, json_option
from etl.cli.commands.work import Work

runs = click.Command(
    "runs",
    short_help="List runs and how they stand.",
    callback=Work("etl.cli.runs:runs"),
    params=[
        directory_option,
        click.Option(["--job"], help="List the runs of this job alone."),
        json_option("Print one line of JSON a run."),
    ],
    help="List runs, the newest first: their state, their rows by outcome, and what they retry.",
    epilog="""\b
Examples:
  hubspot-assoc runs
  hubspot-assoc runs --job contact-roles --json
""",
)
