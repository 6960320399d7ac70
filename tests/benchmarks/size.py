"""Measure how reading and staging grow with the source. Prints a Markdown table.

Usage: python tests/benchmarks/size.py [--rows 10000 100000 1000000 10000000 50000000]

Each line is one fresh process, start-up included, as the operating system accounts for it: it asks
for the labels, reads a csv of two columns of 7-digit ids, and lays it out as sections. Nothing is
sent. The largest source takes 0.8 GB of disk, and staging it about as much again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from etl.cli.progress import watch_run
from etl.logs import open_log
from etl.pipeline import connect, prepare, reading_finder, stage
from etl.settings import load_job
from etl.stop import Stop

SERVER = Path(__file__).with_name("answering_server.py")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
CHUNK_ROWS = 1_000_000
"""Rows written at once."""

CONTACTS, COMPANIES = 9_000_000, 8_999_999
"""How many 7-digit ids each column takes. They share no factor, so no pair comes twice by itself."""
REPEATS_EVERY, REPEATS_BACK = 10_000, 5_000
"""One row in so many repeats the one that stands so far above it."""

JOB = """
source: {{path: {source}}}
from: {{object: contacts, column: contact_id}}
to: {{object: companies, column: company_id}}
label: {{value: "Decision maker"}}
existing_labels: ignore
hubspot: {{base_url: "http://127.0.0.1:{port}", access_token: benchmark}}
"""


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    server = subprocess.Popen([sys.executable, SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        print(f"{os.cpu_count()} cores\n")
        print("| rows | source MB | wall s | rows/s | CPU s | peak MB | disk MB |")
        print("|---|---|---|---|---|---|---|")
        for rows in options.rows:
            with tempfile.TemporaryDirectory() as name:
                _measure(Path(name), rows, port)
    finally:
        server.terminate()
        server.wait()


def _measure(folder: Path, rows: int, port: int) -> None:
    source, job = folder / "rows.csv", folder / "job.yaml"
    # In processes of their own: a process begins with its parent's peak.
    subprocess.run([sys.executable, __file__, "write", source, str(rows)], check=True)
    job.write_text(JOB.format(source=source, port=port), encoding="utf-8")
    began_at = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "stage", job], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began_at
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"staging ended with {process.returncode}")
    disk = sum(path.stat().st_size for path in (folder / "staging").rglob("*") if path.is_file())
    print(
        f"| {rows:,} | {source.stat().st_size / 1e6:,.1f} | {seconds:,.2f} | {rows / seconds:,.0f} | "
        f"{usage.ru_utime + usage.ru_stime:,.2f} | {usage.ru_maxrss / 1024:,.0f} | {disk / 1e6:,.1f} |",
        flush=True,
    )


def _write_source(path: Path, rows: int) -> None:
    with path.open("wb") as file:
        for first in range(0, rows, CHUNK_ROWS):
            place = pl.int_range(first, min(first + CHUNK_ROWS, rows))
            repeats = place % REPEATS_EVERY == REPEATS_EVERY - 1
            place -= repeats.cast(pl.Int64) * REPEATS_BACK
            # Steps that share no factor with the range visit every id, in no order.
            pl.select(
                contact_id=place * 7919 % CONTACTS + 1_000_000,
                company_id=place * 3_571 % COMPANIES + 1_000_000,
            ).write_csv(file, include_header=first == 0)


async def _stage(path: Path) -> None:
    job, folder, stop = load_job(path, (), {}), path.parent, Stop()
    with watch_run() as observer, open_log(folder / "run.log") as log:
        async with connect(job.hubspot, job.limits, stop, log, observer) as client:
            portal = await prepare(job, client)
            finder = await reading_finder(job, client, log, observer=observer, stop=stop)
            staging = folder / "staging"
            await stage(job, portal, staging, finder=finder, observer=observer, stop=stop)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", path, rows]:
            _write_source(Path(path), int(rows))
        case ["stage", path]:
            asyncio.run(_stage(Path(path)))
        case _:
            main()
