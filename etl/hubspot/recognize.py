"""Tell which pairs an answer names; know an answer again that is worded as earlier ones were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.hubspot.wire import PAIR, WireError
from etl.hubspot.wording import learn

if TYPE_CHECKING:
    import polars as pl

    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.wire import Answer
    from etl.hubspot.wording import Wording


class Recognizer:
    """Remember how each endpoint words the answers that name all pairs of their request."""

    def __init__(self) -> None:
        self._wordings: dict[str, Wording] = {}

    def knows(self, ids: bytes, answer: Answer, endpoint: Endpoint) -> bool:
        """Tell that an answer names exactly the pairs asked for, without reading it.

        `ids` are the `ids_of` these pairs. False says nothing.
        """
        wording = self._wordings.get(endpoint.path)
        return wording is not None and wording.of(ids) == bytes(answer.results)

    def made(
        self, pairs: pl.DataFrame, ids: bytes, answer: Answer, endpoint: Endpoint
    ) -> pl.DataFrame:
        """List the pairs (from_id, to_id) that an answer names; learn its wording if it names all."""
        asked = pairs.select(*PAIR)
        try:
            made = endpoint.made(answer)
        except WireError:
            # Readable as JSON, but not as results: nothing is confirmed by it.
            return asked.clear()
        if made.equals(asked) and (wording := learn(bytes(answer.results), ids)) is not None:
            self._wordings[endpoint.path] = wording
        return made
