"""Objects in the cloud: found, read and refused like files, from a small S3 on loopback."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import re
import resource
import sys
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import md5
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import polars as pl
import pytest
from aiohttp import web

from etl.core.job.rules import CLOUD_SCHEMES
from etl.errors import SourceError
from etl.model import Source
from etl.readers import FLAW, ROW_NUMBER, Chunk, cloud, find_files, read_chunks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "hush-hush"
PAGE_KEYS = 3
"""Keys in one page of a listing: few, so that small buckets have several."""


@dataclass
class S3:
    """A bucket `b` as Amazon shows it, with the troubles that a test asks for."""

    objects: dict[str, bytes] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    """The status and the code of every answer."""
    cuts: int = 0
    """How many bodies still to cut in the middle."""
    requests: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        bucket, _, key = request.path.removeprefix("/").partition("/")
        self.requests.append(f"{request.method} {key} {request.headers.get('Range', '')}".strip())
        if self.refusal:
            return _refuse(request, *self.refusal)
        if bucket != "b":
            return _refuse(request, 404, "NoSuchBucket")
        if not key:
            return self._list(request)
        if key not in self.objects:
            return _refuse(request, 404, "NoSuchKey")
        return await self._send(request, self.objects[key])

    def _list(self, request: web.BaseRequest) -> web.Response:
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter")
        after = request.query.get("continuation-token", "")
        below = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        keys = [key for key in below if not delimiter or delimiter not in key[len(prefix) :]]
        page, more = keys[:PAGE_KEYS], len(keys) > PAGE_KEYS
        lines = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            "<LastModified>2026-11-23T18:59:00.000Z</LastModified></Contents>"
            for key in page
        ]
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(lines)}"
        return web.Response(text=f"<ListBucketResult>{text}</ListBucketResult>")

    async def _send(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        version = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
        if request.headers.get("If-Match", version) != version:
            return _refuse(request, 412, "PreconditionFailed")
        headers = {"ETag": version, "Last-Modified": "Mon, 23 Nov 2026 18:59:00 GMT"}
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(body))})
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"])
        assert asked
        start, end = int(asked[1]), min(int(asked[2]) + 1, len(body))
        response = web.StreamResponse(status=206, headers=headers)
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        response.content_length = end - start
        await response.prepare(request)
        if self.cuts:
            self.cuts -= 1
            await response.write(body[start : (start + end) // 2])
            assert request.transport
            request.transport.close()
        else:
            await response.write(body[start:end])
        return response


def _refuse(request: web.BaseRequest, status: int, code: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><StringToSign>{SECRET}</StringToSign></Error>"
    return web.Response(status=status, text="" if request.method == "HEAD" else text)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """Serve an empty bucket, and set the environment for it as an operator would."""
    bucket, loop, stop = S3(), asyncio.new_event_loop(), asyncio.Event()
    port: Future[int] = Future()

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(bucket.answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.set_result(runner.addresses[0][1])
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port.result()}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patient = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=2)}
    monkeypatch.setitem(cloud.RETRY, "backoff", patient | {"base": 2})
    yield bucket
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def read(url: str, *used: str) -> list[Chunk]:
    """Read a source whole, in blocks so small that records stand across them."""
    source = Source(url)
    return list(read_chunks(find_files(source), source, used, 1000, block_bytes=16))


def cells_of(chunks: list[Chunk]) -> list[tuple[str | None, ...]]:
    """Show the source's cells alone."""
    return [row for chunk in chunks for row in chunk.frame.drop(ROW_NUMBER, FLAW).rows()]


def parquet(frame: pl.DataFrame) -> bytes:
    """Write a frame as the bytes of a parquet file."""
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def refused(url: str, *used: str) -> SourceError:
    """Return why a source is refused; no error may tell a secret, nor may its traceback."""
    with pytest.raises(SourceError) as caught:
        read(url, *used)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize("key", ["rows.csv", "a b/行%20+&#.csv", "x[1].csv"])
def test_one_object(s3: S3, key: str) -> None:
    """An object is read by its plain name, and the rows name it as the job file does."""
    s3.objects[key] = b"id,x\n1,a\n2,b\n"
    chunks = read(f"s3://b/{key}", "id")
    assert cells_of(chunks) == [("1", "a"), ("2", "b")]
    assert {chunk.source_file for chunk in chunks} == {f"s3://b/{key}"}


