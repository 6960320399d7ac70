"""Hold a run to the lock of its labels, and find out what a lock of a job has to have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl.core.defined_labels import is_missing
from etl.core.label_lock import PortalNow, Told, differences, locked, not_locked, not_there
from etl.errors import Problem, ProblemsError, UsageError
from etl.model import Direction, ExplicitType, LabelLock, LabelValue

if TYPE_CHECKING:
    from etl.core.label_choice import Placed
    from etl.core.resolve import Resolution
    from etl.hubspot.labels import Labels, Portal
    from etl.model import Job


@dataclass(frozen=True, slots=True)
class Pin:
    """The lock that a run is held to."""

    lock: LabelLock
    told: Told
    portal_id: int | None
    """Of the account that the run talks to; None where HubSpot does not tell."""

    @property
    def is_portal_unknown(self) -> bool:
        """Tell whether nobody knows if this is the portal of the lock."""
        return self.portal_id is None and self.lock.portal_id is None

    def differences(self, job: Job, labels: Labels) -> tuple[Problem, ...]:
        """Tell how an account differs from the lock, as far as it shows without the source."""
        ends = (job.from_side.object, job.to_side.object)
        return differences(self.lock, PortalNow(self.portal_id, *ends, tuple(labels)), self.told)

    def refuse_differences(self, job: Job, portal: Portal, *, is_whole: bool = True) -> None:
        """Raise ProblemsError for all that is not as in the lock, with the source read (`is_whole`)."""
        missing = [each for each in job.labels.define if is_missing(each.label, portal.resolver)]
        problems = [
            *self.differences(job, portal.labels),
            *not_there(self.lock, missing, self.told),
            *(not_locked(self.lock, _needed(job, portal), self.told) if is_whole else ()),
        ]
        if problems:
            raise ProblemsError(tuple(problems))


def lock_of(job: Job, portal: Portal, portal_id: int | None) -> LabelLock:
    """Make the lock of a job whose source has been staged. Raises UsageError."""
    if portal.to_be_made:
        names = ", ".join(f"'{each.label}'" for each in portal.to_be_made)
        raise UsageError(
            f"a lock pins what HubSpot has, and it does not have {names} yet",
            "run the job once, which makes what it defines, or make it with: hubspot-assoc labels "
            "create; then write the lock",
        )
    return LabelLock(
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        portal_id=portal_id,
        from_object=job.from_side.object,
        to_object=job.to_side.object,
        labels=locked(_needed(job, portal)),
    )


def _needed(job: Job, portal: Portal) -> list[Placed]:
    """List the labels that the staged source uses, and those that the job itself names."""
    needed = {
        (direction, kind) for direction in Direction for kind in portal.bits[direction].in_use
    }
    for resolution in _named(job, portal):
        needed |= {(Direction.FORWARD, kind) for kind in resolution.forward}
        needed |= {(Direction.REVERSE, kind) for kind in resolution.reverse}
    return [(way, line) for way, line in portal.labels if (way, line.type) in needed]


def _named(job: Job, portal: Portal) -> list[Resolution]:
    resolve = portal.resolver.resolve_labels
    texts = [text for each in job.labels.define for text in (each.label, each.inverse) if text]
    match job.labelling:
        case LabelValue(value=value):
            texts.append(value)
        case ExplicitType(id=int(number), category=str(category)):
            return [*map(resolve, texts), portal.resolver.resolve_type(category, str(number))]
        case _:
            pass
    return [resolve(text) for text in texts]
