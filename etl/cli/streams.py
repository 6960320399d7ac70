"""The standard streams: who listens decides nothing about the work.

Rule 1: a stream that can't be written to any more is ``/dev/null`` from then on, and the work goes on;
        the exit code comes from its verdict.
Rule 2: that stdout is lost is said on stderr, once; stdout carries data, and no words about stderr.
Rule 3: a stream that is closed from the start is ``/dev/null``, so that no file of ours takes its
        number and gets our words.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

_MODES: Final = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""In the order of their numbers."""


class _Outlet(io.FileIO):
    """The end of a stream, which takes everything, also when nobody does."""

    def __init__(self, number: int, on_loss: Callable[[OSError], None]) -> None:
        super().__init__(number, "wb", closefd=False)
        self._on_loss = on_loss

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, to where it can be written."""
        try:
            return super().write(data)
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            self._on_loss(error)
            return super().write(data)


class Streams:
    """Whether what was written to stdout has arrived."""

    def __init__(self) -> None:
        self.is_data_lost = False
        """Somebody may still want what stdout could not take; a reader who went away does not."""

    def lose_stdout(self, error: OSError) -> None:
        """Remember whether it matters, and say it."""
        self.is_data_lost = error.errno != errno.EPIPE
        sys.stderr.write(f"Note: stdout can't be written any more: {error.strerror}\n")


def keep_streams() -> Streams:
    """Let stdout and stderr take whatever is written, until the process ends."""
    streams = Streams()
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            # Python has found it closed. The system gives the lowest free number: that of the stream.
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(null, mode, encoding="utf-8", closefd=False))
    sys.stdout = _kept(sys.stdout, streams.lose_stdout)
    sys.stderr = _kept(sys.stderr, lambda _: None)
    return streams


def _kept(stream: TextIO, on_loss: Callable[[OSError], None]) -> TextIO:
    """Give a stream an outlet; one that is no stream of the system's stays as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(stream.fileno(), on_loss)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
