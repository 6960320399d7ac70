"""What the command ``sandbox`` does."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from etl.cli.session import fault_script, portal_definition
from etl.errors import UsageError
from etl.sandbox import serve

if TYPE_CHECKING:
    from pathlib import Path


def sandbox(port: int, portal: Path | None, faults: Path | None) -> None:
    """Serve until Ctrl-C."""
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