@pytest.mark.parametrize("url", ["s3://b/in", "s3://b/in/"])
def test_folder(s3: S3, url: str) -> None:
    """A folder is all its readable objects in order, whatever their format and packing."""
    s3.objects |= {
        "in/": b"",
        "in/b.csv.gz": gzip.compress(b"id,x\n2,b\n"),
        "in/a.csv": b"id,x\n1,a\n",
        "in/c.jsonl.zst": zstd.compress(b'{"id": 3, "x": "c"}\n'),
        "in/d.PARQUET": parquet(pl.DataFrame({"id": [4], "x": ["d"]})),
        "in/e.tsv": b"id\tx\n5\te\n",
    }
    nope = ("in/.hidden.csv", "in/_SUCCESS", "in/notes.txt", "in/inner/z.csv", "into.csv")
    s3.objects |= dict.fromkeys(nope, b"nope\n1\n")
    chunks = read(url, "id")
    assert cells_of(chunks) == [(str(i), "abcde"[i - 1]) for i in range(1, 6)]
    assert [n for chunk in chunks for n in chunk.frame["row_number"]] == [1, 2, 3, 4, 5]


def test_whole_bucket(s3: S3) -> None:
    """A bucket alone is a folder, too."""
    s3.objects |= {"b.csv": b"id\n2\n", "a.csv": b"id\n1\n", "in/c.csv": b"id\n3\n"}
    assert cells_of(read("s3://b", "id")) == cells_of(read("s3://b/", "id")) == [("1",), ("2",)]


@pytest.mark.parametrize(
    "pattern",
    [
        "*.csv", "a*.csv", "in/*", "*/*.csv", "**", "**/*.csv", "**/a?.csv", "in/**", "in/**/z.csv",
        "in/**/**/*.csv", "**/deep/*.csv", "[ab]1.csv", "[!a]*.csv", ".*.csv", "in/.h/*.csv",
        "i*/deep/**/*.csv", "a**.csv", "*/deep/z.csv",
    ],
)  # fmt: skip
def test_a_glob_is_that_of_files(s3: S3, tmp_path: Path, pattern: str) -> None:
    """A glob over pages of a bucket finds what it would find on a disk."""
    names = [
        "a1.csv", "a2.csv", "b1.csv", ".h.csv", "in/a1.csv", "in/.h.csv", "in/.h/z.csv", "in/z.csv",
        "in/deep/z.csv", "in/deep/er/z.csv", "ax.csv", "into/a3.csv",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"id\n1\n")
        s3.objects[name] = b"id\n1\n"
    s3.objects["in/deep/"] = b""
    here = find_files(Source(f"{tmp_path}/{pattern}"))
    there = find_files(Source(f"s3://b/{pattern}"))
    assert [str(file).removeprefix("s3://b/") for file in there] == [
        str(file).removeprefix(f"{tmp_path}/") for file in here
    ]


def test_parquet(s3: S3) -> None:
    """A parquet is read in batches with all its types."""
    frame = pl.DataFrame({"id": range(2500), "x": [0.5] * 2500})
    s3.objects["a.parquet"] = parquet(frame)
    chunks = read("s3://b/a.parquet", "id")
    assert cells_of(chunks) == [(str(i), "0.5") for i in range(2500)]
    assert max(chunk.frame.height for chunk in chunks) <= 1000


