"""Ctrl-C and SIGTERM, where they end the process at once: before a run, and the second time in it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from etl.core.exit_code import ExitCode

if TYPE_CHECKING:
    from types import FrameType

SIGNALS: Final = {
    signal.SIGINT: ("interrupted by Ctrl-C", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("ended by SIGTERM", ExitCode.TERMINATED),
}

STDERR: Final = 2
CLEAN_LINE: Final = b"\r\x1b[2K\x1b[?25h"
"""Takes a half-drawn progress bar away and shows the cursor that it had hidden."""


def end_at_once_on_signals(then: str) -> None:
    """Let a signal end the process on the spot, with its own exit code and the next step."""
    # Made beforehand, and written by the system call: a signal may come while a lock is held that
    # printing would wait for. Waiting for threads is no ending at once either; to the files this is
    # a kill, which the journal is made for.
    said = {number: f"{told} at once; {then}\n".encode() for number, (told, _) in SIGNALS.items()}

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        which = signal.Signals(number)
        for each in SIGNALS:
            # Whoever presses on while the line can't be written is told by the same code.
            signal.signal(each, lambda *_: os._exit(SIGNALS[which][1]))
        with suppress(OSError):  # whoever read it may have gone first
            os.write(STDERR, (CLEAN_LINE if os.isatty(STDERR) else b"") + said[which])
        os._exit(SIGNALS[which][1])

    for number in SIGNALS:
        signal.signal(number, end)


def ignore_signals() -> None:
    """Let nothing change how the process ends: all is done and told, and Python clears up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
