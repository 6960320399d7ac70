"""What others leave of the window is found, kept to, and taken back when they are done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.share import LEAST, NO_JITTER, Share


def sent(share: Share, count: int, *, until: float) -> None:
    """Let so many requests go, one every tenth of a second, the last at `until`."""
    for number in range(count):
        share.depart(until - (count - 1 - number) / 10)


def test_alone_all_but_the_spare_is_ours() -> None:
    """Nobody else there: 99 of 100, as ever."""
    share = Share(100)
    share.told(share.depart(0.0), remaining=99)
    assert share.left(0.0) == 99


def test_what_is_gone_and_was_not_ours_is_others() -> None:
    """Of 200, 120 are left after 30 of ours: others have sent 50, and as many are left to them."""
    share = Share(200)
    sent(share, 29, until=99.9)
    share.told(share.depart(100.0), remaining=120)
    assert share.left(100.0) == pytest.approx(200 - 50 * 1.02 - 1)


def test_an_overtaken_answer_tells_nothing_new() -> None:
    """Answers come out of order: the request that went last has seen the newest."""
    share = Share(200)
    first, second = share.depart(100.0), share.depart(100.1)
    share.told(second, remaining=138)
    share.told(first, remaining=199)
    assert share.left(100.1) == pytest.approx(200 - 60 * 1.02 - 1)


def test_what_others_give_back_is_ours_with_the_next_answer() -> None:
    """Another integration ends, and the whole limit is ours again."""
    share = Share(200)
    share.told(share.depart(100.0), remaining=99)
    assert share.left(100.0) < 100
    share.told(share.depart(120.0), remaining=199)
    assert share.left(120.0) == 198


def test_one_other_is_jitter_unless_it_stays() -> None:
    """A request that the network delayed looks like another's; only what stays is given room."""
    share = Share(100)
    for number in range(1, NO_JITTER + 1):
        share.told(share.depart(100 + number / 10), remaining=99 - number)
        assert share.left(101) == (99 if number < NO_JITTER else pytest.approx(100 - 2.02))


def test_our_requests_leave_the_window_after_ten_seconds() -> None:
    """Only what HubSpot still counts is counted, and what may have come a moment later than it went."""
    share = Share(100)
    sent(share, 5, until=100.4)
    assert share.ours(100.4) == 5
    assert share.ours(110.0) == 5
    assert share.ours(110.03) == 4
    assert share.ours(200.0) == 0


def test_a_refusal_lowers_what_is_tried_and_time_gives_it_back() -> None:
    """Where HubSpot tells nothing but 429, a twentieth less is tried, and all is in time."""
    share = Share(200)
    sent(share, 60, until=100.0)
    share.refused(share.depart(100.0), now=100.1)
    assert share.left(100.1) == pytest.approx(61 * 0.95 - 2)
    assert share.left(110.1) == pytest.approx(61 * 0.95 - 2 + 10)
    assert share.left(160.0) == 198


def test_refusals_in_a_row_lower_it_ever_more() -> None:
    """When less is not yet little enough, the next step down is twice as large; an answer ends that."""
    share, lefts = Share(200), []
    sent(share, 99, until=100.0)
    for now in (100.0, 100.2, 100.4):
        share.refused(share.depart(now), now=now + 0.1)
        lefts.append(share.left(now + 0.1) + 2)
    assert lefts == pytest.approx([100 * 0.95, 101 * 0.9, 100 * 0.8], abs=1)
    share.admitted(share.depart(100.6))
    share.refused(share.depart(100.8), now=100.9)
    assert share.left(100.9) + 2 == pytest.approx(98 * 0.95, abs=1)


def test_refusals_of_one_moment_count_once() -> None:
    """Requests that were on their way when the first was refused tell the same story."""
    share = Share(200)
    sent(share, 100, until=100.0)
    one, other = share.depart(100.0), share.depart(100.05)
    share.refused(one, now=100.1)
    before = share.left(100.2)
    share.refused(other, now=100.15)
    assert share.left(100.2) == before


def test_a_full_window_opens_when_the_oldest_leaves_it() -> None:
    """Where others have taken the room, the next request waits for ours to be forgotten."""
    share = Share(100)
    sent(share, 40, until=100.0)
    share.told(share.depart(100.1), remaining=1)
    assert share.opens_at(100.2) == pytest.approx(100.0 - 3.9 + 10, abs=0.05)


def test_our_own_limit_is_kept_beside_the_accounts() -> None:
    """A job that leaves room for others by itself is not sent faster because the account allows it."""
    share = Share(200, our_limit=40)
    share.told(share.depart(100.0), remaining=199)
    assert share.left(100.0) == 39
    share.told(share.depart(101.0), remaining=18)
    assert share.left(101.0) == pytest.approx(200 - 180 * 1.02 - 1)


@given(st.floats(1, 1000), st.lists(st.tuples(st.floats(0, 30), st.integers(0, 1000)), max_size=30))
def test_something_is_always_tried_and_never_too_much(
    limit: float, heard: list[tuple[float, int]]
) -> None:
    """Whatever HubSpot tells, we find out when there is more, and never plan beyond the limit."""
    share, now = Share(limit), 0.0
    for pause, remaining in heard:
        now += pause
        departure = share.depart(now)
        if remaining % 7 == 0:
            share.refused(departure, now)
        share.told(departure, remaining)
        assert limit * LEAST <= share.left(now) <= limit


@given(st.lists(st.floats(0, 0.2), max_size=150), st.floats(0, 1))
def test_to_ask_changes_nothing(pauses: list[float], late: float) -> None:
    """When a request may go does not depend on how often, or whether at all, that was asked."""
    asked, unasked, now = Share(100), Share(100), 0.0
    for pause in pauses:
        asked.opens_at(now + pause / 2)
        now += pause
        asked.depart(now)
        unasked.depart(now)
    assert asked.opens_at(now + late) == unasked.opens_at(now + late)
