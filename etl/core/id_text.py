"""Ids of pairs as text, from which bodies of requests are worded.

Rule 1: all batches of a section are written at once; of one batch at a time it would take five times
        as long.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

BETWEEN_IDS: Final = b"\x1f"
BETWEEN_PAIRS: Final = b"\x1f\x1e"
"""ASCII's separators of units and records: JSON has no such characters in its texts."""

_LAST_OF_BATCH: Final = "\x1d"


def ids_of(pairs: pl.DataFrame, batch_size: int) -> Sequence[bytes]:
    """Write from_id and to_id of pairs as text, batch by batch.

    A text has ``from_id BETWEEN_IDS to_id`` of each pair, with BETWEEN_PAIRS in between.
    """
    text = io.BytesIO()
    is_last = (pl.int_range(1, pl.len() + 1) % batch_size == 0) | (
        pl.int_range(1, pl.len() + 1) == pl.len()
    )
    pairs.select("from_id", "to_id", pl.when(is_last).then(pl.lit(_LAST_OF_BATCH))).write_csv(
        text,
        include_header=False,
        separator=BETWEEN_IDS.decode(),
        line_terminator=BETWEEN_PAIRS[-1:].decode(),
        quote_style="never",
    )
    end = BETWEEN_IDS + _LAST_OF_BATCH.encode() + BETWEEN_PAIRS[-1:]
    return text.getvalue().split(end)[:-1]
