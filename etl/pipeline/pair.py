"""Associate or part one pair: labels, directions, requests, and one outcome for all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.core.exit_code import ExitCode
from etl.core.hints import DEFAULT_HINT, HINTS
from etl.core.label_rules import custom_types
from etl.core.resolve import Ways
from etl.errors import EtlError, StoppedError, UsageError
from etl.hubspot.culprits import NOT_VALID
from etl.hubspot.existing import ExistingReader, back
from etl.hubspot.judge import NOT_NAMED
from etl.hubspot.labels import labels_between, resolver_between
from etl.hubspot.settle import NO_ANSWER
from etl.hubspot.single import SinglePair, associate, disassociate
from etl.model import Direction, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from etl.core.resolve import Resolution, Resolver
    from etl.core.single import Types
    from etl.hubspot.client import Client
    from etl.hubspot.existing import Between
    from etl.hubspot.labels import Labels
    from etl.hubspot.single import Fate
    from etl.model import AssociationType, ExistingLabels, LabelDefinition
    from etl.stop import Stop

OPTIONS: Final = Ways(
    several="give --label once for each label, without '{separator}'",
    outright="give the type outright: --type {category}:{type_id}",
)
"""How a label can be said otherwise on a command line."""

_HINTS: Final = {
    **HINTS,
    NO_ANSWER: "run the command again: doing it twice does no harm",
    NOT_NAMED: "look the pair up in HubSpot, then run the command again",
    NOT_VALID: "check that both ids exist and belong to the two objects",
}
"""What to do about a pair, where it is not what to do about a row."""

_WORST_FIRST: Final = (
    Outcome.FAILED,
    Outcome.UNCONFIRMED,
    Outcome.ASSOCIATED,
    Outcome.REMOVED,
    Outcome.UNCHANGED,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One pair, and the types that somebody asks for."""

    there: Between
    from_id: int
    to_id: int
    labels: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    """Category and type id."""


@dataclass(frozen=True, slots=True)
class PairTold:
    """What is told of a pair."""

    fate: Fate
    asked: Asked
    types: list[dict[str, Any]]
    """The types that were asked for: category, type_id, label and direction."""
    removed: list[dict[str, Any]]
    """The same of those that it had before and has no more."""

    @property
    def exit_code(self) -> ExitCode:
        """Give the verdict."""
        return ExitCode.SUCCEEDED if self.fate.succeeded else ExitCode.SOME_FAILED

    @property
    def hint(self) -> str:
        """Say what to do next, where there is something to be done."""
        return "" if self.fate.succeeded else _HINTS.get(self.fate.error_category, DEFAULT_HINT)

    def as_dict(self) -> dict[str, Any]:
        """Give what machines read."""
        asked, fate = self.asked, self.fate
        return {
            "outcome": fate.outcome.value,
            "from_object": asked.there.sides.from_object,
            "from_id": asked.from_id,
            "to_object": asked.there.sides.to_object,
            "to_id": asked.to_id,
            "types": self.types,
            "removed": self.removed,
            "http_status": fate.http_status,
            "error_category": fate.error_category or None,
            "error_message": fate.error_message or None,
            "hint": self.hint or None,
            "correlation_id": fate.correlation_id or None,
        }


async def associate_pair(
    client: Client, stop: Stop, asked: Asked, existing_labels: ExistingLabels
) -> PairTold:
    """Associate two records. Raises UsageError before anything is sent, and StoppedError."""
    labels = await labels_between(client, asked.there)
    resolver = resolver_between(asked.there.sides, labels, OPTIONS)
    wanted = _by_direction(_resolve(asked, resolver))
    if existing_labels == "replace" and len(wanted) > 1:
        raise UsageError(
            f"labels of both directions of {asked.there} can't replace others together: HubSpot does "
            "not tell which is the other side of which",
            "give each label as it reads from FROM to TO, or use --existing-labels keep",
        )

    def work(pair: SinglePair, types: Types, known: Sequence[LabelDefinition]) -> Awaitable[Fate]:
        return associate(
            pair,
            types,
            texts={each.type: each.text for each in known if each.text},
            custom=custom_types(known),
            existing_labels=existing_labels,
        )

    return await _carry_out(client, stop, asked, labels=labels, wanted=wanted, work=work)


