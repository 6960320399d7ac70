"""Read a file that people write for the sandbox: YAML 1.2, or JSON, which is YAML too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from pathlib import Path


class UnreadableError(ValueError):
    """Name a file that can't be read, and why."""


def read_yaml(path: Path) -> object:
    """Read what a file says; one that says nothing is an empty map."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise UnreadableError(f"{path}: can't be read as UTF-8 text: {trouble}") from trouble
    try:
        content: object = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as trouble:  # ValueError: a date such as 2026-02-31
        raise UnreadableError(f"{path}: is not YAML: {trouble}") from trouble
    return {} if content is None else content
