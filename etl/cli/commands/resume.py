"""The command ``resume``."""

from __future__ import annotations

import click

from etl.cli.commands.options import directory_option, json_option, run_argument, wait_option
from etl.cli.commands.work import Work

resume = click.Command(
    "resume",
    short_help="Go on with a run that was cut off or stopped.",
    callback=Work("etl.cli.resume:resume"),
    params=[
        run_argument,
        directory_option,
        wait_option,
        click.Option(
            ["--max-removals"],
            metavar="N|P%",
            help="How many associations the job's mirror may take away, in the place of the job's own bound.",
        ),
        json_option("Print the summary as JSON to stdout."),
    ],
    help="""Go on with a run that was cut off or stopped. RUN is a run folder, a run id, or 'latest'.

    Sends what the journal has not settled, by the job as it was when the run began; the source is
    not read again. Ends with the files of a run that was never cut off.
    """,
    epilog="""\b
Examples:
  hubspot-assoc resume latest
  hubspot-assoc resume runs/contact-roles/20261123T175400123Z-1a2b3c
  hubspot-assoc resume latest --wait-for-quota
""",
)
