"""Texts that say the same of every pair: bodies of requests, and answers to them. No network here.

Rule 1: an answer that is, byte for byte, what a known wording says of the pairs asked for names all
        of them, in their order, and nobody else; there is no need to read it.
Rule 2: a wording is learnt only from an answer that has been read and found to name all its pairs,
        and only if it gives back that very answer.

Reading 2,000 results takes ten times as long as writing what they have to be and comparing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.core.id_text import BETWEEN_IDS, BETWEEN_PAIRS

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands around the ids of pairs."""

    opening: bytes
    """Before the first pair's from_id."""
    between: bytes
    """Between a pair's from_id and its to_id."""
    joint: bytes
    """Between a pair's to_id and the next pair's from_id."""
    closing: bytes
    """After the last pair's to_id."""

    @classmethod
    def around(cls, start: bytes, before: bytes, between: bytes, after: bytes, end: bytes) -> Self:
        """Word a list of pairs, each within `before` and `after`, parted by commas."""
        return cls(start + before, between, after + b"," + before, after + end)

    def of(self, ids: bytes) -> bytes:
        """Say it of pairs, at least one: a text of `ids_of`."""
        said = ids.replace(BETWEEN_PAIRS, self.joint).replace(BETWEEN_IDS, self.between)
        return b"".join((self.opening, said, self.closing))


def learn(text: bytes, ids: bytes) -> Wording | None:
    """Find the wording of a text about two pairs or more; None where it has none."""
    first, parted, others = ids.partition(BETWEEN_PAIRS)
    if not parted:
        return None
    from_id, to_id = first.split(BETWEEN_IDS)
    next_from_id = others[: others.index(BETWEEN_IDS)]
    last_to_id = others[others.rindex(BETWEEN_IDS) + 1 :]
    opening, _, rest = text.partition(from_id)
    between, _, rest = rest.partition(to_id)
    joint, _, _ = rest.partition(next_from_id)
    _, _, closing = text.rpartition(last_to_id)
    wording = Wording(opening, between, joint, closing)
    return wording if wording.of(ids) == text else None
