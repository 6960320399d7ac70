"""The first Ctrl-C or SIGTERM of a run, which ends it in good order; the second ends the process.

Apart from `signals`, which every command needs: the event loop is a quarter of what ``--help`` loads.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from etl.cli.signals import SIGNALS, end_at_once_on_signals

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from etl.stop import Stop


@contextmanager
def stop_on_signals(stop: Stop, then: str) -> Iterator[None]:
    """Let the first signal end the run in good order, and a second the process at once."""
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        reason, exit_code = SIGNALS[number]
        stop.request(reason, "", exit_code)
        # Put over the loop's own handlers: to remove those first would leave a moment without any.
        end_at_once_on_signals(then)

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        end_at_once_on_signals(then)
