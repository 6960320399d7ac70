"""Which records a portal has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.sandbox.definition import PortalError, RecordRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.definition import Span

LAST_RECORD_ID = 899_999_999_999
"""Without a rule every id up to here exists and larger ones don't: anyone can try a missing one."""


class IdSet:
    """A set of record ids, made of single ids and whole ranges."""

    def __init__(self, spans: Iterable[Span]) -> None:
        singles: set[int] = set()
        ranges: list[range] = []
        for span in spans:
            first, last = (span, span) if isinstance(span, int) else span
            if first < 1:
                raise PortalError(f"`records` has the id {first}: record ids begin at 1")
            if last < first:
                raise PortalError(
                    f"the range [{first}, {last}] ends before it starts: write [{last}, {first}]"
                )
            if first == last:
                singles.add(first)
            else:
                ranges.append(range(first, last + 1))
        self._singles = frozenset(singles)
        self._ranges = tuple(ranges)

    def __contains__(self, record_id: int) -> bool:
        if record_id in self._singles:
            return True
        return any(record_id in each for each in self._ranges) if self._ranges else False


class Records:
    """The existing records of one object."""

    def __init__(self, rule: RecordRule | None = None) -> None:
        rule = rule or RecordRule()
        # The default is one plain range: membership costs tens of nanoseconds, twice a pair.
        self._exist = range(1, LAST_RECORD_ID + 1) if rule.exist is None else IdSet(rule.exist)
        self._missing = IdSet(rule.missing)

    def __contains__(self, record_id: int) -> bool:
        return record_id in self._exist and record_id not in self._missing
