"""Measure how staging, and a whole run, grow with the source.

Usage: python tests/benchmarks/size.py [--rows 10000 100000 1000000 10000000 50000000] [--quick]

Whole runs against a far end that answers at once; how long they staged, and then waited for the disk
to have it, is in their logs. The run's folder is watched from beside it: what it holds at its most is
the room that a run needs. The largest source takes 0.8 GB of disk, and its run several times that.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measured import etl, line, machine, table
from served import FarEnd, served, write_job, write_source

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
QUICK_SIZES: Final = SIZES[:3]
LOOKS_APART_SECONDS: Final = 0.02
"""A file that is gone sooner is not seen."""
REST: Final = 50
"""So many times as long as a look took comes no other: it takes 2 % of a core at most."""

HEADER: Final = (
    "rows",
    "source MB",
    "staged in seconds",
    "synced",
    "whole run",
    "CPU seconds",
    "peak MB",
    "disk MB",
    "rows/s",
)


@dataclass(slots=True)
class Disk:
    """What a folder has held at its most."""

    most_bytes: int = 0

    @classmethod
    @contextmanager
    def watched(cls, folder: Path) -> Iterator[Disk]:
        """Look at a folder again and again until the block ends."""
        disk, is_over = cls(), threading.Event()
        watcher = threading.Thread(target=disk._watch, args=(folder, is_over))
        watcher.start()
        try:
            yield disk
        finally:
            is_over.set()
            watcher.join()

    def _watch(self, folder: Path, is_over: threading.Event) -> None:
        rest = 0.0
        while not is_over.wait(rest):
            began_at = time.thread_time()
            self.most_bytes = max(self.most_bytes, _held(folder))
            rest = max(LOOKS_APART_SECONDS, REST * (time.thread_time() - began_at))


def _held(folder: Path) -> int:
    """Sum the sizes of the files that are there now."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(
                FileNotFoundError
            ):  # Gone since it was listed: the run goes on meanwhile.
                total += Path(parent, name).lstat().st_size
    return total


def main(arguments: list[str] | None = None) -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--quick", action="store_true", help="up to 1,000,000 rows")
    options = parser.parse_args(arguments)
    sizes = QUICK_SIZES if options.quick else options.rows
    print("\nEach size once; `existing_labels: ignore`.\n")
    print(table(HEADER, ()), flush=True)
    with served(contacts=max(sizes)) as far_end:
        for rows in sizes:
            print(line(_cells(far_end, rows)), flush=True)
    print(f"\n{machine()}")


def _cells(far_end: FarEnd, rows: int) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_source(folder / "rows.csv", rows, short=True)
        job = write_job(folder / "job.yaml", source)
        with Disk.watched(folder / "runs") as disk:
            took = far_end.measure(etl("run", job), folder).took
        (log,) = (folder / "runs").glob("*/*/run.log")
        megabytes = source.stat().st_size / 1e6
        return [
            f"{rows:,}",
            f"{megabytes:,.1f}",
            *(f"{seconds:,.2f}" for seconds in _staged(log)),
            f"{took.wall_seconds:,.2f}",
            f"{took.cpu_seconds:,.2f}",
            f"{took.peak_megabytes:,.0f}",
            f"{disk.most_bytes / 1e6:,.1f}",
            f"{rows / took.wall_seconds:,.0f}",
        ]


def _staged(log: Path) -> tuple[float, float]:
    """Read from a run's log how long it has staged, and then waited for the disk to have it all."""
    events = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    at = {event["event"]: datetime.fromisoformat(event["timestamp"]) for event in events}
    begun, staged, synced = (at[name] for name in ("run.started", "source.staged", "run.resumable"))
    return (staged - begun).total_seconds(), (synced - staged).total_seconds()


if __name__ == "__main__":
    main()
