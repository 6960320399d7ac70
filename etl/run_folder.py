"""A run's folder: where it is, what its files are called, and how to find it again."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.errors import StoppedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LATEST: Final = "latest"
PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
"""Ids and keys are customers': nobody else on the machine reads them."""

OPEN_FILE: Final = 0o666
"""What holds nobody's ids: who else reads it is for the umask to say."""

COMPRESSION: Final = "lz4"
"""Parquet for the run's own use is read back within it: speed before size."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What is mended by making room."""
_POLARS_NUMBER: Final = re.compile(r"\(os error (\d+)\)")
"""How polars tells the system's number."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def staging(self) -> Path:
        """The local dataset; gone once the run is finished."""
        return self.path / "staging"

    @property
    def failures(self) -> Path:
        """Rows that did not succeed, as a source for the same job."""
        return self.path / "failures.csv"

    @property
    def summary(self) -> Path:
        """Written last: its presence means that the run is finished."""
        return self.path / "summary.json"

    @property
    def log(self) -> Path:
        """JSON lines."""
        return self.path / "run.log"

    @property
    def journal(self) -> Path:
        """What became of each batch."""
        return self.path / "journal.sqlite"

    @property
    def removed(self) -> Path:
        """What a mirror has taken away, as a source that puts it back."""
        return self.path / "removed.parquet"

    @property
    def surplus(self) -> Path:
        """What a mirror would have taken away, had it not been too much."""
        return self.path / "surplus.parquet"

    @property
    def restore(self) -> Path:
        """A job that puts back what a mirror has taken away."""
        return self.path / "restore.yaml"

    def results(self, results_format: str) -> Path:
        """Every source row with its outcome; the format is also the file's ending."""
        return self.path / f"results.{results_format}"


def create_run_folder(directory: Path, job_name: str, now: datetime | None = None) -> RunFolder:
    """Make the folder of a new run. Raises UsageError when the place can't be written to."""
    # Ids sort by time, so that the latest run can be told from the names alone.
    path = directory / job_name / f"{stamp(now or datetime.now(UTC))}-{secrets.token_hex(3)}"
    try:
        path.mkdir(parents=True, mode=PRIVATE_FOLDER)
    except OSError as error:
        raise UsageError(
            f"the run folder {path} can't be made: {error.strerror}",
            "set output.directory to a folder that you may write to",
        ) from error
    return RunFolder(path)


def stamp(moment: datetime) -> str:
    """Write a moment in UTC as names of files and folders have it, to the millisecond."""
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03}Z"


def find_run(run: str, directory: Path) -> RunFolder:
    """Find a run by its folder, its id, or ``latest`` below an output directory."""
    # Absolute, as the next command may be run from anywhere.
    as_path, directory = Path(run).absolute(), directory.absolute()
    try:
        is_folder = as_path.is_dir()
    except OSError as error:
        raise _unreadable(as_path, error) from error
    if is_folder:
        return RunFolder(as_path)
    jobs = folders_in(directory)
    found = sorted(
        (path for job in jobs for path in folders_in(job) if run in {LATEST, path.name}),
        key=lambda path: path.name,
    )
    if not found:
        raise UsageError(
            f"there is no run '{run}' below {directory}",
            "give a run folder, a run id or 'latest', and --directory where the runs are",
        )
    return RunFolder(found[-1])


def folders_in(folder: Path) -> list[Path]:
    """List the folders in a folder; none where it is missing.

    Raises UsageError where it may not be read: that is not the same as that there are none.
    """
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: OSError) -> UsageError:
    whom = f" by user {os.geteuid()}" if isinstance(error, PermissionError) else ""
    return UsageError(
        f"{folder} can't be read{whom}: {error.strerror}",
        "look as the user whose runs are there, or name another folder",
    )


def write_whole(path: Path, write: Callable[[Path], object], *, mode: int = PRIVATE_FILE) -> None:
    """Let a file appear whole, also after a power cut: write it under another name, then rename it.

    It has its mode before there is anything in it to be read. Raises StoppedError when the disk refuses; what stood there before stays.
    """
    partial = path.with_name(f".{path.name}.partial")
    with writing(path):
        # What an earlier cut has left there may be open to others.
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        write(partial)
        sync(partial)
        partial.replace(path)
        sync(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a full or broken disk raises into a StoppedError about a path."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        said = getattr(error, "strerror", None) or str(error).rpartition(": ")[2]
        number = _POLARS_NUMBER.search(said)
        is_full = (int(number[1]) if number else getattr(error, "errno", None)) in _FULL
        raise StoppedError(
            f"{path} can't be written: {said}",
            "make room on the disk" if is_full else "check the disk and the folder's permissions",
        ) from error


def sync(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
