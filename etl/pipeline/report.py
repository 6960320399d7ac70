"""Tell how a run went: its files from the journal, its summary last of all.

Rule 1: the files tell nothing of how often the run was cut off.
Rule 2: what was staged is kept while `resume` has something to do.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from etl.core.exit_code import ExitCode
from etl.key_cache import open_cache
from etl.model import Outcome
from etl.pipeline.keys import forget_failed
from etl.pipeline.mirror import mirrored
from etl.results import Layout, Results
from etl.summary import is_whole, summarize, write_summary

if TYPE_CHECKING:
    from etl.core.tally import Tally
    from etl.facts import Progress, RunBegun, SourceStaged
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import Job
    from etl.results import Told
    from etl.run_folder import RunFolder
    from etl.staging import Dataset, Section
    from etl.stop import Stop
    from etl.summary import Mirrored, Summary


class Report:
    """Write what a run leaves behind."""

    def __init__(self, job: Job, folder: RunFolder, journal: Journal, log: Log) -> None:
        self._job = job
        self._folder = folder
        self._journal = journal
        self._log = log

    def write_rows(self, fact: SourceStaged, dataset: Dataset, *, stopped: str | None) -> Told:
        """Write ``results`` and ``failures.csv``; give what they tell. Raises StoppedError."""
        job, folder = self._job, self._folder
        cache = open_cache(job, fact.portal_id, self._log)
        results = Results(
            dataset,
            self._outcomes,
            stopped=stopped,
            on_failed=partial(forget_failed, job, fact.source, cache),
        )
        return results.write(
            Layout.of(job, fact.source),
            results=folder.results(job.output.results),
            failures=folder.failures,
        )

    def write_summary(
        self, begun: RunBegun, fact: SourceStaged, told: Told, progress: Progress, stop: Stop
    ) -> Summary:
        """Write ``summary.json``, and clear away what is of no more use. Raises StoppedError."""
        job, folder = self._job, self._folder
        mirror = mirrored(self._journal) if job.mirror is not None else None
        summary = summarize(
            job,
            begun,
            fact,
            progress,
            told,
            mirror=mirror,
            finished_at=datetime.now(UTC),
            exit_code=_exit_code(told.tally, mirror, stop),
            stop=stop,
        )
        self._log.info(
            "run.finished",
            **{name: summary[name] for name in ("outcomes", "stopped", "exit_code")},
        )
        write_summary(folder, summary)
        # After the summary: cut off in between, a run without either could not be brought to its end.
        if is_whole(summary["outcomes"][Outcome.NOT_SENT], mirror):
            shutil.rmtree(folder.staging, ignore_errors=True)
        return summary

    def _outcomes(self, section: Section) -> pl.DataFrame:
        """Read what became of a section's associations: SETTLED."""
        unchanged = self._journal.comparison(section.number)
        verdicts = self._journal.verdicts(section.number)
        return verdicts if unchanged is None else pl.concat([unchanged, verdicts])


def _exit_code(tally: Tally, mirror: Mirrored | None, stop: Stop) -> ExitCode:
    """Give the verdict; a stop that left nothing behind changes nothing."""
    if not is_whole(tally.rows[Outcome.NOT_SENT], mirror):
        return stop.exit_code
    if mirror is not None and mirror["failed"]:
        return ExitCode.SOME_FAILED
    return tally.exit_code()
