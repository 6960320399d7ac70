"""Another integration on the same account takes its share of the rolling limit, first."""

from __future__ import annotations

from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING, Any

import pytest

from etl.sandbox import PortalError, Stretch, demo_portal, load_portal
from etl.sandbox.others import sending
from etl.sandbox.quota import Policy, Quota

if TYPE_CHECKING:
    from pathlib import Path

REMAINING = "X-HubSpot-RateLimit-Remaining"


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the seconds."""
        return self.now


def quota_of(clock: Clock, *others: Stretch) -> Quota:
    """Make an account of 100 requests in ten seconds."""
    return Quota(requests_per_10_seconds=100, requests_per_day=None, clock=clock, others=others)


def test_a_share_is_sent_evenly() -> None:
    """A fifth of ten a second is one every half second."""
    moments = list(islice(sending([Stretch(seconds=60, share=0.2)], 10), 60))
    pauses = [late - early for early, late in pairwise(moments)]
    assert moments[0] == pytest.approx(0.5, abs=0.02)
    assert pauses == pytest.approx([0.5] * 59, abs=0.02)


def test_stretches_follow_one_another_and_begin_anew() -> None:
    """Half for ten seconds, nothing for ten, and again."""
    stretches = [Stretch(seconds=10, share=0.5), Stretch(seconds=10, share=0)]
    moments = list(takewhile(lambda moment: moment < 40, sending(stretches, 10)))
    assert [sum(a <= m < a + 10 for m in moments) for a in (0, 10, 20, 30)] == pytest.approx(
        [50, 0, 50, 0], abs=1
    )


def test_a_share_may_grow_and_come_in_bursts() -> None:
    """From nothing to all in twenty seconds is half on average, here five at a time."""
    stretch = Stretch(seconds=20, share=0, to_share=1, at_once=5)
    moments = list(takewhile(lambda moment: moment < 20, sending([stretch], 10)))
    assert len(moments) == pytest.approx(100, abs=5)
    assert all(moments.count(moment) == 5 for moment in moments)
    assert sum(moment < 10 for moment in moments) == pytest.approx(25, abs=5)


def test_nobody_is_there_unless_said() -> None:
    """An account without others ends the list at once, and does not search it for ever."""
    assert list(sending([], 10)) == []
    assert list(sending([Stretch(seconds=1, share=0)], 10)) == []


def test_others_take_room_and_give_it_back() -> None:
    """What others have sent is missing from what is left, for ten seconds."""
    clock = Clock()
    quota = quota_of(clock, Stretch(seconds=10, share=0.5), Stretch(seconds=1000, share=0))
    left = []
    for now in (1000.0, 1005.0, 1010.0, 1015.0, 1021.0):
        clock.now = now
        assert quota.admit() is None
        left.append(int(quota.headers()[REMAINING]))
    assert left == pytest.approx([99, 100 - 2 - 25, 100 - 2 - 50, 100 - 2 - 25, 98], abs=1)
    assert quota.used_by_others == pytest.approx(50, abs=1)


def test_others_wait_for_room_and_take_it_first() -> None:
    """Who fills the window keeps others out only until it rolls on; then they have what is due."""
    clock = Clock()
    quota = quota_of(clock, Stretch(seconds=1000, share=0.5))
    assert [quota.admit() for _ in range(100)] == [None] * 100
    clock.now = 1009.0
    assert (quota.admit(), quota.used_by_others) == (Policy.BURST, 0)
    clock.now = 1010.0
    assert quota.admit() is None
    assert quota.used_by_others == pytest.approx(50, abs=1)


async def test_the_served_account_has_others(open_account: Any) -> None:
    """The portal file's `others` show in the headers of every answer."""
    clock = Clock()
    portal = demo_portal()
    account = await open_account(
        type(portal)(settings=portal.settings, others=(Stretch(seconds=60, share=1),)),
        clock=clock,
        requests_per_10_seconds=100,
    )
    clock.now += 5
    answer = await account.get("/account-info/v3/details")
    assert int(answer.headers[REMAINING]) == pytest.approx(49, abs=1)
    assert account.sandbox.used_by_others == pytest.approx(50, abs=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("others: [{share: 1.5, seconds: 1}]", r"\$\.others\[0\]\.share"),
        ("others: [{share: 0.5}]", "seconds"),
        ("others: [{share: 0.5, seconds: 0}]", r"\$\.others\[0\]\.seconds"),
        ("others: [{share: 0.5, second: 1}]", "allowed: seconds, share, to_share, at_once"),
    ],
)
def test_a_mistake_in_others_is_told(tmp_path: Path, text: str, told: str) -> None:
    """A portal file that gets the other integration wrong is refused with the place."""
    path = tmp_path / "portal.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PortalError, match=told):
        load_portal(path)
