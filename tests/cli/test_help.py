"""Help and slips of usage: what they say, and how little is loaded for them."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Final

import click
import pytest
from commands import REPOSITORY, SECONDS, environment, etl

from etl.cli import cli
from etl.cli.commands import COMMANDS
from etl.cli.commands.options import account_options
from etl.cli.commands.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADED_BY_HELP: Final = {
    "etl",
    "etl.cli",
    "etl.cli.signals",
    "etl.cli.streams",
    "etl.core",
    "etl.core.exit_code",
    "etl.core.normal_form",
    "etl.core.outright_type",
    "etl.errors",
    "etl.hubspot",
    "etl.hubspot.paths",
    "etl.hubspot.usage_report",
    "etl.model",
}
"""All of ours that help needs, besides the commands."""

LIBRARIES: Final = {
    re.split(r"[>=;]", requirement)[0].strip().replace("-", "_")
    for requirement in tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]["dependencies"]
} - {"click"}

HEAVY: Final = {"asyncio", "email", "http", "logging", "socket", "sqlite3", "ssl", "subprocess"}


def all_below(group: click.Group, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Walk every command and sub-command, each with the words that call it."""
    for name, command in group.commands.items():
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from all_below(command, *words, name)


EVERY: Final = dict(all_below(cli))
WORKS: Final = {
    " ".join(words): command
    for words, command in EVERY.items()
    if not isinstance(command, click.Group)
}


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_shows_examples(words: tuple[str, ...], tmp_path: Path) -> None:
    """Help ends with lines to copy."""
    ended = etl(*words, "--help", cwd=tmp_path)
    assert (ended.code, ended.stderr) == (0, "")
    examples = ended.stdout.partition("Examples:")[2]
    assert f"hubspot-assoc {' '.join(words)}" in examples


def test_the_help_lists_every_command_and_exit_code(tmp_path: Path) -> None:
    """One page tells what there is to do, in the order of the work, and what exit codes mean."""
    ended = etl("--help", cwd=tmp_path)
    assert ended.code == 0
    listed = ended.stdout.partition("Commands:")[2].partition("Examples:")[0]
    names = [command.name for command in COMMANDS]
    assert re.findall(r"^  (\S+) ", listed, re.MULTILINE) == names
    assert "130 / 143" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        *(((*words, "--help"), 0) for words in EVERY),
        *(((*words, "--no-such-option"), 2) for words in EVERY),
        (("run",), 2),
        (("usage-report", "x"), 2),
        (("associate", "contacts", "1", "companies", "2", "--type", "x"), 2),
        (("rnu",), 2),
    ],
    ids=str,
)
def test_help_loads_little(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """Help and slips are answered at once: what takes long to load is loaded for the work alone."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "etl", *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    lines = (line.split("|") for line in ended.stderr.decode().splitlines())
    loaded = {fields[2].strip() for fields in lines if len(fields) == 3}
    ours = {name for name in loaded if name.partition(".")[0] == "etl"}
    assert ended.returncode == code
    assert "click" in loaded
    assert {name for name in ours if not name.startswith("etl.cli.commands")} == LOADED_BY_HELP
    assert not loaded & {*HEAVY, *LIBRARIES}


@pytest.mark.parametrize("command", WORKS.values(), ids=WORKS)
def test_every_option_reaches_the_work(command: click.Command) -> None:
    """What the help offers is what the command's function takes, no more and no less."""
    assert isinstance(command.callback, Work)
    takes = set(inspect.signature(command.callback.load()).parameters)
    if "account" in takes:
        takes = takes - {"account"} | {str(option.name) for option in account_options}
    assert takes == {parameter.name for parameter in command.params}


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    """A slip in the command is exit code 2, like every mistake of usage."""
    ended = etl("rnu", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "rnu" in ended.stderr
