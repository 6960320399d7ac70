"""Another integration on the same account, which uses part of its rolling limit.

Rule 1: it sends its share evenly, or so many at once, stretch after stretch, and then from the first again.
Rule 2: what finds no room waits, and takes the first that there is.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.sandbox.definition import Stretch

STEP_SECONDS = 0.01
"""How exactly the moments are told at which it sends."""


def sending(stretches: Sequence[Stretch], requests_per_second: float) -> Iterator[float]:
    """List the moments, in seconds from the start, at which the others send; without end.

    ``requests_per_second`` are what the account allows, of which each stretch has a share.
    """
    if not any(each.share or each.to_share for each in stretches):
        return
    began, due = 0.0, 0.0
    for each in cycle(stretches):
        last = each.share if each.to_share is None else each.to_share
        steps = max(1, round(each.seconds / STEP_SECONDS))
        for step in range(steps):
            share = each.share + (last - each.share) * step / steps
            due += share * requests_per_second * each.seconds / steps
            while due >= each.at_once:
                due -= each.at_once
                yield from [began + each.seconds * step / steps] * each.at_once
        began += each.seconds
