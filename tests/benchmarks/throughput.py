"""Measure whole runs: rows a second, processor time, peak memory. Prints a Markdown table.

Usage: python tests/benchmarks/throughput.py [--rows 1000000] [--runs 5]

Each figure is of the whole process, start-up and result files included, as the operating system
accounts for it; the median of the runs is given with the slowest and the fastest beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

SERVER = Path(__file__).with_name("answering_server.py")
CASES = {
    "one label, `ignore`": 'label: {value: "Decision maker"}',
    "no label, `ignore`": "",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process took."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float


def main() -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    server = subprocess.Popen([sys.executable, SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _write_source(folder / "rows.csv", options.rows)
            print(f"{options.rows:,} rows, {options.runs} runs of each, {os.cpu_count()} cores\n")
            print("| case | rows/s | slowest–fastest | CPU s | peak MB |")
            print("|---|---|---|---|---|")
            for case, label in CASES.items():
                job = _write_job(folder, label, port)
                runs = [_measure(job) for _ in range(options.runs)]
                _print_line(case, options.rows, runs)
    finally:
        server.terminate()
        server.wait()


def _write_source(path: Path, rows: int) -> None:
    # Steps that share no factor with the range visit every id once, in no order.
    pl.select(
        contact_id=pl.int_range(0, rows) * 7919 % 900_000_011 + 100_000_000,
        company_id=pl.int_range(0, rows) * 31 % 800_000_087 + 200_000_000,
    ).write_csv(path)


def _write_job(folder: Path, label: str, port: int) -> Path:
    job = folder / "benchmark.yaml"
    job.write_text(
        f"""
source: {{path: rows.csv}}
from: {{object: contacts, column: contact_id}}
to: {{object: companies, column: company_id}}
{label}
existing_labels: ignore
hubspot: {{base_url: "http://127.0.0.1:{port}", access_token: benchmark}}
output: {{directory: runs}}
""",
        encoding="utf-8",
    )
    return job


def _measure(job: Path) -> Measured:
    began_at = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", "run", str(job)], stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    return Measured(
        time.perf_counter() - began_at, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    )


def _print_line(case: str, rows: int, runs: list[Measured]) -> None:
    speeds = sorted(rows / run.wall_seconds for run in runs)
    print(
        f"| {case} | {statistics.median(speeds):,.0f} | {speeds[0]:,.0f}–{speeds[-1]:,.0f} | "
        f"{statistics.median(run.cpu_seconds for run in runs):.1f} | "
        f"{max(run.peak_megabytes for run in runs):,.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
