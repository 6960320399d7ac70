"""Read a portal file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from etl.sandbox.account_time import zone_of
from etl.sandbox.definition import PortalDefinition, PortalError
from etl.sandbox.portal import Portal
from etl.sandbox.yaml_file import UnreadableError, read_yaml

if TYPE_CHECKING:
    from pathlib import Path


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
        raise PortalError(f"{path}: {trouble}") from trouble
    return definition
