"""Turn a file's bytes into utf-8, whatever its encoding. The boundary for Unicode errors."""

from __future__ import annotations

import codecs
from itertools import chain
from typing import TYPE_CHECKING

from etl.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etl.readers.files import SourceFile

BYTE_ORDER_MARK = "\ufeff"
NO_MARK = "Stream does not start with BOM"
"""Why utf-16 without its mark is no utf-16, as Python 3.13 says it; older ones raise UnicodeError."""
UTF_16_SIGNS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def to_utf8(pieces: Iterable[bytes], encoding: str, file: SourceFile) -> Iterator[bytes]:
    """Yield the text as utf-8 without its byte order mark; refuse bytes the encoding has not."""
    first = next(iter(pieces := iter(pieces)), b"")
    # A file that says it is utf-8 is; our own failures.csv does, beside a source that is not.
    decoder = _decoder("utf-8" if first.startswith(codecs.BOM_UTF8) else encoding, file)
    is_utf8 = first.startswith(codecs.BOM_UTF8) or codecs.lookup(encoding).name == "utf-8"
    line, start = 1, True
    for piece, last in _with_end(chain([first], pieces)):
        begun, state = decoder.getstate()
        if is_utf8 and not begun and piece.isascii():
            # Nearly all of most files; decoding it would take eight times as long as looking.
            line, start = line + piece.count(b"\n"), start and not piece
            yield piece
            continue
        try:
            text = decoder.decode(piece, last)
        except UnicodeError as error:
            if not isinstance(error, UnicodeDecodeError) or error.reason == NO_MARK:
                raise SourceError(
                    f"{file}: source.csv.encoding {encoding!r} does not fit the file ({error})",
                    _without_mark(piece),
                ) from error
            decoder.setstate((b"", state))
            line += decoder.decode(error.object[: error.start]).count("\n")
            raise _undecodable(error, encoding, file, line, at_end=last) from error
        line += text.count("\n")
        if start and text:
            text, start = text.removeprefix(BYTE_ORDER_MARK), False
        yield text.encode()


def _utf_16(text: bytes) -> str:
    """Name the utf-16 that bytes look like; without a byte order mark the name has to say it."""
    if text.startswith(UTF_16_SIGNS):
        return "utf-16"
    # Most characters of an export are ASCII, whose high byte is NUL.
    return "utf-16-le" if text[1::2].count(0) >= text[::2].count(0) else "utf-16-be"


def _without_mark(text: bytes) -> str:
    if b"\0" not in text:
        return (
            "It does not look like utf-16: leave source.csv.encoding out, or set how it was saved."
        )
    return f"It has no byte order mark: set source.csv.encoding: {_utf_16(text)}."


def _with_end(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for piece in pieces:
        yield piece, False
    yield b"", True


def _decoder(encoding: str, file: SourceFile) -> codecs.IncrementalDecoder:
    try:
        "".encode(encoding)  # refuses codecs that are not text, such as base64
        return codecs.getincrementaldecoder(encoding)()
    except LookupError as error:
        raise SourceError(
            f"{file}: source.csv.encoding {encoding!r} is no text encoding",
            "Use a name that Python knows, such as utf-8, utf-16, cp932, cp1252 or latin-1.",
        ) from error


def _undecodable(
    error: UnicodeDecodeError, encoding: str, file: SourceFile, line: int, *, at_end: bool
) -> SourceError:
    if file.format == "ndjson":
        hint = "ndjson is utf-8: convert the file, for example with iconv -t utf-8."
    elif error.object.startswith(UTF_16_SIGNS) or b"\0" in error.object:
        hint = f"It looks like {_utf_16(error.object)}: set source.csv.encoding: {_utf_16(error.object)}."
    else:
        hint = (
            "Set source.csv.encoding to how the file was saved: cp932 (Japanese Windows),"
            " cp1252 or latin-1 (Western Windows), utf-16, utf-8."
        )
    if at_end:
        hint = f"If the file is cut short, copy or export it again. {hint}"
    return SourceError(
        f"{file}, line {line}: byte 0x{error.object[error.start]:02X} is not {encoding} text"
        f" ({error.reason})",
        hint,
    )
