"""Read csv and tsv: polars reads each block, and what it makes of it is proved right.

Polars pads short lines with empty cells and drops the surplus of long ones without a word. Where no
cell of the last column is empty, no line is short; then as many delimiters as the lines need say that
none is long. Any other block is read again with one more field a line, a mark: where it is not in the
column after the last, the line has too few fields or too many, and the block is taken apart record by
record to name the lines. One column further it follows a trailing delimiter, which is common and
harmless.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from etl.ahead import made_ahead
from etl.errors import SourceError
from etl.readers.bytestream import read_pieces
from etl.readers.chunk import FLAW, Table, cell_name
from etl.readers.records import (
    Block,
    Dialect,
    Record,
    cut_records,
    old_mac_lines,
    parse_records,
)
from etl.readers.text import to_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.model import CsvFormat
    from etl.readers.files import SourceFile

MARK = b"\x1e"
"""ASCII's record separator. A block that holds one itself is read the slow way."""
LINE_END = re.compile(rb"\r?\n")
LONE_CR = re.compile(r"\r(?!\n)")
SHOWN_SURPLUS = 80
"""Characters of surplus fields that a message repeats: they stand in no column."""
RESERVED = frozenset('"\r\n')


def read_delimited(file: SourceFile, csv: CsvFormat, block_bytes: int) -> Iterator[Table]:
    """Yield the header as an empty table, then the rows block by block."""
    dialect = Dialect(_delimiter(file, csv))
    pieces = to_utf8(read_pieces(file, block_bytes), csv.encoding, file)
    blocks = cut_records(pieces, dialect, file)
    for block in blocks:
        records = (record for record in parse_records(block, dialect) if not record.is_blank)
        if (header := next(records, None)) is not None:
            break
    else:
        raise SourceError(
            f"{file}: the file has no header; it is empty",
            "Put the names of the columns on the first line, or leave the file out.",
        )
    columns = _check_header(header, file, csv)
    yield Table(_frame([], [[] for _ in columns]), columns)
    rows = (block for block in chain([_after(block, header)], blocks) if block.text)
    read = partial(_read_block, width=len(columns), dialect=dialect)
    for frame in made_ahead(read, rows, threads=2):
        yield Table(frame, columns)


def _delimiter(file: SourceFile, csv: CsvFormat) -> bytes:
    delimiter = csv.delimiter or ("\t" if file.format == "tsv" else ",")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in RESERVED:
        raise SourceError(
            f"{file}: source.csv.delimiter {delimiter!r} can't part columns",
            "Use one ASCII character that is no quote and no line end, such as ',' or ';'.",
        )
    return delimiter.encode()


def _check_header(header: Record, file: SourceFile, csv: CsvFormat) -> tuple[str, ...]:
    if "\0" in "".join(header.fields):
        raise SourceError(
            f"{file}, line {header.line}: the header holds NUL bytes; it is not {csv.encoding} text",
            "It looks like utf-16: set source.csv.encoding: utf-16-le (or utf-16-be).",
        )
    if any(LONE_CR.search(field) for field in header.fields):
        raise old_mac_lines(file, header.line)
    return header.fields


def _after(block: Block, header: Record) -> Block:
    lines = block.text.count(b"\n", 0, header.end)
    return Block(block.text[header.end :], block.first_line + lines, block.literal_quotes)


def _read_block(block: Block, width: int, dialect: Dialect) -> pl.DataFrame:
    if block.literal_quotes or MARK in block.text or _has_lone_cr(block.text):
        return _take_apart(block, width, dialect)
    if width > 1 and b'"' not in block.text:
        frame = _parse(block.text, [*map(cell_name, range(width))], dialect)
        if _is_plain(frame, block.text, dialect):
            return frame.select(pl.lit(None, pl.String).alias(FLAW), pl.all())
    names = [*map(cell_name, range(width)), "end", "late_end"]
    frame = _parse(_mark_lines(block.text, dialect.delimiter + MARK), names, dialect)
    end, late_end = frame["end"], frame["late_end"]
    right = (end == MARK.decode()) | ((end == "") & (late_end == MARK.decode()))
    if width == 1:  # a blank line passes for an empty cell
        right &= frame[names[0]] != ""
    if not right.all():
        return _take_apart(block, width, dialect)
    cells = pl.col(names[:width])
    if b'"' in block.text:  # line ends inside quotes were marked too
        cells = cells.str.replace_all((dialect.delimiter + MARK).decode(), "", literal=True)
    return frame.select(pl.lit(None, pl.String).alias(FLAW), cells)


def _parse(text: bytes, names: list[str], dialect: Dialect) -> pl.DataFrame:
    header = dialect.delimiter.join(map(str.encode, names)) + b"\n"
    return pl.read_csv(
        header + text,
        schema=dict.fromkeys(names, pl.String),
        separator=dialect.delimiter.decode(),
        empty_string_is_null=False,
        truncate_ragged_lines=True,
    )


def _is_plain(frame: pl.DataFrame, text: bytes, dialect: Dialect) -> bool:
    """Prove lines without quotes right: none is short of a field, and there are none to spare."""
    if (frame.get_column(frame.columns[-1]) == "").any():
        return False
    return text.count(dialect.delimiter) == frame.height * (frame.width - 1)


def _has_lone_cr(text: bytes) -> bool:
    """Look for a CR that ends no line: polars reads a field of nothing else as empty."""
    return b"\r" in text and text.count(b"\r") != text.count(b"\r\n")


def _mark_lines(text: bytes, mark: bytes) -> bytes:
    if not text.endswith(b"\n"):
        text += b"\n"
    if b"\r" not in text:
        return text.replace(b"\n", mark + b"\n")
    if text.count(b"\r\n") == text.count(b"\n"):
        return text.replace(b"\r\n", mark + b"\r\n")
    return LINE_END.sub(lambda line_end: mark + line_end[0], text)


def _take_apart(block: Block, width: int, dialect: Dialect) -> pl.DataFrame:
    """Read a block record by record: drop blank lines, say what is wrong with lines."""
    flaws: list[str | None] = []
    rows: list[tuple[str, ...]] = []
    for record in parse_records(block, dialect):
        fields = record.fields
        if not fields or (width > 1 and record.is_blank):
            continue
        flaws.append(_flaw(record, width))
        rows.append(fields[:width] + ("",) * (width - len(fields)))
    return _frame(flaws, [list(cells) for cells in zip(*rows, strict=True)] or [[]] * width)


def _flaw(record: Record, width: int) -> str | None:
    """Judge a record's width; surplus fields that are all empty are let pass."""
    count = len(record.fields)
    if count == width or (count > width and not any(record.fields[width:])):
        return None
    fix = (
        "quote a field that contains the delimiter"
        if count > width
        else "the line may be cut short, or a delimiter is missing"
    )
    fields = "field" if count == 1 else "fields"
    surplus = ",".join(record.fields[width:])[:SHOWN_SURPLUS]
    beyond = f" (beyond it: {surplus!r})" if surplus else ""
    return f"line {record.line} has {count} {fields}, the header has {width}{beyond}; {fix}"


def _frame(flaws: list[str | None], cells: list[list[str]]) -> pl.DataFrame:
    return pl.DataFrame(
        {FLAW: flaws} | {cell_name(i): column for i, column in enumerate(cells)},
        schema={FLAW: pl.String} | {cell_name(i): pl.String for i in range(len(cells))},
    )
