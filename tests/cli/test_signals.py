"""Ctrl-C and SIGTERM: a run ends in good order, with every row accounted for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from commands import SECONDS, batches_pushed, environment, run_folders, started, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS: Final = 300

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
existing_labels: ignore
limits: {batch_size: 1, concurrency: 4}
output: {directory: runs}
"""


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an account that allows so little that a run takes half a minute."""
    folder = tmp_path_factory.mktemp("portal")
    portal = folder / "portal.yaml"
    portal.write_text("settings: {requests_per_10_seconds: 100}\n", encoding="utf-8")
    with started("sandbox", "--port", "0", "--portal", str(portal), cwd=folder) as sandbox:
        assert sandbox.stderr is not None
        yield sandbox.stderr.readline().rsplit("=", 1)[1].strip()
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(SECONDS) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a job with one request a row."""
    lines = [f"{number},{number}\n" for number in range(1, ROWS)] + ["x,1\n"]
    (tmp_path / "rows.csv").write_text("contact,company\n" + "".join(lines), encoding="utf-8")
    (tmp_path / "slow.yaml").write_text(JOB, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_every_row_told(
    folder: Path, base_url: str, number: signal.Signals, code: int
) -> None:
    """What was sent is told as it ended, the rest as not sent, and failures.csv holds the rest."""
    settings = {"HUBSPOT_BASE_URL": base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
    with started("run", "slow.yaml", cwd=folder, **settings) as process:
        wait_until(lambda: batches_pushed(folder) > 3, process)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout) == (code, "")
    assert "Traceback" not in stderr
    [run] = run_folders(folder)
    results = pl.read_parquet(run / "results.parquet")
    assert results["row_number"].to_list() == list(range(1, ROWS + 1))
    told = Counter(results["outcome"])
    assert set(told) == {"associated", "not_sent", "rejected"}
    summary = json.loads((run / "summary.json").read_bytes())
    assert (summary["exit_code"], summary["rows"]) == (code, ROWS)
    assert {name: count for name, count in summary["outcomes"].items() if count} == told
    failures = (run / "failures.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(failures) == told["not_sent"] + 1
    assert sum(",not_sent," in line for line in failures) == told["not_sent"]
    last = stderr.splitlines()[-1]
    assert last == f"{run}: go on with: hubspot-assoc resume {run}"
    # What is left to send is kept; what is told again at the end is not.
    assert sorted(path.name for path in (run / "staging").iterdir()) == [
        "links",
        "rows",
        "sections",
    ]
    assert list(run.parent.glob(".*.lock")) == []


class Broken:
    """A HubSpot that answers 500 to everything, or nothing at all."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs
        self.asked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and be of no help."""
        await reader.readuntil(b"\r\n\r\n")
        self.asked.set()
        if self._hangs:
            await reader.read()
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


async def interrupted(
    folder: Path, *arguments: str, hangs: bool, number: signal.Signals
) -> tuple[int | None, str, str]:
    """Start a command against a broken HubSpot, and signal it once it has asked for something."""
    broken = Broken(hangs=hangs)
    async with await asyncio.start_server(broken.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "etl",
            *arguments,
            cwd=folder,
            env=environment(
                HUBSPOT_BASE_URL=f"http://127.0.0.1:{port}", HUBSPOT_ACCESS_TOKEN="made-up"
            ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        ending = asyncio.create_task(process.communicate())
        try:
            await asyncio.wait_for(broken.asked.wait(), SECONDS)
            process.send_signal(number)
            # Where nothing will ever answer, people press Ctrl-C until it helps.
            for _ in range(100 if hangs else 0):
                if (await asyncio.wait({ending}, timeout=0.2))[0]:
                    break
                # Not by the process's own method: that would take its exit code from asyncio, should
                # it have ended in the meantime.
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
            stdout, stderr = await asyncio.wait_for(ending, SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return process.returncode, stdout.decode(), stderr.decode()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_before_anything_is_sent(
    folder: Path, number: signal.Signals, code: int
) -> None:
    """An interruption is told as one to the scheduler, however early it comes."""
    ended = await interrupted(folder, "run", "slow.yaml", hangs=False, number=number)
    assert (ended[0], ended[1]) == (code, "")
    assert "Traceback" not in ended[2]
    assert "nothing was sent" in ended[2].splitlines()[-2]
    assert ended[2].splitlines()[-1].endswith("run the job again")
    assert run_folders(folder) == []


async def test_ctrl_c_ends_a_plan(folder: Path) -> None:
    """A plan that is interrupted says so by its exit code."""
    ended = await interrupted(folder, "plan", "slow.yaml", hangs=False, number=signal.SIGINT)
    assert (ended[0], ended[1]) == (130, "")
    assert "Traceback" not in ended[2]


async def test_ctrl_c_twice_ends_at_once(folder: Path) -> None:
    """A second Ctrl-C does not wait for an answer that never comes, and is no traceback either."""
    code, stdout, stderr = await interrupted(
        folder, "run", "slow.yaml", hangs=True, number=signal.SIGINT
    )
    assert (code, stdout) == (130, "")
    assert "Traceback" not in stderr
