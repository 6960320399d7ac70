"""List, set and clear the limits on how many others a record may be associated with.

Rule 1: a write is judged by what HubSpot lists afterwards; its answer only gives the reasons.
Rule 2: where nothing can be listed after a write, that is told: nobody knows what holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from etl.errors import EtlError, RequestError, SettingsError, StoppedError
from etl.hubspot.culprits import culprits
from etl.hubspot.limit_wire import limits_body, purge_body, read_limits
from etl.hubspot.wire import ErrorDetail, WireError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from etl.hubspot.client import Client
    from etl.hubspot.existing import Between
    from etl.hubspot.limit_wire import AssociationLimit
    from etl.model import AssociationType

LimitOutcome = Literal["set", "cleared", "unchanged", "failed", "unconfirmed"]


@dataclass(frozen=True, slots=True)
class ChangedLimit:
    """What became of the limit of one type."""

    type: AssociationType
    before: int | None
    """None where there was no limit."""
    now: int | None
    """As HubSpot lists it after the write."""
    outcome: LimitOutcome
    reason: str = ""
    """Why it is not as asked for."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What was there before a write and is there after it, and what HubSpot refused."""

    between: Between
    before: Mapping[AssociationType, int]
    now: Mapping[AssociationType, int]
    errors: Sequence[ErrorDetail] = ()

    def judge(self, kind: AssociationType, wanted: int | None) -> ChangedLimit:
        """Tell what became of a type that was to have a limit, or none."""
        before, now = self.before.get(kind), self.now.get(kind)
        if now == wanted:
            done: LimitOutcome = "cleared" if wanted is None else "set"
            return ChangedLimit(kind, before, now, "unchanged" if before == wanted else done)
        if self.errors:
            reason = _reason(kind, self.errors, self.between)
            return ChangedLimit(kind, before, now, "failed", reason)
        reason = "HubSpot answered with success, but does not list it so"
        return ChangedLimit(kind, before, now, "unconfirmed", reason)


async def fetch_limits(
    client: Client, paths: Sequence[str], where: str
) -> Sequence[AssociationLimit]:
    """List the limits at one of some paths; `where` is what messages call it.

    Raises SettingsError when HubSpot refuses, RequestError when it does not answer.
    """
    try:
        reply = await client.first("GET", paths, only_reads=True)
        if not reply.is_success:
            said = reply.answer.message or "no reason given"
            raise SettingsError(
                f"HubSpot lists no association limits {where} ({reply.http_status}): {said}",
                "check the names of both objects: contacts, or a type id such as 0-1 or 2-123 "
                "(custom objects need their type id or p_name)",
            )
        return read_limits(reply.answer)
    except WireError as error:
        raise SettingsError(
            f"HubSpot's association limits {where} can't be understood: {error}",
            "check that HUBSPOT_BASE_URL is HubSpot's API",
        ) from error
    except RequestError as error:
        raise RequestError(
            f"the association limits {where} can't be read: {error.message}",
            "see HubSpot's status page, and ask again when it is better",
            attempts=error.attempts,
            http_status=error.http_status,
            correlation_id=error.correlation_id,
        ) from error


async def fetch_pair_limits(client: Client, between: Between) -> dict[AssociationType, int]:
    """List the limits of an ordered pair of objects by type. Raises as `fetch_limits`."""
    limits = await fetch_limits(client, between.paths.limits, f"for {between}")
    return {limit.type: limit.most for limit in limits}


async def set_limits(
    client: Client, between: Between, wanted: Mapping[AssociationType, int]
) -> list[ChangedLimit]:
    """Set limits, making those that are missing and changing the others.

    Raises SettingsError before anything is written, StoppedError where what holds is not known.
    """
    before = await fetch_pair_limits(client, between)
    paths = between.paths
    new = {kind: most for kind, most in wanted.items() if kind not in before}
    other = {k: most for k, most in wanted.items() if k in before and before[k] != most}
    written = await _write(
        client,
        between,
        before,
        [
            (where, limits_body(limits))
            for where, limits in ((paths.limits_create, new), (paths.limits_update, other))
            if limits
        ],
    )
    return [written.judge(kind, most) for kind, most in wanted.items()]


async def clear_limits(
    client: Client, between: Between, types: Iterable[AssociationType] | None
) -> list[ChangedLimit]:
    """Take the limits of these types away, or all there are. Raises as `set_limits`."""
    before = await fetch_pair_limits(client, between)
    asked = list(before if types is None else types)
    there = [kind for kind in asked if kind in before]
    calls = [(between.paths.limits_purge, purge_body(there))] if there else []
    written = await _write(client, between, before, calls)
    return [written.judge(kind, None) for kind in asked]


async def _write(
    client: Client,
    between: Between,
    before: Mapping[AssociationType, int],
    calls: Sequence[tuple[Sequence[str], bytes]],
) -> _Written:
    """Send the writes, if there are any, and list what holds then."""
    if not calls:
        return _Written(between, before, before)
    errors: list[ErrorDetail] = []
    try:
        for number, (paths, body) in enumerate(calls):
            try:
                reply = await client.first("POST", paths, body)
            except SettingsError as error:
                if number == 0:
                    raise
                errors.append(ErrorDetail(f"{error.message}: {error.hint}"))
            except RequestError as error:
                errors.append(ErrorDetail(error.message))
            else:
                answer = reply.answer
                errors += answer.errors if reply.is_success else [_refusal(answer.as_error())]
    except StoppedError as error:
        raise _unseen(error, between) from error
    try:
        return _Written(between, before, await fetch_pair_limits(client, between), errors)
    except EtlError as error:
        raise _unseen(error, between) from error


def _refusal(error: ErrorDetail) -> ErrorDetail:
    if error.message or not error.errors:
        return error
    return ErrorDetail("; ".join(detail.message for detail in error.errors), context=error.context)


def _unseen(error: EtlError, between: Between) -> StoppedError:
    paths = between.paths
    return StoppedError(
        f"the limits for {between} may have been changed or not: {error.message}",
        f"see what holds with: hubspot-assoc limits list {paths.from_object} {paths.to_object}",
        exit_code=error.exit_code if isinstance(error, StoppedError) else 3,
    )


def _reason(kind: AssociationType, errors: Sequence[ErrorDetail], between: Between) -> str:
    """Tell the errors that name a type, or else those that may mean any, or else all."""
    by_error = [(error, _types_of(error, between)) for error in errors]
    meant = [error for error, types in by_error if str(kind) in types]
    vague = [error for error, types in by_error if not types]
    told = dict.fromkeys(error.message or error.category for error in meant or vague or errors)
    said = "; ".join(filter(None, told)) or "no reason given"
    return said if meant or vague else f"refused together with another type: {said}"


def _types_of(error: ErrorDetail, between: Between) -> frozenset[str]:
    """List the types (``CATEGORY:id``) that an error names, in one key of its context or in two."""
    named = culprits(error, between.sides).types
    folded = {key.casefold().replace("_", ""): value for key, value in error.context.items()}
    categories, numbers = folded.get("category"), folded.get("typeid")
    if isinstance(categories, list) and isinstance(numbers, list):
        named |= {
            f"{category}:{number}" for category, number in zip(categories, numbers, strict=False)
        }
    return named
