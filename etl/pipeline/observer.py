"""What a run tells whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.hubspot.settled import RowsSettled
    from etl.model import Outcome


class Observer(Protocol):
    """Whoever watches a run: a progress bar, plain lines, or nobody."""

    def read(self, rows: int) -> None:
        """Hear how many rows have been read so far."""

    def looked_up(self, keys: int, of: int) -> None:
        """Hear how many keys of one side have been looked up so far."""

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear how many rows the source has, and which are settled before anything is sent."""

    def settled(self, settled: RowsSettled) -> None:
        """Hear that rows have come to their outcome."""

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed and what HubSpot or the network said."""

    def note(self, said: str) -> None:
        """Hear of something that lasts however the run goes, such as a label that was made."""

    def waiting(self, said: str) -> None:
        """Hear that the run waits for hours, for what and until when."""
