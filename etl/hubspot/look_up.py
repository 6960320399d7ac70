"""Find the records of keys: emails, domains, or any unique property.

Rule 1: each key is asked for once, 100 in a request, through ``batch/read``; never by searching,
        which lags behind what was written.
Rule 2: every key ends with a record or a reason; a key that HubSpot could not be asked for stops the
        run, as "not found" would be a lie. Nothing was sent yet.
Rule 3: a property that HubSpot can't look up by is a setting, not trouble with a key.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.errors import RequestError, SettingsError, StoppedError
from etl.hubspot.existing import TRIES_OF_A_PART
from etl.hubspot.key_judge import (
    KeyAnswer,
    halved,
    is_about_property,
    judge_answers,
    judge_records,
    judge_refusal,
)
from etl.hubspot.key_wire import decode_records, look_up_body, values_of
from etl.hubspot.parallel import in_parallel
from etl.hubspot.paths import AccountPaths
from etl.hubspot.wire import WireError
from etl.model import MAX_LOOK_UP_SIZE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from etl.core.keys import UniqueProperty
    from etl.hubspot.client import Client
    from etl.hubspot.key_wire import Record
    from etl.model import ApiVersion
    from etl.stop import Stop

REFUSED_ALONE: Final = 20
"""Keys refused one by one, with no look-up answered, before the property is taken for the culprit."""

HELD_ANSWERS: Final = 20
"""Answers that are judged at once: a query costs the same for one as for twenty of them."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Keys to ask for in one request."""

    keys: pl.DataFrame
    """KEY."""
    tries: int | None = None
    """How often to try; None leaves it to the client."""


class LookUp:
    """Ask HubSpot for the records of one property's keys."""

    def __init__(
        self,
        client: Client,
        api_version: ApiVersion,
        by: UniqueProperty,
        *,
        stop: Stop,
    ) -> None:
        self._client = client
        self._path = AccountPaths(api_version).objects_read(by.object)
        self._by = by
        self._stop = stop
        self._is_understood = False
        self._refused: list[tuple[pl.DataFrame, str]] = []
        self._held: list[tuple[pl.DataFrame, list[Record]]] = []

    async def find(
        self, keys: pl.DataFrame, on_told: Callable[[pl.DataFrame], Awaitable[None]]
    ) -> None:
        """Find the records of distinct keys (KEY), and tell them as the answers come: FOUND.

        Raises SettingsError for a property that HubSpot can't look up by, StoppedError when the run
        was asked to stop or HubSpot could not be asked for a key.
        """
        groups = list[_Group]()

        async def judge(*, all_of_them: bool) -> None:
            if len(self._held) < (1 if all_of_them else HELD_ANSWERS):
                return
            held, self._held = self._held, []
            told, again = await asyncio.to_thread(self._judge, held)
            groups.extend(again)
            await on_told(told)

        async def look_up(group: _Group) -> None:
            waiting = [group]
            while waiting and not self._stop.requested:
                group = waiting.pop()
                try:
                    answer, tries = await self._ask(group), None
                except (RequestError, WireError) as error:
                    answer, tries = self._halved(group.keys, error), TRIES_OF_A_PART
                if answer.told.height:
                    await on_told(answer.told)
                waiting.extend(_Group(part, tries) for part in reversed(answer.again))
                await judge(all_of_them=False)

        left: Iterable[_Group] = map(_Group, keys.iter_slices(MAX_LOOK_UP_SIZE))
        while left:
            try:
                await in_parallel(left, look_up, stop=self._stop)
            finally:
                # However it ends: what was found need not be asked for again.
                await judge(all_of_them=True)
            self._stop.check()
            left, groups = groups, []
        if self._refused:
            if not self._is_understood:
                raise self._unusable(self._refused[0][1])
            refused = (self._by.refused(asked, said) for asked, said in self._refused)
            await on_told(pl.concat(refused))

    async def _ask(self, group: _Group) -> KeyAnswer:
        """Ask for some keys; an answer with nothing but records is held, to be judged with others."""
        asked = group.keys
        body = look_up_body(asked, self._by)
        reply = await self._client.post(self._path, body, only_reads=True, tries=group.tries)
        if reply.is_success:
            records = decode_records(reply.answer)
            self._is_understood = True
            if not reply.answer.errors:
                self._held.append((asked, records))
                return KeyAnswer()
            values = values_of([records], self._by)
            answer = judge_records(asked, values.drop("place"), reply.answer.errors, self._by)
            if answer.unclear is not None:
                raise self._unanswered(asked, answer.unclear)
            return answer
        error = reply.answer.as_error()
        answer = judge_refusal(asked, error, self._by)
        self._is_understood |= answer.told.height > 0
        if not self._is_understood and is_about_property(error, self._by):
            raise self._unusable(error.message)
        if answer.unclear is not None:
            said = answer.unclear or f"HTTP {reply.http_status}"
            self._refused.append((asked, said))
            if not self._is_understood and len(self._refused) >= REFUSED_ALONE:
                raise self._unusable(said)
        return answer

    def _judge(
        self, held: Sequence[tuple[pl.DataFrame, list[Record]]]
    ) -> tuple[pl.DataFrame, list[_Group]]:
        """Give what answers tell (FOUND), and the keys to ask for again."""
        asked = pl.concat(
            keys.with_columns(pl.lit(place, pl.Int64).alias("place"))
            for place, (keys, _) in enumerate(held)
        )
        values = values_of([records for _, records in held], self._by)
        answer = judge_answers(asked, values, self._by)
        return answer.told, list(map(_Group, answer.again))

    def _halved(self, asked: pl.DataFrame, error: Exception) -> KeyAnswer:
        if asked.height == 1:
            raise self._unanswered(asked, str(error)) from error
        return halved(asked)

    def _unusable(self, said: str) -> SettingsError:
        return SettingsError(
            f"HubSpot can't look records up by {self._by}: {said}",
            f"set match_by to the internal name of a property of {self._by.object} that has unique "
            "values, or put the record ids into the column and leave match_by out",
        )

    def _unanswered(self, asked: pl.DataFrame, said: str) -> StoppedError:
        return StoppedError(
            f"the {self._by} '{asked['key'][0]}' could not be looked up: {said}",
            "see HubSpot's status page",
        )
