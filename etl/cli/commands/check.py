"""The command ``check``."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.commands.options import json_option, portal_option, sandbox_option, set_option
from etl.cli.commands.work import Work

check = click.Command(
    "check",
    short_help="Compare a job's file with the portal; nothing is written.",
    callback=Work("etl.cli.check:check"),
    params=[
        click.Argument(["job"], type=click.Path(path_type=Path)),
        click.Option(
            ["--output"],
            type=click.Path(path_type=Path, dir_okay=False),
            help="The file to write, .csv or .parquet. Without it, one below the job's output.directory.",
        ),
        sandbox_option,
        portal_option,
        set_option,
        json_option("Print the counts as JSON."),
    ],
    help="""Compare a job's file with the portal, for the from-records of the file. Only reads HubSpot.

    Writes one line a pair to a file: = the same, + missing in HubSpot, * there with other labels,
    - only in HubSpot, ? can't be compared.
    """,
    epilog="""\b
Examples:
  hubspot-assoc check jobs/contact-roles.yaml
  hubspot-assoc check jobs/contact-roles.yaml --output differences.csv
  hubspot-assoc check jobs/quickstart.yaml --sandbox --json

\b
Exit codes:
  0 all is the same · 1 something differs, or could not be compared
  2 usage, job or settings error · 3 HubSpot went away
""",
)
