"""The command ``doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from etl.cli.commands.options import json_option, portal_option, sandbox_option, set_option
from etl.cli.commands.work import Work
from etl.model import ApiVersion

doctor = click.Command(
    "doctor",
    short_help="Check what a run needs: account, job and machine.",
    callback=Work("etl.cli.doctor:doctor"),
    params=[
        click.Argument(["job"], required=False, type=click.Path(path_type=Path)),
        click.Option(
            ["--api-version"],
            type=click.Choice(get_args(ApiVersion)),
            help="The version of HubSpot's API; a job names its own.",
        ),
        sandbox_option,
        portal_option,
        set_option,
        json_option("Print the checks as JSON."),
    ],
    help="""Check what a run needs: token, scopes, limits, labels, source, output folder. Writes nothing.

    One line a check, with the fix where one is needed. Without JOB, the account alone.
    """,
    epilog="""\b
Examples:
  hubspot-assoc doctor                             the account that the token is of
  hubspot-assoc doctor jobs/contact-roles.yaml     and all that the job needs
  hubspot-assoc doctor jobs/quickstart.yaml --sandbox --json

\b
Exit codes:
  0 no check failed · 1 some did · 2 usage or job error
""",
)
