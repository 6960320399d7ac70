"""Show a run while it goes on: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from etl.core.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from etl.hubspot.settled import RowsSettled
    from etl.model import Outcome
    from etl.pipeline import Observer

LINE_EVERY_SECONDS: Final = 10.0
"""Between plain lines: often enough to see life, seldom enough for a night's log."""


class _Watch:
    """Keep count, and know how fast rows come to their outcome."""

    def __init__(self) -> None:
        self.total = 0
        self.tally = Tally()
        self._began_at = time.monotonic()
        self._sent = 0

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        self.total = rows
        self.tally.add(settled)
        self._began_at = time.monotonic()

    def settled(self, settled: RowsSettled) -> None:
        self.tally.add(settled.rows)
        self._sent += sum(settled.rows.values())

    def rows_per_second(self) -> float:
        return self._sent / max(time.monotonic() - self._began_at, 0.001)

    def failures(self) -> int:
        return self.tally.not_succeeded


class Lines:
    """Write a plain line to stderr now and then."""

    def __init__(self) -> None:
        self._watch = _Watch()
        self._next_at = time.monotonic() + LINE_EVERY_SECONDS

    def read(self, rows: int) -> None:
        """Say how far reading has come."""
        if self._is_due():
            click.echo(f"read {rows:,} rows", err=True)

    def looked_up(self, keys: int, of: int) -> None:
        """Say how far the look-up has come."""
        if self._is_due():
            click.echo(f"looked up {keys:,} of {of:,} keys", err=True)

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Say how much there is to do."""
        self._watch.staged(rows, settled)
        click.echo(f"read {rows:,} rows; {rows - sum(settled.values()):,} to send", err=True)

    def settled(self, settled: RowsSettled) -> None:
        """Say how far sending has come."""
        self._watch.settled(settled)
        if self._is_due():
            watch = self._watch
            click.echo(
                f"{watch.tally.done:,} of {watch.total:,} rows · "
                f"{watch.rows_per_second():,.0f} rows/s · {watch.failures():,} not succeeded",
                err=True,
            )

    def trouble(self, said: str) -> None:
        """Say that HubSpot or the network is in the way."""
        if self._is_due():
            click.echo(f"trying again: {said}", err=True)

    def note(self, said: str) -> None:
        """Say what lasts, at once."""
        click.echo(said, err=True)

    def waiting(self, said: str) -> None:
        """Say why nothing will be heard for long."""
        click.echo(said, err=True)

    def _is_due(self) -> bool:
        if time.monotonic() < self._next_at:
            return False
        self._next_at = time.monotonic() + LINE_EVERY_SECONDS
        return True


class Bar:
    """Draw a bar on stderr: rows, rate, failures, time left."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._watch = _Watch()
        self._progress = progress
        self._task = task

    def read(self, rows: int) -> None:
        """Draw how many rows have been read."""
        self._progress.update(self._task, description="reading", facts=f"{rows:,} rows")

    def looked_up(self, keys: int, of: int) -> None:
        """Draw how far the look-up has come."""
        facts = f"{keys:,}/{of:,} keys"
        self._progress.update(
            self._task, description="looking up", completed=keys, total=of, facts=facts
        )

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Draw the whole length of the bar."""
        self._watch.staged(rows, settled)
        self._progress.reset(self._task, total=rows, description="sending")
        self._draw()

    def settled(self, settled: RowsSettled) -> None:
        """Draw how far sending has come."""
        self._watch.settled(settled)
        self._draw()

    def trouble(self, said: str) -> None:
        """Draw that HubSpot or the network is in the way, until there is better news."""
        self._progress.update(self._task, facts=f"trying again: {said}")

    def note(self, said: str) -> None:
        """Write what lasts above the bar, where it stays."""
        self._progress.console.print(said, highlight=False, markup=False)

    def waiting(self, said: str) -> None:
        """Draw why nothing moves, until it does."""
        self._progress.update(self._task, facts=said)

    def _draw(self) -> None:
        watch = self._watch
        facts = (
            f"{watch.tally.done:,}/{watch.total:,} rows · {watch.rows_per_second():,.0f} rows/s · "
            f"{watch.failures():,} not succeeded"
        )
        self._progress.update(self._task, completed=watch.tally.done, facts=facts)


class Reading:
    """Tell of a command that only reads: that rows are ready to be sent is not said."""

    def __init__(self, observer: Observer) -> None:
        self.read = observer.read
        self.looked_up = observer.looked_up
        self.note = observer.note
        self.trouble = observer.trouble
        self.waiting = observer.waiting

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear that the source is read."""

    def settled(self, settled: RowsSettled) -> None:
        """Hear of what never comes."""


@contextmanager
def watch_run() -> Iterator[Observer]:
    """Choose what suits stderr."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, progress.add_task("connecting", total=None, facts=""))
