"""Read ndjson: one object a line, every value as text.

Numbers keep the digits of the file: ``9007199254740993`` and ``1.23E+11`` come out as written,
because a number with a point or an exponent is quoted before polars sees it (so is one inside a
nested value). Nested values come out as JSON text, a missing key and ``null`` as null.
"""

from __future__ import annotations

import bisect
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from etl.errors import SourceError
from etl.readers.bytestream import read_pieces
from etl.readers.chunk import FLAW, Table, cell_name
from etl.readers.records import MAX_RECORD_BYTES
from etl.readers.text import to_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.readers.files import SourceFile

FLOAT = re.compile(
    rb'((?<=[^\\\s:,{\[])"\s*+:\s*+)'  # a quote that closes a key: none opens after such a character
    rb"(-?(?:0|[1-9]\d*+)(?=[.eE])(?:\.\d++)?(?:[eE][+-]?\d++)?)(?=\s*+[,}])"
)
CUT_VALUE = re.compile(r'"(?:[^"\\]|\\.)*\\?|[\w.+-]*\s*')
"""What Python's parser stumbles over where a line is cut off: an open string, a word, or nothing."""


def read_ndjson(file: SourceFile, block_bytes: int) -> Iterator[Table]:
    """Yield the rows block by block; ``columns`` grows when a later row brings a new key."""
    columns: dict[str, None] = {}
    line = 1
    for block in _cut_lines(to_utf8(read_pieces(file, block_bytes), "utf-8", file), file):
        text = FLOAT.sub(rb'\1"\2"', block)
        if text.strip():
            try:
                columns |= dict.fromkeys(_keys(text))
                frame = _parse(text, list(columns))
            except pl.exceptions.PolarsError as error:
                _refuse(text, file, line, error)
            yield Table(frame, tuple(columns), fixed=False)
        line += block.count(b"\n")


def _cut_lines(pieces: Iterator[bytes], file: SourceFile) -> Iterator[bytes]:
    rest, line = b"", 1
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b"\n") + 1
        line += text.count(b"\n", 0, cut)
        rest = text[cut:]
        if len(rest) > MAX_RECORD_BYTES:
            raise SourceError(
                f"{file}, line {line}: the line is longer than {MAX_RECORD_BYTES // 2**20} MiB",
                "ndjson has one object a line; turn an array into lines with jq -c '.[]'.",
            )
        if cut:
            yield text[:cut]
    if rest:
        yield rest


def _keys(text: bytes) -> list[str]:
    return pl.scan_ndjson(text, infer_schema_length=None).collect_schema().names()


def _parse(text: bytes, columns: list[str]) -> pl.DataFrame:
    frame = pl.read_ndjson(text, schema=dict.fromkeys(columns, pl.String))
    frame.columns = [cell_name(i) for i in range(len(columns))]
    return frame.select(pl.lit(None, pl.String).alias(FLAW), pl.all())


def _refuse(text: bytes, file: SourceFile, first_line: int, error: Exception) -> NoReturn:
    """Name the first line that polars refuses, with the reason that Python's parser gives."""
    lines = text.split(b"\n")
    wrong = bisect.bisect_left(range(len(lines)), True, key=lambda last: _fails(lines[: last + 1]))  # noqa: FBT003
    # Blocks are of whole lines: unless the file ends inside one, nothing stands after the last end.
    last = len(lines) - 1
    wrong_line = lines[min(wrong, last)]
    if wrong == last and _is_begun(wrong_line):
        raise SourceError(
            f"{file}, line {first_line + wrong}: the file ends in the middle of this line",
            "Copy or export it again: it is cut short.",
        ) from error
    reason = _reason(wrong_line) or str(error)
    raise SourceError(
        f"{file}, line {first_line + wrong}: the line is no JSON object: {reason}",
        "Write one object a line; turn an array into lines with jq -c '.[]'.",
    ) from error


def _fails(lines: list[bytes]) -> bool:
    try:
        _parse(b"\n".join(lines), [""])
    except pl.exceptions.PolarsError:
        return True
    return False


def _is_begun(line: bytes) -> bool:
    """Tell whether a line is an object as far as it goes."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        is_object = line.lstrip().startswith(b"{") and error.msg != "Extra data"
        return is_object and CUT_VALUE.fullmatch(error.doc, error.pos) is not None
    except RecursionError:
        return False
    return False


def _reason(line: bytes) -> str | None:
    try:
        value: Any = json.loads(line)
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "its values are nested too deeply"
    return None if isinstance(value, dict) else f"it is {line[:40].decode(errors='replace')}"
