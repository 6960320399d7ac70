"""The command ``plan``."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.commands.options import (
    json_option,
    locked_option,
    portal_option,
    sandbox_option,
    set_option,
)
from etl.cli.commands.work import Work

plan = click.Command(
    "plan",
    short_help="Show what a run would do; nothing is written.",
    callback=Work("etl.cli.plan:plan"),
    params=[
        click.Argument(["job"], type=click.Path(path_type=Path)),
        sandbox_option,
        portal_option,
        locked_option,
        click.Option(
            ["--write-lock", "writes_lock"],
            is_flag=True,
            help="Write JOB's lock beside it: the portal, and the type of each label that the job uses.",
        ),
        set_option,
        json_option("Print the plan as JSON."),
    ],
    help="""Show what a run would do: rows, labels and their types, requests, time.

    Writes nothing to HubSpot, and nothing here but the lock that it is asked for.
    """,
    epilog="""\b
Examples:
  hubspot-assoc plan jobs/quickstart.yaml --sandbox
  hubspot-assoc plan jobs/contact-roles.yaml --json
  hubspot-assoc plan jobs/contact-roles.yaml --write-lock   pin what its labels stand for
""",
)
