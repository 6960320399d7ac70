"""Find out whether a refusal is about the job's settings: then it would meet every row alike.

An object or a label may go away while a run goes on. HubSpot then refuses batch after batch; asking
for the labels once tells it from trouble with rows.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from etl.errors import RequestError, SettingsError
from etl.hubspot.labels import fetch_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from etl.hubspot.client import Client
    from etl.hubspot.labels import Labels
    from etl.model import AssociationType, Direction, Job

EVERY_SECONDS: Final = 60.0
"""How often at most: a file of bad rows is refused many times, and its settings are right."""


NAMED_EVERY_SECONDS: Final = 1.0
"""Where a type is named: often enough that a label deleted now fails few rows, and once for all
that are in flight."""


class SettingsCheck:
    """Ask HubSpot for the objects and labels of a job again."""

    def __init__(
        self,
        client: Client,
        job: Job,
        types: Mapping[Direction, Iterable[AssociationType]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the types that the rows of the job ask for, by direction."""
        self._client = client
        self._job = job
        self._types = types
        self._clock = clock
        self._checked_at: float | None = None
        self._turn = asyncio.Lock()

    async def check(self, *, is_urgent: bool) -> None:
        """Raise SettingsError when an object or a type of the job is gone.

        Asks once a second where a refusal names a type, which is urgent, and otherwise once a minute.
        """
        pause = NAMED_EVERY_SECONDS if is_urgent else EVERY_SECONDS
        async with self._turn:
            now = self._clock()
            if self._checked_at is not None and now - self._checked_at < pause:
                return
            self._checked_at = now
            # A question that comes to nothing says nothing of the settings.
            with suppress(RequestError):
                self.judge(await fetch_labels(self._client, self._job))

    def judge(self, labels: Labels) -> None:
        """Raise SettingsError when the labels lack a type that rows ask for."""
        gone = labels.lacks(self._types)
        if gone:
            pair = f"{self._job.from_side.object} → {self._job.to_side.object}"
            raise SettingsError(
                f"HubSpot does not have {', '.join(map(str, gone))} for {pair} any more: the label "
                "was deleted, or made anew under another id, after the source was read",
                "run what is left as a new run, which resolves the labels again: hubspot-assoc retry",
            )