async def disassociate_pair(client: Client, stop: Stop, asked: Asked) -> PairTold:
    """Take labels of a pair away, or all that is between the two. Raises as `associate_pair`."""
    labels = await labels_between(client, asked.there)
    resolver = resolver_between(asked.there.sides, labels, OPTIONS)
    found = _resolve(asked, resolver)
    if any(resolver.is_unlabeled(resolution) for resolution in found):
        raise UsageError(
            "the unlabeled type can't be taken away alone: every label of the pair goes with it",
            "leave --label out to take everything away, or name only the labels that are to go",
        )
    wanted = _by_direction(found)

    def work(pair: SinglePair, types: Types, _: Sequence[LabelDefinition]) -> Awaitable[Fate]:
        return disassociate(pair, types)

    return await _carry_out(client, stop, asked, labels=labels, wanted=wanted, work=work)


async def _carry_out(
    client: Client,
    stop: Stop,
    asked: Asked,
    *,
    labels: Labels,
    wanted: Mapping[Direction, Types],
    work: Callable[[SinglePair, Types, Sequence[LabelDefinition]], Awaitable[Fate]],
) -> PairTold:
    """Do what is asked in each direction, up to the first that does not succeed."""
    reader = ExistingReader(client, stop=stop, refused=ExitCode.UNUSABLE)
    known = _definitions(labels)
    ends = {
        Direction.FORWARD: (asked.there, asked.from_id, asked.to_id),
        Direction.REVERSE: (back(asked.there), asked.to_id, asked.from_id),
    }
    fates: dict[Direction, Fate] = {}
    for direction in (direction for direction in Direction if direction in wanted):
        pair = SinglePair(client, reader, *ends[direction])
        try:
            fates[direction] = await work(pair, wanted[direction], known[direction])
        except EtlError as error:
            if fates or pair.may_be_written:
                raise _in_doubt(error, asked) from error
            raise
        if not fates[direction].succeeded:
            break
    return PairTold(
        min(fates.values(), key=lambda fate: _WORST_FIRST.index(fate.outcome)),
        asked,
        _told(wanted, known),
        _told({direction: fate.removed for direction, fate in fates.items()}, known),
    )


def _resolve(asked: Asked, resolver: Resolver) -> list[Resolution]:
    """Find what each label and each type stands for. Raises UsageError."""
    found = [resolver.resolve_labels(text) for text in asked.labels]
    found += [resolver.resolve_type(category, type_id) for category, type_id in asked.types]
    for resolution in found:
        if resolution.trouble is not None:
            raise UsageError(resolution.trouble.message, resolution.trouble.hint)
    return found


def _by_direction(found: Sequence[Resolution]) -> dict[Direction, Types]:
    """Gather the types of each direction that has any; without any, it is about the pair itself."""
    forward = frozenset(kind for resolution in found for kind in resolution.forward)
    reverse = frozenset(kind for resolution in found for kind in resolution.reverse)
    if not reverse:
        return {Direction.FORWARD: forward}
    return (
        {Direction.FORWARD: forward, Direction.REVERSE: reverse}
        if forward
        else {Direction.REVERSE: reverse}
    )


def _definitions(labels: Labels) -> dict[Direction, Sequence[LabelDefinition]]:
    return {Direction.FORWARD: labels.forward, Direction.REVERSE: labels.reverse}


def _told(
    types: Mapping[Direction, Types], known: Mapping[Direction, Sequence[LabelDefinition]]
) -> list[dict[str, Any]]:
    return [
        {
            "category": kind.category,
            "type_id": kind.type_id,
            "label": _text(kind, known[direction]),
            "direction": direction.name.lower(),
        }
        for direction, kinds in types.items()
        for kind in sorted(kinds)
    ]


def _text(kind: AssociationType, known: Iterable[LabelDefinition]) -> str | None:
    return next((each.text for each in known if each.type == kind), None)


def _in_doubt(error: EtlError, asked: Asked) -> StoppedError:
    """Say of trouble after a write that nobody knows what the write has done."""
    exit_code = error.exit_code if isinstance(error, StoppedError) else ExitCode.STOPPED
    return StoppedError(
        f"{error.message}; what became of {asked.there} {asked.from_id} → {asked.to_id} is not known",
        "; ".join(filter(None, (error.hint, "then run the command again: twice does no harm"))),
        # "Nothing was sent" would not be true.
        exit_code=max(exit_code, ExitCode.STOPPED),
    )
