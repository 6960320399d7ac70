"""The nouns of the project, as the README's glossary has them. Imports nothing of ours.

Everything here is frozen: a job is read once, and no step changes it for the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

ApiVersion = Literal["v4", "2025-09", "2026-03", "2026-09"]
Category = Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"]
ResultsFormat = Literal["parquet", "csv"]
ExistingLabels = Literal["keep", "replace", "ignore"]

MAX_ID = 2**63 - 1
"""The largest record id: HubSpot's ids are signed 64-bit integers."""

MAX_BATCH_SIZE = 2000
"""Associations in one create request (HubSpot's guide to associations v4, "Limits")."""

MAX_READ_SIZE = 1000
"""Records in one ``batch/read`` request (the same guide)."""

MAX_LOOK_UP_SIZE = 100
"""Keys in one ``batch/read`` of objects by a unique property (HubSpot's guide to the CRM's objects)."""


class Outcome(StrEnum):
    """How a row ended. Every row has exactly one."""

    ASSOCIATED = "associated"
    """HubSpot named the association in its answer."""
    UNCHANGED = "unchanged"
    """HubSpot had it already; nothing was sent."""
    REMOVED = "removed"
    """HubSpot took the association away."""
    REJECTED = "rejected"
    """The row breaks a rule of the job; never sent."""
    UNRESOLVED = "unresolved"
    """A key or a label is unknown or ambiguous; never sent."""
    FAILED = "failed"
    """HubSpot refused it."""
    UNCONFIRMED = "unconfirmed"
    """HubSpot answered 2xx without naming it, and reading back did not find it."""
    NOT_SENT = "not_sent"
    """The run stopped first."""


SUCCEEDED = frozenset({Outcome.ASSOCIATED, Outcome.UNCHANGED, Outcome.REMOVED})
"""The outcomes that need nobody's attention; every other row is in ``failures.csv``."""


class Action(StrEnum):
    """What a row asks for, in the order in which a run does it: what goes makes room for what comes."""

    REMOVE = "remove"
    """Take the whole association away, all its labels with it."""
    REMOVE_LABELS = "remove_labels"
    """Take some labels away; the association stays."""
    ASSOCIATE = "associate"
    """Associate, with labels or without."""


class Direction(IntEnum):
    """Which way round an association is sent."""

    FORWARD = 0
    """From the job's `from` object to its `to` object."""
    REVERSE = 1
    """With the two sides swapped, for a type that exists only that way."""


@dataclass(frozen=True, slots=True, order=True)
class AssociationType:
    """One kind of association in one direction. The key is the pair, never the number alone."""

    category: str
    type_id: int

    def __str__(self) -> str:
        return f"{self.category}:{self.type_id}"


@dataclass(frozen=True, slots=True)
class LabelDefinition:
    """One line of HubSpot's answer to "which labels does this pair of objects have?"."""

    type: AssociationType
    text: str | None
    """What people see; None for the unlabeled type."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that no output shows: logs, errors and tracebacks print stars."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How text files are cut into cells."""

    delimiter: str | None = None
    """One character; None takes ``,`` for csv and a tab for tsv."""
    encoding: str = "utf-8"
    """A Python codec name; a byte order mark is dropped."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows come from."""

    path: str
    """An absolute path of a file or a folder, a glob, or a URL (s3://, gs://, az://)."""
    csv: CsvFormat = CsvFormat()


