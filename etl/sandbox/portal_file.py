"""Read a portal file: YAML 1.2, or JSON, which is YAML too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from etl.sandbox.definition import PortalDefinition, PortalError
from etl.sandbox.portal import Portal

if TYPE_CHECKING:
    from pathlib import Path


def load_portal(path: Path) -> PortalDefinition:
    """Read and check a portal file; every mistake is told with the file and the place in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise PortalError(f"{path}: can't be read as UTF-8 text: {trouble}") from trouble
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as trouble:
        raise PortalError(f"{path}: is not YAML: {trouble}") from trouble
    try:
        definition = msgspec.convert({} if content is None else content, PortalDefinition)
        Portal(definition)  # resolves every object, label and range against the others
    except (msgspec.ValidationError, PortalError) as trouble:
        raise PortalError(f"{path}: {trouble}") from trouble
    return definition
