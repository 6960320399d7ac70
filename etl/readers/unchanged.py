"""Refuse a local file that changes while it is read: what was read is neither the old nor the new.

Objects in the cloud need none of this: all their ranges are of one version (`cloud`, rule 2).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl.errors import SourceError
from etl.readers.cloud import CloudPath
from etl.readers.files import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.readers.files import SourceFile

NANOSECONDS = 10**9


@contextmanager
def unchanged(file: SourceFile) -> Iterator[None]:
    """Hold a file to what it is now until the block has read it; a change explains other trouble."""
    if isinstance(file.path, CloudPath):
        yield
        return
    trouble: SourceError | None = None
    try:
        # Held open to the end, so that no other file can be given its inode.
        with file.path.open("rb") as held:
            before = os.fstat(held.fileno())
            try:
                yield
            except SourceError as error:
                trouble = error
            change = _change(file.path, before)
    except OSError as error:
        raise unreadable(file, error) from error
    if change:
        raise SourceError(
            f"{file}: the file changed while it was read ({change})",
            "Wait until whatever writes it is done, or copy it and read the copy; then start again.",
        ) from trouble
    if trouble:
        raise trouble


def _change(path: Path, before: os.stat_result) -> str | None:
    """Say how the file at a path differs from the one that was opened there."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return "it was removed or renamed"
    if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
        return "another file was put in its place"
    if now.st_size != before.st_size:
        return f"its size went from {before.st_size:,} to {now.st_size:,} bytes"
    if now.st_mtime_ns != before.st_mtime_ns:
        modified = datetime.fromtimestamp(now.st_mtime_ns / NANOSECONDS, UTC)
        return f"it was modified at {modified.isoformat(sep=' ', timespec='milliseconds')}"
    return None