def test_ranges(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object is asked for in pieces of a bounded size, each once."""
    monkeypatch.setattr(cloud, "RANGE_BYTES", 1000)
    s3.objects["a.csv"] = b"id\n" + b"12345\n" * 400
    assert len(cells_of(read("s3://b/a.csv", "id"))) == 400
    ranges = [request.partition("=")[2] for request in s3.requests if request.startswith("GET")]
    assert ranges == ["0-999", "1000-1999", "2000-2402"]


def test_empty_object(s3: S3) -> None:
    """An object of no bytes is an empty file."""
    s3.objects["a.csv"] = b""
    assert "a.csv: the file has no header; it is empty" in refused_plainly("s3://b/a.csv")


def test_broken_files(s3: S3) -> None:
    """What is wrong in an object is told as for a file, with its URL."""
    s3.objects |= {
        "a.parquet": b"id,x\n1,2\n",
        "a.csv.gz": gzip.compress(b"id\n" * 99)[:-9],
        "a.txt": b"",
    }
    assert "s3://b/a.parquet: the file is no whole parquet" in refused_plainly("s3://b/a.parquet")
    assert "s3://b/a.csv.gz: the gzip file is cut short" in refused_plainly("s3://b/a.csv.gz")
    assert "the format of 'a.txt' is unknown" in refused_plainly("s3://b/a.txt")


def refused_plainly(url: str) -> str:
    """Return the message of trouble with what is in a file, not with reaching it."""
    with pytest.raises(SourceError) as caught:
        read(url, "id")
    return caught.value.message


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_connection_cut_once_costs_nothing(s3: S3, packing: str) -> None:
    """A connection that breaks in the middle is taken up again, without a row lost or doubled."""
    text = b"id\n" + b"".join(b"%d\n" % i for i in range(500))
    s3.objects[f"a.csv{packing}"] = gzip.compress(text) if packing else text
    s3.cuts = 2
    assert cells_of(read(f"s3://b/a.csv{packing}", "id")) == [(str(i),) for i in range(500)]
    assert s3.cuts == 0


@pytest.mark.parametrize("key", ["a.csv", "a.csv.zst", "a.parquet"])
def test_a_connection_that_breaks_again_and_again(s3: S3, key: str) -> None:
    """A line that never holds ends the reading, and half an object is never taken for the whole."""
    s3.objects[key] = b"id\n" + b"1\n" * 500
    s3.cuts = 10_000
    error = refused(f"s3://b/{key}", "id")
    assert error.message == f"s3://b/{key}: the service can't be reached (the connection broke)"
    assert "AWS_ENDPOINT_URL" in error.hint


@pytest.mark.parametrize("key", ["a.csv", "a.csv.gz", "a.ndjson", "a.parquet"])
def test_vanished(s3: S3, key: str) -> None:
    """An object that vanishes between listing and reading is named."""
    s3.objects[key] = b"id\n1\n"
    source = Source("s3://b/*")
    files = find_files(source)
    del s3.objects[key]
    with pytest.raises(SourceError, match=rf"s3://b/{key}: the object is gone"):
        list(read_chunks(files, source, ["id"]))


def test_replaced(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object replaced while it is read is refused: its halves would not fit."""
    monkeypatch.setattr(cloud, "RANGE_BYTES", 100)
    s3.objects["a.csv"] = b"id\n" + b"1\n" * 200
    source = Source("s3://b/a.csv")
    chunks = read_chunks(find_files(source), source, ["id"], 10, block_bytes=16)
    next(chunks)
    s3.objects["a.csv"] = b"id\n" + b"2\n" * 200
    with pytest.raises(SourceError, match=r"a\.csv: the object was replaced while it was read"):
        list(chunks)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://b/nope.csv", "s3://b/nope.csv: there is no such object or folder"),
        ("s3://b/*.nope", "s3://b/*.nope: no file matches"),
        ("s3://b/none/", "s3://b/none/: no file of this folder"),
    ],
)
def test_nothing_there(s3: S3, url: str, message: str) -> None:
    """A URL that leads to nothing is refused with itself."""
    s3.objects["rows.csv"] = b"id\n1\n"
    assert refused_plainly(url).startswith(message)


@pytest.mark.parametrize("url", ["s3://nope/a.csv", "s3://nope/*.csv", "s3://nope/in/"])
def test_no_such_bucket(s3: S3, url: str) -> None:
    """A slip in the bucket's name is told apart from one in the object's."""
    error = refused(url)
    assert error.message == f"{url}: there is no such bucket (NoSuchBucket)".replace("*.csv", "")
    assert "source.path" in error.hint
    assert s3.requests


@pytest.mark.parametrize(
    ("refusal", "url", "message", "hint"),
    [
        ((403, "AccessDenied"), "s3://b/a.csv", "access is denied (403 Forbidden)", "AWS_ACCESS_KEY_ID and"),
        ((403, "SignatureDoesNotMatch"), "s3://b/", "access is denied (SignatureDoesNotMatch)", "AWS_SECRET_ACCESS_KEY"),
        ((400, "ExpiredToken"), "s3://b/", "the service refuses the request (ExpiredToken)", "AWS_SESSION_TOKEN"),
        ((301, "PermanentRedirect"), "s3://b/a.csv", "the address of the service can't be used as it is set", "AWS_REGION"),
        ((503, "SlowDown"), "s3://b/", "the service has trouble (SlowDown), also after several tries", "Wait"),
    ],
)  # fmt: skip
def test_refusals(s3: S3, refusal: tuple[int, str], url: str, message: str, hint: str) -> None:
    """What the service refuses is told with its own code and the variables that mend it."""
    s3.refusal = refusal
    error = refused(url)
    assert error.message == f"{url}: {message}"
    assert hint in error.hint


