"""Read which associations a set of records has: before writing, to keep labels; after, to check.

Rule 1: every page is read; a record that the answer leaves out has no associations.
Rule 2: only the pairs asked for are kept in memory, whatever else their records have.
Rule 3: a record that can't be read is told apart from a record that has nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.errors import RequestError, SettingsError, StoppedError
from etl.hubspot.culprits import culprits
from etl.hubspot.parallel import in_parallel
from etl.hubspot.wire import TYPED_PAIR, WireError, read_body, read_existing
from etl.model import MAX_READ_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.hubspot.client import Client
    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.parallel import Stop

NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Existing:
    """What HubSpot has of the pairs asked for."""

    types: pl.DataFrame
    """TYPED_PAIR, one line a type of a pair."""
    unread: pl.DataFrame
    """from_id and error_message of the records that could not be read."""


class ExistingReader:
    """Read associations in bulk through ``batch/read``."""

    def __init__(self, client: Client, *, concurrency: int, stop: Stop) -> None:
        self._client = client
        self._concurrency = concurrency
        self._stop = stop

    async def read(self, pairs: pl.DataFrame, endpoint: Endpoint) -> Existing:
        """Read what the pairs (from_id, to_id) have, in the endpoint's direction.

        Raises StoppedError when the run was asked to stop before everything was read.
        """
        found: list[pl.DataFrame] = [pl.DataFrame(schema=TYPED_PAIR)]
        unread: list[pl.DataFrame] = [
            pl.DataFrame(schema={"from_id": pl.Int64, "error_message": pl.String})
        ]
        wanted = pairs.select("from_id", "to_id")

        async def read_group(records: pl.DataFrame) -> None:
            groups = [records]
            while groups and not self._stop.requested:
                group = groups.pop()
                try:
                    existing, again = await self._read_page(group, endpoint)
                except (StoppedError, SettingsError) as error:
                    self._stop.request(error.message, error.hint)
                    return
                except (RequestError, WireError) as error:
                    message = f"what the record has could not be read: {error}"
                    unread.append(group.select("from_id", pl.lit(message).alias("error_message")))
                    continue
                found.append(existing.join(wanted, on=["from_id", "to_id"], how="semi"))
                groups.extend(again)

        await in_parallel(
            _first_pages(pairs), read_group, concurrency=self._concurrency, stop=self._stop
        )
        if self._stop.reason is not None:
            raise StoppedError(self._stop.reason, self._stop.hint, exit_code=self._stop.exit_code)
        return Existing(pl.concat(found).unique(), pl.concat(unread).unique("from_id"))

    async def _read_page(
        self, group: pl.DataFrame, endpoint: Endpoint
    ) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Ask for one page of each record; give what it holds and the groups to ask for next."""
        reply = await self._client.post(endpoint.paths.read, read_body(group))
        nothing = pl.DataFrame(schema=TYPED_PAIR)
        if reply.is_success:
            existing, pages = read_existing(reply.answer)
            return existing, [pages] if pages.height else []
        if reply.http_status == NOT_FOUND or group.height == 1:
            return nothing, []
        # Records that HubSpot refuses to read have nothing to keep; writing will tell why.
        named = culprits(reply.answer.as_error(), endpoint.sides)
        ids = sorted(named.pair_from | named.from_ids | named.either_ids)
        rest = group.filter(~pl.col("from_id").is_in(pl.Series(ids, dtype=pl.Int64).implode()))
        if rest.height < group.height and not named.guessed:
            return nothing, [rest] if rest.height else []
        middle = group.height // 2
        return nothing, [group.slice(0, middle), group.slice(middle)]


def _first_pages(pairs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    records = pairs.select("from_id").unique(maintain_order=True)
    return records.with_columns(pl.lit(None, pl.String).alias("after")).iter_slices(MAX_READ_SIZE)
