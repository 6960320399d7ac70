"""Measure what only reads, or reads first: labels to keep, a check, an export, keys.

Usage: python tests/benchmarks/reads.py [--rows 1000000] [--runs 1] [--quick]

The far end answers at once and has of each pair what the file asks for, but of one in a hundred.
Each command begins in an empty folder, so that no key is known from before.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measured import Spread, etl, in_turn, machine, table
from served import Exchange, FarEnd, served, write_job, write_source

if TYPE_CHECKING:
    from collections.abc import Callable

CROWD: Final = 1_000
"""Contacts of a company where companies are far fewer."""
DIFFERS: Final = 1
"""The exit code of a check that finds something else than the file asks for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command over a source."""

    far_end: FarEnd
    source: Path

    def keep(self, *, column: str = "column: contact_id") -> Exchange:
        """Write what is missing and keep what is there."""
        return self._with_job("run", column, 0)

    def check(self) -> Exchange:
        """Compare, and write nothing."""
        return self._with_job("check", "column: contact_id", DIFFERS)

    def export(self) -> Exchange:
        """Write what the contacts are associated with to a file."""
        command = etl(
            "export", "contacts", "companies", "--ids", self.source, "--output", "x.parquet"
        )
        with tempfile.TemporaryDirectory() as folder:
            return self.far_end.measure(command, Path(folder))

    def _with_job(self, command: str, column: str, exit_code: int) -> Exchange:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            job = write_job(folder / "job.yaml", self.source, existing_labels="keep", column=column)
            return self.far_end.measure(etl(command, job), folder, exit_code=exit_code)


def main(arguments: list[str] | None = None) -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="50,000 rows, once")
    options = parser.parse_args(arguments)
    rows, runs = (50_000, 1) if options.quick else (options.rows, options.runs)
    with (
        tempfile.TemporaryDirectory() as name,
        served(contacts=rows) as alone,
        served(contacts=rows, per_company=CROWD) as crowded,
    ):
        folder = Path(name)
        one = Asked(alone, write_source(folder / "one.csv", rows))
        crowd = Asked(crowded, write_source(folder / "crowd.csv", rows, per_company=CROWD))
        keys = Asked(alone, write_source(folder / "keys.csv", rows, emails=True))
        cases: dict[str, Callable[[], Exchange]] = {
            "`run`, labels to keep": one.keep,
            f"the same, {CROWD:,} contacts a company": crowd.keep,
            "`check`": one.check,
            "`export`": one.export,
            "`run`, contacts by email": partial(keys.keep, column="column: email, match_by: email"),
        }
        print(f"\n{rows:,} rows of which 1 % is new, {runs} runs of each in turn.\n")
        header = ["", "look-ups", "reads", "writes", "rows/s", "CPU seconds", "peak MB"]
        lines = [_line(name, rows, each) for name, each in in_turn(runs, cases).items()]
        print(table(header, lines), flush=True)
    print(f"\n{machine()}")


def _line(name: str, rows: int, runs: list[Exchange]) -> list[str]:
    return [
        name,
        *(f"{runs[0].calls[kind]:,}" for kind in ("look-up", "read", "create")),
        f"{Spread.of(rows / run.took.wall_seconds for run in runs):,.0f}",
        f"{Spread.of(run.took.cpu_seconds for run in runs):.1f}",
        f"{max(run.took.peak_megabytes for run in runs):,.0f}",
    ]


if __name__ == "__main__":
    main()
