"""The job file: YAML in, a checked `Job` out, or every problem with its line and column.

parse: the steps in order · yaml, syntax: text to a tree that knows its places · overrides: ``--set``
variables: ``${NAME}`` · shape: the JSON Schema · rules: what a schema can't say · tree: the nouns
"""

from __future__ import annotations

from etl.core.job.parse import parse_job
from etl.core.job.shape import job_schema

__all__ = ["job_schema", "parse_job"]
