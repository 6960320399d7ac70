"""Sources that change while they are read: nothing half-read passes for whole."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
from functools import cache
from typing import TYPE_CHECKING, cast

import polars as pl
import pytest

from etl.errors import SourceError
from etl.model import Source
from etl.readers import Chunk, find_files, read_chunks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

ROWS = 20_000
"""More than a reader takes at once, so that a file changes under one that is not done."""
NAMES = ["a.csv", "a.tsv", "a.csv.gz", "a.csv.zst", "a.ndjson", "a.ndjson.gz", "a.parquet"]


@cache
def content(name: str, seed: int) -> bytes:
    """Make rows in the format of a name; another seed makes other rows in about as many bytes."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    ids = [draw.randrange(10**17, 10**18) for _ in range(ROWS)]  # noise, which packs badly
    if name.endswith(".parquet"):
        file = io.BytesIO()
        pl.DataFrame({"id": ids}).write_parquet(file, compression="uncompressed")
        return file.getvalue()
    head, row = ("", '{"id": %d}\n') if "ndjson" in name else ("id\n", "%d\n")
    text = (head + "".join(row % each for each in ids)).encode()
    if name.endswith(".gz"):
        return gzip.compress(text)
    return zstd.compress(text) if name.endswith(".zst") else text


def write(path: Path) -> Path:
    """Put a file there in the format of its name."""
    path.write_bytes(content(path.name, 1))
    return path


def start(path: Path) -> Iterator[Chunk]:
    """Begin to read a source, as far as its first chunk."""
    source = Source(str(path))
    chunks = read_chunks(find_files(source), source, ["id"], 1000, block_bytes=20_000)
    assert next(chunks).frame.height
    return chunks


def append(path: Path) -> None:
    """Add to the file what fits its format, where any does."""
    with path.open("ab") as file:
        file.write(b'{"id": 1}\n' if "ndjson" in path.name else b"1\n")


def truncate(path: Path) -> None:
    """Cut the file as a program does that is about to write it anew."""
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    """Leave nothing of the file."""
    os.truncate(path, 0)


def replace(path: Path) -> None:
    """Put another file there by rename, as exports do that appear whole."""
    aside = path.with_name(f"new.{path.name}")
    aside.write_bytes(content(path.name, 2))
    aside.replace(path)


def rewrite(path: Path) -> None:
    """Write other rows over the file's own, a second later."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(content(path.name, 2)[: before.st_size])
    moment = before.st_mtime_ns + 10**9
    os.truncate(path, before.st_size)  # packed, other rows can take some bytes more or fewer
    os.utime(path, ns=(moment, moment))


def remove(path: Path) -> None:
    """Take the file away."""
    path.unlink()


CHANGES: dict[Callable[[Path], None], str] = {
    append: r"its size went from [\d,]+ to [\d,]+ bytes",
    truncate: r"its size went from [\d,]+ to [\d,]+ bytes",
    empty: r"its size went from [\d,]+ to 0 bytes",
    replace: "another file was put in its place",
    rewrite: r"it was modified at 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+00:00",
    remove: "it was removed or renamed",
}
"""Ways to change a file, and what is told of each."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("change", "told"), CHANGES.items())
def test_a_file_that_changes(
    tmp_path: Path, name: str, change: Callable[[Path], None], told: str
) -> None:
    """Rows of a file that changed under the reader were taken for the whole, or called damaged."""
    path = write(tmp_path / name)
    chunks = start(path)
    change(path)
    with pytest.raises(
        SourceError, match=rf"{name}: the file changed while it was read \({told}\)$"
    ) as caught:
        list(chunks)
    assert "start again" in caught.value.hint


def test_a_link_that_is_turned(tmp_path: Path) -> None:
    """A link such as current.csv that leads to another file meanwhile is a replaced file."""
    for name in ("monday.csv", "tuesday.csv"):
        write(tmp_path / name)
    link = tmp_path / "current.csv"
    link.symlink_to("monday.csv")
    chunks = start(link)
    link.unlink()
    link.symlink_to("tuesday.csv")
    with pytest.raises(SourceError, match=r"current\.csv: .*another file was put in its place"):
        list(chunks)


def test_the_change_explains_the_damage(tmp_path: Path) -> None:
    """Damage that comes from the change is not told as such, but is there for who looks deeper."""
    path = write(tmp_path / "a.csv.gz")
    chunks = start(path)
    truncate(path)
    with pytest.raises(SourceError, match="changed while it was read") as caught:
        list(chunks)
    assert "cut short" in str(caught.value.__cause__)


def test_damage_without_a_change(tmp_path: Path) -> None:
    """A file that was damaged before is told to be, with no word of a change."""
    path = write(tmp_path / "a.csv.gz")
    truncate(path)
    with pytest.raises(SourceError, match=r"a\.csv\.gz: the gzip file is cut short"):
        list(start(path))


def test_files_that_are_not_being_read(tmp_path: Path) -> None:
    """Of several files one may change before its turn and after it: each is read whole."""
    first, second = write(tmp_path / "a.csv"), write(tmp_path / "b.csv")
    source = Source(str(tmp_path))
    chunks = read_chunks(find_files(source), source, ["id"], 1000, block_bytes=20_000)
    rows = next(chunks).frame.height
    append(second)
    for chunk in chunks:
        rows += chunk.frame.height
        if chunk.source_file == str(second):
            first.unlink(missing_ok=True)
    assert rows == 2 * ROWS + 1


def test_who_stops_reading(tmp_path: Path) -> None:
    """Who stops in the middle of a file hears nothing of what happens to it after."""
    path = write(tmp_path / "a.csv")
    chunks = start(path)
    remove(path)
    cast("Generator[Chunk]", chunks).close()
