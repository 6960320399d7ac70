"""Join the stages of a run: portal, stage, push, record. Owns no rule of its own."""

from __future__ import annotations

from etl.pipeline.observer import Observer
from etl.pipeline.pin import Pin, lock_of
from etl.pipeline.run import resume_job, run_job
from etl.pipeline.stage import connect, prepare, stage

__all__ = [
    "Observer",
    "Pin",
    "connect",
    "lock_of",
    "prepare",
    "resume_job",
    "run_job",
    "stage",
]
