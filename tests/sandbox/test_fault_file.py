"""A faults file says what a sandbox does wrong; its mistakes are told with the place and the fix."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from etl.sandbox import FaultScript, FaultsError, load_faults
from etl.sandbox.fault_file import FAULTS
from etl.sandbox.faults import ForgetFault, SlowFault, StatusFault

EXAMPLE = Path(__file__).parents[2] / "sample_data" / "faults.yaml"


def write(folder: Path, text: str) -> Path:
    """Write a faults file."""
    path = folder / "faults.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_said_arrives(tmp_path: Path) -> None:
    """A key `on` is no boolean, whole numbers are numbers, and what is left out has its default."""
    text = """
    seed: 7
    faults:
      - {fault: status, status: 503, on: write, share: 1, after: 2, times: 3, retry_after_seconds: 0}
      - {fault: slow, seconds: 2}
      - {fault: forget, results: 0.05}
    """
    assert load_faults(write(tmp_path, text)) == FaultScript(
        seed=7,
        faults=(
            StatusFault(status=503, on="write", share=1.0, after=2, times=3, retry_after_seconds=0),
            SlowFault(seconds=2.0, on="any", share=1.0, after=0, times=None),
            ForgetFault(results=0.05),
        ),
    )


@pytest.mark.parametrize("text", ["# nothing\n", "faults: []", "seed: 1"])
def test_a_file_without_faults_is_a_sandbox_that_behaves(tmp_path: Path, text: str) -> None:
    """A file that lists no faults is read, and its seed is 1."""
    assert load_faults(write(tmp_path, text)) == FaultScript(seed=1, faults=())


def test_the_example_shows_everything() -> None:
    """The sample file loads, and shows every fault and every key that a fault has."""
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = {type(each) for each in load_faults(EXAMPLE).faults}
    assert shown == set(FAULTS.values())
    keys = {field.encode_name for each in shown for field in msgspec.structs.fields(each)}
    assert [key for key in keys if f"{key}: " not in text] == []
    statuses = get_args(msgspec.structs.fields(StatusFault)[0].type.__origin__)
    assert [status for status in statuses if str(status) not in text] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faults: [", "is not YAML"),
        ("seed: 2026-02-31", "is not YAML"),
        ("[]", "the file is []: write a map, such as faults: [{fault: status"),
        ("fault: hang", "the file has the unknown key 'fault': it takes seed, faults"),
        ("seed: x", "seed is 'x': write a whole number"),
        ("faults: {fault: hang}", "faults is {'fault': 'hang'}: write a list, such as [{fault:"),
        ("faults: [hang]", "faults[0] is 'hang': write a map, such as {fault: status"),
        ("faults: [{on: any}]", "faults[0] has no key 'fault': write one of status, html, "),
        ("faults: [{fault: hang}, {fault: explode}]", "faults[1].fault is 'explode': write one of"),
        ("faults: [{fault: [hang]}]", "faults[0].fault is ['hang']: write one of"),
        ("faults: [{fault: slow}]", "faults[0] (slow) has no key 'seconds': give it seconds, a"),
        ("faults: [{fault: slow, seconds: 0}]", "faults[0].seconds is 0: write seconds, a number"),
        ("faults: [{fault: status}]", "has no key 'status': give it 400, 401, 403, 404, 408,"),
        ("faults: [{fault: status, status: 418}]", "faults[0].status is 418: write 400, 401, 403"),
        ("faults: [{fault: html, status: 200}]", "faults[0].status is 200: write a status from 4"),
        ("faults: [{fault: hang, share: 1.5}]", "faults[0].share is 1.5: write a number from 0 to"),
        ("faults: [{fault: hang, share: -0.1}]", "faults[0].share is -0.1: write a number from 0"),
        ("faults: [{fault: hang, share: .nan}]", "faults[0].share is nan: write a number from 0"),
        ("faults: [{fault: hang, share: yes}]", "faults[0].share is 'yes': write a number from"),
        ("faults: [{fault: lose, results: 2}]", "faults[0].results is 2: write a number from 0 to"),
        ("faults: [{fault: lose}]", "faults[0] (lose) has no key 'results': give it a number fro"),
        ("faults: [{fault: hang, on: wriet}]", "faults[0].on is 'wriet': write any, write, read,"),
        ("faults: [{fault: hang, after: -1}]", "faults[0].after is -1: write a whole number from"),
        ("faults: [{fault: hang, times: 0}]", "faults[0].times is 0: write a whole number from 1"),
        (
            "faults: [{fault: secondly, requests_per_second: 0.5}]",
            "faults[0].requests_per_second is 0.5: write a whole number from 1",
        ),
        (
            "faults: [{fault: hang, seconds: 2}]",
            "faults[0] (hang) has the unknown key 'seconds': it takes fault, on, share, after, times",
        ),
        (
            "faults: [{fault: status, status: 500, naming: ids}]",
            "faults[0].naming does not go with status 500: it goes with 400; leave it out",
        ),
        (
            "faults: [{fault: status, status: 400, naming: me}]",
            "faults[0].naming is 'me': write nobody, ids or types",
        ),
        (
            "faults: [{fault: status, status: 429, policy: HOURLY}]",
            "faults[0].policy is 'HOURLY': write SECONDLY, TEN_SECONDLY_ROLLING or DAILY",
        ),
        (
            "faults: [{fault: status, status: 400, policy: DAILY}]",
            "faults[0].policy does not go with status 400: it goes with 429",
        ),
        (
            "faults: [{fault: status, status: 404, retry_after_seconds: 1}]",
            "retry_after_seconds does not go with status 404: it goes with 423 or 429 or 477 or 503",
        ),
        ("faults: [{fault: forget, results: 1, on: account}]", "on is 'account', which has no re"),
        ("faults: [{fault: lose, results: 1, on: labels}]", "on is 'labels', which has no inputs"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, says: str) -> None:
    """A mistake names the file, the place, the value, and what is allowed there."""
    path = write(tmp_path, text)
    with pytest.raises(FaultsError) as refused:
        load_faults(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that isn't there is named."""
    with pytest.raises(FaultsError, match=r"nowhere\.yaml: can't be read"):
        load_faults(tmp_path / "nowhere.yaml")
