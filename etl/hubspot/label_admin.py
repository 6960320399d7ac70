"""Make, rename and delete the custom labels between two objects.

Rule 1: nothing is told that was not seen: after every write the labels are listed again.
Rule 2: a label is asked for once at a time, and again only when HubSpot was seen not to have it.
Rule 3: what was asked for and can't be looked at is told as not known, never as done or not done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.core.label_rules import custom_labels
from etl.core.normal_form import normal_form
from etl.errors import EtlError, RequestError, SettingsError, StoppedError
from etl.hubspot.existing import Between, back
from etl.hubspot.label_wire import make_body, rename_body
from etl.hubspot.labels import Labels, labels_between
from etl.model import Direction, LabelDefinition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from etl.core.label_choice import Placed
    from etl.hubspot.client import Client, Reply
    from etl.model import ApiVersion, DefinedLabel

TRIES: Final = 3
"""Requests to make one label, each after the one before was seen to have come to nothing."""

LOOKS_AFTER_SECONDS: Final = (0.0, 0.5, 1.0, 2.0)
"""Pauses before each look at what a write has done: HubSpot may list it a moment later."""


@dataclass(frozen=True, slots=True)
class Made:
    """A label that is there now, and was not before."""

    wanted: DefinedLabel
    labels: Labels
    """Its sides, in each direction."""
    by_others: bool
    """HubSpot refused to make it, as somebody else had made it meanwhile."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What came back from a request that changes labels."""

    reply: Reply | None
    trouble: str = ""
    """Why there is no reply."""

    @property
    def is_refused(self) -> bool:
        return self.reply is not None and not self.reply.is_success


