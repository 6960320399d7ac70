"""The command line: the only place that prints, exits and reads the environment.

Data goes to stdout, words go to stderr.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Final

import click

from etl import __version__
from etl.cli.commands import COMMANDS
from etl.cli.signals import end_at_once_on_signals, ignore_signals
from etl.cli.streams import keep_streams
from etl.core.exit_code import ExitCode
from etl.errors import EtlError, ProblemsError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Sequence


# polars' allocator keeps freed pages for later, and the system counts them as ours. Giving them back
# takes a quarter off the peak of a run of a million rows, and no measurable time. It has to be set
# before polars is loaded.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:500,muzzy_decay_ms:0")


_LEAVE_A_FOLDER: Final = {"run", "resume", "retry"}
"""What these tell on stdout stands in the run's folder, too."""


class _Group(click.Group):
    """List commands in the order that they were given in, which is that of the work."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(
    cls=_Group,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  hubspot-assoc run jobs/quickstart.yaml --sandbox    try a job without HubSpot
  hubspot-assoc plan jobs/contact-roles.yaml          see what a run would do
  hubspot-assoc run jobs/contact-roles.yaml           do it
  hubspot-assoc show latest                           see how it went
  hubspot-assoc resume latest                         go on where it was cut off
  hubspot-assoc retry latest                          run again what did not succeed

\b
Exit codes:
  0 every row succeeded · 1 some rows did not · 2 usage, job or settings error, nothing sent
  3 stopped early, 130 / 143 interrupted: `resume` goes on
""",
)
@click.version_option(__version__, package_name="hubspot-assoc", prog_name="hubspot-assoc")
def cli() -> None:
    """Put record associations into HubSpot in bulk, with an outcome for every row.

    The access token is read from HUBSPOT_ACCESS_TOKEN unless the job file names another variable.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; errors of ours are told, not traced."""
    streams = keep_streams()
    end_at_once_on_signals("nothing was sent")
    try:
        cli.main(args=arguments, prog_name="hubspot-assoc")
    except SystemExit as ended:
        sys.stdout.flush()
        told = sys.argv[1:] if arguments is None else arguments
        if streams.is_data_lost and not ended.code and _LEAVE_A_FOLDER.isdisjoint(told[:1]):
            sys.exit(ExitCode.STOPPED)
        raise
    except StoppedError as error:
        tell(error)
        sys.exit(error.exit_code)
    except EtlError as error:
        tell(error)
        sys.exit(ExitCode.UNUSABLE)
    except OSError as error:
        click.echo(f"Error: the system refuses: {error}", err=True)
        click.echo("Try: check the disk and the folder's permissions, then run again", err=True)
        sys.exit(ExitCode.STOPPED)
    except Exception:  # noqa: BLE001  (Python's own code for it, 1, would say that the run finished)
        traceback.print_exc()
        click.echo("Error: this is a bug in hubspot-assoc; the run is not finished", err=True)
        click.echo("Try: report the lines above; resume the run after the fix", err=True)
        sys.exit(ExitCode.STOPPED)
    finally:
        ignore_signals()


def tell(error: EtlError) -> None:
    """Print an error and its fix; several problems all at once."""
    if isinstance(error, ProblemsError):
        for problem in error.problems:
            click.echo(f"Error: {problem.place}: {problem.message}", err=True)
            click.echo(f"  Try: {problem.hint}", err=True)
        return
    click.echo(f"Error: {error.message}", err=True)
    if error.hint:
        click.echo(f"Try: {error.hint}", err=True)
