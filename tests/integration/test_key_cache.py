"""What is remembered of keys between runs: for how long, for whom, and what damage costs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from etl.core.keys import KEY, UniqueProperty
from etl.key_cache import FOLDER, KeyCache, open_cache
from etl.model import (
    Action,
    ActionColumn,
    Bound,
    HubspotSettings,
    Job,
    Limits,
    Mirror,
    Output,
    Side,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EMAIL = UniqueProperty("contacts", "email")
HOUR = 3600.0


@dataclass
class Log:
    """Keep what would be logged."""

    events: list[str] = field(default_factory=list)

    def info(self, event: str, **_: object) -> None:
        """Take a line."""
        self.events.append(event)

    def warning(self, event: str, **_: object) -> None:
        """Take a warning."""
        self.events.append(event)


@dataclass
class Shelf:
    """Caches over one folder, and the time."""

    folder: Path
    log: Log = field(default_factory=Log)
    now: float = 1_000_000.0

    def cache(self, account: str = "api.hubapi.com,1", hours: int = 24) -> KeyCache:
        """Open a cache, as a new process would."""
        return KeyCache(
            self.folder / FOLDER, account, hours=hours, log=self.log, now=lambda: self.now
        )

    def keep(self, by: UniqueProperty = EMAIL, **found: int | None) -> None:
        """Remember records of keys."""
        schema = {"key": pl.String, "record_id": pl.Int64}
        lines = pl.DataFrame(list(found.items()), schema=schema, orient="row")
        self.cache().keep(lines, by)

    def recall(self, *wanted: str, cache: KeyCache | None = None) -> dict[str, int]:
        """List what is remembered of keys."""
        found = (cache or self.cache()).recall(keys(*wanted), EMAIL)
        return dict(found.rows())

    @property
    def files(self) -> list[Path]:
        """List the files of the cache."""
        return sorted((self.folder / FOLDER).iterdir())


def keys(*values: str) -> pl.DataFrame:
    """Make a frame of keys."""
    return pl.DataFrame({"key": values}, schema=KEY)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Give an empty cache."""
    return Shelf(tmp_path / "runs")


def test_what_was_found_is_remembered(shelf: Shelf) -> None:
    """Only what was asked about comes back, and only keys that have a record."""
    assert shelf.recall("a") == {}
    shelf.keep(a=1, b=2, nobody=None)
    assert shelf.recall("a", "nobody", "c") == {"a": 1}
    assert shelf.log.events == []


def test_a_key_is_asked_again_when_its_time_is_over(shelf: Shelf) -> None:
    """What HubSpot said yesterday is not today's truth for longer than the job allows."""
    shelf.keep(a=1)
    shelf.now += 23 * HOUR
    shelf.keep(b=2)
    shelf.now += 1 * HOUR
    assert shelf.recall("a", "b") == {"a": 1, "b": 2}
    shelf.now += 1
    assert shelf.recall("a", "b") == {"b": 2}
    assert shelf.recall("a", "b", cache=shelf.cache(hours=48)) == {"a": 1, "b": 2}


def test_a_clock_that_was_set_back_makes_nothing_last_longer(shelf: Shelf) -> None:
    """A line from the future says nothing of how old it is."""
    shelf.keep(a=1)
    shelf.now -= HOUR
    assert shelf.recall("a") == {}


def test_the_newest_word_counts(shelf: Shelf) -> None:
    """An email may move to another contact; a record may be gone."""
    shelf.keep(a=1, b=2)
    shelf.now += 1
    shelf.keep(a=7)
    shelf.now += 1
    shelf.cache().forget(keys("b"), EMAIL)
    assert shelf.recall("a", "b") == {"a": 7}
    shelf.now += 1
    shelf.keep(b=8)
    assert shelf.recall("a", "b") == {"a": 7, "b": 8}


def test_accounts_objects_and_properties_are_kept_apart(shelf: Shelf) -> None:
    """A key of another portal, of the sandbox, of another object or property is another key."""
    shelf.keep(a=1)
    for account in ("api.hubapi.com,12", "127.0.0.1,1", "api.hubapi.com,2"):
        assert shelf.recall("a", cache=shelf.cache(account)) == {}
    for by in (UniqueProperty("companies", "email"), UniqueProperty("contacts", "email_2")):
        assert shelf.cache().recall(keys("a"), by).is_empty()
    # One object by any of its names.
    assert dict(shelf.cache().recall(keys("a"), UniqueProperty("0-1", "email")).rows()) == {"a": 1}


