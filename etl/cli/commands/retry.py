"""The command ``retry``."""

from __future__ import annotations

import click

from etl.cli.commands.options import directory_option, json_option, run_argument, wait_option
from etl.cli.commands.work import Work

retry = click.Command(
    "retry",
    short_help="Run again what did not succeed.",
    callback=Work("etl.cli.retry:retry"),
    params=[
        run_argument,
        directory_option,
        wait_option,
        json_option("Print the summary as JSON to stdout."),
    ],
    help="""Run again what did not succeed. RUN is a run folder, a run id, or 'latest'.

    A new run of the same job over RUN's failures.csv, corrected or not, with the job file as it is
    now. What fails again is in the new run's files.
    """,
    epilog="""\b
Examples:
  hubspot-assoc retry latest
  hubspot-assoc retry runs/contact-roles/20261123T175400123Z-1a2b3c
""",
)
