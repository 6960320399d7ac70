"""Let one process at a time run a job against a portal.

Rule 1: the lock is the kernel's, not the file: whatever ends a process frees what it held.
Rule 2: the file goes while it is still locked; so whoever gets a lock makes sure that the file's
        name still leads to it, and begins again if not.
Rule 3: looking never makes a start fail: a look gives back at once, and a start tries for a while.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import FileIO
from typing import TYPE_CHECKING, Final

from etl.errors import UsageError
from etl.run_folder import PRIVATE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PORTAL_DIGITS: Final = 16
"""Hexadecimal digits of a portal's hash: 64 bits tell any number of portals apart."""
_TRIES: Final = 7
_PAUSE_SECONDS: Final = 0.05
"""Between tries, 0.3 s in all: a look, or a holder that has yet to write its name, takes less."""
_HOLDER_BYTES: Final = 4096
"""More than any holder takes, and a bound on what is read from a file that may be anything."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs a job."""

    run_id: str
    pid: int
    host: str
    started_at: str
    """ISO 8601, UTC, in milliseconds: ``2026-01-31T23:59:59.000Z``."""


@contextmanager
def hold(
    folder: Path, *, portal: str, run_id: str, sleep: Callable[[float], object] = time.sleep
) -> Iterator[Holder | None]:
    """Be the one run of a job, whose run folders are in `folder`, against a portal.

    Gives the previous holder if its process ended without giving back, else None. Blocks the
    thread for 0.3 s at most. Raises UsageError when another process is running the job.
    """
    path = _lock_file(folder, portal)
    with ExitStack() as stack:
        with _troubles_told(path):
            folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(_acquire(path, sleep))
            stack.callback(_release, path, file)
            previous = _read(file)
            _write(file, Holder(run_id, os.getpid(), socket.gethostname(), _now()))
        yield previous


def holders(folder: Path, *, sleep: Callable[[float], object] = time.sleep) -> list[Holder]:
    """List who runs the job of a folder right now, the longest first.

    Left out is who can't be named: whose file is broken, or not ours to read.
    """
    found = (_living_holder(path, sleep) for path in folder.glob(".*.lock"))
    return sorted(filter(None, found), key=lambda holder: holder.started_at)


def _lock_file(folder: Path, portal: str) -> Path:
    # A hash, so that no text can lead out of the folder.
    portal_hash = hashlib.sha256(portal.encode("utf-8", "surrogatepass")).hexdigest()
    return folder / f".{portal_hash[:_PORTAL_DIGITS]}.lock"


def _acquire(path: Path, sleep: Callable[[float], object]) -> FileIO:
    """Open the lock file and lock it. Raises UsageError if another process has it."""
    holder = None
    for attempt in range(_TRIES):
        if attempt:
            sleep(_PAUSE_SECONDS)
        with ExitStack() as stack:
            file = stack.enter_context(_open(path, os.O_RDWR | os.O_CREAT))
            if not _try_lock(file, fcntl.LOCK_EX):
                holder = _read(file)
            elif _leads_to(path, file):
                stack.pop_all()
                return file
    raise _held(path, holder)


def _living_holder(path: Path, sleep: Callable[[float], object]) -> Holder | None:
    """Name who holds a lock right now; None where nobody does, or nobody who can be named."""
    for attempt in range(_TRIES):
        if attempt:
            sleep(_PAUSE_SECONDS)
        try:
            with _open(path, os.O_RDONLY) as file:
                if _try_lock(file, fcntl.LOCK_SH):
                    return None
                holder = _read(file)
        except (FileNotFoundError, PermissionError):  # given back since the listing, or another's
            return None
        if holder is not None:
            return holder
    return None


def _held(path: Path, holder: Holder | None) -> UsageError:
    if holder is None:
        return UsageError(
            f"this job is being run already, by a process that has not named itself in {path}",
            "wait for it, or look for another hubspot-assoc on the machines that share the folder",
        )
    resume = shlex.join(["hubspot-assoc", "resume", str(path.absolute().parent / holder.run_id)])
    return UsageError(
        f"this job is being run already: run {holder.run_id} by process {holder.pid} "
        f"on {holder.host} since {holder.started_at}",
        f"wait for it, or end that process (kill {holder.pid} on {holder.host}) and go on with: {resume}",
    )


@contextmanager
def _troubles_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the lock {path} can't be taken: {error.strerror}",
            "set output.directory to a folder that you may write to, on a disk with room",
        ) from error


def _open(path: Path, flags: int) -> FileIO:
    # A link planted in a folder that others may write to must not lead out of it.
    return FileIO(
        os.open(path, flags | os.O_NOFOLLOW, PRIVATE_FILE), "r+" if flags & os.O_RDWR else "r"
    )


def _try_lock(file: FileIO, operation: int) -> bool:
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leads_to(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _release(path: Path, file: FileIO) -> None:
    # A file that can't be removed is free all the same: the next run takes it over.
    with suppress(OSError):
        if _leads_to(path, file):
            path.unlink()


def _read(file: FileIO) -> Holder | None:
    try:
        told = json.loads(os.pread(file.fileno(), _HOLDER_BYTES, 0))
        return Holder(
            str(told["run_id"]), int(told["pid"]), str(told["host"]), str(told["started_at"])
        )
    except (ValueError, TypeError, KeyError):
        return None


def _write(file: FileIO, holder: Holder) -> None:
    """Name the holder; unbuffered, so that readers see all of it at once."""
    file.truncate(0)
    os.pwrite(file.fileno(), json.dumps(asdict(holder)).encode(), 0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
