"""Turn a job's source into a stream of chunks, in memory that does not grow with the files.

Rule 1: a cell is the text that stands in the file; nothing is trimmed, guessed or rounded.
Rule 2: every data line becomes a row, in order; a line that is cut wrong says so in ``flaw``.
Rule 3: a file that can't be read as the job says ends in a `SourceError` that names the place.

    files ─► bytestream ─► text ─► records ─► delimited ┐
                                └──────────► ndjson    ├─► stream (columns, row numbers)
                                             parquet   ┘
`unchanged` refuses a file that changes meanwhile: what was read of it is no whole.
`cloud` makes files of the objects of a bucket, `cloud_trouble` tells what is wrong with them.
"""

from __future__ import annotations

from etl.readers.chunk import FLAW, ROW_NUMBER, Chunk
from etl.readers.files import SourceFile, find_files
from etl.readers.stream import read_chunks

__all__ = ["FLAW", "ROW_NUMBER", "Chunk", "SourceFile", "find_files", "read_chunks"]
