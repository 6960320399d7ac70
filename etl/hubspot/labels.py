"""Fetch the labels of a job's two objects, once a run, and make of them all that depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from etl.core.defined_labels import LabelledPair
from etl.core.label_rules import custom_types
from etl.core.normal_form import normal_form
from etl.core.resolve import JOB_FILE, Resolver
from etl.errors import SettingsError
from etl.hubspot.builtin_types import aliases_between, kinds_between, primary_ends
from etl.hubspot.culprits import Sides
from etl.hubspot.endpoint import Endpoint
from etl.hubspot.existing import Between, back
from etl.hubspot.objects import singular
from etl.hubspot.paths import Paths
from etl.hubspot.turned_types import turned_types
from etl.hubspot.wire import WireError, read_labels
from etl.model import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from etl.core.resolve import Ways
    from etl.core.typebits import TypeBits
    from etl.hubspot.client import Client
    from etl.model import AssociationType, DefinedLabel, Job, LabelDefinition


@dataclass(frozen=True, slots=True)
class Labels:
    """What HubSpot lists for the two objects of a job."""

    forward: Sequence[LabelDefinition]
    reverse: Sequence[LabelDefinition]
    """Empty between records of one object: a single list has both sides of a paired label then."""

    def __iter__(self) -> Iterator[tuple[Direction, LabelDefinition]]:
        """List every label with its direction, that of the job first."""
        yield from ((Direction.FORWARD, definition) for definition in self.forward)
        yield from ((Direction.REVERSE, definition) for definition in self.reverse)

    def beside(self, others: Labels) -> Labels:
        """Add what else there is."""
        return Labels([*self.forward, *others.forward], [*self.reverse, *others.reverse])

    def without(self, others: Labels) -> Labels:
        """Leave out the labels that others have just so."""
        forward, reverse = set(others.forward), set(others.reverse)
        return Labels(
            [line for line in self.forward if line not in forward],
            [line for line in self.reverse if line not in reverse],
        )

    def lacks(self, types: Mapping[Direction, Iterable[AssociationType]]) -> list[AssociationType]:
        """List which of these types HubSpot does not have in their direction."""
        forward = {definition.type for definition in self.forward}
        reverse = {definition.type for definition in self.reverse or self.forward}
        return sorted(
            {*types[Direction.FORWARD]} - forward | ({*types[Direction.REVERSE]} - reverse)
        )


@dataclass(frozen=True, slots=True)
class Portal:
    """What a run knows of the account: its labels, and the endpoints for them."""

    labels: Labels
    resolver: Resolver
    bits: dict[Direction, TypeBits]
    endpoints: dict[tuple[Direction, bool], Endpoint]
    """By direction, and by whether there are types to send."""
    same_object: bool
    to_be_made: tuple[DefinedLabel, ...] = ()
    """Labels that a run would make; in `labels` they stand under types of our own."""


async def fetch_labels(client: Client, job: Job) -> Labels:
    """Ask for the labels of a job's objects, both directions. Raises as `labels_between`."""
    api_version = job.hubspot.api_version
    there = Between.of(api_version, job.from_side.object, job.to_side.object)
    return await labels_between(client, there)


async def labels_between(client: Client, there: Between) -> Labels:
    """Ask for the labels of both directions.

    Raises SettingsError when HubSpot does not know an object, or refuses token or scopes.
    """
    forward = await _fetch(client, there.paths)
    return Labels(forward, [] if there.sides.same else await _fetch(client, back(there).paths))


def resolver_between(sides: Sides, labels: Labels, ways: Ways = JOB_FILE) -> Resolver:
    """Make of the labels what finds the types of a text; `ways` are the words of its hints."""
    return Resolver(
        labels.forward,
        labels.reverse,
        aliases=aliases_between(sides.from_object, sides.to_object),
        pair=f"{sides.from_object} → {sides.to_object}",
        ways=ways,
    )


