"""Start the far end of a benchmark, and write the jobs that go there."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from account import LABEL
from measured import Measured, environment, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a process took, and what it asked meanwhile."""

    took: Measured
    calls: Counter[str]
    """By kind."""


@dataclass(frozen=True, slots=True)
class FarEnd:
    """A server that answers everything with success."""

    base_url: str

    def measure(self, command: Sequence[str | Path], cwd: Path, *, exit_code: int = 0) -> Exchange:
        """Run a command against it."""
        before = self._calls()
        settings = {"HUBSPOT_BASE_URL": self.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
        took = measure(command, cwd=cwd, exit_code=exit_code, **settings)
        return Exchange(took, self._calls() - before)

    def _calls(self) -> Counter[str]:
        with urllib.request.urlopen(f"{self.base_url}/calls") as answer:  # noqa: S310  (loopback)
            return Counter(json.load(answer))


@contextmanager
def served(
    *, latency_ms: float = 0, contacts: int = 1_000_000, per_company: int = 1
) -> Iterator[FarEnd]:
    """Serve the account of the benchmarks by a process of its own."""
    options = {"latency-ms": latency_ms, "contacts": contacts, "per-company": per_company}
    server = subprocess.Popen(
        [sys.executable, HERE / "answering_server.py", *(f"--{k}={v}" for k, v in options.items())],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with server:
        try:
            assert server.stdout is not None
            yield FarEnd(f"http://127.0.0.1:{int(server.stdout.readline())}")
        finally:
            server.terminate()


def write_source(
    path: Path, rows: int, *, per_company: int = 1, emails: bool = False, short: bool = False
) -> Path:
    """Write the rows by a process of its own, whose memory is gone with it."""
    options = [f"--rows={rows}", f"--per-company={per_company}"]
    options += ["--emails"] * emails + ["--short"] * short
    subprocess.run([sys.executable, HERE / "source.py", path, *options], check=True)
    return path


def write_job(
    path: Path,
    source: Path,
    *,
    existing_labels: str = "ignore",
    label: str = LABEL,
    column: str = "column: contact_id",
) -> Path:
    """Write a job over a source; without a label where that is empty."""
    labelling = f"label: {{value: {label}}}\n" if label else ""
    path.write_text(
        f"source: {{path: {source}}}\n"
        f"from: {{object: contacts, {column}}}\n"
        "to: {object: companies, column: company_id}\n"
        f"{labelling}"
        f"existing_labels: {existing_labels}\n"
        "output: {directory: runs}\n",
        encoding="utf-8",
    )
    return path