class LabelAdmin:
    """Change the labels between two objects of one account.

    Every method raises SettingsError for what HubSpot refuses, and StoppedError for what came to
    nothing, or is not known to be done.
    """

    def __init__(
        self, client: Client, api_version: ApiVersion, from_object: str, to_object: str
    ) -> None:
        self._client = client
        self._there = Between.of(api_version, from_object, to_object)
        self._list_command = f"hubspot-assoc labels list {from_object} {to_object}"
        self.pair = f"{from_object} → {to_object}"

    def _way(self, direction: Direction) -> Between:
        return self._there if direction is Direction.FORWARD else back(self._there)

    async def labels(self) -> Labels:
        """List what is there."""
        return await labels_between(self._client, self._there)

    async def make(self, wanted: DefinedLabel, before: Labels) -> Made:
        """Make a label that `before`, the labels listed just now, does not have."""
        doing = f"make the label '{wanted.label}' for {self.pair}"
        paths = self._there.paths.labels
        was_unclear = False
        for _ in range(TRIES):
            written = await self._write("POST", paths, make_body(wanted), doing, tries=1)
            now = await self._look(
                lambda now: _has_all(_new(wanted, before, now), wanted, before), written, doing
            )
            made = _new(wanted, before, now)
            if any(made):
                return Made(wanted, made, by_others=written.is_refused and not was_unclear)
            if written.reply is not None:
                break
            was_unclear = True
        raise self._not_done(doing, written)

    async def rename(self, chosen: Placed, text: str, inverse: str | None) -> Labels:
        """Give a label another text, and list the labels as they are then."""
        direction, line = chosen
        doing = f"rename the label '{line.text}' ({line.type}) of {self.pair}"
        body = rename_body(line.type.type_id, text, inverse)
        renamed = (direction, LabelDefinition(line.type, text))

        def is_renamed(now: Labels) -> bool:
            texts = {None, *(other.text for _, other in now)}
            return renamed in set(now) and inverse in texts

        written = await self._write("PUT", self._way(direction).paths.labels, body, doing)
        now = await self._look(is_renamed, written, doing)
        if is_renamed(now) and not written.is_refused:
            return now
        raise self._not_done(doing, written)

    async def delete(self, chosen: Placed, before: Labels) -> Labels:
        """Delete a label, and give what went: its sides, in each direction."""
        direction, line = chosen
        doing = f"delete the label '{line.text}' ({line.type}) of {self.pair}"

        def is_gone(now: Labels) -> bool:
            return (direction, line.type) not in {(way, other.type) for way, other in now}

        # Asked again after a cut, HubSpot answers 404 where the first time has done it.
        paths = self._way(direction).paths.label(line.type.type_id)
        written = await self._write("DELETE", paths, None, doing)
        now = await self._look(is_gone, written, doing)
        if is_gone(now):
            return _lost(before, now)
        raise self._not_done(doing, written)

    async def _write(
        self,
        method: str,
        paths: Sequence[str],
        body: bytes | None,
        doing: str,
        *,
        tries: int | None = None,
    ) -> _Written:
        attempts = self._client.meter.attempts
        try:
            # Not vital: the look at what came of it tells whether HubSpot is there.
            return _Written(
                await self._client.first(method, paths, body, tries=tries, is_vital=False)
            )
        except RequestError as error:
            return _Written(None, error.message)
        except StoppedError as error:
            if self._client.meter.attempts == attempts:
                raise
            raise self._not_known(doing, error) from error

    async def _look(
        self, is_done: Callable[[Labels], bool], written: _Written, doing: str
    ) -> Labels:
        """List the labels until something is done; what was refused is looked at once."""
        pauses = LOOKS_AFTER_SECONDS[:1] if written.is_refused else LOOKS_AFTER_SECONDS
        try:
            for pause in pauses:
                if pause:
                    await self._client.wait(pause)
                now = await self.labels()
                if is_done(now):
                    break
        except (RequestError, SettingsError, StoppedError) as error:
            raise self._not_known(doing, error) from error
        return now

    def _not_done(self, doing: str, written: _Written) -> EtlError:
        """Tell a write that was seen to have changed nothing."""
        reply = written.reply
        if reply is None:
            return StoppedError(
                f"can't {doing}: {written.trouble}; HubSpot's list shows that nothing has changed",
                "try again when HubSpot is well",
            )
        if not reply.is_success:
            said = reply.answer.message or "no reason given"
            return SettingsError(
                f"HubSpot refuses to {doing} ({reply.http_status}): {said}",
                f"see what is there with: {self._list_command}",
            )
        return StoppedError(
            f"HubSpot answered with success when asked to {doing}, but its list does not show it",
            f"look again in a minute, before you try again: {self._list_command}",
        )

    def _not_known(self, doing: str, error: EtlError) -> StoppedError:
        """Tell a write that nobody could look at afterwards."""
        code = {"exit_code": error.exit_code} if isinstance(error, StoppedError) else {}
        return StoppedError(
            f"HubSpot was asked to {doing}, and whether it did is not known: {error.message}",
            f"look first, before you try again: {self._list_command}",
            **code,
        )


def _new(wanted: DefinedLabel, before: Labels, now: Labels) -> Labels:
    """List the sides of a label that was not there before."""
    texts = {normal_form(text) for text in (wanted.label, wanted.inverse) if text is not None}

    def new(
        then: Sequence[LabelDefinition], since: Sequence[LabelDefinition]
    ) -> Sequence[LabelDefinition]:
        known = {line.type for line in then}
        return [
            line
            for line in custom_labels(since)
            if line.type not in known and normal_form(line.text or "") in texts
        ]

    return Labels(new(before.forward, now.forward), new(before.reverse, now.reverse))


def _has_all(made: Labels, wanted: DefinedLabel, before: Labels) -> bool:
    """Tell whether both sides of a label are there; between one object's records, both texts."""
    if before.reverse:
        return bool(made.forward and made.reverse)
    texts = {normal_form(line.text or "") for line in made.forward}
    return len(texts) == (1 if wanted.inverse is None else 2)


def _lost(before: Labels, now: Labels) -> Labels:
    """List what was there before and is not now."""

    def lost(
        then: Sequence[LabelDefinition], since: Collection[LabelDefinition]
    ) -> Sequence[LabelDefinition]:
        left = {line.type for line in since}
        return [line for line in then if line.type not in left]

    return Labels(lost(before.forward, now.forward), lost(before.reverse, now.reverse))
