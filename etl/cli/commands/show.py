"""The command ``show``."""

from __future__ import annotations

import click

from etl.cli.commands.options import directory_option, json_option, run_argument
from etl.cli.commands.work import Work

show = click.Command(
    "show",
    short_help="Show how a run went, or how far it has come.",
    callback=Work("etl.cli.show:show"),
    params=[
        run_argument,
        directory_option,
        json_option("Print the summary as JSON."),
    ],
    help="Show how a run went, or how far it has come. RUN is a run folder, a run id, or 'latest'.",
    epilog="""\b
Examples:
  hubspot-assoc show latest
  hubspot-assoc show 20261123T175400123Z-1a2b3c
  hubspot-assoc show runs/quickstart/20261123T175400123Z-1a2b3c --json
""",
)
