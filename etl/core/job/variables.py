"""Fill `${NAME}` in from the environment, after YAML is read: no value of a variable becomes YAML."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from etl.core.job.shape import takes
from etl.core.job.tree import TOKEN, KeyPath, Node, Scalar, Trouble, dotted, drop, put, scalars
from etl.core.job.yaml import is_unicode, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOLLAR = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
"""``$${`` (a literal ``${``), ``${NAME}``, or a ``${`` that is neither."""


def fill_variables(root: Node, environment: Mapping[str, str]) -> tuple[Node, list[Trouble]]:
    """Return the tree with every variable filled in; an access token that is unset or blank goes away."""
    troubles: list[Trouble] = []
    for path, node in list(scalars(root)):
        if not isinstance(node.value, str) or "${" not in node.value:
            continue
        found = list(_broken(path, node, environment))
        if found:
            troubles += found
        elif path == TOKEN and not variables_in(node.value) <= environment.keys():
            root = drop(root, path)
        else:
            root = put(root, path, replace(node, value=_fill(path, node.value, environment)))
    return root, troubles


def variables_in(text: str) -> set[str]:
    """List the variables that a text names."""
    return {match["name"] for match in _DOLLAR.finditer(text) if match["name"]}


def _broken(path: KeyPath, node: Node, environment: Mapping[str, str]) -> list[Trouble]:
    text = str(node.value)
    if any(match[0] == "${" for match in _DOLLAR.finditer(text)):
        message = f"{dotted(path)} has a '${{' without a variable's name and '}}'"
        return [Trouble(node.place, message, "write ${NAME}, or $${ where the text itself has ${")]
    troubles = []
    for name in sorted(variables_in(text)):
        if name not in environment and path != TOKEN:
            message = f"{dotted(path)} takes its value from the environment variable {name}, which is not set"
            troubles.append(Trouble(node.place, message, f"set {name}, or write the value here"))
        elif not is_unicode(environment.get(name, "")):
            message = f"{dotted(path)}: the environment variable {name} is not UTF-8 text"
            troubles.append(Trouble(node.place, message, f"set {name} to UTF-8 text"))
    return troubles


def _fill(path: KeyPath, text: str, environment: Mapping[str, str]) -> Scalar:
    def value(match: re.Match[str]) -> str:
        return environment[match["name"]] if match["name"] else "${"

    filled = _DOLLAR.sub(value, text)
    alone = _DOLLAR.fullmatch(text)
    if alone and alone["name"]:
        meant = resolve(filled.strip())
        return meant if takes(path, meant) else filled
    return filled