def portal_of(job: Job, labels: Labels, bits: dict[Direction, TypeBits]) -> Portal:
    """Make of the labels all that depends on them; `bits` number the types of each direction."""
    sides, paths = _sides(job), _paths(job)
    forward, reverse = labels.forward, labels.reverse
    same_object = sides[Direction.FORWARD].same
    kinds = kinds_between(job.from_side.object, job.to_side.object)
    resolver = resolver_of(job, labels)
    types = {
        Direction.FORWARD: frozenset(definition.type for definition in forward),
        Direction.REVERSE: frozenset(definition.type for definition in reverse),
    }
    lists = {
        Direction.FORWARD: forward,
        Direction.REVERSE: forward if same_object else reverse,
    }
    custom = {direction: custom_types(definitions) for direction, definitions in lists.items()}
    texts = {direction: _texts(definitions) for direction, definitions in lists.items()}
    singles = {
        direction: custom_types(
            line
            for line in definitions
            if normal_form(line.text or "") in texts[Direction(1 - direction)]
        )
        for direction, definitions in lists.items()
    }
    endpoints = {
        (direction, has_types): Endpoint(
            sides=sides[direction],
            paths=paths[direction],
            has_types=has_types,
            bits=bits[direction],
            other_way=types[Direction(1 - direction)] - types[direction],
            primary=types[direction] & kinds.get("primary", frozenset()),
            primary_holder=_primary_holder(sides[direction]),
            custom=custom[direction],
            singles=singles[direction],
            other_bits=bits[Direction(1 - direction)],
            other_paired=custom[Direction(1 - direction)] - singles[Direction(1 - direction)],
            turned=turned_types(
                lists[direction], lists[Direction(1 - direction)], sides[direction]
            ),
        )
        for direction in Direction
        for has_types in (True, False)
    }
    return Portal(labels, resolver, bits, endpoints, same_object)


def resolver_of(job: Job, labels: Labels) -> Resolver:
    """Make what answers for every cell of a job."""
    return resolver_between(Sides(job.from_side.object, job.to_side.object), labels)


def labelled_pair(job: Job, labels: Labels) -> LabelledPair:
    """Say which objects the labels are for."""
    ends = (job.from_side.object, job.to_side.object)
    return LabelledPair(*ends, labels.forward, labels.reverse)


def _sides(job: Job) -> dict[Direction, Sides]:
    return {
        Direction.FORWARD: Sides(job.from_side.object, job.to_side.object),
        Direction.REVERSE: Sides(job.to_side.object, job.from_side.object),
    }


def _paths(job: Job) -> dict[Direction, Paths]:
    return {
        direction: Paths(job.hubspot.api_version, side.from_object, side.to_object)
        for direction, side in _sides(job).items()
    }


async def _fetch(client: Client, paths: Paths) -> Sequence[LabelDefinition]:
    reply = await client.first("GET", paths.labels, only_reads=True)
    pair = f"{paths.from_object} → {paths.to_object}"
    if not reply.is_success:
        said = reply.answer.message or "no reason given"
        raise SettingsError(
            f"HubSpot has no labels for {pair} ({reply.http_status}): {said}",
            "check both objects: a name such as contacts, or a type id such as 0-1 "
            "or 2-123 (custom objects need their type id or p_name), and hubspot.base_url",
        )
    try:
        return read_labels(reply.answer)
    except WireError as error:
        raise SettingsError(
            f"HubSpot's labels for {pair} can't be understood: {error}",
            "check that hubspot.base_url is HubSpot's API",
        ) from error


def _texts(definitions: Iterable[LabelDefinition]) -> set[str]:
    return {normal_form(line.text) for line in definitions if line.text}


def _primary_holder(sides: Sides) -> Literal["from_id", "to_id"]:
    """Tell on which side of a request a record has at most one primary."""
    one, _ = primary_ends(sides.from_object, sides.to_object)
    return "from_id" if singular(sides.to_object) == one else "to_id"
