"""Read which associations a set of records has: before writing, to keep labels; after, to check.

Rule 1: every page is read; a record that the answer leaves out has no associations.
Rule 2: only the pairs asked for are kept in memory, whatever else their records have.
Rule 3: a record that can't be read is told apart from a record that has nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from etl.core.exit_code import ExitCode
from etl.errors import RequestError, SettingsError, StoppedError
from etl.hubspot.client import NOT_FOUND
from etl.hubspot.culprits import NOT_THERE, NOT_VALID, Sides, culprits
from etl.hubspot.parallel import in_parallel
from etl.hubspot.paths import Paths
from etl.hubspot.wire import TYPED_PAIR, WireError, read_body, read_existing
from etl.model import MAX_ID, MAX_READ_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etl.hubspot.client import Client
    from etl.hubspot.wire import ErrorDetail
    from etl.model import ApiVersion
    from etl.stop import Stop

TRIES_OF_A_PART: Final = 3
"""Tries for a part of a request that has come to nothing as a whole: trouble that passes is over by
then, and trouble with a record shows at once."""

UNANSWERED_IN_A_ROW: Final = 20
"""Requests that come to nothing one after the other before the run stops: narrowing the largest one
down to a row or record takes eleven, with half of it answered on the way."""

MAX_READS: Final = 16
"""Reads in flight: an answer may hold 500 associations of each of 1,000 records, some 50 MB."""

_NONE_UNREAD: Final = pl.DataFrame(schema={"from_id": pl.Int64, "error_message": pl.String})


@dataclass(frozen=True, slots=True)
class Existing:
    """What HubSpot has of the pairs asked for."""

    types: pl.DataFrame
    """TYPED_PAIR, one line a type of a pair."""
    unread: pl.DataFrame
    """from_id and error_message of the records that could not be read."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What one request brings."""

    existing: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TYPED_PAIR))
    again: list[pl.DataFrame] = field(default_factory=list)
    """Groups to ask for next: further pages, or parts of a refused group."""
    unread: pl.DataFrame = field(default_factory=lambda: _NONE_UNREAD)
    unknown: pl.DataFrame = field(default_factory=lambda: _NONE_UNREAD)
    """The same of the records that HubSpot does not have."""


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

    @property
    def back(self) -> Between:
        """Give the two objects the other way round."""
        return Between.of(self.paths.api_version, self.sides.to_object, self.sides.from_object)

    @classmethod
    def of(cls, api_version: ApiVersion, from_object: str, to_object: str) -> Between:
        """Take two objects by any of their names."""
        return cls(Sides(from_object, to_object), Paths(api_version, from_object, to_object))


