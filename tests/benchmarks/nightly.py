"""Measure what a nightly run costs: much that is as it was, a small file, and a command's help.

Usage: python tests/benchmarks/nightly.py [--rows 1000000] [--runs 5] [--quick]

The far end answers at once: what is left is the product's own time. It has of each pair what the
file asks for, but of one in a hundred.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from measured import Spread, etl, in_turn, machine, measure, table
from served import Exchange, FarEnd, served, write_job, write_source

SMALL: Final = 10_000
HELP: Final = (("--help",), ("run", "--help"), ("labels", "create", "--help"))


def main(arguments: list[str] | None = None) -> None:
    """Run all cases and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="100,000 rows, once")
    options = parser.parse_args(arguments)
    rows, runs = (100_000, 1) if options.quick else (options.rows, options.runs)
    with tempfile.TemporaryDirectory() as name, served(contacts=rows) as far_end:
        folder = Path(name)
        _print_runs(folder, far_end, rows, max(1, runs // 2))
        _print_runs(folder, far_end, SMALL, runs)
    _print_help(runs)
    print(f"\n{machine()}")


def _print_runs(folder: Path, far_end: FarEnd, rows: int, runs: int) -> None:
    source = write_source(folder / f"{rows}.csv", rows)
    cases = {
        f"`existing_labels: {mode}`": partial(
            _run, far_end, write_job(folder / f"{mode}.yaml", source, existing_labels=mode)
        )
        for mode in ("keep", "ignore")
    }
    print(f"\n{rows:,} rows of which 1 % is new, {runs} runs of each in turn.\n")
    header = ["", "reads", "writes", "seconds", "CPU seconds", "peak MB"]
    print(table(header, map(_line, *zip(*in_turn(runs, cases).items(), strict=True))), flush=True)


def _run(far_end: FarEnd, job: Path) -> Exchange:
    return far_end.measure(etl("run", job), job.parent)


def _line(name: str, runs: list[Exchange]) -> list[str]:
    return [
        name,
        f"{runs[0].calls['read']:,}",
        f"{runs[0].calls['create']:,}",
        f"{Spread.of(run.took.wall_seconds for run in runs):.2f}",
        f"{Spread.of(run.took.cpu_seconds for run in runs):.2f}",
        f"{max(run.took.peak_megabytes for run in runs):,.0f}",
    ]


def _print_help(runs: int) -> None:
    cases = {" ".join(words): partial(measure, etl(*words)) for words in HELP}
    lines = [
        [
            f"`{words}`",
            f"{Spread.of(run.wall_seconds for run in each):.2f}",
            f"{Spread.of(run.cpu_seconds for run in each):.2f}",
        ]
        for words, each in in_turn(runs, cases).items()
    ]
    print(f"\n{table(['', 'seconds', 'CPU seconds'], lines)}", flush=True)


if __name__ == "__main__":
    main()
