"""Remember on this machine which records keys lead to, so that a nightly job asks for the new ones.

Rule 1: only a key that leads to one record is remembered; what is missing or doubled today may be
        mended tomorrow.
Rule 2: a file is written once, whole, and never changed, so that runs at the same time can't break
        what another reads; of two lines about a key, the newer counts. One without a record says
        that the key is forgotten.
Rule 3: trouble with the cache costs requests, never the run; it is told in the log.

Below the output directory, readable by its owner alone, for each host, portal, object and property::

    .keys/api.hubapi.com,1234567,contact,email,20261124T060000123Z-0c1d2e.parquet
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import polars as pl

from etl.core.keys import KEY
from etl.errors import StoppedError
from etl.hubspot.objects import singular
from etl.run_folder import PRIVATE_FOLDER, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from etl.core.keys import UniqueProperty
    from etl.logs import Log
    from etl.model import Job

FOLDER: Final = ".keys"

LINE: Final = {**KEY, "record_id": pl.Int64, "at": pl.Int64}
"""A key, its record, and when HubSpot said so: milliseconds since 1970. No record: forget it."""

_UNREADABLE: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class KeyCache:
    """Keep the keys of one account."""

    def __init__(
        self,
        folder: Path,
        account: str,
        *,
        hours: int,
        log: Log,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take lines as true for some hours; `account` tells accounts apart in file names."""
        self._folder = folder
        self._account = account
        self._milliseconds = hours * 3_600_000
        self._log = log
        self._now = now

    def recall(self, keys: pl.DataFrame, by: UniqueProperty) -> pl.DataFrame:
        """Give the records that are remembered for keys (KEY): key and record_id."""
        now = self._now_milliseconds()
        is_fresh = pl.col("at").is_between(now - self._milliseconds, now)
        lines = [pl.DataFrame(schema=LINE)]
        for path in self._files(self._prefix(by)):
            try:
                # Read, not scanned: whether a file is whole shows here, and nowhere else.
                lines.append(
                    pl.read_parquet(path, memory_map=False)
                    .select(pl.col(name).cast(dtype) for name, dtype in LINE.items())
                    .filter(is_fresh)
                    .join(keys, on="key", how="semi")
                )
            except FileNotFoundError:
                continue  # another run has tidied up
            except _UNREADABLE as error:
                self._log.warning("keys.cache_unreadable", file=str(path), trouble=str(error))
                path.unlink(missing_ok=True)
        newest = pl.concat(lines).sort("at", maintain_order=True).unique("key", keep="last")
        return newest.filter(pl.col("record_id").is_not_null()).select("key", "record_id")

    def keep(self, found: pl.DataFrame, by: UniqueProperty) -> None:
        """Remember the records (key, record_id) that HubSpot has just told."""
        self._write(found.filter(pl.col("record_id").is_not_null()), by)

    def forget(self, keys: pl.DataFrame, by: UniqueProperty) -> None:
        """Ask HubSpot again for keys (KEY), the next time."""
        self._write(keys.with_columns(pl.lit(None, pl.Int64).alias("record_id")), by)

    def tidy(self, by: UniqueProperty) -> None:
        """Delete the files that are too old to say anything."""
        oldest = self._now() - self._milliseconds / 1000
        # What another run is writing has a dot before its name; after a cut, it stays behind.
        for path in (*self._files(self._prefix(by)), *self._files(f".{self._prefix(by)}")):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
            except OSError as error:
                self._log.warning("keys.cache_not_tidied", file=str(path), trouble=str(error))

    def _write(self, lines: pl.DataFrame, by: UniqueProperty) -> None:
        if lines.is_empty():
            return
        at = pl.lit(self._now_milliseconds(), pl.Int64).alias("at")
        stamp = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%S%fZ")
        path = self._folder / f"{self._prefix(by)}{stamp}-{secrets.token_hex(3)}.parquet"
        try:
            self._folder.mkdir(parents=True, mode=PRIVATE_FOLDER, exist_ok=True)
            write_whole(path, lines.with_columns(at).select(*LINE).write_parquet)
        except (OSError, StoppedError) as error:
            self._log.warning("keys.not_remembered", file=str(path), trouble=str(error))

    def _files(self, prefix: str) -> Iterator[Path]:
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            self._log.warning("keys.cache_unreadable", file=str(self._folder), trouble=str(error))
            return
        yield from (self._folder / name for name in names if name.startswith(prefix))

    def _prefix(self, by: UniqueProperty) -> str:
        return f"{self._account},{singular(by.object)},{by.name},"

    def _now_milliseconds(self) -> int:
        return int(self._now() * 1000)


def open_cache(job: Job, portal_id: int | None, log: Log) -> KeyCache | None:
    """Give the cache for a job's account; None where it wants none, or its portal is not known.

    What takes away wants none: a key may have moved to another record since.
    """
    if not job.keyed_sides or not job.match_cache_hours or portal_id is None or job.takes_away:
        return None
    # The host, as the sandbox's records are not those of a portal with the same id.
    host = urlsplit(job.hubspot.base_url).hostname
    return KeyCache(
        job.output.directory / FOLDER,
        f"{host},{portal_id}",
        hours=job.match_cache_hours,
        log=log,
    )
