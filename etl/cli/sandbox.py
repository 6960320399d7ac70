"""The command ``sandbox``."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from etl.cli.options import faults_option, portal_option
from etl.cli.session import fault_script, portal_definition
from etl.errors import UsageError
from etl.sandbox import serve

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc sandbox --port 8099
  hubspot-assoc sandbox --faults sample_data/faults.yaml   rehearse trouble
  HUBSPOT_BASE_URL=http://127.0.0.1:8099 HUBSPOT_ACCESS_TOKEN=any hubspot-assoc run jobs/a.yaml
""",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8099, show_default=True)
@portal_option
@faults_option
def sandbox(port: int, portal: Path | None, faults: Path | None) -> None:
    """Serve the built-in HubSpot emulator on loopback until Ctrl-C.

    In the demo portal every record id from 1 to 899999999999 exists and larger ones do not.
    """
    definition, script = portal_definition(portal), fault_script(faults)

    def started(base_url: str) -> None:
        click.echo(f"serving on {base_url}; use it with HUBSPOT_BASE_URL={base_url}", err=True)

    # Ctrl-C is how a server is meant to end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(definition, port=port, faults=script, started=started))
    except OSError as error:
        raise UsageError(
            f"port {port} can't be served: {error.strerror or error}",
            "choose another port with --port, or 0 for any free one",
        ) from error