class ExistingReader:
    """Read associations in bulk through ``batch/read``."""

    def __init__(
        self,
        client: Client,
        *,
        concurrency: int,
        stop: Stop,
        refused: ExitCode = ExitCode.STOPPED,
    ) -> None:
        """Take what the process tells when HubSpot refuses the token or its scopes meanwhile."""
        self._refused = refused
        self._client = client
        self._concurrency = min(concurrency, MAX_READS)
        self._stop = stop
        self._unanswered = 0

    async def read(self, pairs: pl.DataFrame, where: Where) -> Existing:
        """Read what the pairs (from_id, to_id) have, in the direction of `where`.

        Raises StoppedError when the run was asked to stop before everything was read.
        """
        found: list[pl.DataFrame] = [pl.DataFrame(schema=TYPED_PAIR)]
        wanted = pairs.select("from_id", "to_id")

        def keep_wanted(page: pl.DataFrame) -> None:
            found.append(page.join(wanted, on=["from_id", "to_id"], how="semi"))

        unread = await self.read_all(pairs, where, keep_wanted)
        return Existing(pl.concat(found).unique(), unread)

    async def read_all(
        self,
        records: pl.DataFrame,
        where: Where,
        on_page: Callable[[pl.DataFrame], None],
        on_unknown: Callable[[pl.DataFrame], None] = lambda _: None,
    ) -> pl.DataFrame:
        """Read everything that records (from_id) are associated with, and give it page by page.

        `on_page` takes TYPED_PAIR as it comes; a page that is asked for twice comes twice.
        `on_unknown` takes from_id and error_message of records that HubSpot says it does not have,
        which it does not tell of all: most read as records without associations. Gives the
        records that could not be read: from_id and error_message. Raises StoppedError when the run
        was asked to stop before everything was read.
        """
        unread: list[pl.DataFrame] = [_NONE_UNREAD]

        async def read_group(records: pl.DataFrame) -> None:
            groups: list[tuple[pl.DataFrame, int | None]] = [(records, None)]
            while groups and not self._stop.requested:
                group, tries = groups.pop()
                try:
                    page = await self._read_page(group, where, tries)
                    tries = None
                except SettingsError as error:
                    self._stop.request(error.message, error.hint, self._refused)
                    return
                except StoppedError as error:
                    self._stop.request(error.message, error.hint)
                    return
                except (RequestError, WireError) as error:
                    if self._has_too_many_unanswered(error):
                        return
                    page, tries = _narrowed(group, str(error)), TRIES_OF_A_PART
                on_page(page.existing)
                on_unknown(page.unknown)
                unread.append(page.unread)
                groups.extend((part, tries) for part in page.again)

        await in_parallel(
            _first_pages(records), read_group, concurrency=self._concurrency, stop=self._stop
        )
        self._stop.check()
        return pl.concat(unread).unique("from_id")

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

    async def _read_page(self, group: pl.DataFrame, where: Where, tries: int | None) -> _Page:
        """Ask for one page of each record of a group: from_id and after."""
        body = read_body(group)
        reply = await self._client.post(where.paths.read, body, only_reads=True, tries=tries)
        self._unanswered = 0
        if not reply.is_success:
            return _refused(group, reply.answer.as_error(), reply.http_status, where)
        # A thousand records may have half a million associations: too long for the event loop.
        existing, pages = await asyncio.to_thread(read_existing, reply.answer)
        told = group.join(existing, on="from_id", how="anti")
        unread = [_NONE_UNREAD]
        for error in reply.answer.errors:
            named = _named(error, where)
            if _says_nothing_there(error, named):
                continue
            # An error that names nobody may mean any record that the answer has nothing of.
            meant = told.filter(_is_in(named)) if named else told
            unread.append(_unread(meant, error.message or error.category))
        return _Page(existing, [pages] if pages.height else [], pl.concat(unread))


def _narrowed(group: pl.DataFrame, reason: str) -> _Page:
    """Ask by halves where a request comes to nothing: one record must not hide the others."""
    if group.height == 1:
        return _Page(unread=_unread(group, reason))
    middle = group.height // 2
    return _Page(again=[group.slice(0, middle), group.slice(middle)])


def _refused(group: pl.DataFrame, error: ErrorDetail, http_status: int, where: Where) -> _Page:
    """Narrow a refusal down to its records.

    A record that HubSpot does not know has nothing to keep, and writing will tell why; of any other
    we may not say that it has nothing.
    """
    named = _named(error, where)
    unknown = http_status == NOT_FOUND or _says_nothing_there(error, named)
    if group.height == 1:
        is_first_page = group["after"].is_null().all()
        if unknown and is_first_page:
            return _Page(unknown=_unknown(group, error, http_status))
        return _Page(unread=_unread(group, error.message or f"HTTP {http_status}"))
    rest = group.filter(~_is_in(named))
    if unknown and rest.height < group.height:
        meant = group.filter(_is_in(named))
        return _Page(
            again=[rest] if rest.height else [], unknown=_unknown(meant, error, http_status)
        )
    return _narrowed(group, error.message)


def _says_nothing_there(error: ErrorDetail, named: list[int]) -> bool:
    return error.category in NOT_THERE or (error.category == NOT_VALID and bool(named))


def _named(error: ErrorDetail, where: Where) -> list[int]:
    named = culprits(error, where.sides)
    ids = named.pair_from | named.from_ids | named.either_ids
    return [] if named.guessed else sorted(number for number in ids if number <= MAX_ID)


def _is_in(ids: list[int]) -> pl.Expr:
    return pl.col("from_id").is_in(pl.Series(ids, dtype=pl.Int64).implode())


def _unread(records: pl.DataFrame, reason: str) -> pl.DataFrame:
    message = f"what the record has could not be read: {reason}"
    return records.select("from_id", pl.lit(message).alias("error_message"))


def _unknown(records: pl.DataFrame, error: ErrorDetail, http_status: int) -> pl.DataFrame:
    message = error.message or f"HTTP {http_status}"
    return records.select("from_id", pl.lit(message).alias("error_message"))


def _first_pages(pairs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    records = pairs.select("from_id").unique(maintain_order=True)
    return records.with_columns(pl.lit(None, pl.String).alias("after")).iter_slices(MAX_READ_SIZE)
