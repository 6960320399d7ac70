"""Look the keys of a kept source up: in the cache first, then at HubSpot, each key once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from etl.core.keys import (
    FOUND,
    KEY_FOUND_TWICE,
    KEY_NOT_FOUND,
    Matched,
    UniqueProperty,
    unique_properties,
)
from etl.hubspot.account import Account, fetch_account
from etl.hubspot.culprits import NOT_THERE, NOT_VALID
from etl.hubspot.look_up import LookUp
from etl.key_cache import open_cache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.hubspot.client import Client
    from etl.ingest import SourceShape
    from etl.kept_source import KeptSource
    from etl.key_cache import KeyCache
    from etl.logs import Log
    from etl.model import Job
    from etl.pipeline.observer import Observer
    from etl.stop import Stop

REMEMBERED_AT_ONCE: Final = 10_000
"""Keys found before they are written down: what a run that is killed has to look up again."""

_MAY_BE_GONE: Final = sorted({*NOT_THERE, NOT_VALID})
"""What HubSpot says of an association when one of its records does not exist, or not any more. It may
mean something else: forgetting a key that still leads there costs no more than asking for it again."""


class KeyFinder:
    """Find the records of a job's keys."""

    def __init__(
        self,
        job: Job,
        client: Client,
        cache: KeyCache | None,
        *,
        is_kept: bool,
        observer: Observer,
        stop: Stop,
    ) -> None:
        """Without `is_kept`, leave the cache as it is."""
        self._job = job
        self._client = client
        self._cache = cache
        self._is_kept = is_kept
        self._observer = observer
        self._stop = stop
        self.facts: dict[str, dict[str, int]] = {}
        """By side: looked_up, from_cache, not_found and found_twice, in distinct keys."""

    async def find(self, source: KeptSource) -> list[Matched]:
        """Find the records of all keys of both sides.

        Raises SettingsError for a property that HubSpot can't look up by, StoppedError.
        """
        matches: list[Matched] = []
        for end, by in unique_properties(self._job).items():
            keys = await asyncio.to_thread(source.keys, end)
            # Both sides may be of one object: what was found for one is known for the other.
            known = [each.found for each in matches if each.by == by]
            found = await self._find(end, keys, by, known)
            matches.append(Matched(end, self._job.keyed_sides[end].column, by, found))
        return matches

    async def _find(
        self,
        end: Literal["from", "to"],
        keys: pl.DataFrame,
        by: UniqueProperty,
        known: list[pl.DataFrame],
    ) -> pl.DataFrame:
        found = [pl.DataFrame(schema=FOUND)]
        found += [each.join(keys, on="key", how="semi") for each in known]
        keys = keys.join(pl.concat(found), on="key", how="anti")
        remembered = await self._recall(keys, by)
        found.append(by.found(remembered))
        unknown = keys.join(remembered, on="key", how="anti")
        found.append(await self._look_up(unknown, by))
        told = pl.concat(found)
        self.facts[end] = {
            "looked_up": unknown.height,
            "from_cache": remembered.height,
            **_troubles(told),
        }
        return told

    async def _recall(self, keys: pl.DataFrame, by: UniqueProperty) -> pl.DataFrame:
        if self._cache is None:
            return pl.DataFrame(schema={"key": pl.String, "record_id": pl.Int64})
        if self._is_kept:
            await asyncio.to_thread(self._cache.tidy, by)
        return await asyncio.to_thread(self._cache.recall, keys, by)

    async def _look_up(self, keys: pl.DataFrame, by: UniqueProperty) -> pl.DataFrame:
        found = [pl.DataFrame(schema=FOUND)]
        fresh: list[pl.DataFrame] = []
        done = 0

        async def take(told: pl.DataFrame) -> None:
            nonlocal done
            done += told.height
            self._observer.looked_up(done, keys.height)
            found.append(told)
            fresh.append(told)
            if sum(each.height for each in fresh) >= REMEMBERED_AT_ONCE:
                await self._keep(fresh, by)

        look_up = LookUp(
            self._client,
            self._job.hubspot.api_version,
            by,
            stop=self._stop,
        )
        try:
            await look_up.find(keys, take)
        finally:
            # However it ends: what was found need not be asked for again.
            await self._keep(fresh, by)
        return pl.concat(found)

    async def _keep(self, fresh: list[pl.DataFrame], by: UniqueProperty) -> None:
        if self._cache is None or not self._is_kept or not fresh:
            return
        found = pl.concat(fresh)
        fresh.clear()
        await asyncio.to_thread(self._cache.keep, found.select("key", "record_id"), by)


async def reading_finder(
    job: Job, client: Client, log: Log, *, observer: Observer, stop: Stop
) -> KeyFinder:
    """Make a finder for a command that writes nothing: it reads the cache and leaves it as it is."""
    account = await fetch_account(client) if job.keyed_sides else Account()
    cache = open_cache(job, account.portal_id, log)
    return KeyFinder(job, client, cache, is_kept=False, observer=observer, stop=stop)


def forget_failed(
    job: Job, source: SourceShape, cache: KeyCache | None, failed: pl.DataFrame
) -> None:
    """Forget the keys of staged rows that failed and may be of a record that is gone: the next run asks anew."""
    if cache is None:
        return
    rows = failed.filter(pl.col("error_category").is_in(_MAY_BE_GONE))
    cells = {"from": source.from_cell, "to": source.to_cell}
    for end, by in unique_properties(job).items():
        cache.forget(rows.select(by.key(pl.col(cells[end])).alias("key")).unique(), by)


def _troubles(found: pl.DataFrame) -> Mapping[str, int]:
    names = {"not_found": KEY_NOT_FOUND, "found_twice": KEY_FOUND_TWICE}
    categories = found["error_category"]
    return {name: int((categories == category).sum()) for name, category in names.items()}
