"""One run at a time for a job and a portal, between real processes."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from etl.errors import UsageError
from etl.lock import Holder, hold, holders

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: Final = Path(__file__).parents[2]
SECONDS: Final = 30
"""Far more than anything takes here; a hang fails instead of blocking."""
LOCK_FILES: Final = ".*.lock"

HOLD: Final = """\
import sys
from pathlib import Path
from etl.lock import hold

folder, portal, run_id = sys.argv[1:]
with hold(Path(folder), portal=portal, run_id=run_id) as previous:
    print(previous.run_id if previous else "nobody", flush=True)
    sys.stdin.read()
"""

RACE: Final = """\
import sys
from pathlib import Path
from etl.errors import UsageError
from etl.lock import hold

folder, name = Path(sys.argv[1]), sys.argv[2]
turns = int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
while turns:
    try:
        with hold(folder, portal="1", run_id=name, sleep=lambda seconds: None):
            (folder / "inside").touch(exist_ok=False)
            for step in "in", "out":
                with (folder / "turns").open("a") as file:
                    file.write(f"{step} {name}\\n")
            (folder / "inside").unlink()
            turns -= 1
    except UsageError:
        pass
"""

NO_ROOM: Final = """\
import resource, sys
from pathlib import Path
from etl.errors import UsageError
from etl.lock import hold

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    with hold(Path(sys.argv[1]), portal="1", run_id="r1"):
        pass
except UsageError as error:
    print(error.message)
