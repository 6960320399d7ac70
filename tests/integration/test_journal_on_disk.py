"""The journal: what became of each batch is on disk, whole, whoever reads it and when."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from etl.core.verdict import SETTLED
from etl.facts import Progress
from etl.journal import open_journal

if TYPE_CHECKING:
    from pathlib import Path


PROGRESS = Progress(requests=3, outcomes={"associated": 1})


def settled(batch: int, *association_ids: int, outcome: str = "associated") -> pl.DataFrame:
    """Write verdicts with every column filled, words of several scripts and all."""
    lines = [
        (number, None, outcome, 201, "C", f"理由 {number}", None, 2, batch)
        for number in association_ids
    ]
    return pl.DataFrame(lines, schema=SETTLED, orient="row")


def test_verdicts_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Results are read from the journal, so every column survives it, section by section."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.begin(2, section=0, associations=1)
        journal.begin(1, section=0, associations=2)
        journal.begin(3, section=7, associations=1)
        journal.settle(2, settled(2, 30), PROGRESS, is_whole=True)
        journal.settle(1, settled(1, 10, 20, outcome="failed"), PROGRESS, is_whole=True)
        journal.settle(3, settled(3, 40), PROGRESS, is_whole=True)
        both = pl.concat([settled(1, 10, 20, outcome="failed"), settled(2, 30)])
        assert_frame_equal(journal.verdicts(0), both)
        assert_frame_equal(journal.verdicts(7), settled(3, 40))
        assert_frame_equal(journal.verdicts(1), pl.DataFrame(schema=SETTLED))


def test_a_batch_that_was_only_begun_has_no_verdicts(tmp_path: Path) -> None:
    """A batch whose answer never came is not taken for one that was settled."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.begin(1, section=0, associations=2)
        assert journal.verdicts(0).height == 0
        journal.settle(1, pl.DataFrame(schema=SETTLED), PROGRESS, is_whole=True)
        assert journal.verdicts(0).schema == pl.Schema(SETTLED)


def test_the_journal_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    """An operator may look into a run that goes on, without stopping it."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.begin(1, section=0, associations=1)
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            query = "SELECT number, associations, settled_at IS NOT NULL FROM batch"
            cursor = reader.execute(query)
            # The reader holds its transaction open, and the writer goes on all the same.
            assert cursor.fetchone() == (1, 1, 0)
            journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
            journal.begin(2, section=0, associations=5)
            cursor.close()
            assert reader.execute(query).fetchall() == [(1, 1, 1), (2, 5, 0)]
        finally:
            reader.close()


def test_a_reopened_journal_knows_what_was_settled(tmp_path: Path) -> None:
    """What a run has written down outlives it."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.begin(1, section=3, associations=1)
        journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
    with open_journal(path) as journal:
        assert_frame_equal(journal.verdicts(3), settled(1, 10))


def test_a_cut_off_run_leaves_a_journal_that_opens(tmp_path: Path) -> None:
    """What stood on disk when the power went is a whole journal, with all that was settled."""
    path, cut = tmp_path / "journal.sqlite", tmp_path / "cut"
    cut.mkdir()
    with open_journal(path) as journal:
        journal.begin(1, section=0, associations=1)
        journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
        journal.begin(2, section=0, associations=1)
        for file in tmp_path.glob("journal.sqlite*"):
            (cut / file.name).write_bytes(file.read_bytes())
    with open_journal(cut / "journal.sqlite") as journal:
        assert_frame_equal(journal.verdicts(0), settled(1, 10))


def test_threads_write_at_the_same_time(tmp_path: Path) -> None:
    """Batches are settled from several threads, and none is lost."""
    with open_journal(tmp_path / "journal.sqlite") as journal:

        def one(number: int) -> int:
            journal.begin(number, section=number % 2, associations=1)
            journal.settle(number, settled(number, number), PROGRESS, is_whole=True)
            return journal.verdicts(number % 2).height

        with ThreadPoolExecutor(4) as threads:
            heights = list(threads.map(one, range(60)))
        assert min(heights) >= 1
        for section in (0, 1):
            ids = journal.verdicts(section)["association_id"].to_list()
            assert ids == list(range(section, 60, 2))


def test_a_batch_is_begun_once(tmp_path: Path) -> None:
    """Two batches under one number would hide each other's rows, so the second is refused."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.begin(1, section=0, associations=1)
        with pytest.raises(sqlite3.IntegrityError):
            journal.begin(1, section=0, associations=1)
