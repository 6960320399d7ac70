"""List and read objects of S3, Google Cloud Storage and Azure. The only door to obstore.

Rule 1: an object is read in ranges, each a request that is tried again by itself, so that memory is
bounded and a broken connection costs one range.
Rule 2: all ranges are of one version (``If-Match``): an object replaced meanwhile is refused.
Rule 3: a message is made of our own words and the service's error code. What obstore says is dropped:
it holds addresses, and an address can hold a signature.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from etl.readers.cloud_trouble import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer
    from obstore.store import RetryConfig

RANGE_BYTES = 8 * 2**20
"""Bytes asked for in one request (S3's performance guidelines: "8 MB or 16 MB").

obstore gives a request 30 seconds, which is enough for this at 2.3 Mbit/s. To set it would discard
what the environment says of the connection, such as AWS_ALLOW_HTTP.
"""

RETRY: RetryConfig = {
    "max_retries": 5,
    "backoff": {
        "init_backoff": timedelta(seconds=0.5),
        "max_backoff": timedelta(seconds=15),
        "base": 2,
    },
}
"""Pauses of 15 seconds in all: a wrong endpoint is told before anybody gives up waiting."""

_STORES: dict[str, type[S3Store | GCSStore | AzureStore]] = {
    "s3": S3Store,
    "gs": GCSStore,
    "az": AzureStore,
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of S3 or Google, or one container of Azure, and the connection to it."""

    scheme: str
    name: str
    store: S3Store | GCSStore | AzureStore = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}"


@dataclass(frozen=True, slots=True)
class CloudPath:
    """One object, or what would be one; has of `Path` what the readers use."""

    bucket: Bucket
    key: str
    """``exports/rows.csv``: as it is in the bucket, nothing escaped."""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """What stands after the last slash."""
        return PurePosixPath(self.key).name

    @property
    def suffixes(self) -> list[str]:
        """The extensions, as `Path.suffixes` cuts them."""
        return PurePosixPath(self.key).suffixes

    def exists(self) -> bool:
        """Tell whether there is an object of exactly this name."""
        with _told(self.bucket.scheme, str(self)):
            try:
                self.bucket.store.head(self.key)
            except FileNotFoundError:
                return False
        return True

    def open(self, _mode: Literal["rb"]) -> io.BufferedReader:
        """Open the object for reading from start to end."""
        return io.BufferedReader(_Ranges(self), RANGE_BYTES)


def is_cloud(path: str) -> bool:
    """Tell whether a source's path is a URL; all others are absolute paths of this machine."""
    return path.startswith(tuple(f"{scheme}://" for scheme in _STORES))


def parse(url: str) -> CloudPath:
    """Take a URL apart and make ready to connect to its bucket; nothing is asked of it yet."""
    scheme, _, rest = url.partition("://")
    name, _, key = rest.partition("/")
    with _told(scheme, url):
        store = _STORES[scheme](name, retry_config=RETRY)
    return CloudPath(Bucket(scheme, name, store), key)


def list_objects(folder: CloudPath, *, deep: bool) -> list[tuple[CloudPath, int]]:
    """List the objects of a folder (with ``deep``, also of those inside it) with their bytes."""
    bucket, prefix = folder.bucket, folder.key.rstrip("/")
    with _told(bucket.scheme, str(folder)):
        if deep:
            found = [meta for page in bucket.store.list(prefix) for meta in page]
        else:
            found = [*bucket.store.list_with_delimiter(prefix)["objects"]]
    # `exports/` is listed as the object `exports` where a tool marked the folder with it.
    return [
        (CloudPath(bucket, meta["path"]), meta["size"]) for meta in found if meta["path"] != prefix
    ]


class _Ranges(io.RawIOBase):
    """The bytes of one version of an object, in order."""

    def __init__(self, path: CloudPath) -> None:
        self._path = path
        with _told(path.bucket.scheme, str(path)):
            meta = path.bucket.store.head(path.key)
        self._version = meta["e_tag"]
        self._size = meta["size"]
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer with what comes next; 0 says that the object ends."""
        with memoryview(buffer) as view:
            end = min(self._position + view.nbytes, self._size)
            if end == self._position:
                return 0
            with _told(self._path.bucket.scheme, str(self._path)):
                result = self._path.bucket.store.get(
                    self._path.key,
                    options={"range": (self._position, end), "if_match": self._version},
                )
                piece = memoryview(result.bytes())
            view[: piece.nbytes] = piece
            self._position += piece.nbytes
            return piece.nbytes


@contextmanager
def _told(scheme: str, place: str) -> Iterator[None]:
    """Turn what obstore raises into a SourceError about a place."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        # `from None`: a traceback would tell the addresses that the message leaves out.
        raise explain(error, scheme, place) from None
    except BaseException as error:
        # A panic of Rust, as at an endpoint that is no URL: its class can't be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise explain(error, scheme, place) from None
