"""Ask how many custom labels two objects have and may have, as HubSpot itself counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.core.label_rules import Room
from etl.errors import RequestError, SettingsError
from etl.hubspot.label_wire import read_room
from etl.hubspot.objects import type_id
from etl.hubspot.paths import AccountPaths
from etl.hubspot.wire import WireError

if TYPE_CHECKING:
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Labels
    from etl.model import ApiVersion

ROOM_TRIES: Final = 2
"""HubSpot's count is a help: without it, its guide's limit holds."""


async def fetch_room(
    client: Client, api_version: ApiVersion, from_object: str, to_object: str, labels: Labels
) -> Room:
    """Ask for the room that is left; where HubSpot does not tell, count what it lists."""
    counted = Room.counted(labels.forward, labels.reverse)
    one, other = type_id(from_object), type_id(to_object)
    if one is None or other is None:
        return counted
    try:
        reply = await client.first(
            "GET",
            AccountPaths(api_version).label_limits(one, other),
            only_reads=True,
            tries=ROOM_TRIES,
            is_vital=False,
        )
        told = read_room(reply.answer) if reply.is_success else None
    except (RequestError, SettingsError, WireError):
        # It has scopes of its own, and what is asked for needs none of them.
        return counted
    return told or counted
