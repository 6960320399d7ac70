"""Checks of a job against the account: its objects, the scopes for them, its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.core.defined_labels import as_if_made, missing_labels
from etl.core.finding import Finding, fail, ok, skipped, warn
from etl.core.resolve_rows import RowResolver
from etl.core.typebits import TypeBits
from etl.doctor.questions import Unasked
from etl.errors import AccessError, EtlError, ProblemsError, SettingsError
from etl.hubspot.client import Reply
from etl.hubspot.culprits import Sides
from etl.hubspot.key_judge import is_about_property
from etl.hubspot.labels import Labels, labelled_pair, portal_of, resolver_of
from etl.hubspot.wire import WireError, read_labels
from etl.model import Direction, LabelValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.core.keys import UniqueProperty
    from etl.doctor.questions import Told
    from etl.model import DefinedLabel, Job

SHOWN_LABELS: Final = 8


def scopes(told: Sequence[Told]) -> Finding:
    """Find whether the token may read the labels of the job's objects."""
    for each in told:
        if isinstance(each, AccessError):
            return fail("scopes", each.message, each.hint)
    if not all(isinstance(each, Reply) and each.is_success for each in told):
        return skipped("scopes", "HubSpot did not say whether it lets the token read the objects")
    return ok(
        "scopes", "HubSpot lets the token read the objects; writing shows its scopes in a run"
    )


def object_types(job: Job, told: Sequence[Told]) -> Finding:
    """Find whether HubSpot knows the job's objects."""
    check, pair = "object types", _pair(job)
    for each in told:
        if isinstance(each, Reply) and not each.is_success:
            return fail(
                check,
                f"HubSpot does not know {pair} (HTTP {each.http_status}): "
                f"{each.answer.message or 'no reason given'}",
                "check from.object and to.object: a name such as contacts, or a type id such as "
                "0-1 or 2-123 (custom objects need their type id or p_name)",
            )
        if isinstance(each, Unasked):
            return skipped(check, each.why)
        if isinstance(each, AccessError):
            return skipped(check, "HubSpot does not say without the scopes")
        if isinstance(each, EtlError):
            return fail(check, each.message, each.hint)
    return ok(check, f"HubSpot knows {pair}")


def labels(job: Job, told: Sequence[Told]) -> Finding:
    """Find whether the pair has the labels that the job defines or asks for, or any at all."""
    listed = []
    for each in told:
        if not isinstance(each, Reply) or not each.is_success:
            return skipped("labels", "HubSpot did not list them")
        try:
            listed.append(read_labels(each.answer))
        except WireError as error:
            return fail("labels", str(error), "check that hubspot.base_url is HubSpot's API")
    return _judge_labels(job, Labels(listed[0], listed[1] if len(listed) > 1 else []))


def _judge_labels(job: Job, found: Labels) -> Finding:
    try:
        missing = _labels_to_make(job, found)
    except ProblemsError as error:
        said = "; ".join(f"{each.place}: {each.message}" for each in error.problems)
        return fail("labels", said, "; ".join(dict.fromkeys(each.hint for each in error.problems)))
    except SettingsError as error:
        return fail("labels", error.message, error.hint)
    if missing:
        lacking = ", ".join(f"'{each.label}'" for each in missing)
        return ok("labels", f"{_pair(job)} lacks {lacking}: a run makes them first")
    if isinstance(job.labelling, LabelValue):
        return ok("labels", f"{_pair(job)} has '{job.labelling.value}'")
    texts = sorted({each.text for each in (*found.forward, *found.reverse) if each.text})
    if job.labelling is not None and not texts:
        return warn(
            "labels",
            f"{_pair(job)} has none",
            "make them in HubSpot, or leave label out of the job",
        )
    more = f" and {len(texts) - SHOWN_LABELS} more" if len(texts) > SHOWN_LABELS else ""
    return ok("labels", f"{_pair(job)} has {', '.join(texts[:SHOWN_LABELS]) or 'none'}{more}")


def _labels_to_make(job: Job, found: Labels) -> tuple[DefinedLabel, ...]:
    """List the labels that a run would make first. Raises UsageError where it would stop."""
    there = labelled_pair(job, found)
    missing = missing_labels(job.labels, resolver_of(job, found), there)
    made = Labels(*as_if_made(missing, same_object=Sides(there.from_object, there.to_object).same))
    portal = portal_of(job, found.beside(made), {way: TypeBits() for way in Direction})
    # It refuses a label or type that is fixed for all rows and unknown.
    RowResolver(portal.resolver, job.labelling, portal.bits)
    return missing


def keys(by: UniqueProperty, told: Told) -> Finding:
    """Find whether records can be looked up by a property; `told` answers for a key that is none's."""
    check = f"match_by {by.name}"
    match told:
        case Unasked():
            return skipped(check, told.why)
        case Reply(is_success=True):
            return ok(check, f"HubSpot looks records of {by.object} up by it")
        case Reply() if not is_about_property(told.answer.as_error(), by):
            # It refuses the made-up key, and not the property.
            return ok(check, f"HubSpot looks records of {by.object} up by it")
        case Reply():
            return fail(
                check,
                f"HubSpot can't look records up by {by}: {told.answer.message}",
                f"set match_by to the internal name of a property of {by.object} that has unique "
                "values",
            )
        case EtlError():
            return fail(check, told.message, told.hint)


def _pair(job: Job) -> str:
    return f"{job.from_side.object} → {job.to_side.object}"
