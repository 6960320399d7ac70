"""The commands ``associate`` and ``disassociate``: a line or JSON on stdout, words on stderr, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from commands import SECONDS, environment, etl

from etl.sandbox import Sandbox, demo_portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from commands import Ended

PAIR: Final = ("contacts", "1", "companies", "2")
QUIET: Final = ("--api-version", "2026-09")
"""A version of which there is nothing to tell on stderr."""
MISSING: Final = ("contacts", "1", "companies", "900000000001")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Keep one account open through several commands."""
    async with Sandbox(demo_portal()) as opened:
        yield opened


async def run(sandbox: Sandbox, folder: Path, *arguments: str) -> Ended:
    """Run a command against the account, as one with a token does."""
    settings = {"HUBSPOT_BASE_URL": sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
    return await asyncio.to_thread(etl, *arguments, cwd=folder, **settings)


async def test_a_pair_is_associated_and_parted(sandbox: Sandbox, tmp_path: Path) -> None:
    """One line says what became of the pair, and the second time that nothing had to be done."""
    made = await run(sandbox, tmp_path, "associate", *PAIR, "--label", "partner", *QUIET)
    line = "contacts 1 → companies 2 · Partner (USER_DEFINED:7)\n"
    assert (made.code, made.stdout, made.stderr) == (0, f"associated: {line}", "")
    again = await run(sandbox, tmp_path, "associate", *PAIR, "--label", "Partner")
    assert (again.code, again.stdout) == (0, f"unchanged: {line}")
    taken = await run(sandbox, tmp_path, "disassociate", *PAIR, "--label", "Partner", "--yes")
    assert taken.stdout.startswith("removed: contacts 1 → companies 2")
    parted = await run(
        sandbox, tmp_path, "disassociate", *PAIR, "--yes", "--json", "--api-version", "2026-09"
    )
    told = json.loads(parted.stdout)
    assert (parted.code, told["outcome"], parted.stderr) == (0, "removed", "")
    assert [kind["type_id"] for kind in told["removed"]] == [279]
    assert sandbox.portal.associations("contacts", "companies") == set()


async def test_labels_are_replaced_on_demand(sandbox: Sandbox, tmp_path: Path) -> None:
    """What is to become of the labels that are there is one option."""
    await run(
        sandbox, tmp_path, "associate", *PAIR, "--label", "Partner", "--type", "USER_DEFINED:3"
    )
    kept = await run(
        sandbox, tmp_path, "associate", *PAIR, "--label", "Partner", "--existing-labels", "replace"
    )
    assert kept.code == 0
    assert "removed Billing contact (USER_DEFINED:3)" in kept.stdout


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_refusal_is_exit_1(tmp_path: Path, flags: Sequence[str]) -> None:
    """HubSpot's category, message and correlation id are facts, and what to do is told beside them."""
    ended = etl("associate", *MISSING, "--sandbox", *flags, *QUIET, cwd=tmp_path)
    assert ended.code == 1
    facts = ("failed", "VALIDATION_ERROR", "companies 900000000001", "correlation")
    assert [fact for fact in facts if fact not in ended.stdout] == []
    assert len(ended.stdout.splitlines()) == 1
    assert ended.stderr == "Try: check that both ids exist and belong to the two objects\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("associate", *PAIR, "--label", "Prtner"), "did you mean 'Partner'?"),
        (("associate", *PAIR, "--type", "36"), "'36' is no CATEGORY:ID"),
        (("associate", *PAIR, "--type", "USER_DEFINED:3600"), "use one of: "),
        (("associate", "contacts", "0", "companies", "2"), "FROM_ID"),
        (("associate", "contacts", "1", "vendors", "2"), "custom objects need"),
        (("disassociate", *PAIR, "--label", "unlabeled", "--yes"), "leave --label out"),
        (("disassociate", *PAIR), "add --yes"),
    ],
)
def test_mistakes_send_nothing(tmp_path: Path, arguments: Sequence[str], said: str) -> None:
    """A slip is exit 2, with the fix on stderr and nothing on stdout."""
    ended = etl(*arguments, "--sandbox", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert said in ended.stderr


def test_a_token_is_needed(tmp_path: Path) -> None:
    """Without a token nothing is asked, and the variable to set is named."""
    ended = etl("associate", *PAIR, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "HUBSPOT_ACCESS_TOKEN" in ended.stderr


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2)])
def test_a_person_is_asked_before_anything_goes(tmp_path: Path, answer: str, code: int) -> None:
    """At a terminal the command asks; only a yes removes."""
    person, terminal = pty.openpty()
    try:
        os.write(person, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", "etl", "disassociate", *PAIR, "--sandbox"],
            cwd=tmp_path,
            env=environment(),
            stdin=terminal,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(person)
        os.close(terminal)
    assert done.returncode == code
    assert "Take everything between contacts 1 → companies 2 away?" in done.stderr.decode()
    assert done.stdout.decode().startswith("unchanged") is (code == 0)
