"""Join the stages of a run: portal, stage, push, record. Owns no rule of its own."""

from __future__ import annotations

from etl.pipeline.check import Checked, check_job
from etl.pipeline.diagnose import diagnose
from etl.pipeline.keys import reading_finder
from etl.pipeline.observer import Observer
from etl.pipeline.pin import Pin, lock_of
from etl.pipeline.prepare import prepare
from etl.pipeline.run import resume_job, run_job
from etl.pipeline.stage import connect, stage

__all__ = [
    "Checked",
    "Observer",
    "Pin",
    "check_job",
    "connect",
    "diagnose",
    "lock_of",
    "prepare",
    "reading_finder",
    "resume_job",
    "run_job",
    "stage",
]
