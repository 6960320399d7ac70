"""The commands ``lint`` and ``schema``: everything about job files that needs no HubSpot."""

from __future__ import annotations

import click

from etl.cli.commands.options import jobs_argument, json_option, set_option
from etl.cli.commands.work import Work

lint = click.Command(
    "lint",
    short_help="Check job files, offline.",
    callback=Work("etl.cli.jobs:lint"),
    params=[
        jobs_argument,
        set_option,
        json_option("Print the problems as JSON to stdout."),
    ],
    help="Check job files, offline: every problem at once, with file, line, column and the fix.",
    epilog="""\b
Examples:
  hubspot-assoc lint jobs/*.yaml
  hubspot-assoc lint jobs/a.yaml --json
""",
)

schema = click.Command(
    "schema",
    short_help="Print the JSON Schema of job files, for your editor.",
    callback=Work("etl.cli.jobs:schema"),
    help="""Print the JSON Schema of job files.

    Save it and name it in a job file's first line, and your editor completes and checks as you
    type: # yaml-language-server: $schema=job.schema.json
    """,
    epilog="""\b
Examples:
  hubspot-assoc schema > jobs/job.schema.json
""",
)
