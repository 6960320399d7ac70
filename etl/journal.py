"""Keep what became of each batch, on disk, in ``journal.sqlite`` of the run folder.

A batch is written down before it is sent and settled after it is answered. The verdicts of a
batch are one blob of columns (Arrow IPC), so that no association costs a statement of its own.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.verdict import SETTLED
from etl.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batch (
    number INTEGER PRIMARY KEY,
    section INTEGER NOT NULL,
    associations INTEGER NOT NULL,
    begun_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    settled_at TEXT,
    verdicts BLOB
)
"""


class Journal:
    """Write from any thread; each call is one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def begin(self, number: int, *, section: int, associations: int) -> None:
        """Write down a batch that is about to be sent."""
        with self._transaction():
            self._connection.execute(
                "INSERT INTO batch (number, section, associations) VALUES (?, ?, ?)",
                (number, section, associations),
            )

    def settle(self, number: int, verdicts: pl.DataFrame) -> None:
        """Write down what became of a batch: SETTLED."""
        blob = io.BytesIO()
        verdicts.write_ipc(blob, compression="lz4")
        with self._transaction():
            self._connection.execute(
                "UPDATE batch SET verdicts = ?, settled_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
                "WHERE number = ?",
                (blob.getvalue(), number),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._lock, self._connection:
                yield
        except sqlite3.OperationalError as error:
            raise StoppedError(
                f"the journal can't be written: {error}",
                "make room on the disk of the run folder, then run again what is left",
            ) from error

    def verdicts(self, section: int) -> pl.DataFrame:
        """Read back what became of a section's associations: SETTLED."""
        with self._lock:
            blobs = self._connection.execute(
                "SELECT verdicts FROM batch WHERE section = ? AND verdicts IS NOT NULL "
                "ORDER BY number",
                (section,),
            ).fetchall()
        frames = [pl.read_ipc(blob) for (blob,) in blobs]
        return pl.concat([pl.DataFrame(schema=SETTLED), *frames])


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open or make the journal; it is valid at any cut (SQLite's write-ahead log)."""
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Durable at each checkpoint, valid at any cut: a batch lost to a power cut is sent again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
        yield Journal(connection)
    finally:
        connection.close()
