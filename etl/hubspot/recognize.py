"""Tell which pairs an answer names; know an answer again that is worded as earlier ones were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.hubspot.wire import PAIR, WireError
from etl.hubspot.wording import learn

if TYPE_CHECKING:
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
        try:
            made = endpoint.made(answer)
        except WireError:
            # Readable as JSON, but not as results: nothing is confirmed by it.
            return pl.DataFrame(schema=PAIR)
        if is_in_order(made, pairs) and (wording := learn(bytes(answer.results), ids)) is not None:
            self._wordings[endpoint.path] = wording
        return made


def names_all(made: pl.DataFrame, pairs: pl.DataFrame) -> bool:
    """Tell whether all pairs are among those that were made."""
    if is_in_order(made, pairs):
        return True
    return made.height >= pairs.height and not pairs.join(made, on=list(PAIR), how="anti").height


def is_in_order(made: pl.DataFrame, pairs: pl.DataFrame) -> bool:
    """Tell whether these are the very pairs in their order, as in nearly every answer."""
    return all(made[name].equals(pairs[name]) for name in PAIR)
