"""Cut a section's associations into batches of known number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.core.id_text import ids_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


@dataclass(frozen=True, slots=True)
class Batch:
    """Associations of one request."""

    number: int
    """From 1, unique in the run."""
    frame: pl.DataFrame
    """Columns association_id, from_id, to_id, types, rows."""
    ids: bytes
    """Its from_id and to_id as text: `ids_of`."""


class Batcher:
    """Number the batches of a section from `first` on."""

    def __init__(self, batch_size: int, first: int = 1) -> None:
        self._batch_size = batch_size
        self._last = first - 1

    def sizes(self, associations: pl.DataFrame) -> dict[int, int]:
        """Give the number of each batch to come, and how many associations it will have."""
        starts = range(0, associations.height, self._batch_size)
        return {
            number: min(self._batch_size, associations.height - start)
            for number, start in enumerate(starts, start=self._last + 1)
        }

    def cut(self, associations: pl.DataFrame) -> Iterator[Batch]:
        """Yield batches of `batch_size` associations in order; the last may be smaller."""
        texts = ids_of(associations, self._batch_size)
        for frame, ids in zip(associations.iter_slices(self._batch_size), texts, strict=True):
            self._last += 1
            yield Batch(self._last, frame, ids)
