"""Write run.log: one JSON line an event, the time, run_id and job in each. The one user of structlog.

Events are dotted and past tense (``batch.pushed``), one a batch, never one a row.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from io import FileIO
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from etl.run_folder import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Log(Protocol):
    """What the engine asks of a log."""

    def info(self, event: str, **fields: object) -> object:
        """Record that something happened."""

    def warning(self, event: str, **fields: object) -> object:
        """Record something that an operator may want to look at."""


class _Lines:
    """Write each line by one call of the system: only a full disk or a cut can leave half of one."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file = file
        self._path = path

    def msg(self, line: bytes) -> None:
        """Append a line. Raises StoppedError when the disk does not take it."""
        with writing(self._path):
            self._file.write(line + b"\n")

    info = warning = msg


@contextmanager
def open_log(path: Path, **bound: object) -> Iterator[Log]:
    """Append to a log file; `bound` stands in every line."""
    with ExitStack() as stack:
        with writing(path):
            file = stack.enter_context(FileIO(path, "a+"))
            _end_line(file)
        yield structlog.wrap_logger(
            _Lines(file, path),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
            cache_logger_on_first_use=False,
        ).bind(**bound)


def _end_line(file: FileIO) -> None:
    """End the half line that a cut has left, so that the next one can be read."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _to_json(event: Any, **_: object) -> bytes:  # noqa: ANN401  (structlog's own signature)
    return msgspec.json.encode(event, enc_hook=str)
