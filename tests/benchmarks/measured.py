"""Measure whole processes, as the operating system accounts for them, and print what they took.

Rule 1: a figure is of a process from its start to its end: imports and result files included.
Rule 2: what is compared is run in turn, in one go: machines are noisy, and ratios are less so.
Rule 3: a figure is a median, with the least and the most beside it.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

T = TypeVar("T")

REPOSITORY: Final = Path(__file__).parents[2]
LAST_WORDS: Final = 2000
"""Characters of stderr that are shown of a process that did not end as it should."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process took."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of all its threads."""
    peak_megabytes: float
    """The most memory that was resident at once."""
    exit_code: int
    stdout: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some runs, between the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Sum up one figure of several runs."""
        known = sorted(values)
        return cls(statistics.median(known), known[0], known[-1])

    def __format__(self, spec: str) -> str:
        """Write all three, each by the spec; one alone where they read the same."""
        median, least, most = (format(x, spec) for x in (self.median, self.least, self.most))
        return median if least == most else f"{median} ({least}–{most})"


@cache
def _compile() -> None:
    """Write the product's bytecode, as pip does where it is installed: users never wait for that."""
    compileall.compile_dir(REPOSITORY / "etl", quiet=1)


def etl(*arguments: str | Path) -> list[str]:
    """Give the command of the product as it stands in this repository."""
    _compile()
    return [sys.executable, "-m", "etl", *map(str, arguments)]


def environment(**settings: str) -> dict[str, str]:
    """Give a process nothing of HubSpot but what the benchmark sets."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HUBSPOT_")}
    return inherited | {"PYTHONPATH": str(REPOSITORY)} | settings


def measure(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    exit_code: int = 0,
    **settings: str,
) -> Measured:
    """Run a command to its end; `settings` are added to its environment.

    Raises SystemExit where it ends with another code than it should.
    """
    # Linux counts the peak of whoever starts a process as the process's own: a small one starts it.
    starter = [sys.executable, "-I", "-S", __file__]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        reading, writing = os.pipe()
        with open(reading, "rb") as figures:  # noqa: PTH123  (a pipe has no path)
            with subprocess.Popen(
                [*starter, str(writing), *map(str, command)],
                cwd=cwd,
                env=environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[writing],
            ):
                os.close(writing)
            told = json.loads(figures.read() or b"{}")
        stdout.seek(0)
        stderr.seek(0)
        if told.get("exit_code") != exit_code:
            said = stderr.read().decode(errors="replace")[-LAST_WORDS:]
            raise SystemExit(f"{' '.join(map(str, command))}\nended with {told}:\n{said}")
        return Measured(**told, stdout=stdout.read().decode())


def in_turn(runs: int, cases: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run each case once, then each again, so that a busy minute falls on all of them."""
    measured: dict[str, list[T]] = {name: [] for name in cases}
    for _ in range(runs):
        for name, run in cases.items():
            measured[name].append(run())
    return measured


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(map(line, [header, ["---"] * len(header), *lines]))


def line(cells: Sequence[str]) -> str:
    """Write one line of a table."""
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """Say on what, and when, the figures are taken."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {_processor()}, {cores} cores, {memory:.0f} GB, "
        f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Python {platform.python_version()}, "
        f"polars {importlib.metadata.version('polars')}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _start(figures: int, command: list[str]) -> None:
    """Be the small process that starts a command, and tell what it took."""
    os.set_inheritable(figures, False)  # noqa: FBT003  (as os has it)
    began_at = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    told = {
        "wall_seconds": time.perf_counter() - began_at,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": usage.ru_maxrss / 1024,
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    os.write(figures, json.dumps(told).encode())


if __name__ == "__main__":
    _start(int(sys.argv[1]), sys.argv[2:])
