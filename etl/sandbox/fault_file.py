"""Read a faults file; a mistake is told with its place, its value and what is allowed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec

from etl.sandbox.faults import EveryFault, Fault, FaultScript, FaultsError
from etl.sandbox.yaml_file import UnreadableError, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

FAULTS: dict[str, type[Fault]] = {str(each.__struct_config__.tag): each for each in get_args(Fault)}
"""Every fault by its name in the file."""

TAG = str(EveryFault.__struct_config__.tag_field)
"""The key that says which fault it is."""

EXAMPLE = "{fault: status, status: 500, share: 0.1}"

Noun = TypeVar("Noun", bound=msgspec.Struct)


def load_faults(path: Path) -> FaultScript:
    """Read and check a faults file."""
    try:
        return _script(read_yaml(path))
    except UnreadableError as trouble:
        raise FaultsError(str(trouble)) from trouble
    except FaultsError as trouble:
        raise FaultsError(f"{path}: {trouble}") from trouble


def _script(content: object) -> FaultScript:
    said = _map(content, "the file", f"faults: [{EXAMPLE}]")
    _check_keys(said, FaultScript, "the file")
    faults = said.pop("faults", [])
    if not isinstance(faults, list):
        raise FaultsError(f"faults is {_shown(faults)}: write a list, such as [{EXAMPLE}]")
    read = tuple(_fault(each, f"faults[{place}]") for place, each in enumerate(faults))
    return msgspec.structs.replace(_noun(said, FaultScript, ""), faults=read)


def _fault(content: object, place: str) -> Fault:
    said = _map(content, place, EXAMPLE)
    name = said.get(TAG)
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        told = f"{place}.{TAG} is {_shown(name)}" if TAG in said else f"{place} has no key {TAG!r}"
        raise FaultsError(f"{told}: write one of {', '.join(FAULTS)}")
    _check_keys(said, kind, f"{place} ({name})", TAG)
    return _noun(said, kind, f"{place}.")


def _map(content: object, place: str, example: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FaultsError(f"{place} is {_shown(content)}: write a map, such as {example}")
    return content


def _check_keys(said: dict[str, Any], kind: type[msgspec.Struct], place: str, *more: str) -> None:
    """Refuse keys that this noun doesn't take, and the lack of those that it needs."""
    fields = msgspec.structs.fields(kind)
    takes = [*more, *(each.encode_name for each in fields)]
    for key in said:
        if key not in takes:
            raise FaultsError(f"{place} has the unknown key {key!r}: it takes {', '.join(takes)}")
    for each in fields:
        if each.required and each.encode_name not in said:
            raise FaultsError(
                f"{place} has no key {each.encode_name!r}: give it {_allowed(each.type)}"
            )


def _noun(said: dict[str, Any], kind: type[Noun], prefix: str) -> Noun:
    """Check each value by itself, so that a message can show it, and then all of them together."""
    for each in msgspec.structs.fields(kind):
        if each.encode_name in said:
            value = said[each.encode_name]
            try:
                msgspec.convert(value, each.type)
            except msgspec.ValidationError as trouble:
                told = f"{prefix}{each.encode_name} is {_shown(value)}"
                raise FaultsError(f"{told}: write {_allowed(each.type)}") from trouble
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as trouble:
        raise FaultsError(f"{prefix}{trouble}") from trouble


def _allowed(wanted: Any) -> str:  # noqa: ANN401 - a type, which may be a union
    """Find what the type of a field says of itself; an optional one says it inside a union."""
    said = (
        meta.description
        for part in (wanted, *get_args(wanted))
        for meta in getattr(part, "__metadata__", ())
    )
    return str(next(said))


def _shown(value: object) -> str:
    return f"{value!r:.60}"
