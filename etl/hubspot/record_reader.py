"""Read everything that single records are associated with, one request a page of one record."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import polars as pl

from etl.errors import RequestError
from etl.hubspot.client import NOT_FOUND
from etl.hubspot.parallel import in_parallel
from etl.hubspot.read_judge import UNREAD
from etl.hubspot.record_wire import PAGE_SIZE, read_record
from etl.hubspot.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.hubspot.client import Client
    from etl.hubspot.existing import Between
    from etl.stop import Stop


class RecordReader:
    """Read records by the operation that lists one; `Paths.lists_a_record` tells who has it."""

    def __init__(self, client: Client, *, stop: Stop) -> None:
        self._client = client
        self._stop = stop

    async def read_all(
        self,
        records: pl.DataFrame,
        there: Between,
        on_page: Callable[[pl.DataFrame], None],
        on_unknown: Callable[[pl.DataFrame], None],
    ) -> pl.DataFrame:
        """Do for records (from_id) what `ExistingReader.read_all` does, with the same answers.

        HubSpot tells here of every record whether it exists. Raises SettingsError and StoppedError.
        """
        unread: list[tuple[int, str]] = []

        async def read(from_id: int) -> None:
            try:
                said = await self._read(from_id, there, on_page)
            except (RequestError, WireError) as error:
                unread.append((from_id, f"what the record has could not be read: {error}"))
                return
            if said is not None:
                on_unknown(pl.DataFrame([(from_id, said)], schema=UNREAD, orient="row"))

        ids = records["from_id"].to_list()
        await in_parallel(ids, read, stop=self._stop)
        self._stop.check()
        return pl.DataFrame(unread, schema=UNREAD, orient="row")

    async def _read(
        self, from_id: int, there: Between, on_page: Callable[[pl.DataFrame], None]
    ) -> str | None:
        """Read all pages of a record; give HubSpot's words where it does not have the record."""
        query = {"limit": str(PAGE_SIZE)}
        while True:
            reply = await self._client.get(f"{there.paths.record(from_id)}?{urlencode(query)}")
            if not reply.is_success:
                said = reply.answer.message or f"HTTP {reply.http_status}"
                if reply.http_status == NOT_FOUND:
                    return said
                raise WireError(said)
            page, after = read_record(reply.answer, from_id)
            on_page(page)
            if after is None:
                return None
            query["after"] = after