def test_nobody_else_reads_it(shelf: Shelf) -> None:
    """Keys are people's email addresses."""
    before = os.umask(0)
    try:
        shelf.keep(a=1)
    finally:
        os.umask(before)
    assert stat.S_IMODE((shelf.folder / FOLDER).stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in shelf.files] == [0o600]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(os.urandom(500)),
        lambda path: pl.DataFrame({"key": ["a"]}).write_parquet(path),
        lambda path: pl.DataFrame({"key": ["a"], "record_id": ["x"], "at": [1]}).write_parquet(
            path
        ),
    ],
)
def test_a_damaged_file_costs_its_keys_and_a_warning(
    shelf: Shelf, damage: Callable[[Path], Any]
) -> None:
    """The run goes on, says what happened, and the file is gone."""
    shelf.keep(a=1)
    [damaged] = shelf.files
    shelf.keep(b=2)
    damage(damaged)
    assert shelf.recall("a", "b") == {"b": 2}
    assert shelf.log.events == ["keys.cache_unreadable"]
    assert damaged not in shelf.files
    assert shelf.recall("a", "b") == {"b": 2}
    assert len(shelf.log.events) == 1


def test_a_place_that_takes_no_files_is_no_reason_to_stop(shelf: Shelf) -> None:
    """Nothing is remembered, and the log says so."""
    shelf.folder.mkdir()
    (shelf.folder / FOLDER).write_text("not a folder", encoding="utf-8")
    shelf.keep(a=1)
    assert shelf.recall("a") == {}
    assert set(shelf.log.events) == {"keys.not_remembered", "keys.cache_unreadable"}


def test_old_files_go_and_what_is_written_stays(shelf: Shelf) -> None:
    """The cache does not grow over the nights, nor does it take a file from a run that writes it."""
    shelf.keep(old=1)
    [old] = shelf.files
    cut_off = old.with_name(f".{old.name}.partial")
    cut_off.touch()
    shelf.keep(new=2)
    for path in shelf.files:
        hours = 25 if path in {old, cut_off} else 23
        os.utime(path, (shelf.now - hours * HOUR, shelf.now - hours * HOUR))
    shelf.cache().tidy(EMAIL)
    assert len(shelf.files) == 1
    assert shelf.recall("old", "new") == {"new": 2}
    shelf.cache().tidy(UniqueProperty("companies", "domain"))


def job(tmp_path: Path, hours: int = 24, match_by: str | None = "email") -> Job:
    """Write a job."""
    return Job(
        name="keys",
        file=tmp_path / "keys.yaml",
        source=Source("rows.csv"),
        from_side=Side("contacts", "mail", match_by),
        to_side=Side("companies", "id"),
        labelling=None,
        existing_labels="keep",
        hubspot=HubspotSettings(None),
        limits=Limits(),
        output=Output(tmp_path),
        match_cache_hours=hours,
    )


def test_a_job_has_a_cache_where_it_can_use_one(tmp_path: Path) -> None:
    """No keys, no hours or no portal to tell apart: no cache, and nothing on the disk."""
    log = Log()
    assert open_cache(job(tmp_path), 1, log) is not None
    assert open_cache(job(tmp_path), None, log) is None
    assert open_cache(job(tmp_path, hours=0), 1, log) is None
    assert open_cache(job(tmp_path, match_by=None), 1, log) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "taking",
    [
        {"action": Action.REMOVE},
        {"action": ActionColumn("op")},
        {"mirror": Mirror("from", Bound(count=1))},
        {"existing_labels": "replace"},
    ],
    ids=["remove", "by row", "mirror", "replace"],
)
def test_what_takes_away_asks_for_its_keys_anew(tmp_path: Path, taking: dict[str, Any]) -> None:
    """A key that has moved to another record must not cost the old one its associations."""
    assert open_cache(replace(job(tmp_path), **taking), 1, Log()) is None
