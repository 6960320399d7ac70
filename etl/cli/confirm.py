"""Ask whoever is there before something goes for good."""

from __future__ import annotations

import sys

import click

from etl.errors import UsageError


def confirm(question: str, refused: str) -> None:
    """Ask whoever is there. Raises UsageError with what was `refused`, unless the answer is yes."""
    if not (sys.stdin.isatty() and click.confirm(question, err=True)):
        raise UsageError(f"{refused}: nobody has said yes", "add --yes")
