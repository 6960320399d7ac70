"""Keep on disk, in ``journal.sqlite`` of the run folder, what makes resume exact.

Rule 1: batches are written down before they are sent, and each is settled after it is answered.
Rule 2: which of a section's pairs are unchanged is written down before the others are cut into
        batches, so that a batch number means the same pairs after a resume.
Rule 3: each call is one transaction of a write-ahead log: the file is valid at any cut.

A verdict that all of a batch share is one line, as nearly every batch has it; other verdicts of a
batch are one blob of columns (Arrow IPC), so that no association costs a statement of its own.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import polars as pl

from etl.core.verdict import SETTLED, SharedVerdict
from etl.errors import StoppedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

F = TypeVar("F", bound=msgspec.Struct)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS fact (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS comparison (
    section INTEGER PRIMARY KEY,
    unchanged INTEGER NOT NULL,
    existing INTEGER NOT NULL,
    verdicts BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS batch (
    number INTEGER PRIMARY KEY,
    section INTEGER NOT NULL,
    associations INTEGER NOT NULL,
    settled_at TEXT,
    first_association INTEGER,
    shared_verdict BLOB,
    verdicts BLOB
);
"""


_SHARED: Final = msgspec.json.Decoder(SharedVerdict)

_LOOK: Final = "mode=ro&immutable=1"
"""How to look at a journal that nobody writes: without leaving SQLite's files of a reader behind."""


class Journal:
    """Write and read from any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file, once whoever is at it is done: SQLite does not survive less."""
        with self._lock:
            self._connection.close()

    def remember(self, fact: msgspec.Struct) -> None:
        """Write down what a run has to know of itself; a newer fact of its kind replaces it."""
        with self._transaction():
            self._remember(fact)

    def recall(self, kind: type[F]) -> F | None:
        """Read a fact back. Raises UsageError when another version has written it."""
        with self._lock:
            # A run may be cut off after the file is made and before its tables are.
            has_facts = self._connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'fact'"
            ).fetchone()
            found = (
                has_facts
                and self._connection.execute(
                    "SELECT value FROM fact WHERE name = ?", (kind.__name__,)
                ).fetchone()
            )
        try:
            return None if found is None else msgspec.json.decode(found[0], type=kind)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"the journal is of another version of hubspot-assoc: {error}",
                "go on with the version that began the run, or run the job again: sending an "
                "association twice does no harm",
            ) from error

    def compared(self, section: int, unchanged: pl.DataFrame, *, existing: int) -> None:
        """Write down which associations of a section need no request: SETTLED.

        `existing` counts those that were there before, changed or not.
        """
        with self._transaction():
            self._connection.execute(
                "INSERT INTO comparison (section, unchanged, existing, verdicts) "
                "VALUES (?, ?, ?, ?)",
                (section, unchanged.height, existing, _packed(unchanged)),
            )

    def existing_associations(self) -> int:
        """Count the source's associations that were there before the run, as far as it has looked."""
        with self._lock:
            (count,) = self._connection.execute(
                "SELECT coalesce(sum(existing), 0) FROM comparison"
            ).fetchone()
        return int(count)

    def comparison(self, section: int) -> pl.DataFrame | None:
        """Read which associations of a section need no request: SETTLED; None if not known yet."""
        blobs = self._select("SELECT verdicts FROM comparison WHERE section = ?", section)
        return _unpacked(blobs) if blobs else None

    def begin(self, section: int, batches: Mapping[int, int]) -> None:
        """Write down a section's batches, by number, with how many associations each has."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO batch (section, number, associations) VALUES (?, ?, ?)",
                ((section, *batch) for batch in batches.items()),
            )

    def has_begun(self, section: int) -> bool:
        """Tell whether batches of a section have been sent, or were about to be."""
        return bool(self._select("SELECT 1 FROM batch WHERE section = ? LIMIT 1", section))

    def settle_all(
        self, number: int, first_association: int, verdict: SharedVerdict, progress: msgspec.Struct
    ) -> None:
        """Write down one verdict on all associations of a batch, whose numbers are consecutive."""
        with self._transaction():
            self._connection.execute(
                "UPDATE batch SET first_association = ?, shared_verdict = ?, "
                "settled_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE number = ?",
                (first_association, msgspec.json.encode(verdict), number),
            )
            self._remember(progress)

    def settle(
        self, number: int, verdicts: pl.DataFrame, progress: msgspec.Struct, *, is_whole: bool
    ) -> None:
        """Write down all that is known of a batch: SETTLED.

        `is_whole` tells whether every association of it has a verdict; `progress` is the run's.
        """
        with self._transaction():
            self._connection.execute(
                "UPDATE batch SET verdicts = ?, settled_at = "
                "CASE WHEN ? THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END WHERE number = ?",
                (_packed(verdicts), is_whole, number),
            )
            self._remember(progress)

    def verdicts(self, section: int) -> pl.DataFrame:
        """Read back what became of a section's associations in its batches: SETTLED."""
        with self._lock:
            shared = self._connection.execute(
                "SELECT number, first_association, associations, shared_verdict FROM batch "
                "WHERE section = ? AND shared_verdict IS NOT NULL ORDER BY number",
                (section,),
            ).fetchall()
        blobs = self._select(
            "SELECT verdicts FROM batch WHERE section = ? AND verdicts IS NOT NULL ORDER BY number",
            section,
        )
        return pl.concat([_spread(shared), _unpacked(blobs)])

    def settled_associations(self) -> int:
        """Count the associations that need no further request."""
        with self._lock:
            (count,) = self._connection.execute(
                "SELECT (SELECT coalesce(sum(unchanged), 0) FROM comparison) + "
                "(SELECT coalesce(sum(associations), 0) FROM batch WHERE settled_at IS NOT NULL)"
            ).fetchone()
        return int(count)

    def _remember(self, fact: msgspec.Struct) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)",
            (type(fact).__name__, msgspec.json.encode(fact)),
        )

    def _select(self, query: str, section: int) -> list[Any]:
        with self._lock:
            return [value for (value,) in self._connection.execute(query, (section,))]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._lock, self._connection:
                yield
        except sqlite3.OperationalError as error:
            raise StoppedError(
                f"the journal can't be written: {error}",
                "make room on the disk of the run folder",
            ) from error


