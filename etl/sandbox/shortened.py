"""Take members out of a list in a JSON body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from random import Random

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def shortened(body: bytes, key: str, share: float, chance: Random) -> bytes:
    """Leave a share of a list out, at least one member of it; a body without the list stays."""
    try:
        content: dict[str, object] = dict(_OBJECT.decode(body))
        members = _LIST.decode(content[key])  # type: ignore[arg-type]
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        return body
    wanted = min(len(members), max(1, round(share * len(members))))
    taken = frozenset(chance.sample(range(len(members)), wanted))
    content[key] = [each for place, each in enumerate(members) if place not in taken]
    return msgspec.json.encode(content)
