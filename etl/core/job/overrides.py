"""Lay `--set key.path=value` over a job's tree. The value is YAML; `null` takes the key away."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from etl.core.job.tree import KeyPath, Node, Place, Trouble, drop, put
from etl.core.job.yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

_OVERRIDE = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*=(.*)", re.DOTALL)

_FORM = "write --set key.path=value, such as --set limits.batch_size=100"


def apply_overrides(root: Node, overrides: Sequence[str]) -> tuple[Node, list[Trouble]]:
    """Return the tree as the command line wants it; a later override wins."""
    troubles: list[Trouble] = []
    for number, override in enumerate(overrides, start=1):
        parts = _OVERRIDE.fullmatch(override)
        if parts is None:
            # Not quoted: it may be the token, with a blank instead of the equals sign.
            message = f"number {number} of the --set options has no key path and '='"
            troubles.append(Trouble(_place(number, "--set"), message, _FORM))
            continue
        name, text = parts.groups()
        path = tuple(name.split("."))
        root, found = _apply(root, path, text, _place(number, f"--set {name}"))
        troubles += found
    return root, troubles


def _apply(root: Node, path: KeyPath, text: str, place: Place) -> tuple[Node, list[Trouble]]:
    node, troubles = read_yaml(text, lambda _line, _column: place)
    name = ".".join(path)
    if troubles:
        hint = f"put the value in quotes, for YAML and for the shell: --set '{name}=\"…\"'"
        return root, [Trouble(place, trouble.message, hint) for trouble in troubles]
    if text.strip() and (node is None or node.value == ""):
        # A lone | or # means something to YAML, and nothing to whoever typed it.
        node = Node(text.strip(), place, place, text.strip())
    if node is None or (node.value is None and not node.written):
        message = "there is no value after '='"
        return root, [
            Trouble(place, message, f"write one, or --set {name}=null to take the key away")
        ]
    if node.value is None:
        return drop(root, path), []
    return put(root, path, node), []


def _place(number: int, text: str) -> Place:
    # After every line of the file, in the order of the command line.
    return Place(sys.maxsize, number, text)
