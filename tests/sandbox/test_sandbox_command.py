"""The command that serves the sandbox takes a faults file, and tells its mistakes."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from commands import etl

REPOSITORY = Path(__file__).parents[2]
SECONDS = 30
"""Far more than anything takes here; a hang fails instead of blocking."""


async def test_it_serves_with_faults(tmp_path: Path) -> None:
    """`sandbox --faults FILE` misbehaves as the file says, and ends at Ctrl-C though one hangs."""
    faults = tmp_path / "faults.yaml"
    faults.write_text(
        "faults: [{fault: status, status: 503, times: 1}, {fault: hang}]", encoding="utf-8"
    )
    serving = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "etl", "sandbox", "--port", "0", "--faults", str(faults)),
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            assert serving.stderr is not None
            line = (await serving.stderr.readline()).decode()
            url = line.strip().rpartition("HUBSPOT_BASE_URL=")[2] + "/account-info/v3/details"
            async with aiohttp.ClientSession(headers={"Authorization": "Bearer any"}) as session:
                async with session.get(url) as response:
                    assert response.status == 503
                hanging = asyncio.create_task(session.post(url))
                await asyncio.sleep(0)
                serving.send_signal(signal.SIGINT)
                with pytest.raises(aiohttp.ClientConnectionError):
                    await hanging
            assert await serving.wait() == 0
    finally:
        if serving.returncode is None:
            serving.kill()
            await serving.wait()


def test_a_mistake_in_the_file_is_told(tmp_path: Path) -> None:
    """A faults file that is wrong ends the command before it serves, with place and fix."""
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults: [{fault: hang, share: 2}]", encoding="utf-8")
    ended = etl("sandbox", "--faults", faults, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"Error: {faults}: faults[0].share is 2: write a number from 0 to 1",
        "Try: mend the faults file and try again",
    ]
