"""Export what records are associated with: labels, reading, one file."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etl.core.exit_code import ExitCode
from etl.export import Exported, Pages, write_export
from etl.hubspot.existing import ExistingReader
from etl.hubspot.labels import labels_between
from etl.hubspot.read_judge import UNREAD
from etl.hubspot.record_reader import RecordReader

if TYPE_CHECKING:
    from typing import BinaryIO

    from etl.hubspot.client import Client
    from etl.hubspot.existing import Between
    from etl.stop import Stop


@dataclass(frozen=True, slots=True)
class ExportTold:
    """How an export went."""

    records: int
    written: Exported
    unread: pl.DataFrame
    """from_id and error_message of the records of which nothing is known."""

    @property
    def exit_code(self) -> ExitCode:
        """Give the verdict: a file that lacks records is not all there is."""
        return ExitCode.SOME_FAILED if self.unread.height else ExitCode.SUCCEEDED


async def export_records(
    client: Client,
    stop: Stop,
    there: Between,
    records: pl.Series,
    target: Path | BinaryIO,
    *,
    one_by_one: bool,
) -> ExportTold:
    """Read what records (ids in order) are associated with, and write it to a file or a stream.

    `one_by_one` asks for each record by itself, where the API's version can. Raises UsageError and
    StoppedError; nothing is written then.
    """
    labels = await labels_between(client, there)
    reader = (
        RecordReader(client, stop=stop)
        if one_by_one and there.paths.lists_a_record
        else ExistingReader(client, stop=stop, refused=ExitCode.UNUSABLE)
    )
    unknown = [pl.DataFrame(schema=UNREAD)]
    # Beside the file that is to be: where there is room for that, there is room for its parts.
    beside = target.parent if isinstance(target, Path) else None
    with tempfile.TemporaryDirectory(prefix=".hubspot-assoc-", dir=beside) as folder:
        pages = Pages(Path(folder), records)
        asked = records.alias("from_id").to_frame()
        unread = await reader.read_all(asked, there, pages.add, unknown.append)
        written = Exported()
        lines = pages.lines(labels.forward, written)
        await asyncio.to_thread(write_export, lines, target)
    return ExportTold(
        records.len(), written, pl.concat([unread, *unknown]).unique("from_id").sort("from_id")
    )
