"""Check a job's shape against `job.schema.json` and tell each error in our own words.

The schema says what is allowed and, in `errorMessage`, what to write instead: editors show the
same words. The validator only says where; the words come from the schema and the value there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jsonschema_rs import Draft202012Validator, ValidationErrorKind

from etl.core.job.tree import KeyPath, Node, Trouble, dotted, find, plain, shown, shown_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema_rs import ValidationError

_SCHEMA: dict[str, Any] = json.loads(
    files("etl.core.job").joinpath("job.schema.json").read_text("utf-8")
)

# The variables are filled in by now: text that still looks like one is just text.
_VALIDATOR = Draft202012Validator({**_SCHEMA, "$defs": {**_SCHEMA["$defs"], "variable": False}})


def job_schema() -> dict[str, object]:
    """Return the JSON Schema of job files, for editors and for `hubspot-assoc schema`."""
    return deepcopy(_SCHEMA)


def takes(path: KeyPath, value: object) -> bool:
    """Tell whether a key takes the kind of value that this is: a whole number, true or false."""
    kinds = {int: "integer", bool: "boolean"}
    return kinds.get(type(value)) in _types(_spec(path))


def default(path: KeyPath) -> str:
    """Return what a key holds when the job leaves it out, as the schema says it."""
    return str(_spec(path)["default"])


def advice(path: KeyPath) -> str:
    """Return what to write for a key, as the schema says it."""
    return str(_spec(path)["errorMessage"])


def check_shape(root: Node) -> list[Trouble]:
    """Return everything about a job that its schema refuses."""
    found = (
        trouble for error in _VALIDATOR.iter_errors(plain(root)) for trouble in _tell(error, root)
    )
    return list(dict.fromkeys(found))


def _tell(error: ValidationError, root: Node) -> list[Trouble]:
    path = tuple(map(str, error.instance_path))
    node = find(root, path)
    if node is None:
        raise AssertionError(f"the validator refuses {dotted(path)}, which is not there")
    spec = _spec(path)
    if isinstance(node.value, Mapping) and "properties" in spec:
        return list(_block_troubles(error, path, node, node.value))
    return [_value_trouble(path, node, spec)]


def _block_troubles(
    error: ValidationError, path: KeyPath, block: Node, children: Mapping[str, Node]
) -> Iterator[Trouble]:
    spec = _spec(path)
    match error.kind:
        case ValidationErrorKind.AdditionalProperties(unexpected=keys):
            yield from (_key_trouble((*path, key), children[key], spec) for key in keys)
        case ValidationErrorKind.Required(property=key) if "dependentRequired" in error.schema_path:
            others = [other for other, needed in spec["dependentRequired"].items() if key in needed]
            for other in children.keys() & others:
                message = f"{dotted((*path, other))} works only beside {dotted((*path, key))}"
                yield Trouble(children[other].key_place, message, f"add {key}, or remove {other}")
        case ValidationErrorKind.Required(property=key):
            hint = f"add it, such as {key}: {_example((*path, key))}"
            yield Trouble(block.key_place, f"{dotted(path)} has no {key}", hint)
        case ValidationErrorKind.OneOfNotValid():
            either = " or ".join(_branches(error))
            yield Trouble(block.key_place, f"{dotted(path)} has no {either}", f"add {either}")
        case ValidationErrorKind.OneOfMultipleValid():
            yield _exclusive(path, children, _branches(error))
        case ValidationErrorKind.Not():
            yield _exclusive(path, children, spec["not"]["required"])
        case kind:
            raise AssertionError(f"no message tells the keyword {kind.name} of job.schema.json")


def _value_trouble(path: KeyPath, node: Node, spec: Mapping[str, Any]) -> Trouble:
    if node.value is None:
        # The key's place: the parser sees a value that is not there on the next line.
        message = f"{dotted(path)} has no value"
        return Trouble(node.key_place, message, "write a value, or remove the line")
    hint = spec.get(
        "errorMessage", f"write its keys below it: {', '.join(spec.get('properties', ()))}"
    )
    if node.value == ():
        return Trouble(node.place, f"{dotted(path)} is empty", hint)
    options = _options(spec)
    if _types(spec) == {"string"} and not options and isinstance(node.value, bool | int | float):
        hint = (
            f'write it in quotes: "{node.written}"'
            if path[0] != "hubspot"
            else "write it in quotes"
        )
    close = get_close_matches(node.value, options, n=1) if isinstance(node.value, str) else []
    suggestion = f"did you mean '{close[0]}'? " if close else ""
    return Trouble(node.place, f"{dotted(path)} can't be {shown(path, node)}", suggestion + hint)


def _key_trouble(path: KeyPath, node: Node, spec: Mapping[str, Any]) -> Trouble:
    key, allowed = path[-1], list(spec["properties"])
    close = get_close_matches(key.lower().replace("-", "_"), allowed, n=1)
    homes = [
        block for block in _SCHEMA["properties"] if key in _spec((block,)).get("properties", {})
    ]
    if close:
        suggestion = f"did you mean '{close[0]}'? "
    elif homes:
        suggestion = f"'{key}' belongs under {' or '.join(homes)}; "
    else:
        suggestion = ""
    message = f"unknown key {shown_key(path)} in {dotted(path[:-1])}"
    return Trouble(node.key_place, message, f"{suggestion}allowed: {', '.join(allowed)}")


def _exclusive(path: KeyPath, children: Mapping[str, Node], keys: list[str]) -> Trouble:
    second = max(children[key].key_place for key in keys)
    return Trouble(second, f"{dotted(path)} has both {' and '.join(keys)}", "keep one of the two")


def _branches(error: ValidationError) -> list[str]:
    keyword: Any = _SCHEMA
    for step in error.schema_path:
        keyword = keyword[step]
    return [branch["required"][0] for branch in keyword]


def _spec(path: KeyPath) -> Mapping[str, Any]:
    """Return the subschema of a path; an empty one where the schema knows none."""
    spec = _SCHEMA
    for key in path:
        spec = spec["items"] if "items" in spec else spec.get("properties", {}).get(key, {})
        if "$ref" in spec:
            spec = {**_SCHEMA["$defs"][spec["$ref"].rpartition("/")[2]], **spec}
    return spec


def _alternatives(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [choice for choice in spec.get("anyOf", [spec]) if "$ref" not in choice]


def _types(spec: Mapping[str, Any]) -> set[str]:
    return {choice.get("type", "string") for choice in _alternatives(spec)}


def _options(spec: Mapping[str, Any]) -> list[str]:
    return [
        option
        for choice in _alternatives(spec)
        for option in choice.get("enum", [choice["const"]] if "const" in choice else [])
    ]


def _example(path: KeyPath) -> str:
    return _flow(_spec(path)["examples"][0])


def _flow(value: object) -> str:
    """Write a value as YAML has it on one line."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(child)}" for key, child in value.items()) + "}"
    return str(value)
