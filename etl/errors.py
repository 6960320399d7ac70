"""The exceptions, grouped by what the caller can do about them.

    EtlError(message, hint)
    ├── UsageError            nothing was sent; the operator changes a file, a setting or the command
    │   ├── ProblemsError     several things are wrong; carries every one of them at once
    │   │   └── JobError      the job file breaks rules
    │   ├── SourceError       a source file can't be read as the job says
    │   └── SettingsError     HubSpot refuses the token, the scopes or an object type
    │       └── AccessError   the token or the scopes
    ├── StoppedError          the run stopped early; what was not sent says `not_sent`
    └── RequestError          one request came to nothing after all its attempts

Trouble with a row is data, never an exception: it ends in the row's outcome.
Each error is told as ``Error: <message>`` and ``Try: <hint>``.
"""

from __future__ import annotations

from dataclasses import dataclass


class EtlError(Exception):
    """Say what went wrong, where, and what to do next."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EtlError):
    """Stop before anything is sent: exit code 2."""


class SourceError(UsageError):
    """Name the source file, and the line where there is one, that can't be read."""


class SettingsError(UsageError):
    """Name the setting that HubSpot refuses: token, scope, object type or label."""


class AccessError(SettingsError):
    """Tell the token (401) or the scopes (403) that HubSpot refuses."""

    def __init__(self, message: str, hint: str, *, http_status: int) -> None:
        super().__init__(message, hint)
        self.http_status = http_status


class StoppedError(EtlError):
    """End a run early: exit code 3, or that of the signal which asked for it."""

    def __init__(self, message: str, hint: str, *, exit_code: int = 3) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class RequestError(EtlError):
    """Give up on one request after its attempts are used up."""

    def __init__(
        self,
        message: str,
        hint: str,
        *,
        attempts: int,
        http_status: int | None = None,
        correlation_id: str = "",
    ) -> None:
        """Take the last attempt's status, None where none came, and HubSpot's id of it."""
        super().__init__(message, hint)
        self.attempts = attempts
        self.http_status = http_status
        self.correlation_id = correlation_id


@dataclass(frozen=True, slots=True)
class Problem:
    """One of the things that are wrong: in a job file, with labels, with a lock."""

    place: str
    """Where: ``jobs/a.yaml:12:5`` (file, line, column, from 1) or ``--set limits.batch_size``."""

    message: str
    """What is wrong, with the value."""

    hint: str
    """What to write instead."""


class ProblemsError(UsageError):
    """Carry every problem that was found, so that they can be mended in one go."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.place}: {first.message}{more}", first.hint)
        self.problems = problems


class JobError(ProblemsError):
    """Carry every broken rule of a job file."""
