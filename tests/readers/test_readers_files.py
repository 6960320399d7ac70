"""Files: which ones a source means, how they are packed, and how trouble with them is told."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl
import pytest

from etl.errors import SourceError
from etl.model import Source
from etl.readers import FLAW, ROW_NUMBER, Chunk, SourceFile, find_files, read_chunks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534
"""A user who owns nothing (Linux Standard Base: nobody)."""


def write(path: Path, content: bytes | str) -> Path:
    """Put a file there, and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, *used: str, chunk_rows: int = 1000, block_bytes: int = 16) -> list[Chunk]:
    """Read a source whole, in blocks so small that records stand across them."""
    source = Source(str(path))
    return list(read_chunks(find_files(source), source, used, chunk_rows, block_bytes=block_bytes))


def cells_of(chunks: list[Chunk]) -> list[tuple[str | None, ...]]:
    """Show the source's cells alone: row numbers and flaws have tests of their own."""
    return [row for chunk in chunks for row in chunk.frame.drop(ROW_NUMBER, FLAW).rows()]


def test_folder(tmp_path: Path) -> None:
    """A folder is all its readable files in order, numbered through, whatever their formats."""
    write(tmp_path / "b.csv", "id,x\n2,b\n3,c\n")
    write(tmp_path / "a.csv", "id,x\n1,a\n")
    write(tmp_path / "c.jsonl", '{"id": 4, "x": "d"}\n')
    write(tmp_path / "d.tsv.gz", gzip.compress(b"x\tid\ne\t5\n"))
    pl.DataFrame({"id": [6], "x": ["f"]}).write_parquet(tmp_path / "e.PARQUET")
    for ignored in (".hidden.csv", "_SUCCESS", "notes.txt", "inner/z.csv"):
        write(tmp_path / ignored, "nope\n1\n")
    chunks = read(tmp_path, "id")
    assert cells_of(chunks) == [(str(i), "abcdef"[i - 1]) for i in range(1, 7)]
    assert [n for chunk in chunks for n in chunk.frame["row_number"]] == [1, 2, 3, 4, 5, 6]
    assert chunks[0].frame.schema["row_number"] == pl.Int64
    assert [Path(chunk.source_file).name for chunk in chunks if chunk.first_row_number > 3] == [
        "c.jsonl", "d.tsv.gz", "e.PARQUET",
    ]  # fmt: skip


def test_glob(tmp_path: Path) -> None:
    """A glob names files, through folders with two stars, and a file's own brackets are no glob."""
    for name in ("a1.csv", "a2.csv", "b.csv", "in/a3.csv", "x[1].csv"):
        write(tmp_path / name, "id\n1\n")

    def names(pattern: str) -> list[str]:
        return [file.path.name for file in find_files(Source(f"{tmp_path}/{pattern}"))]

    assert names("a*.csv") == ["a1.csv", "a2.csv"]
    assert names("**/a?.csv") == ["a1.csv", "a2.csv", "a3.csv"]
    assert names("x[1].csv") == ["x[1].csv"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nope.csv", "there is no such file"),
        ("*.nope", "no file matches"),
        ("notes.txt", "the format of 'notes.txt' is unknown"),
        ("*.txt", "the format of 'notes.txt' is unknown"),
        ("p.parquet.gz", "unknown"),
        ("README", "unknown"),
        ("empty", "no file of this folder"),
    ],
)
def test_nothing_to_read(tmp_path: Path, path: str, message: str) -> None:
    """A path that leads to nothing readable is refused with the path and what would do."""
    write(tmp_path / "notes.txt", "")
    write(tmp_path / "p.parquet.gz", b"")
    write(tmp_path / "README", "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=message) as caught:
        find_files(Source(f"{tmp_path}/{path}"))
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstd.compress}


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.ndjson", "a.jsonl"])
def test_packed(tmp_path: Path, packing: str, name: str) -> None:
    """Files packed by gzip and zstd are read as if unpacked, also several glued together."""
    header, row = {
        "a.csv": (b"id,x\n", b"%d,b\n"),
        "a.tsv": (b"id\tx\n", b"%d\tb\n"),
    }.get(name, (b"", b'{"id": %d, "x": "b"}\n'))
    pack = PACK[packing]
    content = pack(header) + pack(b"".join(row % i for i in range(50)))
    chunks = read(write(tmp_path / f"{name}.{packing}", content), "id")
    assert cells_of(chunks) == [(str(i), "b") for i in range(50)]


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
@pytest.mark.parametrize("packing", PACK)
def test_packed_and_cut_short(tmp_path: Path, packing: str, name: str) -> None:
    """A part of a transfer is refused, never taken for the whole, wherever it ends."""
    row = b"id\n%d\n" if name == "a.csv" else b'{"id": %d}\n'
    content = PACK[packing](b"".join(row % (i * i) for i in range(50)))
    for end in range(len(content)):
        with pytest.raises(SourceError, match=rf"{name}\.{packing}: .*is cut short") as caught:
            read(write(tmp_path / f"{name}.{packing}", content[:end]), block_bytes=100)
        assert "Copy or export it again" in caught.value.hint


@pytest.mark.parametrize("packing", PACK)
def test_several_packed_parts_and_cut_short(tmp_path: Path, packing: str) -> None:
    """Also the last of several packed parts is whole or refused; that one is missing can't be told."""
    first, second = PACK[packing](b"id\n1\n"), PACK[packing](b"2\n3\n")
    assert cells_of(read(write(tmp_path / f"a.csv.{packing}", first))) == [("1",)]
    for end in range(1, len(second)):
        with pytest.raises(SourceError, match=rf"a\.csv\.{packing}: .*") as caught:
            read(write(tmp_path / f"a.csv.{packing}", first + second[:end]))
        assert "Copy or export it again" in caught.value.hint


