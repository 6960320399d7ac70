"""Settle the associations of one batch, by as many requests as it takes.

Rule 1: one bad row never fails its batch: what is refused or not answered is narrowed down until the
        culprit stands alone.
Rule 2: what a 2xx does not name is asked for again, and then read back; never assumed. An answer to
        a removal names nothing: it is read back, asked for again where it has not helped, and read
        back once more. So is a refusal of one, which may only say that nothing is there any more.
Rule 3: a request that came to nothing may have done its work: that is read back before any of it is
        sent again.
Rule 4: what meets every row alike is no trouble of rows: the run stops.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.id_text import ids_of
from etl.core.keep import keep_existing
from etl.core.remove import part_removals
from etl.core.verdict import VERDICT, SharedVerdict
from etl.errors import RequestError, StoppedError
from etl.hubspot.existing import TRIES_OF_A_PART, UNANSWERED_IN_A_ROW
from etl.hubspot.judge import NOT_NAMED, judge_refusal, judge_success, verdicts
from etl.hubspot.recognize import Recognizer, names_all
from etl.hubspot.wire import ErrorDetail
from etl.model import MAX_BATCH_SIZE, Action, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from etl.hubspot.client import Client, Reply
    from etl.hubspot.endpoint import Endpoint
    from etl.hubspot.existing import ExistingReader
    from etl.hubspot.judge import Judgement
    from etl.hubspot.settings_check import SettingsCheck

NO_ANSWER: Final = "NO_ANSWER"
"""Our category for a request that came to nothing after all its attempts."""

STILL_THERE: Final = "STILL_THERE"
"""Our category for what HubSpot said it removed, and still has."""

REFUSED_ALONE: Final = MAX_BATCH_SIZE
"""Rows refused one by one, with not one accepted before the run stops: as many as a full batch."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Associations of one batch that go in one request."""

    frame: pl.DataFrame
    ids: bytes
    """Their `ids_of`."""
    attempts: int = 0
    """HTTP tries so far, for each association of the group."""
    tries: int | None = None
    """How often to try; None leaves it to the client."""
    asked_again: bool = False
    """An answer has left these unnamed once already."""

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        attempts: int = 0,
        tries: int | None = None,
        *,
        asked_again: bool = False,
    ) -> Self:
        """Make a group of what is left of another one."""
        (ids,) = ids_of(frame, frame.height)
        return cls(frame, ids, attempts, tries, asked_again)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one request has brought."""

    settled: pl.DataFrame
    """SETTLED."""
    more: list[_Group]
    """What must be sent next."""
    doubt: Judgement | None = None
    """The judgement, where it leaves a doubt about the job's settings."""
    refused_alone: str | None = None
    """What HubSpot said of a single association that it refused."""


