"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from etl.model import ApiVersion, HubspotSettings


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


sandbox_option = click.Option(
    ["--sandbox"], is_flag=True, help="Use a built-in HubSpot emulator in HubSpot's place."
)
portal_option = click.Option(
    ["--portal"],
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the sandbox holds: labels, records, limits. Without it, the demo portal.",
)
faults_option = click.Option(
    ["--faults"],
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the sandbox does wrong: errors, cut connections, forgotten results. Without it,"
    " nothing.",
)
set_option = click.Option(
    ["--set", "overrides"],
    multiple=True,
    metavar="KEY.PATH=VALUE",
    help="Replace a value of the job file; may be given several times.",
)
directory_option = click.Option(
    ["--directory"],
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where runs are looked for.",
)
dry_run_option = click.Option(
    ["--dry-run"], is_flag=True, help="Read and resolve, write nothing (as `plan`)."
)
wait_option = click.Option(
    ["--wait-for-quota"],
    is_flag=True,
    help="When the day's calls are used up, wait for the account's midnight instead of stopping.",
)
locked_option = click.Option(
    ["--locked"],
    is_flag=True,
    help="Stop where the labels or the portal are not as in JOB's lock (`plan --write-lock`).",
)
from_argument = click.Argument(["from_object"], metavar="FROM")
to_argument = click.Argument(["to_object"], metavar="TO")
run_argument = click.Argument(["run"], metavar="RUN")
jobs_argument = click.Argument(
    ["jobs"], nargs=-1, required=True, metavar="JOB...", type=click.Path(path_type=Path)
)

account_options = (
    click.Option(
        ["--api-version"],
        type=click.Choice(get_args(ApiVersion)),
        default=HubspotSettings(None).api_version,
        show_default=True,
        help="The version of HubSpot's API.",
    ),
    sandbox_option,
    portal_option,
)
"""Of commands about the account itself, without a job file."""


def json_option(about: str) -> click.Option:
    """Make the option that prints the same facts for machines."""
    return click.Option(["--json", "as_json"], is_flag=True, help=about)
