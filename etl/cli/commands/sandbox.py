"""The command ``sandbox``."""

from __future__ import annotations

import click

from etl.cli.commands.options import faults_option, portal_option
from etl.cli.commands.work import Work

sandbox = click.Command(
    "sandbox",
    short_help="Serve the built-in HubSpot emulator.",
    callback=Work("etl.cli.sandbox:sandbox"),
    params=[
        click.Option(["--port"], type=click.IntRange(0, 65535), default=8099, show_default=True),
        portal_option,
        faults_option,
    ],
    help="""Serve the built-in HubSpot emulator on loopback until Ctrl-C.

    In the demo portal every record id from 1 to 899999999999 exists and larger ones do not.
    """,
    epilog="""\b
Examples:
  hubspot-assoc sandbox --port 8099
  hubspot-assoc sandbox --faults sample_data/faults.yaml   rehearse trouble
  HUBSPOT_BASE_URL=http://127.0.0.1:8099 HUBSPOT_ACCESS_TOKEN=any hubspot-assoc run jobs/a.yaml
""",
)