class Settler:
    """Send groups of associations until each has a verdict."""

    def __init__(
        self,
        client: Client,
        reader: ExistingReader,
        settings: SettingsCheck,
        *,
        gives_up: bool,
    ) -> None:
        """With `gives_up`, stop the run when HubSpot accepts nothing at all."""
        self._client = client
        self._reader = reader
        self._settings = settings
        self._gives_up = gives_up
        self._recognizer = Recognizer()
        self._unanswered = 0
        self._refused_alone = 0

    async def settle(
        self, frame: pl.DataFrame, endpoint: Endpoint, *, batch: int, ids: bytes | None = None
    ) -> AsyncIterator[pl.DataFrame | SharedVerdict]:
        """Yield SETTLED for association_id, from_id, to_id, types and wanted, as answers come.

        Where the first answer says the same of all of them, that is all there is to yield. `ids`
        are their `ids_of`, where these are known. Raises StoppedError and SettingsError; what was
        yielded before stays true.
        """
        groups = [_Group.of(frame) if ids is None else _Group(frame, ids)] if frame.height else []
        while groups:
            group = groups.pop()
            try:
                step = await self._group(group, endpoint)
            except RequestError as error:
                step = await self._unanswered_group(group, endpoint, error)
            if isinstance(step, SharedVerdict):
                self._gives_up = False
                yield step if group.frame is frame else step.on(group.frame, batch)
                continue
            settled = step.settled.with_columns(pl.lit(batch, pl.Int64).alias("batch"))
            is_done = pl.col("outcome") == endpoint.done.value
            done = settled.filter(is_done)
            yield done
            self._gives_up &= not done.height
            if step.doubt is not None:
                # What is done stays done; the others fail only if it is not the settings.
                await self._settings.check(is_urgent=step.doubt.names_types)
            yield settled.filter(~is_done)
            self._count_refused(step)
            groups.extend(step.more)

    async def settle_each(
        self, frame: pl.DataFrame, endpoint: Endpoint, *, batch: int
    ) -> AsyncIterator[pl.DataFrame]:
        """Yield what `settle` does, as SETTLED throughout."""
        async for told in self.settle(frame, endpoint, batch=batch):
            yield told.on(frame, batch) if isinstance(told, SharedVerdict) else told

    async def _group(self, group: _Group, endpoint: Endpoint) -> _Step | SharedVerdict:
        """Send one request, and see what it brings."""
        body = endpoint.body(group.frame, group.ids)
        reply = await self._client.post(endpoint.path, body, tries=group.tries)
        self._unanswered = 0
        attempts = group.attempts + reply.attempts
        correlation_id = reply.answer.correlation_id or None
        all_done = SharedVerdict(endpoint.done, reply.http_status, correlation_id, attempts)
        if reply.is_success and self._recognizer.knows(group.ids, reply.answer, endpoint):
            return all_done
        judgement = await asyncio.to_thread(self._judge, group, reply, endpoint)
        if judgement is None:
            return all_done
        settled = judgement.settled
        more = [
            _Group.of(part, attempts, asked_again=group.asked_again) for part in judgement.again
        ]
        if endpoint.action is not Action.ASSOCIATE:
            settled = await self._looked_up(
                settled, group.frame, endpoint, reply, attempts=attempts
            )
        unnamed = judgement.unnamed
        # An answer to a removal never names anything: asking again before looking would be idle.
        if unnamed.height and (group.asked_again or endpoint.action is not Action.ASSOCIATE):
            # A stop leaves these without a verdict, but takes nothing from what is settled.
            with suppress(StoppedError):
                done, unnamed = await self._look_up(unnamed, endpoint)
                told = verdicts(done, endpoint.done, reply.http_status, reply.answer)
                settled = pl.concat([settled, told])
                if group.asked_again:
                    settled = pl.concat([settled, _unconfirmed(unnamed, endpoint, reply)])
        if unnamed.height and not group.asked_again:
            more.append(_Group.of(unnamed, attempts, asked_again=True))
        is_refused_alone = (
            not reply.is_success
            and group.frame.height == 1
            and Outcome.FAILED.value in settled["outcome"]
        )
        said = reply.answer.message or f"HTTP {reply.http_status}"
        return _Step(
            with_cost(settled, attempts),
            more,
            doubt=judgement if judgement.doubts_settings else None,
            refused_alone=said if is_refused_alone else None,
        )

    def _judge(self, group: _Group, reply: Reply, endpoint: Endpoint) -> Judgement | None:
        """Judge an answer; None where it names all pairs that were asked for."""
        answer, status, sides = reply.answer, reply.http_status, endpoint.sides
        type_bits, frame = endpoint.bits.by_name, group.frame
        if not reply.is_success:
            return judge_refusal(
                frame, answer, http_status=status, sides=sides, type_bits=type_bits
            )
        made = self._recognizer.made(frame, group.ids, answer, endpoint)
        if names_all(made, frame):
            return None
        return judge_success(
            frame, made, answer, http_status=status, sides=sides, type_bits=type_bits
        )

    def _count_refused(self, step: _Step) -> None:
        """Stop the run where HubSpot refuses row after row and accepts none."""
        if step.refused_alone is None or not self._gives_up:
            return
        self._refused_alone += 1
        if self._refused_alone >= REFUSED_ALONE:
            raise StoppedError(
                f"HubSpot has refused {self._refused_alone} rows one by one and accepted none; "
                f"the last: {step.refused_alone}",
                "check that the ids are of this portal; where they are, set limits.max_failures "
                "and the run goes on to that limit",
            )

    async def _unanswered_group(
        self, group: _Group, endpoint: Endpoint, error: RequestError
    ) -> _Step:
        """Read back what a request that came to nothing has done all the same; narrow the rest."""
        self._unanswered += 1
        if self._unanswered >= UNANSWERED_IN_A_ROW:
            raise StoppedError(
                f"HubSpot is there, but {self._unanswered} writes one after the other came to "
                f"nothing: {error.message}",
                "see HubSpot's status page, and go on when it is better",
            )
        done, missing = await self._look_up(group.frame, endpoint)
        attempts = group.attempts + error.attempts
        settled = verdicts(done, endpoint.done, None)
        if missing.height > 1:
            more = [
                _Group.of(part, attempts, TRIES_OF_A_PART)
                for part in missing.iter_slices((missing.height + 1) // 2)
            ]
            return _Step(with_cost(settled, attempts), more)
        reason = ErrorDetail(message=error.message, category=NO_ANSWER)
        failed = verdicts(missing, Outcome.FAILED, error.http_status, error=reason).with_columns(
            pl.lit(error.correlation_id or None, pl.String).alias("correlation_id")
        )
        return _Step(with_cost(pl.concat([settled, failed]), attempts), [])

    async def _looked_up(
        self,
        settled: pl.DataFrame,
        frame: pl.DataFrame,
        endpoint: Endpoint,
        reply: Reply,
        *,
        attempts: int,
    ) -> pl.DataFrame:
        """Correct the verdicts on removals that are refused because nothing is there.

        Nothing was there before, unless an earlier try may have taken it away.
        """
        is_refused = (pl.col("outcome") == Outcome.FAILED.value) & pl.col("types").is_null()
        refused = frame.join(settled.filter(is_refused), on="association_id", how="semi")
        if not refused.height:
            return settled
        done, _ = await self._look_up(refused, endpoint)
        outcome = endpoint.done if attempts > 1 else Outcome.UNCHANGED
        gone = verdicts(done, outcome, reply.http_status, reply.answer)
        return pl.concat([settled.join(gone, on="association_id", how="anti"), gone])

    async def _look_up(
        self, frame: pl.DataFrame, endpoint: Endpoint
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Part the associations that are as they were asked to be from those that are not."""
        existing = await self._reader.read(frame, endpoint)
        folded = endpoint.fold_types(existing.types)
        if endpoint.action is Action.ASSOCIATE:
            # Nothing is exclusive here: the question is what is there, not what should be.
            _, done = keep_existing(frame, folded, exclusive=0, holder=endpoint.primary_holder)
        else:
            labels_alone = endpoint.action is Action.REMOVE_LABELS
            _, gone = part_removals(frame, folded, labels_alone=labels_alone)
            # Of a record that can't be read we may not say that it has nothing.
            done = gone.join(existing.unread, on="from_id", how="anti")
        return done, frame.join(done, on="association_id", how="anti", maintain_order="left")


def _unconfirmed(unnamed: pl.DataFrame, endpoint: Endpoint, reply: Reply) -> pl.DataFrame:
    """Settle associations that were asked for twice and are not as asked: VERDICT."""
    doubt = (
        ErrorDetail(
            message="HubSpot answered with success but did not name this association, "
            "and reading it back did not find it",
            category=NOT_NAMED,
        )
        if endpoint.action is Action.ASSOCIATE
        else ErrorDetail(
            message="HubSpot answered with success, and reading back did not find it gone",
            category=STILL_THERE,
        )
    )
    return verdicts(unnamed, Outcome.UNCONFIRMED, reply.http_status, reply.answer, doubt)


def with_cost(frame: pl.DataFrame, attempts: int, batch: int | None = None) -> pl.DataFrame:
    """Add to VERDICT what it took: SETTLED."""
    return frame.select(
        *VERDICT,
        pl.lit(attempts, pl.Int64).alias("attempts"),
        pl.lit(batch, pl.Int64).alias("batch"),
    )
