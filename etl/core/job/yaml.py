"""Read YAML 1.2 into a tree of places: `No` stays text, a key stands once, tags are refused.

The events of ruamel.yaml's parser are put together here rather than by its constructor, which
drops the places, and which takes `2024-01-01` for a date and `1_000` for a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from etl.core.job.syntax import UnreadableError, refuse, translate
from etl.core.job.tree import KeyPath, Node, Place, Scalar, Trouble, shown_key

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

Locate = Callable[[int, int], Place]
"""Turns a line and a column, both from 1, into a place."""

_Start: TypeAlias = AliasEvent | MappingStartEvent | SequenceStartEvent | ScalarEvent
"""The events that a value can begin with."""

_MAX_DEPTH = 20
"""Blocks within blocks; a job has three."""

_CORE_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    # Longer than 40 digits is a float: no key wants it, and int() itself gives up at 4,300.
    (re.compile(r"[-+]?[0-9]{1,40}"), int),
    (re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)
"""What text without quotes means: YAML 1.2.2, section 10.3.2, but `.inf` and `.nan` stay text."""


def read_yaml(text: str, locate: Locate) -> tuple[Node | None, list[Trouble]]:
    """Read one document; the node is None when the text is empty or can't be read at all."""
    tree = _Tree(locate)
    try:
        return tree.read(YAML(typ="safe", pure=True).parse(text)), tree.troubles
    except UnreadableError as error:
        refusal = error
    except (YAMLError, ValueError, OverflowError) as error:
        refusal = translate(error, text)
    return None, [Trouble(locate(refusal.line, refusal.column), refusal.message, refusal.hint)]


def resolve(text: str) -> Scalar:
    """Say what text without quotes means."""
    return next((make(text) for shape, make in _CORE_SCHEMA if shape.fullmatch(text)), text)


def is_unicode(text: str) -> bool:
    """Tell whether text can be written as UTF-8: half a surrogate pair can't."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _Tree:
    """Put one document's events together."""

    def __init__(self, locate: Locate) -> None:
        self.troubles: list[Trouble] = []
        self._locate = locate
        self._anchors: dict[str, Node] = {}

    def read(self, events: Iterator[Event]) -> Node | None:
        """Return the only document's node, None where there is no document."""
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise refuse(
                        event, "a second document begins", "write one job a file, without ---"
                    )
                root = self._node(_start(events), events, ())
        return root

    def _node(self, event: _Start, events: Iterator[Event], path: KeyPath) -> Node:
        if isinstance(event, AliasEvent):
            # An alias inside its own anchor ends here too, so that no tree is endless.
            if event.anchor not in self._anchors:
                raise refuse(
                    event, "an alias has no anchor", "put a value that begins with * in quotes"
                )
            return self._anchors[event.anchor]
        if event.tag is not None:
            raise refuse(
                event,
                "a value has a tag",
                "remove the tag, or put a value that begins with ! in quotes",
            )
        if len(path) > _MAX_DEPTH:
            raise refuse(
                event, f"more than {_MAX_DEPTH} blocks within blocks", "check the indentation"
            )
        place = self._place(event)
        if isinstance(event, MappingStartEvent):
            node = Node(self._mapping(events, path), place, place)
        elif isinstance(event, SequenceStartEvent):
            items = [self._node(item, events, (*path, "-")) for item in _until_end(events)]
            node = Node(tuple(items), place, place)
        else:
            node = Node(_scalar(event), place, place, event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _mapping(self, events: Iterator[Event], path: KeyPath) -> dict[str, Node]:
        own: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        for event in _until_end(events):
            key = _key(event)
            value = self._node(_start(events), events, (*path, key))
            node = replace(value, key_place=self._place(event))
            if key == "<<":
                inherited |= _merged(event, node)
            elif key in own:
                message = f"the key {shown_key((*path, key))} stands twice, first on line {own[key].key_place.line}"
                self.troubles.append(Trouble(node.key_place, message, "keep one of the two"))
            else:
                own[key] = node
        return inherited | own

    def _place(self, event: Event) -> Place:
        return self._locate(event.start_mark.line + 1, event.start_mark.column + 1)


def _start(events: Iterator[Event]) -> _Start:
    # The parser never leaves a key or a document without a value.
    return cast("_Start", next(events))


def _until_end(events: Iterator[Event]) -> Iterator[_Start]:
    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield cast("_Start", event)


def _key(event: _Start) -> str:
    if not isinstance(event, ScalarEvent) or event.tag is not None:
        raise refuse(
            event,
            "a key is no text",
            "write a word and a colon; put a value that begins with { or [ in quotes",
        )
    _scalar(event)
    return str(event.value)


def _scalar(event: ScalarEvent) -> Scalar:
    if not is_unicode(event.value):
        raise refuse(
            event,
            "a text has half a character (a lone surrogate)",
            "write the character itself, not its \\u code",
        )
    return resolve(event.value) if event.style is None else str(event.value)


def _merged(event: _Start, node: Node) -> dict[str, Node]:
    merged: dict[str, Node] = {}
    for part in reversed(node.value if isinstance(node.value, tuple) else (node,)):
        if not isinstance(part.value, Mapping):
            raise refuse(
                event,
                "<< merges something that is no mapping",
                "write <<: *name, where &name marks a mapping",
            )
        merged |= part.value
    return merged
