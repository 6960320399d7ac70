"""How many reads are in flight at once: as many as memory has room for their answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from etl.hubspot.read_room import ReadRoom

if TYPE_CHECKING:
    from collections.abc import Callable


async def most_at_once(room: ReadRoom, reads: int, size: Callable[[int], int]) -> list[int]:
    """Let some reads of ten records go; tell how many were in flight when each of them began."""
    begun: list[int] = []
    in_flight = 0

    async def read(number: int) -> None:
        nonlocal in_flight
        async with room.taken(10):
            in_flight += 1
            begun.append(in_flight)
            for _ in range(3):
                await asyncio.sleep(0)
            room.learn(10, size(number))
            in_flight -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(reads):
            group.create_task(read(number))
    return begun


async def test_the_first_read_goes_alone() -> None:
    """Nothing is known of how long answers are until one has come."""
    begun = await most_at_once(ReadRoom(1000), 30, lambda _: 10)
    assert begun[0] == 1
    assert max(begun) == 29


async def test_long_answers_come_one_by_one() -> None:
    """Even an answer that is more than all the room is read, by itself."""
    assert set(await most_at_once(ReadRoom(1000), 5, lambda _: 5000)) == {1}


async def test_room_that_was_taken_is_given_back_whole() -> None:
    """However reads of different sizes overlap, the longest answer still finds the room empty."""
    room = ReadRoom(100_000)
    room.learn(9, 1_000)
    reads = [room.taken(records) for records in (1, 7, 3, 11, 13, 5)]
    for read in reads:
        await read.__aenter__()
    for read in reversed(reads[::2] + reads[1::2]):
        await read.__aexit__(None, None, None)
    room.learn(1, 1_000_000)
    async with asyncio.timeout(5), room.taken(1):
        pass


async def test_answers_share_the_room() -> None:
    """As many are under way as their length lets in."""
    assert max(await most_at_once(ReadRoom(1000), 20, lambda _: 300)) == 3


async def test_a_long_answer_counts_at_once_and_short_ones_by_and_by() -> None:
    """Memory is safe as soon as one answer is long, and the pace comes back with short ones."""
    room = ReadRoom(1000)
    await most_at_once(room, 1, lambda _: 10)
    await most_at_once(room, 1, lambda _: 1000)
    assert max(await most_at_once(room, 2, lambda _: 10)) == 1
    await most_at_once(room, 9, lambda _: 10)
    assert max(await most_at_once(room, 9, lambda _: 10)) == 9


async def test_a_read_that_breaks_off_leaves_its_room() -> None:
    """A refused or broken off read must not hold up those that wait."""
    room = ReadRoom(1000)
    with pytest.raises(ValueError, match="broken"):
        async with room.taken(10):
            raise ValueError("broken")
    async with asyncio.timeout(5), room.taken(10):
        pass
