"""The command ``show``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from etl.cli.next_command import next_command
from etl.cli.summary_table import print_summary
from etl.core.exit_code import ExitCode
from etl.run_folder import find_run
from etl.summary import read_summary


@click.command(
    epilog="""\b
Examples:
  hubspot-assoc show latest
  hubspot-assoc show 20261123T175400123Z-1a2b3c
  hubspot-assoc show runs/quickstart/20261123T175400123Z-1a2b3c --json
""",
)
@click.argument("run", metavar="RUN")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where run ids and 'latest' are looked for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def show(run: str, directory: Path, *, as_json: bool) -> None:
    """Show how a run went. RUN is a run folder, a run id, or 'latest'."""
    folder = find_run(run, directory)
    summary = read_summary(folder)
    if as_json:
        click.echo(msgspec.json.encode({**summary, "folder": str(folder.path)}))
        return
    print_summary(summary, Console())
    click.echo(f"files: {folder.path}")
    if summary["exit_code"] != ExitCode.SUCCEEDED:
        again = next_command(Path(summary["job_file"]), folder, [])
        click.echo(f"correct failures.csv and run it with: {again}")
