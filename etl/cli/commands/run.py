"""The command ``run``."""

from __future__ import annotations

import click

from etl.cli.commands.options import (
    dry_run_option,
    faults_option,
    jobs_argument,
    json_option,
    locked_option,
    portal_option,
    sandbox_option,
    set_option,
    wait_option,
)
from etl.cli.commands.work import Work

run = click.Command(
    "run",
    short_help="Put the associations of job files into HubSpot.",
    callback=Work("etl.cli.run:run"),
    params=[
        jobs_argument,
        sandbox_option,
        portal_option,
        faults_option,
        dry_run_option,
        locked_option,
        wait_option,
        set_option,
        json_option("Print the summary as JSON to stdout."),
    ],
    help="""Put the associations of job files into HubSpot, one job after the other.

    Every source row ends with an outcome in the run's folder: results, failures.csv (rows to
    correct and retry), summary.json, run.log. A run that was cut off goes on with `resume`.
    """,
    epilog="""\b
Examples:
  hubspot-assoc run jobs/quickstart.yaml --sandbox
  hubspot-assoc run jobs/contact-roles.yaml --set limits.batch_size=500
  hubspot-assoc run jobs/a.yaml jobs/b.yaml --json
  hubspot-assoc run jobs/a.yaml --locked   only if the labels are as they were
  hubspot-assoc run jobs/a.yaml --faults sample_data/faults.yaml   rehearse a bad night
""",
)
