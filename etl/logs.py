"""Write run.log: one JSON line an event, the time, run_id and job in each. The one user of structlog.

Events are dotted and past tense (``batch.pushed``), one a batch, never one a row.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Log(Protocol):
    """What the engine asks of a log."""

    def info(self, event: str, **fields: object) -> object:
        """Record that something happened."""

    def warning(self, event: str, **fields: object) -> object:
        """Record something that an operator may want to look at."""


@contextmanager
def open_log(path: Path, **bound: object) -> Iterator[Log]:
    """Append to a log file; `bound` stands in every line."""
    with path.open("ab") as file:
        yield structlog.wrap_logger(
            structlog.BytesLogger(file),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
            cache_logger_on_first_use=False,
        ).bind(**bound)


def _to_json(event: Any, **_: object) -> bytes:  # noqa: ANN401  (structlog's own signature)
    return msgspec.json.encode(event, enc_hook=str)
