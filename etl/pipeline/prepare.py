"""Learn what the account has for a job: before it is run, and again before it goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etl.core.defined_labels import as_if_made, is_missing, missing_labels
from etl.core.typebits import TypeBits
from etl.errors import SettingsError
from etl.hubspot.account import identities
from etl.hubspot.culprits import Sides
from etl.hubspot.label_room import fetch_room
from etl.hubspot.labels import Labels, fetch_labels, labelled_pair, portal_of, resolver_of
from etl.hubspot.settings_check import SettingsCheck
from etl.model import Direction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from etl.facts import SourceStaged
    from etl.hubspot.account import Account
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.model import AssociationType, DefinedLabel, Job
    from etl.pipeline.pin import Pin

    Make = Callable[[tuple[DefinedLabel, ...], Labels], Awaitable[Labels]]
    """Make labels beside those that are there, and give all that are there then."""


async def prepare(
    job: Job, client: Client, make: Make | None = None, *, pin: Pin | None = None
) -> Portal:
    """Learn what the account has for the job. Raises UsageError.

    `make` makes the labels that the job defines and HubSpot lacks; None lists what would be made.
    Under a `pin` nothing is made: what is not as in the lock is told when the source is staged.
    """
    labels = await fetch_labels(client, job)
    if pin is not None:
        return portal_of(job, labels, {direction: TypeBits() for direction in Direction})
    resolver, there = resolver_of(job, labels), labelled_pair(job, labels)
    if any(is_missing(each.label, resolver) for each in job.labels.define):
        ends = (job.from_side.object, job.to_side.object)
        room = await fetch_room(client, job.hubspot.api_version, *ends, labels)
        there = replace(there, room=room)
    missing = missing_labels(job.labels, resolver, there)
    if missing and make is not None:
        labels = await make(missing, labels)
        missing = ()
    same_object = Sides(job.from_side.object, job.to_side.object).same
    planned = Labels(*as_if_made(missing, same_object=same_object))
    bits = {direction: TypeBits() for direction in Direction}
    return replace(portal_of(job, labels.beside(planned), bits), to_be_made=missing)


async def prepare_again(
    job: Job, fact: SourceStaged, client: Client, pin: Pin | None, *, has_rows_left: bool
) -> Portal:
    """Make the portal with the types of the staged rows. Raises SettingsError if one is gone.

    Without rows left, a mirror needs no type of theirs any more.
    """
    labels = await fetch_labels(client, job)
    if pin is not None and (found := pin.differences(job, labels)):
        raise SettingsError(
            "; ".join(each.message for each in found),
            f"put it back and resume; or write the lock again ({pin.told.write_again}) and run "
            "what is left as a new run: hubspot-assoc retry",
        )
    types = types_of(fact)
    if has_rows_left:
        SettingsCheck(client, job, types).judge(labels)
    return portal_of(job, labels, {way: TypeBits(kinds) for way, kinds in types.items()})


def types_of(fact: SourceStaged) -> dict[Direction, tuple[AssociationType, ...]]:
    """Give the types that rows ask for, by direction, in the order of their bits."""
    return dict(zip(Direction, fact.types, strict=True))


def refuse_other_portal(fact: SourceStaged, account: Account, job: Job) -> None:
    """Raise SettingsError where the token is of another portal than the run's, or nobody knows."""
    by_token, *_ = identities(account, job.hubspot.base_url, job.hubspot.access_token)
    if fact.portal_id is not None and account.portal_id is None and by_token not in fact.locks:
        raise SettingsError(
            f"HubSpot does not tell which portal the access token is of, and the run is for portal "
            f"{fact.portal_id}",
            "go on when HubSpot tells the account's details, or with the token that the run began with",
        )
    if None not in {fact.portal_id, account.portal_id} and fact.portal_id != account.portal_id:
        raise SettingsError(
            f"the access token is of portal {account.portal_id}, and the run is for portal "
            f"{fact.portal_id}",
            "set the token of the run's own portal, or run the job for the other one",
        )
