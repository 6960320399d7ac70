"""Options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from etl.errors import UsageError


class IdRange(click.IntRange):
    """An id: a whole number from 1."""

    name = "id"

    def convert(
        self,
        value: Any,  # noqa: ANN401  (as click has it)
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Read an id, or say what one is."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(
                f"'{value}' is no id: an id is a whole number from 1 to {self.max}", param, ctx
            )


class IdCommand(click.Command):
    """A command whose arguments are ids: -1 is a bad id, and no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not error.option_name[1:2].isdigit():
                raise
            raise click.BadParameter(
                f"'{error.option_name}' is no id: an id is a whole number from 1", ctx
            ) from error


sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Use a built-in HubSpot emulator in HubSpot's place."
)
portal_option = click.option(
    "--portal",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the sandbox holds: labels, records, limits. Without it, the demo portal.",
)
faults_option = click.option(
    "--faults",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the sandbox does wrong: errors, cut connections, forgotten results. Without it,"
    " nothing.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Replace a value of the job file; may be given several times.",
)
directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where runs are looked for.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Read and resolve, write nothing (as `plan`)."
)
wait_option = click.option(
    "--wait-for-quota",
    is_flag=True,
    help="When the day's calls are used up, wait for the account's midnight instead of stopping.",
)
locked_option = click.option(
    "--locked",
    is_flag=True,
    help="Stop where the labels or the portal are not as in JOB's lock (`plan --write-lock`).",
)
run_argument = click.argument("run", metavar="RUN")
jobs_argument = click.argument(
    "jobs", nargs=-1, required=True, metavar="JOB...", type=click.Path(path_type=Path)
)


def confirm(question: str, refused: str) -> None:
    """Ask whoever is there. Raises UsageError with what was `refused`, unless the answer is yes."""
    if not (sys.stdin.isatty() and click.confirm(question, err=True)):
        raise UsageError(f"{refused}: nobody has said yes", "add --yes")
