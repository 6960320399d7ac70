"""Count what a run costs, in units that do not depend on how busy the machine is."""

from __future__ import annotations

import importlib
import itertools
import json
import sqlite3
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from aiohttp import web

import etl
from etl.readers import read_chunks
from etl.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

    from aiohttp.typedefs import Handler, Middleware

OURS: Final = f"{Path(etl.__file__).parent}/"
SANDBOX: Final = f"{OURS}sandbox/"


@dataclass(frozen=True)
class Wire:
    """Stand before the sandbox and count what passes, by the last word of the path."""

    requests: Counter[str] = field(default_factory=Counter)
    inputs: Counter[str] = field(default_factory=Counter)
    """Rows or records that were asked for."""
    bytes_sent: Counter[str] = field(default_factory=Counter)
    bytes_received: Counter[str] = field(default_factory=Counter)

    def middleware(self) -> Middleware:
        """Give what the sandbox is opened with."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            body = await request.read()
            response = await handler(request)
            assert isinstance(response, web.Response)
            assert isinstance(response.body, bytes)
            kind = request.path.rsplit("/", 1)[1]
            self.requests[kind] += 1
            self.inputs[kind] += len(json.loads(body)["inputs"]) if body else 0
            self.bytes_sent[kind] += len(body)
            self.bytes_received[kind] += len(response.body)
            return response

        return count


@dataclass(frozen=True)
class Costs:
    """What a run has cost this machine."""

    lines: int
    """Lines of our Python that were gone through, however often: a loop over rows shows."""
    queries: int
    """Times that polars was set to work; each has its price, whatever the rows."""
    files: int
    """Parquet files that polars was pointed at to read; one that is read twice counts twice."""
    transactions: int
    """Of the journal."""


class Counting:
    """What has been counted so far; a step of a count is one for all threads."""

    def __init__(self) -> None:
        self._lines = itertools.count()
        self._queries = itertools.count()
        self._files = itertools.count()
        self._transactions = itertools.count()
        self._ours: dict[CodeType, bool] = {}

    def costs(self) -> Costs:
        """Sum up, once, when all has been counted."""
        counts = (self._lines, self._queries, self._files, self._transactions)
        return Costs(*map(next, counts))

    def querying(self, collect: Callable[..., Any]) -> Callable[..., Any]:
        """Count the queries; methods of DataFrames are queries, too."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            next(self._queries)
            return collect(*args, **kwargs)

        return counted

    def reading(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """Count the files that a reader is pointed at."""

        def counted(source: Any, *args: Any, **kwargs: Any) -> Any:
            for _ in source if isinstance(source, list) else [source]:
                next(self._files)
            return read(source, *args, **kwargs)

        return counted

    def connecting(self, connect: Callable[..., sqlite3.Connection]) -> Callable[..., Any]:
        """Count the transactions, as SQLite itself tells them."""

        def told(statement: str) -> None:
            if statement.startswith("COMMIT"):
                next(self._transactions)

        def connected(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection = connect(*args, **kwargs)
            connection.set_trace_callback(told)
            return connection

        return connected

    def trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Follow the functions that are ours, and not the sandbox's."""
        code = frame.f_code
        if code not in self._ours:
            path = code.co_filename
            self._ours[code] = path.startswith(OURS) and not path.startswith(SANDBOX)
        return self._line if self._ours[code] else None

    def _line(self, _frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            next(self._lines)
        return self._line


@contextmanager
def counting() -> Iterator[Counting]:
    """Count what is done inside the block."""
    count, before = Counting(), sys.gettrace()
    # Everything that polars does, by any of its methods, goes through here.
    engine = importlib.import_module("polars.lazyframe.engine")._LocalEngine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "collect", count.querying(engine.collect))
        patch.setattr(pl, "read_parquet", count.reading(pl.read_parquet))
        patch.setattr(pl, "scan_parquet", count.reading(pl.scan_parquet))
        patch.setattr(sqlite3, "connect", count.connecting(sqlite3.connect))
        threading.settrace(count.trace)
        sys.settrace(count.trace)
        try:
            yield count
        finally:
            sys.settrace(before)
            threading.settrace(before)


@contextmanager
def in_pieces(rows: int) -> Iterator[None]:
    """Let chunks and partitions hold so few rows: a small table has as many as a large one has."""
    # By its full name: the package has a function of the module's name.
    stage = importlib.import_module("etl.pipeline.stage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.ingest.read_chunks", partial(read_chunks, chunk_rows=rows))
        patch.setattr(stage, "Staging", partial(Staging, partition_rows=rows))
        yield
