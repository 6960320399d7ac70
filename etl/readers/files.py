"""Find the files of a source: one path, a glob, or every readable file of a folder."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from etl.errors import SourceError

if TYPE_CHECKING:
    from etl.model import Source

Format = Literal["csv", "tsv", "parquet", "ndjson"]
Compression = Literal["gzip", "zstd"] | None

FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
KNOWN = "csv, tsv, ndjson and jsonl (also with .gz or .zst) and parquet"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file and how to read it."""

    path: Path
    format: Format
    compression: Compression = None

    def __str__(self) -> str:
        return str(self.path)


def find_files(source: Source) -> tuple[SourceFile, ...]:
    """List the files of a source, sorted by path; refuse what can't be read."""
    path = Path(source.path)
    if path.is_dir():
        files = _files_of_folder(path)
    elif path.exists():
        files = [_known(path)]
    elif glob.has_magic(source.path):
        files = _files_of_glob(source.path)
    else:
        raise SourceError(
            f"{path}: there is no such file or folder",
            "Correct source.path; a relative path starts at the folder of the job file.",
        )
    for file in files:
        _check_readable(file)
    return tuple(sorted(files, key=str))


def _files_of_folder(folder: Path) -> list[SourceFile]:
    try:
        entries = [
            entry for entry in folder.iterdir() if entry.is_file() and entry.name[0] not in "._"
        ]
    except OSError as error:
        raise SourceError(
            f"{folder}: the folder can't be listed ({error.strerror})",
            "Give the user that runs the job the right to read it.",
        ) from error
    files = [file for file in map(_recognize, entries) if file is not None]
    if not files:
        raise SourceError(
            f"{folder}: no file of this folder can be read as a source",
            f"Put files there, or correct source.path; readable are {KNOWN}. Folders inside it"
            " are not searched: name them with a glob such as folder/**/*.csv.",
        )
    return files


def _files_of_glob(pattern: str) -> list[SourceFile]:
    matches = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207 - pathlib globs no absolute pattern
    files = [_known(path) for path in matches if not path.is_dir()]
    if not files:
        raise SourceError(
            f"{pattern}: no file matches",
            "Correct source.path; * matches inside one folder, ** through folders.",
        )
    return files


def _known(path: Path) -> SourceFile:
    """Tell the format by the extension, or refuse the file."""
    file = _recognize(path)
    if file is None:
        raise SourceError(
            f"{path}: the format of {path.name!r} is unknown",
            f"Name the file by its format; readable are {KNOWN}.",
        )
    return file


def _recognize(path: Path) -> SourceFile | None:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    found = FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None or (found == "parquet" and compression):
        return None
    return SourceFile(path, found, compression)


def _check_readable(file: SourceFile) -> None:
    try:
        file.path.open("rb").close()
    except OSError as error:
        raise unreadable(file, error) from error


def unreadable(file: SourceFile, error: OSError) -> SourceError:
    """Say why the system refuses a file."""
    if isinstance(error, FileNotFoundError):
        return SourceError(
            f"{file}: the file is gone",
            "Put it back, or wait until whatever writes the folder is done; then start again.",
        )
    return SourceError(
        f"{file}: the file can't be read ({error.strerror or error})",
        "Check that the user that runs the job may read it and that the disk is in order.",
    )
