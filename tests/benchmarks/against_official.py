"""Compare the product with what users would pick: HubSpot's own Python client in a thread pool.

Usage: python tests/benchmarks/against_official.py [--rows 1000000] [--runs 3] [--quick]

The same source, batch size and server for all, run in turn. The product is measured end to end, with
journal, results and failures; the official client keeps nothing but a count. It gets the number of
threads that suits it best, and fewer rows: rows a second are what is compared, and at its speed all
of them would take minutes. The bare loop has no checks either: the upper end of the scale.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measured import Spread, etl, in_turn, machine, table
from served import served, write_job, write_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from served import Exchange, FarEnd

HERE: Final = Path(__file__).parent
THREADS: Final = (1, 2, 4, 8, 16)
LATENCY_MS: Final = 100.0
"""A far end that is as far away as HubSpot often is: there threads help."""
SHARE: Final = 5
"""The official client gets one row in so many: at its speed a million take two minutes."""
TRIAL_ROWS: Final = 40_000
"""To find its best number of threads: more batches than the most threads."""
OURS, OFFICIAL, BARE = "hubspot-assoc", "official client", "polars + aiohttp alone"


@dataclass(frozen=True, slots=True)
class Contest:
    """Who sends how many rows, and where to."""

    folder: Path
    far_end: FarEnd
    rows: Mapping[str, int]

    def source(self, rows: int) -> Path:
        """Give a source of so many rows."""
        path = self.folder / f"{rows}.csv"
        return path if path.exists() else write_source(path, rows)

    def run(self, name: str, threads: int) -> Exchange:
        """Let one of them send its rows."""
        source = self.source(self.rows[name])
        commands: dict[str, list[str | Path]] = {
            OURS: [*etl("run", write_job(self.folder / "job.yaml", source))],
            OFFICIAL: [sys.executable, HERE / "official_client.py", source, str(threads)],
            BARE: [sys.executable, HERE / "bare_loop.py", source],
        }
        return self.far_end.measure(commands[name], self.folder)

    def best_threads(self) -> tuple[int, str]:
        """Try the official client with few rows; tell rows a second by number of threads."""
        rows = min(self.rows[OFFICIAL], TRIAL_ROWS)
        trial = Contest(self.folder, self.far_end, {OFFICIAL: rows})
        speeds = {n: rows / trial.run(OFFICIAL, n).took.wall_seconds for n in THREADS}
        told = ", ".join(f"{n}: {speed:,.0f}" for n, speed in speeds.items())
        return max(speeds, key=lambda n: speeds[n]), told

    def lines(self, runs: Mapping[str, Sequence[Exchange]]) -> list[list[str]]:
        """Write a line for each, and how the product compares with the official client."""
        speeds = {name: self._speeds(name, each) for name, each in runs.items()}
        lines = [
            [
                name,
                f"{self.rows[name]:,}",
                *(f"{Spread.of(speed):,.0f}" for speed in speeds[name]),
                f"{max(run.took.peak_megabytes for run in each):,.0f}",
                f"{each[0].calls.total():,}",
            ]
            for name, each in runs.items()
        ]
        ratios = (
            Spread.of(map(truediv, ours, theirs))
            for ours, theirs in zip(speeds[OURS], speeds[OFFICIAL], strict=True)
        )
        return [*lines, [f"{OURS} : {OFFICIAL}", "", *(f"{ratio:.1f}" for ratio in ratios), "", ""]]

    def _speeds(self, name: str, runs: Sequence[Exchange]) -> tuple[list[float], list[float]]:
        """Give rows a second, and rows a CPU second, of each run."""
        rows = self.rows[name]
        return (
            [rows / run.took.wall_seconds for run in runs],
            [rows / run.took.cpu_seconds for run in runs],
        )


def main(arguments: list[str] | None = None) -> None:
    """Run both cases and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--official-rows", type=int, help="a fifth of --rows")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="100,000 rows, once")
    options = parser.parse_args(arguments)
    rows, runs = (100_000, 1) if options.quick else (options.rows, options.runs)
    theirs = options.official_rows or rows // SHARE
    with tempfile.TemporaryDirectory() as folder:
        for latency_ms in (0.0, LATENCY_MS):
            with served(latency_ms=latency_ms, contacts=rows) as far_end:
                contest = Contest(Path(folder), far_end, {OURS: rows, OFFICIAL: theirs, BARE: rows})
                _print(contest, runs, latency_ms)
    print(f"\n{machine()}")


def _print(contest: Contest, runs: int, latency_ms: float) -> None:
    threads, tried = contest.best_threads()
    cases = {name: partial(contest.run, name, threads) for name in contest.rows}
    print(f"\nAnswers after {latency_ms:.0f} ms; each {runs} times, in turn.")
    print(f"The official client has {threads} threads; rows a second by threads: {tried}.\n")
    header = ["", "rows", "rows/s", "rows a CPU second", "peak MB", "calls"]
    print(table(header, contest.lines(in_turn(runs, cases))), flush=True)


if __name__ == "__main__":
    main()
