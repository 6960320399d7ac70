"""Run the command line as people and schedulers do: a process, its streams and its exit code."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY: Final = Path(__file__).parents[2]
SECONDS: Final = 60
"""Far more than any command takes here; a hang fails instead of blocking."""
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """Give what stands at the end of stderr."""
        return self.stderr.rstrip("\n").rsplit("\n", 1)[-1]


def environment(**settings: str) -> dict[str, str]:
    """Give a process nothing of HubSpot but what the test sets."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HUBSPOT_")}
    return inherited | {"PYTHONPATH": str(REPOSITORY)} | settings


def etl(*arguments: str | Path, cwd: Path, **settings: str) -> Ended:
    """Run a command to its end in a folder of its own, with nothing set but what the test sets."""
    done = subprocess.run(
        [sys.executable, "-m", "etl", *map(str, arguments)],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def follow(ended: Ended, cwd: Path, **settings: str) -> Ended:
    """Run the command that the last line of stderr gives."""
    _, found, command = ended.last_line.partition("hubspot-assoc ")
    assert found, ended.last_line
    return etl(*shlex.split(command), cwd=cwd, **settings)


@contextmanager
def started(*arguments: str | Path, cwd: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command; however the test goes, the process is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *map(str, arguments)],
        cwd=cwd,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def served(*options: str, cwd: Path) -> Iterator[dict[str, str]]:
    """Serve an account by the sandbox; give the settings that lead there."""
    with started("sandbox", "--port", "0", *options, cwd=cwd) as sandbox:
        assert sandbox.stderr is not None
        base_url = sandbox.stderr.readline().rsplit("=", 1)[1].strip()
        yield {"HUBSPOT_BASE_URL": base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(SECONDS) == 0


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Look again and again, for a bounded time."""
    give_up_at = time.monotonic() + SECONDS
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up_at
        time.sleep(POLL_SECONDS)


def batches_pushed(folder: Path) -> int:
    """Count the batches that the runs below a folder have told as pushed."""
    logs = [path.read_text(encoding="utf-8") for path in folder.glob("runs/*/*/run.log")]
    return sum(log.count('"batch.pushed"') for log in logs)


def run_folders(folder: Path) -> list[Path]:
    """List what the runs below a folder have left, the oldest first; locks and caches are none."""
    return sorted(folder.glob("runs/[!.]*/[!.]*"))
