"""Checks of this machine: the source of a job, and the folder for its runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from etl.core.finding import Finding, fail, ok, warn
from etl.errors import UsageError
from etl.ingest import used_columns
from etl.readers import find_files, read_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.model import Job
    from etl.readers.files import SourceFile

LEAST_FREE_BYTES: Final = 2**30
"""Where less is free, logs and other programs may fill the disk while a run goes on."""

ROOM: Final = 4
"""Bytes of a run folder for a byte of csv. Measured with 100,000 rows: 1.3 staged, as much again while
pairs are merged, and less for results and journal; ``failures.csv`` is at most the source again."""

SHOWN_COLUMNS: Final = 12


def source(job: Job) -> Finding:
    """Find the source, and in its first rows the columns of the job."""
    try:
        files = find_files(job.source)
        first = next(read_chunks(files, job.source, used_columns(job)), None)
    except UsageError as error:
        return fail("source", error.message, error.hint)
    if first is None or first.frame.is_empty():
        return warn("source", f"{job.source.path} has no rows", "check who writes it, and when")
    columns = ", ".join(first.columns[:SHOWN_COLUMNS])
    more = f" and {len(first.columns) - SHOWN_COLUMNS} more"
    shown = columns + (more if len(first.columns) > SHOWN_COLUMNS else "")
    count = f"{len(files)} files, the first " if len(files) > 1 else ""
    return ok("source", f"{count}{files[0]}: {shown}")


def output_folder(job: Job) -> Finding:
    """Find whether runs can have a folder, and room in it."""
    folder = job.output.directory / job.name
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return fail(
            "output folder",
            f"{folder} can't be written to: {there} is "
            + ("not yours to write to" if there.is_dir() else "no folder"),
            "set output.directory to a folder that you may write to",
        )
    try:
        # Some systems of files let nobody make a folder, whatever the permissions say.
        with TemporaryDirectory(prefix=".hubspot-assoc-", dir=there):
            pass
    except OSError as error:
        return fail(
            "output folder",
            f"{folder} can't be written to: {there} takes no folder: {error.strerror}",
            "set output.directory to a folder that you may write to",
        )
    free, needed = shutil.disk_usage(there).free, _needed(job)
    said = f"{folder}: {_gigabytes(free)} free"
    if free < needed:
        return warn(
            "output folder",
            f"{said}; a run wants {_gigabytes(needed)} free",
            "make room, or set output.directory to another disk",
        )
    return ok("output folder", said if there == folder else f"{said}; it will be made")


def _needed(job: Job) -> int:
    try:
        size = sum(_sizes(find_files(job.source)))
    except UsageError:
        size = 0  # the check of the source tells it
    return max(LEAST_FREE_BYTES, size * ROOM)


def _sizes(files: Sequence[SourceFile]) -> list[int]:
    """Give the sizes of local files; what is in the cloud is not asked."""
    return [file.path.stat().st_size for file in files if isinstance(file.path, Path)]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
