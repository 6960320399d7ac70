"""Cut a section's associations into batches of known number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


class Batcher:
    """Number the batches of a section from `first` on."""

    def __init__(self, batch_size: int, first: int = 1) -> None:
        self._batch_size = batch_size
        self._last = first - 1

    def cut(self, associations: pl.DataFrame) -> Iterator[Batch]:
        """Yield batches of `batch_size` associations in order; the last may be smaller."""
        for frame in associations.iter_slices(self._batch_size):
            self._last += 1
            yield Batch(self._last, frame)
