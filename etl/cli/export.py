"""What the command ``export`` does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click
import msgspec
import polars as pl

from etl.cli.account import with_account
from etl.cli.commands.export import STDOUT
from etl.cli.outputs import refuse_to_overwrite, refuse_unwritable
from etl.errors import SourceError, StoppedError, UsageError
from etl.hubspot.existing import Between
from etl.id_file import read_ids
from etl.model import CsvFormat, Source
from etl.pipeline.export import export_records
from etl.readers.cloud import is_cloud
from etl.sink import format_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.cli.account import AccountCommand
    from etl.pipeline.export import ExportTold

SHOWN_REASONS: Final = 5
"""Records that could not be read, on a screen; --json has them all."""

_TAB: Final = r"\t"
"""How a tab is written where no key types one."""

_OPTIONS: Final = {
    "source.csv.encoding:": "--encoding",
    "source.csv.encoding": "--encoding",
    "source.csv.delimiter:": "--delimiter",
    "source.csv.delimiter": "--delimiter",
    "source.path": "--ids",
    "; a relative path starts at the folder of the job file": "",
    "the column's name in the job file": "--column",
    "the job file": "--column",
}
"""What messages of the readers call a job's keys, and what this command calls them."""


@with_account
def export(
    *,
    from_object: str,
    to_object: str,
    ids: str | None,
    column: str | None,
    delimiter: str | None,
    encoding: str,
    single: tuple[int, ...],
    output: str,
    account: AccountCommand,
    as_json: bool,
) -> None:
    """Export, tell how it went, and exit with its code."""
    if (ids is None) == (not single):
        raise UsageError(
            "an export needs to know which records", "give --ids FILE, or --id once or more"
        )
    target = _target(output, as_json=as_json)
    records = (
        pl.Series("from_id", sorted(set(single)), dtype=pl.Int64)
        if ids is None
        else _read(
            ids, column, CsvFormat("\t" if delimiter == _TAB else delimiter, encoding), target
        )
    )
    there = Between.of(account.api_version, from_object, to_object)
    if single and not there.paths.lists_a_record:
        click.echo(f"API {account.api_version} lists no single records: reading in bulk", err=True)
    try:
        told = account.ask(
            lambda client, stop: export_records(
                client, stop, there, records, target, one_by_one=bool(single)
            ),
            "no file was written",
        )
    except StoppedError as error:
        raise StoppedError(
            f"{error.message}; nothing was written", error.hint, exit_code=error.exit_code
        ) from error
    _end(told, from_object, output, as_json=as_json)


def _target(output: str, *, as_json: bool) -> Path | BinaryIO:
    """Tell where the lines go. Raises UsageError before anything is asked."""
    if output == STDOUT:
        if as_json:
            raise UsageError(
                "the lines and the counts can't both go to stdout", "give --output FILE"
            )
        return sys.stdout.buffer
    path = Path(output).absolute()
    format_of(path)
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path}: no file can be written there", "name a file in a folder")
    refuse_unwritable(path)
    return path


def _read(ids: str, column: str | None, csv: CsvFormat, target: Path | BinaryIO) -> pl.Series:
    """Read a file of ids; what its messages call keys of a job are options here."""
    path = ids if is_cloud(ids) else str(Path(ids).absolute())
    try:
        if isinstance(target, Path):
            refuse_to_overwrite(target, Source(path, csv))
        return read_ids(Source(path, csv), column)
    except SourceError as error:
        message, hint = error.message, error.hint
        for key, option in _OPTIONS.items():
            message, hint = message.replace(key, option), hint.replace(key, option)
        raise SourceError(message, hint) from error


def _end(told: ExportTold, from_object: str, output: str, *, as_json: bool) -> None:
    """Tell how it went, and exit with its code."""
    unread: Sequence[tuple[int, str]] = told.unread.rows()
    if as_json:
        facts = {
            "records": told.records,
            "associations": told.written.associations,
            "lines": told.written.lines,
            "output": output,
            "unread": told.unread.to_dicts(),
        }
        click.echo(msgspec.json.encode(facts))
    where = "" if output == STDOUT else f" in {output}"
    click.echo(
        f"records: {told.records:,} · associations: {told.written.associations:,} · "
        f"lines: {told.written.lines:,}{where}",
        err=True,
    )
    if unread:
        click.echo(f"Error: {len(unread):,} of the records could not be read", err=True)
        for record, reason in unread[:SHOWN_REASONS]:
            click.echo(f"  {from_object} {record}: {reason}", err=True)
        click.echo("Try: correct the ids, or export again what is missing", err=True)
    sys.exit(told.exit_code)
