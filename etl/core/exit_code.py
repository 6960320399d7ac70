"""What the process tells its scheduler."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a run ended."""

    SUCCEEDED = 0
    """Every row succeeded."""
    SOME_FAILED = 1
    """Finished; some rows did not succeed."""
    UNUSABLE = 2
    """Usage, job or settings error; nothing was sent."""
    STOPPED = 3
    """Stopped early, with every row accounted for."""
    INTERRUPTED = 130
    """Ended by Ctrl-C (128 + SIGINT)."""
    TERMINATED = 143
    """Ended by SIGTERM (128 + 15)."""
