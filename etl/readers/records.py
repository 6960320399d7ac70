"""Cut delimited text where records end, and take records apart where polars is not to be trusted.

The grammar is RFC 4180's, read as Excel and Python read it: a quote opens a field only at its very
start; anywhere else in an unquoted field it is a character like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from etl.readers.files import SourceFile

MAX_RECORD_BYTES = 16 * 2**20
"""The longest record we hold in memory. HubSpot takes 65,536 characters in its longest property;
what is longer than this is a quote that nobody closed, or no text at all."""

QUOTED = re.compile(rb'"[^"]*(?:""[^"]*)*"(?!")')
DELIMITERS = (b",", b";", b"\t", b"|")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, as utf-8."""

    text: bytes
    first_line: int
    """The line of the file on which the text starts, from 1."""
    literal_quotes: bool
    """Whether an unquoted field may hold a quote: 24" monitor."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, taken apart."""

    fields: tuple[str, ...]
    """Empty for a blank line."""
    line: int
    end: int
    """The offset in the block of the first byte after it."""

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing but white space stands there."""
        return len(self.fields) <= 1 and not "".join(self.fields).strip()


class Dialect:
    """The grammar for one delimiter; groups are atomic, so that matching never goes back.

    Not possessive, which would say the same: Python 3.11 before 3.11.5 gets possessive repeats of
    a group wrong (CPython issue 106052), and Debian 12 has 3.11.2.
    """

    def __init__(self, delimiter: bytes) -> None:
        mark = re.escape(delimiter)
        plain = rb'[^"\n]*+'
        quoted = rb"(?<![^%b\n])%b(?=%b|\r?\n)" % (mark, QUOTED.pattern, mark)
        literal = rb'(?<=[^%b\n])"' % mark
        well_quoted = rb"(?>(?:%b%b)*)" % (plain, quoted)
        tolerated = rb"(?>(?:%b(?:%b|%b))*)" % (plain, quoted, literal)
        self.delimiter = delimiter
        self.records = re.compile(rb"(?>(?:%b%b\n)*)" % (well_quoted, plain))
        self.literal_records = re.compile(rb"(?>(?:%b%b\n)*)" % (tolerated, plain))
        self.understood = re.compile(tolerated)
        self.field = re.compile(
            rb'(?:"([^"]*(?:""[^"]*)*)"(?!")|([^%b\n]*?))(%b|\r?\n|\r?\Z)' % (mark, mark)
        )


def cut_records(pieces: Iterable[bytes], dialect: Dialect, file: SourceFile) -> Iterator[Block]:
    """Yield blocks that end where a record ends, each about as long as a piece."""
    rest, line = b"", 1
    for piece in pieces:
        text = rest + piece
        cut, literal = _whole_records(text, dialect)
        block, rest = text[:cut], text[cut:]
        if block:
            yield Block(block, line, literal)
            line += block.count(b"\n")
        open_quote = _open_quote(rest, dialect, file, line)
        if len(rest) > MAX_RECORD_BYTES:
            raise _endless(rest, open_quote, file, line)
    if rest:
        text = rest + b"\n"
        cut, literal = _whole_records(text, dialect)
        if not cut:
            raise _unclosed(rest, _open_quote(text, dialect, file, line) or 0, file, line)
        yield Block(rest, line, literal)


def _whole_records(text: bytes, dialect: Dialect) -> tuple[int, bool]:
    """Tell where the last whole record ends, and whether quotes stand inside unquoted fields."""
    if b'"' not in text:
        return text.rfind(b"\n") + 1, False
    strict = _end(dialect.records, text, 0)
    tolerant = _end(dialect.literal_records, text, strict)
    return tolerant, tolerant > strict


def _end(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _open_quote(rest: bytes, dialect: Dialect, file: SourceFile, line: int) -> int | None:
    """Find the quote that is still open in an unfinished record; refuse one closed too early."""
    quote = rest.find(b'"', _end(dialect.understood, rest, 0))
    if quote < 0:
        return None
    field = QUOTED.match(rest, quote)
    if field and rest[field.end() :] not in (b"", b"\r"):  # else what follows is not here yet
        raise _malformed(rest, field, file, line + rest.count(b"\n", 0, quote))
    return quote


def parse_records(block: Block, dialect: Dialect) -> Iterator[Record]:
    """Take a block's records apart one by one; slow, for headers and for lines that are wrong."""
    line, start, fields = block.first_line, 0, list[bytes]()
    for match in dialect.field.finditer(block.text):
        if match.start() == len(block.text) and not fields:
            break  # nothing stands behind the last line end
        quoted, plain, end = match.groups()
        fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        if end == dialect.delimiter:
            continue
        blank = fields == [b""] and quoted is None
        yield Record(() if blank else tuple(map(bytes.decode, fields)), line, match.end())
        line += block.text.count(b"\n", start, match.end())
        start, fields = match.end(), []


def _malformed(text: bytes, field: re.Match[bytes], file: SourceFile, line: int) -> SourceError:
    after = text[field.end() : field.end() + 1]
    shown = text[field.start() : field.end() + 10].decode(errors="replace")
    if len(shown) > 60:  # noqa: PLR2004 - what fits on a line of a terminal
        shown = f"{shown[:20]} … {shown[-30:]}"
    hint = (
        'Double a quote that belongs to the value ("") and put the delimiter after the closing one.'
    )
    if after in DELIMITERS:
        hint = f"If {after.decode()!r} parts the columns, set source.csv.delimiter: {after.decode()!r}."
    return SourceError(
        f"{file}, line {line}: the quoted field that starts here goes on after its closing quote: {shown}",
        hint,
    )


def _endless(rest: bytes, open_quote: int | None, file: SourceFile, line: int) -> SourceError:
    if open_quote is not None:
        return _unclosed(rest, open_quote, file, line)
    if b"\r" in rest:
        return old_mac_lines(file, line)
    return SourceError(
        f"{file}, line {line}: the line is longer than {MAX_RECORD_BYTES // 2**20} MiB",
        "Check that the file is text with one record a line.",
    )


def old_mac_lines(file: SourceFile, line: int) -> SourceError:
    """Refuse lines that end in CR alone: to everybody else they are one line."""
    return SourceError(
        f"{file}, line {line}: lines end in CR alone",
        "Save the file with LF or CRLF line ends, for example with tr '\\r' '\\n'.",
    )


def _unclosed(rest: bytes, quote: int, file: SourceFile, line: int) -> SourceError:
    line += rest.count(b"\n", 0, quote)
    return SourceError(
        f"{file}, line {line}: a quote opened at line {line} is never closed",
        'Close it, or double it ("") if it belongs to the value; if the file is cut short, export it again.',
    )