@contextmanager
def open_journal(path: Path, *, read_only: bool = False) -> Iterator[Journal]:
    """Open or make the journal. Raises UsageError when it can't be opened or read."""
    how = _LOOK if read_only else "mode=rwc"
    if read_only and path.with_name(f"{path.name}-wal").exists():
        how = "mode=ro"
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}", uri=True, check_same_thread=False
        )
        journal = Journal(connection)
        try:
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                # Durable at each checkpoint, valid at any cut: a batch lost to a power cut is sent
                # again.
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_SCHEMA)
            yield journal
        finally:
            journal.close()
    except sqlite3.DatabaseError as error:
        if type(error) not in {sqlite3.DatabaseError, sqlite3.OperationalError}:
            raise  # a slip of ours, not of the disk
        raise UsageError(
            f"the journal {path} can't be used: {error}",
            "check the disk and the folder's permissions; if the file is damaged, run the job again: "
            "sending an association twice does no harm",
        ) from error


def _spread(batches: Iterable[tuple[int, int, int, bytes]]) -> pl.DataFrame:
    """Give each association its batch's shared verdict: SETTLED."""
    lines = [
        (number, first, first + associations, *msgspec.structs.astuple(_SHARED.decode(verdict)))
        for number, first, associations, verdict in batches
    ]
    names = ("batch", "first", "end", *SharedVerdict.__struct_fields__)
    return (
        pl.DataFrame(lines, schema={n: SETTLED.get(n, pl.Int64) for n in names}, orient="row")
        .with_columns(pl.int_ranges("first", "end").alias("association_id"))
        .explode("association_id")
        .select(
            pl.col(name) if name in {*names, "association_id"} else pl.lit(None, dtype).alias(name)
            for name, dtype in SETTLED.items()
        )
    )


def _packed(verdicts: pl.DataFrame) -> bytes:
    blob = io.BytesIO()
    verdicts.write_ipc(blob, compression="lz4")
    return blob.getvalue()


def _unpacked(blobs: list[bytes]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=SETTLED), *(pl.read_ipc(blob) for blob in blobs)])
