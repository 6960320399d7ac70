"""The journal: what became of each batch is on disk, whole, whoever reads it and when."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from etl.core.verdict import SETTLED, SharedVerdict
from etl.errors import StoppedError, UsageError
from etl.facts import Origin, Progress, Rehearsal, RunBegun
from etl.journal import Journal, open_journal
from etl.model import Outcome

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
        journal.begin(0, {2: 1})
        journal.begin(0, {1: 2})
        journal.begin(7, {3: 1})
        journal.settle(2, settled(2, 30), PROGRESS, is_whole=True)
        journal.settle(1, settled(1, 10, 20, outcome="failed"), PROGRESS, is_whole=True)
        journal.settle(3, settled(3, 40), PROGRESS, is_whole=True)
        both = pl.concat([settled(1, 10, 20, outcome="failed"), settled(2, 30)])
        assert_frame_equal(journal.verdicts(0), both)
        assert_frame_equal(journal.verdicts(7), settled(3, 40))
        assert_frame_equal(journal.verdicts(1), pl.DataFrame(schema=SETTLED))


def test_a_shared_verdict_comes_back_for_each_association(tmp_path: Path) -> None:
    """One line stands for a whole batch, and says of each row what columns would have said."""
    path = tmp_path / "journal.sqlite"
    verdict = SharedVerdict(Outcome.ASSOCIATED, 201, "c-1", attempts=2)
    with open_journal(path) as journal:
        journal.begin(4, {1: 3, 2: 2, 3: 1})
        journal.settle_all(1, 50, verdict, PROGRESS)
        journal.settle(2, settled(2, 53, 54, outcome="failed"), PROGRESS, is_whole=True)
        journal.settle_all(3, 55, SharedVerdict(Outcome.REMOVED, 204, None, 1), PROGRESS)
        assert journal.recall(Progress) == PROGRESS
    with open_journal(path) as journal:
        assert journal.settled_associations() == 6
        ids = pl.DataFrame({"association_id": range(50, 56)})
        assert_frame_equal(
            journal.verdicts(4),
            pl.concat(
                [
                    verdict.on(ids[:3], 1),
                    settled(2, 53, 54, outcome="failed"),
                    SharedVerdict(Outcome.REMOVED, 204, None, 1).on(ids[5:], 3),
                ]
            ),
            check_row_order=False,
        )


def test_a_batch_that_was_only_begun_has_no_verdicts(tmp_path: Path) -> None:
    """A batch whose answer never came is not taken for one that was settled."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.begin(0, {1: 2})
        assert journal.verdicts(0).height == 0
        journal.settle(1, pl.DataFrame(schema=SETTLED), PROGRESS, is_whole=True)
        assert journal.verdicts(0).schema == pl.Schema(SETTLED)


def test_the_journal_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    """An operator may look into a run that goes on, without stopping it."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.begin(0, {1: 1})
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            query = "SELECT number, associations, settled_at IS NOT NULL FROM batch"
            cursor = reader.execute(query)
            # The reader holds its transaction open, and the writer goes on all the same.
            assert cursor.fetchone() == (1, 1, 0)
            journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
            journal.begin(0, {2: 5})
            cursor.close()
            assert reader.execute(query).fetchall() == [(1, 1, 1), (2, 5, 0)]
        finally:
            reader.close()


def test_a_reopened_journal_knows_what_was_settled(tmp_path: Path) -> None:
    """What a run has written down outlives it."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.begin(3, {1: 1})
        journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
    with open_journal(path) as journal:
        assert_frame_equal(journal.verdicts(3), settled(1, 10))


def test_a_cut_off_run_leaves_a_journal_that_opens(tmp_path: Path) -> None:
    """What stood on disk when the power went is a whole journal, with all that was settled."""
    path, cut = tmp_path / "journal.sqlite", tmp_path / "cut"
    cut.mkdir()
    with open_journal(path) as journal:
        journal.begin(0, {1: 1})
        journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
        journal.begin(0, {2: 1})
        for file in tmp_path.glob("journal.sqlite*"):
            (cut / file.name).write_bytes(file.read_bytes())
    with open_journal(cut / "journal.sqlite") as journal:
        assert_frame_equal(journal.verdicts(0), settled(1, 10))


def test_threads_write_at_the_same_time(tmp_path: Path) -> None:
    """Batches are settled from several threads, and none is lost."""
    with open_journal(tmp_path / "journal.sqlite") as journal:

        def one(number: int) -> int:
            journal.begin(number % 2, {number: 1})
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
        journal.begin(0, {1: 1})
        with pytest.raises(sqlite3.IntegrityError):
            journal.begin(0, {1: 1})


# --- facts ----------------------------------------------------------------------------------------


def test_a_fact_is_remembered_in_its_newest_form(tmp_path: Path) -> None:
    """A resume knows what the run was begun with, and how far it had come at the last."""
    path = tmp_path / "journal.sqlite"
    begun = RunBegun(
        run_id="r",
        started_at="2026-11-23T12:00:00Z",
        job={"name": "決裁者"},
        origin=Origin(overrides=("a=1",), rehearsal=Rehearsal(faults="/f.yaml"), parent="p"),
    )
    with open_journal(path) as journal:
        assert journal.recall(RunBegun) is None
        journal.remember(begun)
        journal.remember(Progress(requests=1))
        journal.remember(Progress(requests=2, outcomes={"failed": 1}, seconds=0.5))
    with open_journal(path) as journal:
        assert journal.recall(RunBegun) == begun
        assert journal.recall(Progress) == Progress(requests=2, outcomes={"failed": 1}, seconds=0.5)


