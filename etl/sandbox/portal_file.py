"""Read a portal file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from etl.sandbox.account_time import zone_of
from etl.sandbox.definition import (
    AssociationLimit,
    CustomLabel,
    CustomObject,
    PortalDefinition,
    PortalError,
    RecordRule,
    SandboxSettings,
    Stretch,
)
from etl.sandbox.portal import Portal
from etl.sandbox.yaml_file import UnreadableError, read_yaml

if TYPE_CHECKING:
    from pathlib import Path


_UNKNOWN_KEY: Final = re.compile(r"unknown field `[^`]*`(?: - at `\$\.(\w+))?")
"""How msgspec tells a key that there is not, and the block that it is in."""

_BLOCKS: Final[dict[str, type[msgspec.Struct]]] = {
    "objects": CustomObject,
    "labels": CustomLabel,
    "limits": AssociationLimit,
    "records": RecordRule,
    "settings": SandboxSettings,
    "others": Stretch,
}


def load_portal(path: Path) -> PortalDefinition:
    """Read and check a portal file; every mistake is told with the file and the place in it."""
    try:
        content = read_yaml(path)
    except UnreadableError as trouble:
        raise PortalError(str(trouble)) from trouble
    try:
        definition = msgspec.convert(
            content, PortalDefinition, str_keys=True
        )  # ids in JSON are text
        Portal(definition)  # resolves every object, label and range against the others
        zone_of(definition.settings)
    except (msgspec.ValidationError, PortalError) as trouble:
        raise PortalError(f"{path}: {trouble}{_allowed(str(trouble))}") from trouble
    return definition


def _allowed(trouble: str) -> str:
    """List the keys that there are, where the trouble is one that there is not."""
    unknown = _UNKNOWN_KEY.search(trouble)
    if unknown is None:
        return ""
    keys = msgspec.structs.fields(_BLOCKS.get(unknown[1], PortalDefinition))
    return f"; allowed: {', '.join(key.encode_name for key in keys)}"
