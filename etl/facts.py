"""What a run remembers of itself, so that it can be resumed, retried and listed: one JSON a fact.

The journal keeps them. None holds the access token.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from etl.ingest import SourceShape
from etl.model import AssociationType, DefinedLabel, LabelLock
from etl.staging import Section

FORMAT: Final = 3
"""Raised when a run folder of this version can't be resumed by an older one, or the reverse."""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The run talks to the sandbox."""

    portal: str | None = None
    """The portal file, absolute; None is the demo portal."""
    faults: str | None = None
    """The faults file, absolute."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run comes from: what a command that goes on from it has to know."""

    overrides: tuple[str, ...] = ()
    """The words of ``--set``; none holds the token, which is refused there."""
    rehearsal: Rehearsal | None = None
    parent: str | None = None
    """The run_id of the run that this one retries."""
    lock: LabelLock | None = None
    """The lock that the run is held to (``--locked``), as it was when the run began."""


class RunBegun(msgspec.Struct, frozen=True, kw_only=True):
    """Written first of all."""

    format: int = FORMAT
    run_id: str
    started_at: str
    """ISO 8601, UTC."""
    job: dict[str, Any]
    """The job as it was then: `etl.core.job.snapshot`."""
    origin: Origin = Origin()


class LabelsMissing(msgspec.Struct, frozen=True, kw_only=True):
    """Written before the first label is made, so that a run which is cut off knows what it made."""

    labels: tuple[DefinedLabel, ...]


class SourceStaged(msgspec.Struct, frozen=True, kw_only=True):
    """Written when the whole source is on disk, before anything is sent."""

    locks: tuple[str, ...]
    """What keeps other runs out of the account: its names by token and by portal id."""
    portal_id: int | None
    """None where HubSpot did not tell."""
    time_zone: str = ""
    utc_offset_milliseconds: int | None = None
    """When the account's day ends, as HubSpot told it."""
    rows: int
    sections: tuple[Section, ...]
    source: SourceShape
    labels: list[dict[str, Any]]
    """What each distinct label stands for, as ``summary.json`` lists it."""
    keys: dict[str, dict[str, int]] = {}
    """How the look-up of each keyed side went, as ``summary.json`` tells it."""
    unsent: dict[str, int]
    """Rows that will not be sent, by outcome."""
    labels_made: list[dict[str, Any]] = []
    """The labels that the run has made, as ``summary.json`` lists them."""
    types: tuple[tuple[AssociationType, ...], tuple[AssociationType, ...]]
    """The types behind the bits of each direction, in the order of the bits."""


class SurplusFound(msgspec.Struct, frozen=True, kw_only=True):
    """Written when what a mirror takes away is on disk, before any of it goes."""

    existing: int
    """Associations that the source's from-records had before the run."""
    sections: tuple[Section, ...]
    """What the source has not."""


class SurplusRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Written when a mirror would take away more than its job allows."""

    existing: int
    """Associations that the source's from-records had before the run."""
    surplus: int
    """Those of them that the source has not."""


class MirrorSkipped(msgspec.Struct, frozen=True, kw_only=True):
    """Written when a mirror takes nothing away, because rows did not succeed."""

    reason: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Written with each batch."""

    outcomes: dict[str, int] = {}
    """Rows settled by sending so far."""
    requests: int = 0
    attempts: int = 0
    http_429s: int = 0
    most_by_others: int = 0
    """The most that others took of the limit, in ten seconds; 0 where that was little."""
    seconds: float = 0.0
    """Time at work, without the pauses between an end and a resume."""
