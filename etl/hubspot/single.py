"""Associate two records, or part them: one pair, and what became of it.

Rule 1: an association is confirmed by an answer that names it, and anything else by reading back.
Rule 2: a removal is confirmed by nothing but reading back: its answer has no body.
Rule 3: a request that came to nothing, or was refused, may have done its work by an earlier try: that
        is read back before it is told. (aiohttp tries PUT and DELETE again without telling.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from etl.core.single import Bond, stale, to_write
from etl.errors import RequestError, SettingsError
from etl.hubspot.culprits import culprits
from etl.hubspot.judge import NOT_NAMED
from etl.hubspot.record_wire import labels_body, names, types_body
from etl.hubspot.settle import NO_ANSWER
from etl.hubspot.wire import PAIR, WireError, read_defaulted
from etl.model import SUCCEEDED, AssociationType, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from etl.core.single import Types
    from etl.hubspot.client import Client, Reply
    from etl.hubspot.existing import Between, ExistingReader
    from etl.hubspot.wire import ErrorDetail
    from etl.model import ExistingLabels

NONE: Types = frozenset()


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a pair in one direction."""

    outcome: Outcome
    removed: Types = NONE
    """What it had before and has no more."""
    http_status: int | None = None
    error_category: str = ""
    error_message: str = ""
    correlation_id: str = ""

    @property
    def succeeded(self) -> bool:
        """Tell whether nobody has to look at it."""
        return self.outcome in SUCCEEDED


class SinglePair:
    """Two records, and the requests about them in one direction."""

    def __init__(
        self, client: Client, reader: ExistingReader, there: Between, from_id: int, to_id: int
    ) -> None:
        self._client = client
        self._reader = reader
        self._there = there
        self.from_id = from_id
        self.to_id = to_id
        self.may_be_written = False
        """Whether a request has been sent that may have changed something."""

    async def read(self) -> Bond:
        """Read what the pair has. Raises RequestError when that comes to nothing."""
        pair = pl.DataFrame([(self.from_id, self.to_id)], schema=PAIR, orient="row")
        existing = await self._reader.read(pair, self._there)
        if existing.unread.height:
            message: str = existing.unread["error_message"][0]
            raise RequestError(message, "run the command again", attempts=0)
        types = existing.types.select("category", "type_id").drop_nulls()
        kinds = frozenset(AssociationType(*kind) for kind in types.iter_rows())
        return Bond(existing.types.height > 0, kinds)

    async def write(self, types: Types) -> Reply:
        """Associate the two by some types, or without any by the default one."""
        paths = self._there.paths
        if types:
            return await self._send(
                "PUT", paths.single(self.from_id, self.to_id), types_body(types)
            )
        return await self._send("PUT", paths.single_default(self.from_id, self.to_id))

    async def remove_all(self) -> Reply:
        """Take everything between the two away."""
        return await self._send("DELETE", self._there.paths.single(self.from_id, self.to_id))

    async def archive(self, types: Types) -> Reply:
        """Take some labels away."""
        body = labels_body(self.from_id, self.to_id, types)
        return await self._send("POST", self._there.paths.archive_labels, body)

    def meant_by(self, error: ErrorDetail) -> str:
        """Say which of the two records an error means: `` (contacts 1)``, or nothing."""
        sides = self._there.sides
        named = culprits(error, sides)
        meant = [
            f"{object_name} {record_id}"
            for object_name, record_id, ids in (
                (sides.from_object, self.from_id, named.pair_from | named.from_ids),
                (sides.to_object, self.to_id, named.pair_to | named.to_ids),
            )
            if record_id in ids | named.either_ids and not named.guessed
        ]
        return f" ({', '.join(meant)})" if meant else ""

    def is_named(self, reply: Reply, types: Types, texts: Mapping[AssociationType, str]) -> bool:
        """Tell whether the answer to a write names the pair, with the texts of its labels."""
        if types:
            labels = [texts[kind] for kind in types if kind in texts]
            return names(reply.answer, self.from_id, self.to_id, labels)
        try:
            named = read_defaulted(reply.answer).select("from_id", "to_id").rows()
        except WireError:
            return False
        return (self.from_id, self.to_id) in named

    async def _send(self, method: str, path: str, body: bytes | None = None) -> Reply:
        before, self.may_be_written = self.may_be_written, True
        try:
            return await self._client.first(method, [path], body)
        except SettingsError:
            self.may_be_written = before  # turned away at the door
            raise


