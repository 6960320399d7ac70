"""Measure runs at an account's rolling limit: alone, behind slow answers, and beside another integration.

Usage: python tests/benchmarks/at_the_limit.py [--seconds 60] [--only 5] [--quick]

Whole runs of full batches, against a server that counts its window as HubSpot does. Used is measured
over whole windows, from ten seconds after the first batch, when the window is full.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measured import Measured, environment, etl, machine, measure, table
from served import HERE, write_job, write_source

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW_SECONDS: Final = 10.0
BATCH: Final = 2000

STEPS: Final = tuple({"seconds": 20, "share": share} for share in (0.3, 0.7, 0.1))
SAW: Final = ({"seconds": 20, "share": 0, "to_share": 0.7},)
BURSTS: Final = tuple({"seconds": 20, "share": share, "at_once": 10} for share in (0.5, 0.1))


@dataclass(frozen=True, slots=True)
class Case:
    """One account."""

    limit: int
    latency_ms: float
    hanging: float = 0.0
    others: Sequence[Any] = ()
    sharing: str = "nobody"

    @property
    def options(self) -> list[str]:
        """Write the options of its server."""
        return [
            f"--limit={self.limit}",
            f"--latency-ms={self.latency_ms}",
            f"--hanging={self.hanging}",
            f"--others={json.dumps(self.others)}",
        ]


CASES: Final = (
    *(Case(limit, 50) for limit in (100, 150, 200)),
    Case(200, 500),
    Case(200, 5000),
    Case(200, 500, hanging=0.01),
    Case(200, 50, others=STEPS, sharing="30 %, 70 %, 10 %"),
    Case(200, 500, others=STEPS, sharing="30 %, 70 %, 10 %"),
    Case(200, 50, others=SAW, sharing="0 to 70 %, a saw"),
    Case(200, 50, others=BURSTS, sharing="50 %, 10 %, by tens"),
)
QUICK: Final = (CASES[2], CASES[6])


@dataclass(frozen=True, slots=True)
class Window:
    """What a server has seen of a run."""

    admitted: list[tuple[float, int]]
    refused: list[float]
    most_in_flight: int


def main() -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of sending, in each case")
    parser.add_argument("--only", type=int, help="the number of one case, from 1")
    parser.add_argument("--quick", action="store_true", help="two cases of 25 seconds")
    options = parser.parse_args()
    seconds, cases = (25.0, QUICK) if options.quick else (options.seconds, CASES)
    cases = cases if options.only is None else CASES[options.only - 1 : options.only]
    print(f"{seconds:.0f} seconds of full batches in each case.\n")
    header = ["limit in 10 s", "latency", "hanging", "others", "of the limit", "of what is left"]
    header += ["429", "refused", "of a core", "CPU ms a request", "in flight", "peak MB"]
    print(table(header, []), flush=True)
    with tempfile.TemporaryDirectory() as name:
        for case in cases:
            took, window = _run(Path(name), case, seconds)
            print(f"| {' | '.join(_line(case, took, window, seconds))} |", flush=True)
    print(f"\n{machine()}")


def _run(folder: Path, case: Case, seconds: float) -> tuple[Measured, Window]:
    rows = _batches(case, seconds) * BATCH
    source = folder / f"{rows}.csv"
    if not source.exists():
        write_source(source, rows)
    job = write_job(folder / "job.yaml", source)
    with subprocess.Popen(
        [sys.executable, HERE / "limited_server.py", *case.options],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            took = measure(
                etl("run", job), cwd=folder, HUBSPOT_BASE_URL=url, HUBSPOT_ACCESS_TOKEN="made-up"
            )
            with urllib.request.urlopen(f"{url}/window") as answer:  # noqa: S310  (loopback)
                return took, Window(*json.load(answer))
        finally:
            server.terminate()


def _batches(case: Case, seconds: float) -> int:
    return round(case.limit / WINDOW_SECONDS * seconds)


def _line(case: Case, took: Measured, window: Window, seconds: float) -> list[str]:
    # What comes after as many as there are batches is sent again: a minute later, where answers hang.
    batches = window.admitted[: _batches(case, seconds)]
    begin = batches[0][0] + WINDOW_SECONDS
    windows = int((batches[-1][0] - begin) / WINDOW_SECONDS)
    end = begin + windows * WINDOW_SECONDS
    others = [others for at, others in batches if begin <= at < end]
    ours, by_others = len(others), others[-1] - others[0]
    allowed = case.limit * windows
    attempts = len(window.admitted) + len(window.refused)
    return [
        str(case.limit),
        f"{case.latency_ms:.0f} ms",
        f"{case.hanging:.0%}",
        case.sharing,
        f"{ours / allowed:.1%}",
        f"{ours / (allowed - by_others):.1%}",
        str(len(window.refused)),
        f"{len(window.refused) / attempts:.2%}",
        f"{took.cpu_seconds / took.wall_seconds:.1%}",
        f"{took.cpu_seconds / attempts * 1000:.1f}",
        str(window.most_in_flight),
        f"{took.peak_megabytes:.0f}",
    ]


if __name__ == "__main__":
    main()