def test_denied_while_reading(s3: S3) -> None:
    """An object that may be listed but not read is named when its turn comes."""
    s3.objects["a.csv"] = b"id\n1\n"
    source = Source("s3://b/*.csv")
    files = find_files(source)
    s3.refusal = 403, "AccessDenied"
    with pytest.raises(SourceError, match=r"s3://b/a\.csv: access is denied"):
        list(read_chunks(files, source, ["id"]))


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("http://127.0.0.1:1", "the service can't be reached (connection refused)"),
        ("minio:9000", "the address of the service can't be used as it is set"),
        ("no address", "the address of the service can't be used as it is set"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_wrong_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str, message: str) -> None:
    """A service that is not there, or an address that is none, is told with its variable."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    error = refused("s3://b/a.csv")
    assert error.message == f"s3://b/a.csv: {message}"
    assert "AWS_ENDPOINT_URL" in error.hint


@pytest.mark.usefixtures("s3")
def test_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without encryption wants to be allowed, and the hint says how."""
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert "AWS_ALLOW_HTTP=true" in refused("s3://b/a.csv").hint


@pytest.mark.usefixtures("s3")
def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every service names the variables that it misses."""
    bad = tmp_path / "key.json"
    bad.write_text(f'{{"private_key": "{SECRET}"')
    for name, value in {
        "GOOGLE_APPLICATION_CREDENTIALS": str(bad),
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_STORAGE_ACCOUNT_KEY": f"{SECRET}!",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    names = {"s3": "AWS_ACCESS_KEY_ID", "gs": "GOOGLE_APPLICATION_CREDENTIALS", "az": "AZURE_STOR"}
    for scheme in CLOUD_SCHEMES:
        error = refused(f"{scheme}://b/a.csv")
        assert error.message == f"{scheme}://b/a.csv: there are no usable credentials"
        assert names[scheme] in error.hint


@pytest.mark.parametrize("scheme", ["gs", "az"])
@pytest.mark.parametrize("key", ["a.csv", "a.parquet"])
def test_google_and_azure(s3: S3, monkeypatch: pytest.MonkeyPatch, scheme: str, key: str) -> None:
    """Objects of Google and Azure are read by the same rules, from where their variables say."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for name, value in {
        "GOOGLE_BASE_URL": endpoint,
        "GOOGLE_SKIP_SIGNATURE": "true",
        "AZURE_ENDPOINT": endpoint,
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3.objects["a.csv"] = b"id\n1\n"
    s3.objects["a.parquet"] = parquet(pl.DataFrame({"id": [1]}))
    (chunk,) = read(f"{scheme}://b/{key}", "id")
    assert chunk.source_file == f"{scheme}://b/{key}"
    assert cells_of([chunk]) == [("1",)]


@pytest.mark.parametrize("key", ["in/../a.csv", "in//a.csv"])
def test_odd_names_in_a_folder(s3: S3, key: str) -> None:
    """An object that can't be asked for is not passed over in silence."""
    s3.objects |= {"in/b.csv": b"id\n1\n", key: b"id\n2\n"}
    assert "has an empty part, '.' or '..'" in refused("s3://b/in/**").message


@contextmanager
def files_no_longer_than(length: int) -> Iterator[None]:
    """Let the system refuse what makes a file longer, as a full disk would."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize("missing", [100, 100_000])
def test_no_room_for_a_copy(s3: S3, missing: int) -> None:
    """A parquet that does not fit into the temporary folder is told with what to set."""
    content = parquet(pl.DataFrame({"id": range(100_000)}))
    s3.objects["a.parquet"] = content
    with (
        files_no_longer_than(len(content) - missing),
        pytest.raises(SourceError, match=r"a\.parquet: no copy can be written to /") as caught,
    ):
        read("s3://b/a.parquet", "id")
    assert "TMPDIR" in caught.value.hint


def test_nowhere_to_copy_to(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no temporary folder can be written to, the object was said to be gone."""
    s3.objects["a.parquet"] = parquet(pl.DataFrame({"id": [1]}))
    monkeypatch.setattr("tempfile.tempdir", None)  # looked for again, as in a new process
    with (
        files_no_longer_than(0),
        pytest.raises(SourceError, match=r"a\.parquet: no copy can be written anywhere") as caught,
    ):
        read("s3://b/a.parquet", "id")
    assert "TMPDIR" in caught.value.hint