async def associate(
    pair: SinglePair,
    wanted: Types,
    *,
    texts: Mapping[AssociationType, str],
    custom: Types,
    existing_labels: ExistingLabels,
) -> Fate:
    """Associate a pair; `custom` are the types that `replace` may take away, `texts` their labels.

    Raises SettingsError and StoppedError; `may_be_written` tells then whether something was sent.
    """
    if existing_labels == "ignore":
        return await _write(pair, wanted, wanted, texts)
    try:
        before = await pair.read()
    except RequestError as error:
        return _unanswered(error)
    types = to_write(wanted, before, custom, existing_labels)
    fate = Fate(Outcome.UNCHANGED) if types is None else await _write(pair, types, wanted, texts)
    if existing_labels == "keep" or not fate.succeeded:
        return fate
    return await _take_stale(pair, wanted, before, custom, fate)


async def disassociate(pair: SinglePair, labels: Types) -> Fate:
    """Take labels of a pair away, or everything between the two where none are given.

    Raises as `associate`.
    """
    try:
        before = await pair.read()
    except RequestError as error:
        return _unanswered(error)
    gone = before.types & labels if labels else before.types
    if not before.exists or (labels and not gone):
        return Fate(Outcome.UNCHANGED)
    return await _remove(pair, gone, everything=not labels)


async def _write(
    pair: SinglePair, types: Types, wanted: Types, texts: Mapping[AssociationType, str]
) -> Fate:
    """Write types, and find out whether those that are wanted are there."""
    try:
        reply = await pair.write(types)
    except RequestError as error:
        otherwise = _unanswered(error)
    else:
        if reply.is_success and pair.is_named(reply, types, texts):
            return Fate(Outcome.ASSOCIATED, http_status=reply.http_status)
        otherwise = _judged(pair, reply, "associated")
    return await _read_back(
        pair, lambda bond: bond.has(wanted), Fate(Outcome.ASSOCIATED), otherwise
    )


async def _remove(pair: SinglePair, gone: Types, *, everything: bool) -> Fate:
    """Take something away that is there, and find out whether it is gone."""
    try:
        reply = await (pair.remove_all() if everything else pair.archive(gone))
        otherwise = _judged(pair, reply, "removed")
    except RequestError as error:
        otherwise = _unanswered(error)

    def is_gone(bond: Bond) -> bool:
        return not bond.exists if everything else not bond.types & gone

    return await _read_back(pair, is_gone, Fate(Outcome.REMOVED, gone), otherwise)


async def _take_stale(
    pair: SinglePair, wanted: Types, before: Bond, custom: Types, fate: Fate
) -> Fate:
    """Take the custom labels away that nobody asks for, where writing has not done so."""
    try:
        bond = before if fate.outcome is Outcome.UNCHANGED else await pair.read()
        old = stale(wanted, bond, custom)
        removal = await _remove(pair, old, everything=False) if old else Fate(Outcome.UNCHANGED)
        if not removal.succeeded:
            said = f"it has what was asked for, but its other labels stay: {removal.error_message}"
            return replace(removal, error_message=said)
        # Taking a label away must not have taken the others with it.
        bond = await pair.read() if old else bond
    except RequestError as error:
        return replace(_unanswered(error), outcome=Outcome.UNCONFIRMED)
    removed = stale(wanted, before, custom)
    if not removed:
        return fate
    if bond.has(wanted):
        return Fate(Outcome.ASSOCIATED, removed, fate.http_status)
    message = "HubSpot has taken what was asked for away with the other labels"
    return Fate(Outcome.UNCONFIRMED, removed, None, NOT_NAMED, message)


async def _read_back(
    pair: SinglePair, is_done: Callable[[Bond], bool], done: Fate, otherwise: Fate
) -> Fate:
    """Find out what a request has done that its answer does not tell."""
    try:
        bond = await pair.read()
    except RequestError as error:
        said = f"{otherwise.error_message}; and {error.message}"
        return replace(otherwise, outcome=Outcome.UNCONFIRMED, error_message=said)
    return replace(done, http_status=otherwise.http_status) if is_done(bond) else otherwise


def _unanswered(error: RequestError) -> Fate:
    return Fate(
        Outcome.FAILED,
        http_status=error.http_status,
        error_category=NO_ANSWER,
        error_message=error.message,
        correlation_id=error.correlation_id,
    )


def _judged(pair: SinglePair, reply: Reply, wanted: str) -> Fate:
    """Say what an answer means for a pair that is not as it should be after it."""
    answer, status = reply.answer, reply.http_status
    error = next(iter(answer.errors), None) if reply.is_success else answer.as_error()
    if error is None:
        return Fate(
            Outcome.UNCONFIRMED,
            http_status=status,
            error_category=NOT_NAMED,
            error_message=f"HubSpot answered with success, but reading back does not find it {wanted}",
            correlation_id=answer.correlation_id,
        )
    return Fate(
        Outcome.FAILED,
        http_status=status,
        error_category=error.category or answer.category or f"HTTP_{status}",
        error_message=(error.message or f"HubSpot answered {status} and gave no reason")
        + pair.meant_by(error),
        correlation_id=answer.correlation_id,
    )
