"""A job file as a tree of values that know where they stand.

Law 1: a value that came from an environment variable is told as it was written, ``${NAME}``.
Law 2: nothing under ``hubspot`` is told but what looks like a version: a misspelt key or a missing
space puts the token there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

KeyPath = tuple[str, ...]
"""The keys from the top of the job down to a value: ``("label", "column")``. An item of a list has its
place as a key, counted from 0: ``("labels", "define", "0")``."""

Scalar = str | int | float | bool | None

TOKEN: KeyPath = ("hubspot", "access_token")
API_VERSION: KeyPath = ("hubspot", "api_version")
BASE_URL: KeyPath = ("hubspot", "base_url")

NOT_SHOWN = "this value (not shown, it may be a secret)"

_LONGEST_SHOWN = 80
"""Characters of a value that a message shows; a terminal's width."""

_PLAIN_KEY = re.compile(r"[A-Za-z_]{1,30}")
_PLAIN_VERSION = re.compile(r"v?[0-9][0-9.-]{0,9}")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the job file or on the command line, in the order of reading."""

    line: int
    column: int
    text: str
    """As a problem names it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the job and where it stands."""

    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    place: Place
    key_place: Place
    """Where the value's key stands; the value's own place where it has no key."""
    written: str = field(default="", repr=False)
    """A scalar as its author wrote it, before variables are filled in."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A broken rule, with a place that can still be sorted."""

    place: Place
    message: str
    hint: str


def dotted(path: KeyPath) -> str:
    """Name a key as messages and ``--set`` do."""
    return ".".join(path) or "the job"


def shown(path: KeyPath, node: Node) -> str:
    """Tell a value, unless it may be a secret."""
    if node.value is None:
        return "empty"
    if isinstance(node.value, Mapping):
        return "a mapping"
    if isinstance(node.value, tuple):
        return "a list"
    if path[:1] == TOKEN[:1] and not (
        path == API_VERSION and _PLAIN_VERSION.fullmatch(node.written)
    ):
        return NOT_SHOWN
    text = repr(node.written) if isinstance(node.value, str) else node.written
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def shown_key(path: KeyPath) -> str:
    """Tell an unexpected key, unless a forgotten colon put the token into it."""
    key = path[-1]
    if path[:1] == TOKEN[:1] and len(path) > 1 and not _PLAIN_KEY.fullmatch(key):
        return "(not shown, it may be a secret)"
    text = repr(key)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def plain(node: Node) -> Any:  # noqa: ANN401  (what JSON can hold; the schema says more)
    """Strip the places off a tree."""
    if isinstance(node.value, Mapping):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(child) for child in node.value]
    return node.value


def find(root: Node, path: KeyPath) -> Node | None:
    """Return the node under a path, None where there is none."""
    node = root
    for key in path:
        children = _children(node)
        if key not in children:
            return None
        node = children[key]
    return node


def put(root: Node, path: KeyPath, node: Node) -> Node:
    """Return the tree with a node under a path, with new mappings on the way where need be."""
    key, *rest = path
    children = _children(root)
    if rest:
        child = children.get(key, Node({}, node.place, node.key_place))
        node = put(child, tuple(rest), node)
    if isinstance(root.value, tuple) and key in children:
        return replace(root, value=tuple({**children, key: node}.values()))
    place = root.place if isinstance(root.value, Mapping) else node.place
    return replace(root, value={**children, key: node}, place=place)


def drop(root: Node, path: KeyPath) -> Node:
    """Return the tree without the node under a path."""
    parent = find(root, path[:-1])
    if parent is None or not isinstance(parent.value, Mapping) or path[-1] not in parent.value:
        return root
    rest = {key: child for key, child in parent.value.items() if key != path[-1]}
    smaller = replace(parent, value=rest)
    return put(root, path[:-1], smaller) if path[:-1] else smaller


def scalars(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    """Yield every value that is no mapping and no list, with its path."""
    if isinstance(node.value, Mapping | tuple):
        for key, child in _children(node).items():
            yield from scalars(child, (*path, key))
    else:
        yield path, node


def _children(node: Node) -> Mapping[str, Node]:
    if isinstance(node.value, tuple):
        return {str(place): child for place, child in enumerate(node.value)}
    return node.value if isinstance(node.value, Mapping) else {}
