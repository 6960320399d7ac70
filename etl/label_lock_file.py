"""Keep the lock of a job's labels beside the job file: ``<stem>.lock.json``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

import msgspec

from etl.core.label_lock import Told
from etl.errors import UsageError
from etl.model import LabelLock, LockedLabel
from etl.run_folder import OPEN_FILE, write_whole

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1
"""Raised when a lock of this version can't be held by an older one, or the reverse."""


class _Format(msgspec.Struct):
    format: int


class _File(msgspec.Struct):
    """A lock as its file has it; nothing in it depends on a host."""

    format: int
    written_at: str
    portal_id: int | None
    from_object: str = msgspec.field(name="from")
    to_object: str = msgspec.field(name="to")
    labels: tuple[LockedLabel, ...] = ()


def lock_path(job_file: Path) -> Path:
    """Name the lock of a job file."""
    return job_file.with_name(f"{job_file.stem}.lock.json")


def told_of(job_file: Path) -> Told:
    """Say how messages name the lock of a job file."""
    return Told(
        str(lock_path(job_file)),
        shlex.join(["hubspot-assoc", "plan", str(job_file), "--write-lock"]),
    )


def write_lock(job_file: Path, lock: LabelLock) -> Path:
    """Write a lock whole, or not at all. Raises StoppedError when the disk refuses."""
    path = lock_path(job_file)
    body = msgspec.json.encode(
        _File(
            FORMAT, lock.written_at, lock.portal_id, lock.from_object, lock.to_object, lock.labels
        )
    )
    # It goes with the job file to colleagues and other machines.
    write_whole(
        path, lambda partial: partial.write_bytes(msgspec.json.format(body) + b"\n"), mode=OPEN_FILE
    )
    return path


def read_lock(job_file: Path) -> LabelLock:
    """Read the lock of a job file. Raises UsageError when there is none, or none that can be read."""
    path, told = lock_path(job_file), told_of(job_file)
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(content, type=_Format).format
        if found != FORMAT:
            raise UsageError(
                f"{path} is a lock of format {found}, and this version reads format {FORMAT}",
                f"write it again: {told.write_again}",
            )
        read = msgspec.json.decode(content, type=_File)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no lock", f"write one: {told.write_again}") from error
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{path} can't be read as a lock: {error}", f"write it again: {told.write_again}"
        ) from error
    return LabelLock(read.written_at, read.portal_id, read.from_object, read.to_object, read.labels)
