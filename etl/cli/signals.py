"""Ctrl-C and SIGTERM: the first ends a run in good order, the second ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from etl.core.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from etl.stop import Stop

SIGNALS: Final = {
    signal.SIGINT: ("interrupted by Ctrl-C", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("ended by SIGTERM", ExitCode.TERMINATED),
}

STDERR: Final = 2
CLEAN_LINE: Final = b"\r\x1b[2K\x1b[?25h"
"""Takes a half-drawn progress bar away and shows the cursor that it had hidden."""


@contextmanager
def end_at_once_on_signals(then: str) -> Iterator[None]:
    """Let a signal end the process on the spot, with its own exit code and the next step."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _end_at_once(then)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_signals(stop: Stop, then: str) -> Iterator[None]:
    """Let the first signal end the run in good order, and a second the process at once."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def on_signal(number: signal.Signals) -> None:
        reason, exit_code = SIGNALS[number]
        stop.request(reason, "", exit_code)
        for each in SIGNALS:
            loop.remove_signal_handler(each)
        _end_at_once(then)

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _end_at_once(then: str) -> None:
    # Made beforehand, and written by the system call: a signal may come while a lock is held that
    # printing would wait for. Waiting for threads is no ending at once either; to the files this is
    # a kill, which the journal is made for.
    said = {number: f"{told} at once; {then}\n".encode() for number, (told, _) in SIGNALS.items()}

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        which = signal.Signals(number)
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        os.write(STDERR, (CLEAN_LINE if os.isatty(STDERR) else b"") + said[which])
        os._exit(SIGNALS[which][1])

    for number in SIGNALS:
        signal.signal(number, end)
