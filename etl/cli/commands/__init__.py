"""The commands: their arguments, their options and their help, a file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.cli.commands.check import check
from etl.cli.commands.doctor import doctor
from etl.cli.commands.export import export
from etl.cli.commands.jobs import lint, schema
from etl.cli.commands.labels import labels
from etl.cli.commands.limits import limits
from etl.cli.commands.plan import plan
from etl.cli.commands.resume import resume
from etl.cli.commands.retry import retry
from etl.cli.commands.run import run
from etl.cli.commands.runs import runs
from etl.cli.commands.sandbox import sandbox
from etl.cli.commands.show import show
from etl.cli.commands.single import associate, disassociate
from etl.cli.commands.types import types
from etl.cli.commands.usage_report import usage_report

if TYPE_CHECKING:
    import click

COMMANDS: Final[tuple[click.Command, ...]] = (
    run,
    resume,
    retry,
    plan,
    check,
    doctor,
    lint,
    schema,
    runs,
    show,
    associate,
    disassociate,
    export,
    labels,
    types,
    limits,
    usage_report,
    sandbox,
)
"""Every command, in the order of the help."""
