"""Load a job from a file on disk, or an account from the environment: what `etl.core.job` is given."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from etl.core.job import parse_job
from etl.core.job.parse import BASE_URL_VARIABLE, TOKEN_VARIABLE
from etl.core.job.rules import check_base_url, check_token
from etl.errors import JobError, Problem, UsageError
from etl.model import HubspotSettings, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.model import ApiVersion, Job

MAX_JOB_BYTES = 1024 * 1024
"""A job file is about a kilobyte; more than this is some other file, given by mistake."""


def load_job(path: Path, overrides: Sequence[str], environment: Mapping[str, str]) -> Job:
    """Read a job file and return its job; raises UsageError, of which JobError is one."""
    return parse_job(_read_text(path), file=path, environment=environment, overrides=overrides)


def load_account(environment: Mapping[str, str], api_version: ApiVersion) -> HubspotSettings:
    """Take the account of a command without a job file from the environment. Raises UsageError."""
    token = environment.get(TOKEN_VARIABLE, "").strip()
    base_url = environment.get(BASE_URL_VARIABLE, "").strip()
    for text, check, variable in (
        (token, check_token, TOKEN_VARIABLE),
        (base_url, check_base_url, BASE_URL_VARIABLE),
    ):
        finding = check(text) if text else None
        if finding is not None:
            message, hint = finding
            raise UsageError(f"{variable}: {message}", hint)
    given = {"base_url": base_url.rstrip("/")} if base_url else {}
    return HubspotSettings(Secret(token) if token else None, api_version, **given)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JOB_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such job file", _jobs_in(path.parent)) from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder, not a job file", _jobs_in(path)) from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} can't be read: {error}", "check the path and its permissions"
        ) from error
    if len(content) > MAX_JOB_BYTES:
        raise UsageError(
            f"{path} is larger than {MAX_JOB_BYTES} bytes, which no job file is",
            "give the job file; the source stands in it, under source.path",
        )
    return _decode(content.removeprefix(codecs.BOM_UTF8), path)


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        problem = Problem(
            f"{path}:{line}:{column}",
            f"the byte 0x{content[error.start]:02x} is not UTF-8",
            "save the job file as UTF-8",
        )
        raise JobError((problem,)) from None


def _jobs_in(folder: Path) -> str:
    jobs = sorted(folder.glob("*.y*ml"))
    if not jobs:
        return "give the path of a job file; jobs/quickstart.yaml is one to start from"
    return f"give the path of a job file, such as {' or '.join(str(job) for job in jobs[:3])}"
