"""What ``doctor`` finds: one line a check, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from etl.core.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(StrEnum):
    """How a check went."""

    OK = "ok"
    """As it should be."""
    WARN = "warn"
    """A run can begin, but look at this."""
    FAIL = "fail"
    """A run would stop, or rows would fail."""
    SKIPPED = "skipped"
    """It could not be found out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what came of it."""

    check: str
    verdict: Status
    said: str
    fix: str = ""
    """What to do; empty where nothing is to be done."""


def ok(check: str, said: str) -> Finding:
    """Find that something is as it should be."""
    return Finding(check, Status.OK, said)


def warn(check: str, said: str, fix: str) -> Finding:
    """Find something that a run can live with."""
    return Finding(check, Status.WARN, said, fix)


def fail(check: str, said: str, fix: str) -> Finding:
    """Find something that a run can't live with."""
    return Finding(check, Status.FAIL, said, fix)


def skipped(check: str, why: str) -> Finding:
    """Find nothing out."""
    return Finding(check, Status.SKIPPED, why)


def verdict_of(findings: Iterable[Finding]) -> ExitCode:
    """Give the process's verdict: 1 where a check has failed."""
    failed = any(finding.verdict is Status.FAIL for finding in findings)
    return ExitCode.SOME_FAILED if failed else ExitCode.SUCCEEDED
