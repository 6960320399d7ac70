"""Count rows by outcome, and read the run's verdict off the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from etl.core.exit_code import ExitCode
from etl.model import SUCCEEDED, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.model import Bound


@dataclass(slots=True)
class Tally:
    """Rows by outcome so far."""

    rows: Counter[Outcome] = field(default_factory=Counter)

    @classmethod
    def of(cls, rows_by_outcome: Mapping[str, int]) -> Self:
        """Read counts that were written down by the outcomes' names."""
        return cls(Counter({Outcome(name): rows for name, rows in rows_by_outcome.items()}))

    def as_dict(self) -> dict[str, int]:
        """Write the counts down by the outcomes' names."""
        return {outcome.value: rows for outcome, rows in self.rows.items() if rows}

    def add(self, rows_by_outcome: Mapping[Outcome, int]) -> None:
        """Count more rows."""
        self.rows.update(rows_by_outcome)

    @property
    def done(self) -> int:
        """Rows that have an outcome."""
        return self.rows.total()

    @property
    def not_succeeded(self) -> int:
        """Rows whose outcome needs attention."""
        return sum(count for outcome, count in self.rows.items() if outcome not in SUCCEEDED)

    def exit_code(self) -> ExitCode:
        """Give the verdict of a run that came to its end by itself."""
        return ExitCode.SOME_FAILED if self.not_succeeded else ExitCode.SUCCEEDED

    def exceeds(self, limit: Bound | None, *, of_rows: int) -> bool:
        """Tell whether more rows went wrong than the job allows."""
        return limit is not None and limit.is_exceeded(self.not_succeeded, of=of_rows)