@pytest.mark.parametrize("packing", PACK)
def test_not_packed_at_all(tmp_path: Path, packing: str) -> None:
    """A plain file with the extension of a packed one is told apart."""
    with pytest.raises(SourceError, match="can't be unpacked") as caught:
        read(write(tmp_path / f"a.csv.{packing}", "id,x\n1,2\n3,4\n5,6\n"))
    assert "extension" in caught.value.hint


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.ndjson", "a.parquet"])
def test_vanished(tmp_path: Path, name: str) -> None:
    """A file that vanishes between listing and reading is named."""
    path = tmp_path / name
    path.touch()
    source = Source(str(path))
    files = find_files(source)
    path.unlink()
    with pytest.raises(SourceError, match=rf"{name}: the file is gone"):
        list(read_chunks(files, source, ["id"]))


@pytest.mark.parametrize("pattern", ["", "*.csv"])
def test_a_link_that_leads_nowhere(tmp_path: Path, pattern: str) -> None:
    """A file of a folder that is a broken link was left out without a word."""
    write(tmp_path / "a.csv", "id\n1\n")
    (tmp_path / "b.csv").symlink_to("gone.csv")
    (tmp_path / ".#a.csv").symlink_to("an editor's lock")
    with pytest.raises(SourceError, match=r"b\.csv: the file is gone"):
        find_files(Source(str(tmp_path / pattern)))


@pytest.mark.parametrize("pattern", ["pipe.csv", "*.csv"])
def test_a_pipe(tmp_path: Path, pattern: str) -> None:
    """A pipe, which made the run wait forever, is refused; in a folder it is no file."""
    write(tmp_path / "a.csv", "id\n1\n")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceError, match=r"pipe\.csv: it is no regular file"):
        find_files(Source(str(tmp_path / pattern)))
    assert cells_of(read(tmp_path)) == [("1",)]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst", "a.ndjson", "a.parquet"])
def test_a_disk_that_fails(tmp_path: Path, name: str) -> None:
    """A disk that gives an error while it is read is told with the file and the system's word."""
    (tmp_path / name).symlink_to("/proc/self/mem")  # no page is mapped at 0: reading it is EIO
    with pytest.raises(
        SourceError, match=rf"{name}: the file can't be read \(.*Input/output error"
    ) as caught:
        read(tmp_path / name, "id")
    assert "the disk is in order" in caught.value.hint


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder of a user without privileges, whom the tests then run as."""
    was = os.geteuid()
    with TemporaryDirectory() as name:
        folder = Path(name)
        if was == 0:
            folder.chmod(0o777)
            os.seteuid(NOBODY)
        inner = folder / "in"
        inner.mkdir()
        yield inner
        inner.chmod(0o700)
        os.seteuid(was)


@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz", "b.parquet"])
def test_denied_in_the_middle_of_a_folder(shared: Path, name: str) -> None:
    """A file that may not be read is told before any is, or when its turn comes."""
    write(shared / "a.csv", "id\n1\n")
    write(shared / name, "")
    source = Source(str(shared))
    files = find_files(source)
    (shared / name).chmod(0)
    denied = rf"{name}: the file can't be read \(Permission denied\)"
    with pytest.raises(SourceError, match=denied):
        find_files(source)
    with pytest.raises(SourceError, match=denied) as caught:
        list(read_chunks(files, source, ["id"]))
    assert "may read it" in caught.value.hint


@pytest.mark.parametrize("when", ["while it is listed", "before it is read", "while it is read"])
def test_a_folder_that_closes(shared: Path, when: str) -> None:
    """A folder whose rights are taken away is told with what lies in it and can't be reached."""
    for name in ("a.csv", "b.csv"):
        write(shared / name, "id\n1\n2\n")
    source = Source(str(shared))
    files = find_files(source)
    chunks = read_chunks(files, source, ["id"], 1)
    if when == "while it is read":
        next(chunks)
    shared.chmod(0)
    with pytest.raises(SourceError, match=r"/in(/a\.csv)?: the .*\(Permission denied\)") as caught:
        find_files(source) if when == "while it is listed" else list(chunks)
    assert "the user that runs the job" in caught.value.hint


@pytest.mark.parametrize(
    "pattern", ["in/*.csv", "**/*.csv", "**", "*/a.csv", "*/a*.csv", "in/a.csv"]
)
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_a_folder_that_a_glob_leaves_out(shared: Path, pattern: str, mode: int) -> None:
    """Files in a folder that can't be looked into were left out without a word."""
    for path in (shared / "a.csv", shared / "b" / "in" / "a.csv"):
        write(path, "id\n1\n")
    assert find_files(Source(str(shared / "b" / pattern)))
    (shared / "b" / "in").chmod(mode)
    with pytest.raises(SourceError, match=r"/b/in(/\S+)?: the system .*\(Permission denied\)"):
        find_files(Source(str(shared / "b" / pattern)))
    (shared / "b" / "in").chmod(0o700)


def test_turned_into_a_folder(tmp_path: Path) -> None:
    """A file that the system refuses to read is named with the system's reason."""
    file = SourceFile(tmp_path, "csv")
    with pytest.raises(SourceError, match=r"can't be read .*directory"):
        list(read_chunks([file], Source(str(tmp_path)), ["id"]))


def test_chunks_are_bounded(tmp_path: Path) -> None:
    """A chunk never has more rows than asked for, and row numbers go on."""
    chunks = read(write(tmp_path / "a.csv", "id\n" + "1\n" * 10), chunk_rows=4, block_bytes=1000)
    assert [(chunk.first_row_number, chunk.frame.height) for chunk in chunks] == [
        (1, 4),
        (5, 4),
        (9, 2),
    ]
