"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Use a built-in HubSpot emulator in HubSpot's place."
)
portal_option = click.option(
    "--portal",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the sandbox holds: labels, records, limits. Without it, the demo portal.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Replace a value of the job file; may be given several times.",
)
jobs_argument = click.argument(
    "jobs", nargs=-1, required=True, metavar="JOB...", type=click.Path(path_type=Path)
)
