"""Join the stages of a run: portal, stage, push, record. Owns no rule of its own."""

from __future__ import annotations

from etl.pipeline.keys import reading_finder
from etl.pipeline.observer import Observer
from etl.pipeline.run import resume_job, run_job
from etl.pipeline.stage import connect, prepare, stage

__all__ = ["Observer", "connect", "prepare", "reading_finder", "resume_job", "run_job", "stage"]
