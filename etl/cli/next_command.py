"""Spell out the command that runs what a run left over."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.run_folder import RunFolder

REPLACED: Final = ("source", "source.path")
"""What the failures file takes the place of."""

PLAIN: Final = re.compile(r"/[\w./-]+")
"""Paths that are YAML as they stand."""

GUARDED: Final = "hubspot"
"""What is given below it is not repeated where it may hold the token."""


def given_again(overrides: Sequence[str], *, sandbox: bool, portal: Path | None) -> list[str]:
    """List the words of a command that the next one has to repeat."""
    words = []
    for override in overrides:
        key = override.partition("=")[0].strip()
        shows_token = key == GUARDED or key.startswith(f"{GUARDED}.access_token")
        if key not in REPLACED and not shows_token:
            words += ["--set", override]
    if sandbox or portal is not None:
        words.append("--sandbox")
    if portal is not None:
        words += ["--portal", str(portal.absolute())]
    return words


def next_command(job_file: Path, folder: RunFolder, given: Sequence[str]) -> str:
    """Write the command that runs ``failures.csv`` through the same job."""
    path = str(folder.failures)
    if not PLAIN.fullmatch(path):
        # The value is YAML: in quotes, a path may hold what YAML reads otherwise.
        path = json.dumps(path, ensure_ascii=False)
    return shlex.join(
        ["hubspot-assoc", "run", str(job_file), *given, "--set", f"source.path={path}"]
    )
