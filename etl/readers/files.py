"""Find the files of a source: one path, a glob, or every readable file of a folder.

Objects in the cloud are files like any other: the same rules, asked of a bucket.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_IFREG, S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Literal

from etl.errors import SourceError
from etl.readers.cloud import CloudPath, is_cloud, list_objects, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    path: Path | CloudPath
    format: Format
    compression: Compression = None

    def __str__(self) -> str:
        return str(self.path)


def find_files(source: Source) -> tuple[SourceFile, ...]:
    """List the files of a source, sorted by path; refuse what can't be read."""
    files = _in_cloud(parse(source.path)) if is_cloud(source.path) else _on_disk(source.path)
    return tuple(sorted(files, key=str))


def _on_disk(written: str) -> list[SourceFile]:
    path = Path(written)
    try:
        mode = _mode(path)
        if mode is None and glob.has_magic(written):
            files = _of_glob(written, _search(written))
        elif mode is None:
            raise SourceError(
                f"{path}: there is no such file or folder",
                "Correct source.path; a relative path starts at the folder of the job file.",
            )
        elif S_ISDIR(mode):
            files = _of_folder(path, _list_folder(path))
        else:
            files = [_known(path)]
    except OSError as error:
        raise SourceError(
            f"{error.filename or path}: the system does not let us look there ({error.strerror})",
            "Give the user that runs the job the right to enter and to list the folders of"
            " source.path, and check that the disk is in order.",
        ) from error
    for file in files:
        _check_readable(file)
    return files


def _mode(path: Path) -> int | None:
    """Tell what stands at a path; unlike `exists`, never take trouble in looking for nothing there."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name with a NUL
        return None


def _list_folder(folder: Path) -> list[Path]:
    # A link that leads nowhere stays: it is told when it is opened, rather than left out in silence.
    return [entry for entry in folder.iterdir() if S_ISREG(_mode(entry) or S_IFREG)]


def _search(pattern: str) -> list[Path]:
    """List what matches a glob; refuse folders on its way that `glob` would leave out in silence."""
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    for place, part in enumerate(parts[first:], first):
        until = place + 1 if part == "**" else place
        for folder in _glob("/".join([*parts[:until], ""])):
            if glob.has_magic(part):
                os.scandir(folder).close()
            else:
                _mode(folder / part)
    return [path for path in _glob(pattern) if not S_ISDIR(_mode(path) or S_IFREG)]


def _glob(pattern: str) -> set[Path]:
    # A set: where ** stands twice, glob tells a file twice.
    return set(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 - pathlib globs no absolute pattern


def _in_cloud(path: CloudPath) -> list[SourceFile]:
    # Whether each object may be read shows when it is: asking first costs a request a file.
    is_folder = not path.key or path.key.endswith("/")
    if not is_folder and path.exists():
        return [_known(path)]
    if glob.has_magic(path.key):
        return _of_glob(path, _match(path))
    objects = [each for each, _bytes in list_objects(path, deep=False)]
    if not objects and not is_folder:
        raise SourceError(
            f"{path}: there is no such object or folder",
            "Correct source.path; upper and lower case differ in the names of objects.",
        )
    return _of_folder(path, objects)


def _match(pattern: CloudPath) -> list[CloudPath]:
    parts = pattern.key.split("/")
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    start = CloudPath(pattern.bucket, "/".join(parts[:first]))
    is_deep = first + 1 < len(parts) or parts[first] == "**"
    return [
        found
        for found, size in list_objects(start, deep=is_deep)
        # An object of no bytes and no format is how tools mark a folder.
        if _matches(found.key.split("/"), parts) and (size or _recognize(found))
    ]


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Compare part by part as `glob` does: * inside one, ** through any number, hidden ones apart."""
    if not pattern or not names:
        return not pattern and not names
    is_hidden = names[0].startswith(".")
    if pattern[0] != "**":
        is_wanted = not is_hidden or pattern[0].startswith(".")
        return is_wanted and fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])
    inside = not is_hidden and (_matches(names[1:], pattern) or len(names) == len(pattern) == 1)
    return inside or _matches(names, pattern[1:])


def _of_folder(folder: Path | CloudPath, entries: Sequence[Path | CloudPath]) -> list[SourceFile]:
    shown = [entry for entry in entries if entry.name[0] not in "._"]
    files = [file for file in map(_recognize, shown) if file is not None]
    if not files:
        raise SourceError(
            f"{folder}: no file of this folder can be read as a source",
            f"Put files there, or correct source.path; readable are {KNOWN}. Folders inside it"
            " are not searched: name them with a glob such as folder/**/*.csv.",
        )
    return files


def _of_glob(pattern: str | CloudPath, paths: Sequence[Path | CloudPath]) -> list[SourceFile]:
    if not paths:
        raise SourceError(
            f"{pattern}: no file matches",
            "Correct source.path; * matches inside one folder, ** through folders.",
        )
    return [_known(path) for path in paths]


def _known(path: Path | CloudPath) -> SourceFile:
    """Tell the format by the extension, or refuse the file."""
    file = _recognize(path)
    if file is None:
        raise SourceError(
            f"{path}: the format of {path.name!r} is unknown",
            f"Name the file by its format; readable are {KNOWN}.",
        )
    return file


def _recognize(path: Path | CloudPath) -> SourceFile | None:
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
        if not S_ISREG(Path(str(file)).stat().st_mode):
            raise SourceError(
                f"{file}: it is no regular file, but a pipe or a device",
                "Write the rows to a file first, and name that.",
            )
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
