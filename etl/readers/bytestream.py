"""Read a file's bytes piece by piece, unpacked. The boundary for the system's and the packers' errors."""

from __future__ import annotations

import gzip
import sys
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from etl.errors import SourceError
from etl.readers.files import unreadable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from etl.readers.files import SourceFile

MAGIC_BYTES = 2
"""What every gzip file begins with (RFC 1952, section 2.3.1: ID1 and ID2)."""


def read_pieces(file: SourceFile, piece_bytes: int) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file in pieces of a bounded size."""
    try:
        with file.path.open("rb") as packed, _unpack(file, packed) as stream:
            while piece := stream.read(piece_bytes):
                yield piece
    except EOFError as error:
        raise SourceError(
            f"{file}: the {file.compression} file is cut short",
            "Copy or export it again; the transfer stopped before its end.",
        ) from error
    except (gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
        raise SourceError(
            f"{file}: the file can't be unpacked as {file.compression} ({error})",
            "Copy or export it again, or correct its extension: .gz is gzip, .zst is zstd.",
        ) from error
    except OSError as error:
        raise unreadable(file, error) from error


def _unpack(file: SourceFile, packed: BufferedReader) -> BinaryIO:
    match file.compression:
        case "gzip":
            if len(packed.peek(MAGIC_BYTES)) < MAGIC_BYTES:
                raise EOFError  # Python's gzip takes an empty file for packed nothing
            return cast("BinaryIO", gzip.GzipFile(fileobj=packed))
        case "zstd":
            return cast("BinaryIO", zstd.ZstdFile(packed))
        case None:
            return packed