"""


@contextmanager
def started(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process; however the test goes, it is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def holding(folder: Path, run_id: str, portal: str = "1") -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock, from its first word on."""
    with started(HOLD, str(folder), portal, run_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "nobody\n", process.communicate()
        yield process


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as a power cut would."""
    process.kill()
    process.wait(SECONDS)


def at_once(seconds: float) -> None:
    """Wait no time."""
    assert seconds > 0


def test_a_second_start_is_refused_with_who_is_running(tmp_path: Path) -> None:
    """The operator reads which run, process, machine and since when, and what can be done."""
    with holding(tmp_path, "r1") as first:
        with (
            pytest.raises(UsageError) as refused,
            hold(tmp_path, portal="1", run_id="r2", sleep=at_once),
        ):
            pytest.fail("two at once")
        [holder] = holders(tmp_path)
        assert first.communicate(timeout=SECONDS) == ("", "")
    assert (holder.run_id, holder.pid, holder.host) == ("r1", first.pid, socket.gethostname())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", holder.started_at)
    assert refused.value.message == (
        f"this job is being run already: run r1 by process {first.pid} "
        f"on {holder.host} since {holder.started_at}"
    )
    assert f"kill {first.pid} on {holder.host}" in refused.value.hint
    assert refused.value.hint.endswith(f"hubspot-assoc resume {tmp_path / 'r1'}")


def test_a_run_that_ended_leaves_nothing(tmp_path: Path) -> None:
    """The next run begins as if there had been none before."""
    with holding(tmp_path, "r1") as first:
        assert first.communicate(timeout=SECONDS) == ("", "")
    assert list(tmp_path.iterdir()) == []
    with hold(tmp_path, portal="1", run_id="r2") as previous:
        assert previous is None
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    """After kill -9 nobody has to remove a file by hand, and the log can say whose it was."""
    with holding(tmp_path, "r1-killed") as first:
        kill(first)
    assert len(list(tmp_path.glob(LOCK_FILES))) == 1
    assert holders(tmp_path) == []
    with hold(tmp_path, portal="1", run_id="r2", sleep=at_once) as previous:
        assert previous is not None
        assert (previous.run_id, previous.pid) == ("r1-killed", first.pid)
        assert [(holder.run_id, holder.pid) for holder in holders(tmp_path)] == [
            ("r2", os.getpid())
        ]
    assert list(tmp_path.iterdir()) == []


def test_two_portals_at_once(tmp_path: Path) -> None:
    """A job may run against production and a test account at the same time."""
    with holding(tmp_path, "r1", portal="1"), holding(tmp_path, "r2", portal="2"):
        assert [holder.run_id for holder in holders(tmp_path)] == ["r1", "r2"]


def test_two_jobs_at_once(tmp_path: Path) -> None:
    """Jobs, each with a folder of its own, run side by side."""
    with holding(tmp_path / "a", "r1"), holding(tmp_path / "b", "r2"):
        assert [holder.run_id for holder in holders(tmp_path / "a")] == ["r1"]


def test_of_many_one_holds_at_any_time(tmp_path: Path) -> None:
    """However many schedulers start a job in the same moment, its runs never overlap."""
    names = [f"r{number}" for number in range(8)]
    turns = 25
    with ExitStack() as stack:
        racers = [
            stack.enter_context(started(RACE, str(tmp_path), name, str(turns))) for name in names
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        while any(racer.poll() is None for racer in racers):
            assert len(holders(tmp_path, sleep=at_once)) <= 1
        assert [racer.communicate(timeout=SECONDS) for racer in racers] == [("", "")] * len(names)
    steps = (tmp_path / "turns").read_text(encoding="utf-8").splitlines()
    assert len(steps) == 2 * turns * len(names)
    assert [step.removeprefix("in ") for step in steps[::2]] == [
        step.removeprefix("out ") for step in steps[1::2]
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["turns"]


@pytest.mark.parametrize("portal", ["../../x", "/etc/x", "", "\0", "a\nb", "\udcff", "東京"])
def test_no_portal_leads_out_of_the_folder(tmp_path: Path, portal: str) -> None:
    """Whatever stands for the portal in a setting, the one file is in the job's folder, private."""
    folder = tmp_path / "runs" / "job"
    with hold(folder, portal=portal, run_id="r1"):
        [path] = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert path.parent == folder
        assert re.fullmatch(r"\.[0-9a-f]{16}\.lock", path.name)
        assert path.stat().st_mode & 0o777 == 0o600


def lock_file(folder: Path) -> Path:
    """Find out how the lock file is called; it is gone afterwards."""
    with hold(folder, portal="1", run_id="r0"):
        [path] = folder.glob(LOCK_FILES)
    return path


def test_a_look_does_not_make_a_start_fail(tmp_path: Path) -> None:
    """Listing the runs in the moment when the scheduler starts one is harmless."""
    path = lock_file(tmp_path)
    path.touch()
    with path.open("rb") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        with hold(tmp_path, portal="1", run_id="r1", sleep=lambda _: look.close()) as previous:
            assert previous is None
            assert [holder.run_id for holder in holders(tmp_path)] == ["r1"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"run_id": "r1"}', b"\xff", b"7"])
def test_a_holder_that_can_not_be_named(tmp_path: Path, content: bytes) -> None:
    """A broken lock file refuses a start as long as it is locked, and is in no list."""
    path = lock_file(tmp_path)
    path.write_bytes(content)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holders(tmp_path, sleep=at_once) == []
        with (
            pytest.raises(UsageError, match=re.escape(str(path))),
            hold(tmp_path, portal="1", run_id="r1", sleep=at_once),
        ):
            pytest.fail("two at once")
    with hold(tmp_path, portal="1", run_id="r1") as previous:
        assert previous is None


def test_a_holder_is_given_time_to_name_itself(tmp_path: Path) -> None:
    """A run that is listed in its very first moment is listed with its name."""
    holder = Holder("r1", 1, "here", "2026-01-31T23:59:59.000Z")
    path = lock_file(tmp_path)
    path.touch()
    named = json.dumps({name: getattr(holder, name) for name in Holder.__slots__})
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holders(tmp_path, sleep=lambda _: path.write_text(named, encoding="utf-8")) == [
            holder
        ]


def test_a_lock_file_that_somebody_removed(tmp_path: Path) -> None:
    """A run ends well without its lock file, and leaves that of a run begun since alone."""
    with ExitStack() as first:
        first.enter_context(hold(tmp_path, portal="1", run_id="r1"))
        next(tmp_path.glob(LOCK_FILES)).unlink()
        with hold(tmp_path, portal="1", run_id="r2"):
            first.close()
            assert [holder.run_id for holder in holders(tmp_path)] == ["r2"]
    assert list(tmp_path.iterdir()) == []


def test_trouble_of_the_run_is_its_own(tmp_path: Path) -> None:
    """What fails while the lock is held is told as it is, and the lock is given back."""
    with (
        pytest.raises(FileNotFoundError, match="source"),
        hold(tmp_path, portal="1", run_id="r1"),
    ):
        raise FileNotFoundError("source")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_to(tmp_path: Path) -> None:
    """The operator reads which file can't be made, and which setting to change."""
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    with (
        pytest.raises(UsageError, match=re.escape(f"{tmp_path / 'runs'}/")) as refused,
        hold(tmp_path / "runs" / "job", portal="1", run_id="r1"),
    ):
        pytest.fail("held by nothing")
    assert "output.directory" in refused.value.hint
    assert holders(tmp_path / "runs" / "job") == []


def test_a_link_in_the_place_of_the_lock(tmp_path: Path) -> None:
    """A planted link is refused, and what it leads to is not overwritten."""
    folder = tmp_path / "job"
    path = lock_file(folder)
    (tmp_path / "precious").write_text("data", encoding="utf-8")
    path.symlink_to(tmp_path / "precious")
    with (
        pytest.raises(UsageError, match="symbolic links"),
        hold(folder, portal="1", run_id="r1"),
    ):
        pytest.fail("followed")
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "data"


def test_a_disk_without_room(tmp_path: Path) -> None:
    """Where the holder can't be written, nothing is held, and nothing is left behind."""
    with started(NO_ROOM, str(tmp_path)) as process:
        said, trouble = process.communicate(timeout=SECONDS)
    assert (said.count("can't be taken: File too large"), trouble) == (1, "")
    assert list(tmp_path.iterdir()) == []
