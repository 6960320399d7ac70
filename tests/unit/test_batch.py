"""Associations cut into numbered batches."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from etl.core.batch import Batcher
from etl.core.id_text import BETWEEN_IDS, BETWEEN_PAIRS


def associations(count: int, first: int = 0) -> pl.DataFrame:
    """Make associations that differ by their number."""
    ids = pl.Series("association_id", range(first, first + count), dtype=pl.Int64)
    return pl.select(ids, from_id=ids * 3, to_id=ids + 7)


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(1, 25))
def test_batches_are_the_associations(sections: list[int], batch_size: int) -> None:
    """Each association is in exactly one batch, in order, and no batch is empty or too large."""
    batcher = Batcher(batch_size)
    for count in sections:
        frame = associations(count)
        frames = [batch.frame for batch in batcher.cut(frame)]
        assert all(0 < part.height <= batch_size for part in frames)
        assert [n for part in frames for n in part["association_id"]] == list(range(count))
        assert all(part.height == batch_size for part in frames[:-1])


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(1, 25))
def test_numbers_run_on_over_sections(sections: list[int], batch_size: int) -> None:
    """A batch number stands for one batch of the whole run, from 1, without gaps."""
    batcher = Batcher(batch_size)
    numbers = []
    for count in sections:
        sizes = batcher.sizes(associations(count))
        batches = list(batcher.cut(associations(count)))
        assert sizes == {batch.number: batch.frame.height for batch in batches}
        numbers += [batch.number for batch in batches]
    assert numbers == list(range(1, len(numbers) + 1))


@given(st.integers(0, 60), st.integers(1, 25))
def test_a_batch_has_its_ids_as_text(count: int, batch_size: int) -> None:
    """What a request is worded from are the ids of its own pairs, in their order."""
    for batch in Batcher(batch_size).cut(associations(count)):
        pairs = [pair.split(BETWEEN_IDS) for pair in batch.ids.split(BETWEEN_PAIRS)]
        assert [tuple(map(int, pair)) for pair in pairs] == batch.frame.select(
            "from_id", "to_id"
        ).rows()


def test_batches_are_cut_one_at_a_time() -> None:
    """A section is not turned into a list of all its requests before the first is sent."""
    batches = Batcher(2).cut(associations(5))
    assert next(batches).frame["association_id"].to_list() == [0, 1]
    assert [batch.frame.height for batch in batches] == [2, 1]
