"""Kill a run at a chosen moment, inside the test's own process, and go on with what the disk had.

Why this is as good as ``kill -9``. At the moment itself, with no thread inside SQLite, the run's
folder is copied as it stands: journal with its write-ahead log, staged files, half-written files
and the lock file. From then on the dying process does nothing that lasts: no request of its reaches
the account, the journal, staged chunks and renames are refused, and its task is cancelled. Whatever
its clean-up does to the folder is undone, for the copy takes the folder's place. Only the kernel's
part is missing, the lock that goes with its process: the copied lock file is a stale one.
"""

from __future__ import annotations

import asyncio
import importlib
import pathlib
import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import polars as pl
import pytest
from aiohttp import web

from etl.facts import SourceStaged
from etl.hubspot.client import Client
from etl.hubspot.pace import Pace
from etl.journal import Journal, open_journal
from etl.readers import read_chunks
from etl.staging import Dataset, Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path
    from types import TracebackType

    from aiohttp.typedefs import Handler, Middleware

    from etl.run_folder import RunFolder

T = TypeVar("T")

Sent = tuple[str, str, int, int]
"""An action, an endpoint's from-object, and the two records of one input."""

Where = Literal["request", "journal", "chunk", "rename"]
"""A request at the account, a write to the journal, a chunk staged, a file that appears."""

WRITES: Final = ("begin", "settle", "settle_all", "compared", "remember")
"""What writes to the journal."""


class Killed(BaseException):
    """What a dead process meets in everything that would last."""


@dataclass(frozen=True)
class Moment:
    """When a process is killed: just before or just after it does something for the n-th time."""

    where: Where
    number: int
    is_after: bool = False


@dataclass
class Time:
    """A clock that only waiting moves."""

    now: float = 1000.0

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Visits:
    """What has come to the account."""

    writes: list[Sent] = field(default_factory=list)
    """Every input of every request that writes, in order."""
    in_flight: int = 0
    nobody: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no request is in flight."""

    def __post_init__(self) -> None:
        self.nobody.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Be in flight."""
        self.in_flight += 1
        self.nobody.clear()
        try:
            yield
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.nobody.set()


