"""Read which associations a set of records has: before writing, to keep labels; after, to check.

Rule 1: every page is read; a record that the answer leaves out has no associations.
Rule 2: only the pairs asked for are kept in memory, whatever else their records have.
Rule 3: a record that can't be read is told apart from a record that has nothing.
Rule 4: calls are full: first pages of all records go before the second pages of any, and so on.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from etl.core.exit_code import ExitCode
from etl.errors import RequestError, SettingsError, StoppedError
from etl.hubspot.culprits import NOT_THERE, Sides
from etl.hubspot.parallel import in_parallel, telling
from etl.hubspot.paths import Paths
from etl.hubspot.read_judge import (
    ReadAnswer,
    judge_errors,
    judge_refused_read,
    narrowed,
)
from etl.hubspot.read_room import ReadRoom
from etl.hubspot.read_wire import read_body
from etl.hubspot.reading import Reading, records_told
from etl.hubspot.wire import TYPED_PAIR, WireError
from etl.model import MAX_BATCH_SIZE, MAX_READ_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from etl.hubspot.client import Client
    from etl.model import ApiVersion
    from etl.stop import Stop

TRIES_OF_A_PART: Final = 3
"""Tries for a part of a request that has come to nothing as a whole: trouble that passes is over by
then, and trouble with a record shows at once."""

UNANSWERED_IN_A_ROW: Final = 20
"""Requests that come to nothing one after the other before the run stops: narrowing the largest one
down to a row or record takes eleven, with half of it answered on the way."""

ROUND_COST: Final = 10
"""What waiting for the next pages costs, in requests: half a second at 20 a second, in which others
could be asked."""

SHORT_READING: Final = MAX_BATCH_SIZE // MAX_READ_SIZE
"""Requests of a reading that waits for no other: reading back what one batch has done."""


@dataclass(frozen=True, slots=True)
class Existing:
    """What HubSpot has of the pairs asked for."""

    types: pl.DataFrame
    """TYPED_PAIR, one line a type of a pair."""
    unread: pl.DataFrame
    """from_id and error_message of the records that could not be read."""


class TooManyPagesError(Exception):
    """A reading was given up: its records have more associations than it was given requests for."""


class Where(Protocol):
    """An ordered pair of objects: an endpoint of a run, or `Between`."""

    @property
    def sides(self) -> Sides:
        """What errors call the two objects."""

    @property
    def paths(self) -> Paths:
        """Where HubSpot takes questions about them."""


@dataclass(frozen=True, slots=True)
class Between:
    """An ordered pair of objects that no run is about."""

    sides: Sides
    paths: Paths

    def __str__(self) -> str:
        return f"{self.sides.from_object} → {self.sides.to_object}"

    @classmethod
    def of(cls, api_version: ApiVersion, from_object: str, to_object: str) -> Between:
        """Take two objects by any of their names."""
        return cls(Sides(from_object, to_object), Paths(api_version, from_object, to_object))


def back(there: Where) -> Between:
    """Give two objects the other way round."""
    return Between.of(there.paths.api_version, there.sides.to_object, there.sides.from_object)


class ExistingReader:
    """Read associations in bulk through ``batch/read``."""

    def __init__(
        self,
        client: Client,
        *,
        stop: Stop,
        refused: ExitCode = ExitCode.STOPPED,
    ) -> None:
        """Take what the process tells when HubSpot refuses the token or its scopes meanwhile."""
        self._refused = refused
        self._client = client
        self._stop = stop
        self._room = ReadRoom()
        self._turn = asyncio.Lock()
        self._unanswered = 0

    async def read(
        self, pairs: pl.DataFrame, where: Where, *, most_cost: int | None = None
    ) -> Existing:
        """Read what the pairs (from_id, to_id) have, in the direction of `where`.

        Raises StoppedError when the run was asked to stop before everything was read, and
        TooManyPagesError instead of asking for so many pages that it costs more than `most_cost`.
        """
        found: list[pl.DataFrame] = [pl.DataFrame(schema=TYPED_PAIR)]
        wanted = pairs.select("from_id", "to_id")

        def keep_wanted(page: pl.DataFrame) -> None:
            found.append(page.join(wanted, on=["from_id", "to_id"], how="semi"))

        unread = await self.read_all(pairs, where, keep_wanted, most_cost=most_cost)
        return Existing(pl.concat(found).unique(), unread)

    async def read_all(
        self,
        records: pl.DataFrame,
        where: Where,
        on_page: Callable[[pl.DataFrame], None],
        on_unknown: Callable[[pl.DataFrame], None] = lambda _: None,
        *,
        most_cost: int | None = None,
    ) -> pl.DataFrame:
        """Read everything that records (from_id) are associated with, and give it by and by.

        `on_page` takes TYPED_PAIR of some answers, in a thread, one call at a time; what is asked for
        twice comes twice. `on_unknown` takes from_id and error_message of records that HubSpot says
        it does not have, which it does not tell of all: most read as records without associations.
        Gives the records that could not be read: from_id and error_message. Raises what `read` does.
        """
        reading = Reading(on_page, on_unknown)

        async def read(group: _Group) -> None:
            await self._read(group, where, reading)

        groups, cost = _first_pages(records), 0
        while groups:
            cost += len(groups) + ROUND_COST
            if most_cost is not None and cost > most_cost:
                raise TooManyPagesError
            async with self._turn_of(groups) as drawn:
                await in_parallel(drawn, read, stop=self._stop)
            await reading.take_in(all_of_it=True)
            self._stop.check()
            groups = _next_groups(*reading.left())
        return pl.concat(reading.unread).unique("from_id")

    @asynccontextmanager
    async def _turn_of(self, groups: list[_Group]) -> AsyncIterator[Iterator[_Group]]:
        """Let a long reading go by itself, and the next one follow once all of it is under way.

        Side by side, both would end at once, and nothing be asked while both are compared.
        """
        if len(groups) <= SHORT_READING:
            yield iter(groups)
            return
        turn = ExitStack()
        await self._turn.acquire()
        turn.callback(self._turn.release)

        with turn:
            yield telling(groups, turn.close)

    async def _read(self, group: _Group, where: Where, reading: Reading) -> None:
        """Ask for a page of each record of a group, by parts where it is refused."""
        waiting = [group]
        while waiting and not self._stop.requested:
            group = waiting.pop()
            try:
                answer, tries = await self._ask(group, where, reading), None
            except SettingsError as error:
                self._stop.request(error.message, error.hint, self._refused)
                return
            except StoppedError as error:
                self._stop.request(error.message, error.hint)
                return
            except (RequestError, WireError) as error:
                if self._has_too_many_unanswered(error):
                    return
                answer, tries = narrowed(group.records, str(error)), TRIES_OF_A_PART
            reading.tell(answer)
            waiting.extend(_Group(part, tries) for part in answer.again)

    async def _ask(self, group: _Group, where: Where, reading: Reading) -> ReadAnswer:
        async with self._room.taken(group.records.height):
            reply = await self._client.post(
                where.paths.read,
                read_body(group.records),
                only_reads=True,
                tries=group.tries,
            )
            self._unanswered = 0
            answer, sides = reply.answer, where.sides
            if not reply.is_success:
                return judge_refused_read(
                    group.records, answer.as_error(), reply.http_status, sides
                )
            self._room.learn(group.records.height, len(answer.body))
            reading.hold(group.records, answer)
            await reading.take_in()
            # Of a thousand records without associations HubSpot says so a thousand times.
            errors = [error for error in answer.errors if error.category not in NOT_THERE]
            if not errors:
                return ReadAnswer()
            told = await asyncio.to_thread(records_told, answer)
            untold = group.records.join(told, on="from_id", how="anti")
            return judge_errors(untold, errors, sides)

    def _has_too_many_unanswered(self, error: Exception) -> bool:
        """Count a request that came to nothing; stop the run when nothing else comes."""
        self._unanswered += 1
        if self._unanswered >= UNANSWERED_IN_A_ROW:
            self._stop.request(
                f"HubSpot is there, but {self._unanswered} reads of associations one after the "
                f"other came to nothing: {error}",
                "see HubSpot's status page, and go on when it is better",
            )
        return self._stop.requested


@dataclass(frozen=True, slots=True)
class _Group:
    """Records to ask for in one request."""

    records: pl.DataFrame
    """from_id and after."""
    tries: int | None = None
    """How often to try; None leaves it to the client."""


def _first_pages(pairs: pl.DataFrame) -> list[_Group]:
    records = pairs.select("from_id").unique(maintain_order=True)
    records = records.with_columns(pl.lit(None, pl.String).alias("after"))
    return list(map(_Group, records.iter_slices(MAX_READ_SIZE)))


def _next_groups(pages: list[pl.DataFrame], parts: list[pl.DataFrame]) -> list[_Group]:
    full = pl.concat(pages).iter_slices(MAX_READ_SIZE) if pages else ()
    return [*(_Group(part, TRIES_OF_A_PART) for part in parts), *map(_Group, full)]