def test_progress_is_written_with_its_batch(tmp_path: Path) -> None:
    """After any cut the counts of a run are those of the batches that it has settled."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.begin(0, {1: 1})
        journal.settle(1, settled(1, 10), PROGRESS, is_whole=True)
        assert journal.recall(Progress) == PROGRESS


def test_a_journal_of_another_version_says_so(tmp_path: Path) -> None:
    """A run folder of a newer version is refused in words, and not half understood."""

    class Tomorrow(msgspec.Struct):
        requests: str

    Tomorrow.__name__ = "Progress"
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.remember(Tomorrow("many"))
        with pytest.raises(UsageError, match="of another version of hubspot-assoc"):
            journal.recall(Progress)


# --- what needs no further request ----------------------------------------------------------------


def test_a_section_that_was_compared_stays_compared(tmp_path: Path) -> None:
    """Nothing unchanged is not the same as not yet known: batches are cut by the first answer."""
    path = tmp_path / "journal.sqlite"
    unchanged = settled(0, 5, 6, outcome="unchanged")
    with open_journal(path) as journal:
        assert journal.comparison(1) is None
        journal.compared(1, unchanged, existing=5)
        journal.compared(2, unchanged.clear(), existing=1)
        assert journal.existing_associations() == 6
    with open_journal(path) as journal:
        found, none = journal.comparison(1), journal.comparison(2)
        assert found is not None
        assert none is not None
        assert_frame_equal(found, unchanged)
        assert none.height == 0
        assert journal.comparison(3) is None


def test_batches_that_were_begun_are_known_by_section(tmp_path: Path) -> None:
    """A batch that may have been sent is not begun a second time."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        journal.begin(0, {1: 1, 2: 1})
        journal.begin(3, {7: 1})
        journal.settle(2, settled(2, 10), PROGRESS, is_whole=True)
        assert [journal.has_begun(section) for section in range(4)] == [True, False, False, True]


def test_only_whole_batches_and_unchanged_pairs_need_no_request(tmp_path: Path) -> None:
    """A run is done when each association has its verdict, not when each batch has some."""
    with open_journal(tmp_path / "journal.sqlite") as journal:
        assert journal.settled_associations() == 0
        journal.begin(0, {1: 3})
        journal.begin(0, {2: 2})
        journal.begin(1, {3: 40})
        journal.settle(1, settled(1, 10, 11, 12), PROGRESS, is_whole=True)
        journal.settle(2, settled(2, 20), PROGRESS, is_whole=False)
        assert journal.settled_associations() == 3
        journal.compared(1, settled(0, 5, 6, outcome="unchanged"), existing=2)
        assert journal.settled_associations() == 5
        journal.settle(2, settled(2, 20, 21), PROGRESS, is_whole=True)
        assert journal.settled_associations() == 7
        assert journal.verdicts(0)["association_id"].to_list() == [10, 11, 12, 20, 21]


# --- looking and closing --------------------------------------------------------------------------


def test_looking_at_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """`runs` and `show` change nothing in a folder, also in one that may not be written to."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.remember(PROGRESS)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with open_journal(path, read_only=True) as journal:
        assert journal.recall(Progress) == PROGRESS
        assert {file.name for file in tmp_path.iterdir()} == set(before)
        with pytest.raises(StoppedError, match="can't be written"):
            journal.remember(Progress())
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_looking_at_a_run_that_goes_on_sees_its_last_batch(tmp_path: Path) -> None:
    """What stands in the write-ahead log alone is a part of the journal."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.remember(PROGRESS)
        with open_journal(path, read_only=True) as looked_at:
            assert looked_at.recall(Progress) == PROGRESS


def test_looking_makes_no_journal(tmp_path: Path) -> None:
    """A look at the wrong folder does not turn it into a run."""
    with (
        pytest.raises(UsageError, match="can't be used"),
        open_journal(tmp_path / "journal.sqlite", read_only=True),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database, but a text of some length" * 50])
def test_a_damaged_journal_is_told(tmp_path: Path, content: bytes) -> None:
    """A journal that the disk has spoilt ends in a sentence with a way on."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with (
        pytest.raises(UsageError, match=r"journal\.sqlite can't be used") as caught,
        open_journal(path),
    ):
        pass
    assert "run the job again" in caught.value.hint


def test_a_journal_is_closed_after_the_last_write(tmp_path: Path) -> None:
    """A run that ends while a thread still writes crashed the interpreter, or lost the batch."""
    path = tmp_path / "journal.sqlite"
    with open_journal(path):
        pass
    is_writing, may_go_on = Event(), Event()
    order: list[str] = []

    class Watched(sqlite3.Connection):
        def close(self) -> None:
            order.append("closed")
            super().close()

    def slowly() -> int:
        is_writing.set()
        assert may_go_on.wait(10)
        order.append("written")
        return 1

    connection = sqlite3.connect(path, check_same_thread=False, factory=Watched)
    connection.create_function("slowly", 0, slowly)
    journal = Journal(connection)

    def write() -> None:
        with journal._transaction():
            connection.execute(
                "INSERT INTO batch (number, section, associations) VALUES (1, 0, slowly())"
            )

    writer, closer = Thread(target=write), Thread(target=journal.close)
    writer.start()
    assert is_writing.wait(10)
    closer.start()
    closer.join(0.05)
    may_go_on.set()
    writer.join(10)
    closer.join(10)
    assert order == ["written", "closed"]
    with open_journal(path) as reopened:
        assert reopened.has_begun(0)