@dataclass(frozen=True, slots=True)
class Side:
    """One end of every association of the job."""

    object: str
    """HubSpot's name or type id of the object: ``contacts``, ``0-1``, ``2-123``, ``p_vendor``."""
    column: str
    """The source column that holds the record id, or the key."""
    match_by: str | None = None
    """The unique property that the column holds, such as ``email``; None: it holds the record id."""


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A label (or several) in a column of each row."""

    column: str
    separator: str | None = None
    """Splits a cell into several labels; None takes the cell as one label."""


@dataclass(frozen=True, slots=True)
class LabelValue:
    """One label for every row."""

    value: str


@dataclass(frozen=True, slots=True)
class ExplicitType:
    """Types given by number; each half is a fixed value or the name of a column."""

    id: int | None = None
    id_column: str | None = None
    category: Category | None = None
    category_column: str | None = None


@dataclass(frozen=True, slots=True)
class ActionColumn:
    """An action in a column of each row; a blank cell associates."""

    column: str


Labelling = LabelColumn | LabelValue | ExplicitType | None
"""How a row says which types it wants; None is the unlabeled default association."""


@dataclass(frozen=True, slots=True)
class DefinedLabel:
    """A custom label as it is to be in HubSpot: single, or paired where it has an inverse."""

    label: str
    """What people see from the `from` record to the `to` record."""
    inverse: str | None = None
    """What they see the other way round; None says the same both ways."""
    name: str | None = None
    """HubSpot's internal name, for a label that is made; None makes it of the label."""


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """Which labels a job relies on, and what becomes of those that HubSpot lacks."""

    create_missing: bool = False
    """Make them before the source is read, instead of stopping."""
    define: tuple[DefinedLabel, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedLabel:
    """One label as it was when the lock of a job was written."""

    text: str | None
    """As HubSpot had it; None for the unlabeled type."""
    category: str
    type_id: int
    direction: Literal["forward", "reverse"]


@dataclass(frozen=True, slots=True)
class LabelLock:
    """What the labels of a job stood for in one portal."""

    written_at: str
    """ISO 8601, UTC."""
    portal_id: int | None
    """None where HubSpot did not tell."""
    from_object: str
    to_object: str
    labels: tuple[LockedLabel, ...]


@dataclass(frozen=True, slots=True)
class HubspotSettings:
    """Where HubSpot is and who we are."""

    access_token: Secret | None
    """None when the environment variable that holds it is unset."""
    api_version: ApiVersion = "v4"
    base_url: str = "https://api.hubapi.com"
    token_variable: str = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105  (a name)
    """The environment variable to set when there is no token."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How many are too many: more than a count, or more than a share of all."""

    count: int | None = None
    percent: float | None = None

    def is_exceeded(self, number: int, *, of: int) -> bool:
        """Tell whether a number out of `of` is too many."""
        if self.count is not None:
            return number > self.count
        return self.percent is not None and number * 100 > self.percent * of

    def __str__(self) -> str:
        return f"{self.count:,}" if self.count is not None else f"{self.percent:g}%"


@dataclass(frozen=True, slots=True)
class Mirror:
    """Make HubSpot match the source: what it does not have is taken away, after all adds."""

    scope: Literal["from"]
    """Only associations of the from-records that the source has."""
    max_removals: Bound
    """How many of their associations may go."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a run may push."""

    requests_per_10_seconds: int | None = None
    """None takes the limit from HubSpot's own headers."""
    batch_size: int = MAX_BATCH_SIZE
    """Associations in one request, 1 to 2,000."""
    concurrency: int | None = None
    """Requests in flight at once; None lets the run choose."""
    daily_reserve: int = 0
    """Calls of the account's daily limit left for others."""
    max_failures: Bound | None = None
    """Failing rows, of the source's rows, to give up at."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where the run folders go."""

    directory: Path
    results: ResultsFormat = "parquet"


@dataclass(frozen=True, slots=True)
class Job:
    """One job file, checked and complete."""

    name: str
    file: Path
    """The job file, absolute."""
    source: Source
    from_side: Side
    to_side: Side
    labelling: Labelling
    existing_labels: ExistingLabels
    hubspot: HubspotSettings
    limits: Limits
    output: Output
    labels: LabelSettings = LabelSettings()
    action: Action | ActionColumn = Action.ASSOCIATE
    mirror: Mirror | None = None
    match_cache_hours: int = 24
    """How long the record of a key is remembered between runs; 0: not at all."""

    @property
    def takes_away(self) -> bool:
        """Tell whether the job can remove associations or labels."""
        return (
            self.action is not Action.ASSOCIATE
            or self.mirror is not None
            or self.existing_labels == "replace"
        )

    @property
    def keyed_sides(self) -> dict[Literal["from", "to"], Side]:
        """List the sides whose column holds a key, not the record id."""
        sides: dict[Literal["from", "to"], Side] = {"from": self.from_side, "to": self.to_side}
        return {end: side for end, side in sides.items() if side.match_by is not None}