class _Gate:
    """The journal's lock: a dead process does not get past it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.is_shut = False

    def __enter__(self) -> None:
        self._lock.acquire()
        if self.is_shut:
            self._lock.release()
            raise Killed

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


class Machine:
    """Where runs are worked on, one process after the other; it outlives each of them."""

    def __init__(self, folder: Path) -> None:
        """Keep what lasts in `folder`: the run folders of one job."""
        self._folder = folder
        self._aside = folder.with_name(f"{folder.name} as it was")
        self._gate = _Gate()
        self._moment: Moment | None = None
        self._seen: Counter[str] = Counter()
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.was_killed = False
        """Tells how the last process ended."""
        self.visits = Visits()
        self.time = Time()

    async def work(
        self, begin: Callable[[], Coroutine[Any, Any, T]], killed_at: Moment | None = None
    ) -> T | None:
        """Let one process work to its end, or to where it is killed: None."""
        self._gate, self._moment, self._seen = _Gate(), killed_at, Counter()
        self._loop = asyncio.get_running_loop()
        threads = ThreadPoolExecutor()
        self._loop.set_default_executor(threads)
        self._task = working = self._loop.create_task(begin())
        await asyncio.wait({working})
        threads.shutdown()
        await self.visits.nobody.wait()
        self.was_killed, self._gate = self._gate.is_shut, _Gate()
        if not self.was_killed:
            return working.result()
        assert working.cancelled() or working.exception() is not None
        shutil.rmtree(self._folder)
        self._aside.rename(self._folder)
        return None

    def middleware(self) -> Middleware:
        """Stand before the sandbox: the wire, which takes nothing from a dead process."""

        @web.middleware
        async def wire(request: web.Request, handler: Handler) -> web.StreamResponse:
            with self.visits.one():
                try:
                    with self._passing("request"):
                        self.visits.writes += await _writes(request)
                        return await handler(request)
                except Killed:
                    assert self._task is not None
                    self._task.cancel()
                    if request.transport is not None:
                        request.transport.abort()
                    return web.Response()

        return wire

    @contextmanager
    def installed(self, *, chunk_rows: int = 100, partition_rows: int = 100) -> Iterator[None]:
        """Put the machine under the product, at its edges: journal, chunks, renames and time.

        Small chunks and partitions make of a small table what a large one is: many of each.
        """
        machine = self

        class KillableJournal(Journal):
            """A journal on this machine."""

            def __init__(self, connection: Any) -> None:
                super().__init__(connection)
                self._lock = machine._gate  # type: ignore[assignment]

        for name in WRITES:
            setattr(KillableJournal, name, self._watched(getattr(Journal, name), "journal"))
        # By its full name: the package has a function of the module's name.
        stage = importlib.import_module("etl.pipeline.stage")
        clock, sleep = self.time.clock, self.time.sleep
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("etl.journal.Journal", KillableJournal)
            patch.setattr(Staging, "add_rows", self._watched(Staging.add_rows, "chunk"))
            patch.setattr(pathlib.Path, "replace", self._watched(pathlib.Path.replace, "rename"))
            patch.setattr("etl.ingest.read_chunks", partial(read_chunks, chunk_rows=chunk_rows))
            patch.setattr(stage, "Staging", partial(Staging, partition_rows=partition_rows))
            patch.setattr(stage, "Client", partial(Client, clock=clock, sleep=sleep))
            patch.setattr(stage, "Pace", lambda limit, **_: Pace(limit, clock=clock, sleep=sleep))
            yield

    def _watched(self, plain: Callable[..., T], where: Where) -> Callable[..., T]:
        def watched(*arguments: Any, **named: Any) -> T:
            with self._passing(where):
                return plain(*arguments, **named)

        return watched

    @contextmanager
    def _passing(self, where: Where) -> Iterator[None]:
        """Do something that lasts, unless the process is dead or dies over it."""
        if self._gate.is_shut:
            raise Killed
        self._seen[where] += 1
        here = Moment(where, self._seen[where])
        if self._moment == here:
            self._die()
        yield
        if self._moment == Moment(here.where, here.number, is_after=True):
            self._die()

    def _die(self) -> None:
        with self._gate:
            # Whatever the dying process writes from here on, the copy does not have.
            shutil.copytree(self._folder, self._aside)
            self._gate.is_shut = True
        assert self._loop is not None
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        raise Killed


ENDPOINTS: Final = {
    "/batch/create": "associate",
    "/associate/default": "associate",
    "/batch/archive": "remove",
    "/labels/archive": "remove_labels",
}
"""What a request does, by how its path ends."""


async def _writes(request: web.Request) -> list[Sent]:
    action = next((ENDPOINTS[end] for end in ENDPOINTS if request.path.endswith(end)), None)
    if action is None:
        return []
    from_object = request.match_info["from_object"]
    return [
        (action, from_object, int(each["from"]["id"]), int(to["id"]))
        for each in (await request.json())["inputs"]
        for to in (each["to"] if isinstance(each["to"], list) else [each["to"]])
    ]


def settled(folder: RunFolder, objects: tuple[str, str]) -> set[Sent]:
    """List what the journal of a run has settled: what must not be sent again.

    `objects` are the from-objects of the two directions.
    """
    with open_journal(folder.journal, read_only=True) as journal:
        staged = journal.recall(SourceStaged)
        if staged is None or not folder.staging.exists():
            return set()
        found: set[Sent] = set()
        dataset = Dataset(folder.staging, staged.rows, staged.sections)
        for section in dataset.sections:
            final = journal.verdicts(section.number).filter(pl.col("types").is_null())
            unchanged = journal.comparison(section.number)
            done = final if unchanged is None else pl.concat([final, unchanged])
            pairs = dataset.pairs(section).collect().join(done, on="association_id", how="semi")
            sides = pairs.select("from_id", "to_id").iter_rows()
            found |= {(section.action.value, objects[section.direction], *pair) for pair in sides}
        return found
