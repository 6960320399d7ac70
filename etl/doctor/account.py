"""Checks of the account: what the token is, and what is left of the account's limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from etl.core.finding import Finding, Status, fail, ok, skipped, warn
from etl.core.midnight import zone_of
from etl.core.versions import SUPPORT, support_notice
from etl.doctor.questions import Unasked
from etl.errors import AccessError, EtlError
from etl.hubspot.client import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from etl.doctor.questions import Told
    from etl.hubspot.meter import Meter
    from etl.model import ApiVersion, HubspotSettings

LITTLE_LEFT: Final = 0.1
"""Share of a day's calls below which a run may well not come to its end."""


class _Usage(msgspec.Struct, rename="camel"):
    """One line of the daily usage (spec ``account-info-v3``: ApiUsage)."""

    usage_limit: int
    current_usage: int
    fetch_status: str = "SUCCESS"


_USAGE: Final = msgspec.json.Decoder(list[_Usage], strict=False)
_FETCHED: Final = {"SUCCESS", "CACHED"}


class _Limit(msgspec.Struct, rename="camel"):
    """One configured limit (spec ``associations-schema``)."""

    category: str
    type_id: int
    label: str | None = None
    user_enforced_max_to_object_ids: int | None = None

    def __str__(self) -> str:
        name = self.label or f"{self.category}:{self.type_id}"
        return f"{name} at most {self.user_enforced_max_to_object_ids}"


_LIMITS: Final = msgspec.json.Decoder(list[_Limit], strict=False)
SHOWN_LIMITS: Final = 5


def connection(hubspot: HubspotSettings, details: Told) -> Finding:
    """Find whether HubSpot is there."""
    if isinstance(details, Reply | AccessError):
        return ok("connection", f"{hubspot.base_url} answers")
    if isinstance(details, Unasked):
        return skipped("connection", details.why)
    return fail("connection", f"{hubspot.base_url}: {details.message}", details.hint)


def token(hubspot: HubspotSettings, details: Told) -> Finding:
    """Find whether HubSpot takes the token."""
    if hubspot.access_token is None:
        return fail(
            "token",
            f"{hubspot.token_variable} is not set",
            f"set {hubspot.token_variable} to a private app's token, or try it with --sandbox",
        )
    if isinstance(details, AccessError):
        return fail("token", details.message, details.hint)
    if isinstance(details, Reply):
        return ok("token", "HubSpot accepts it")
    return skipped("token", "HubSpot did not say whether it accepts the token")


def portal(details: Told) -> Finding:
    """Find which account the token is of."""
    if not isinstance(details, Reply):
        return skipped("portal", "HubSpot did not say which account this is")
    if details.answer.portal_id is None:
        return warn(
            "portal",
            f"HubSpot does not tell the portal id (HTTP {details.http_status})",
            "check that hubspot.base_url is HubSpot's API; a run goes without the id",
        )
    return ok("portal", str(details.answer.portal_id))


def time_zone(details: Told) -> Finding:
    """Find when the account's day ends."""
    if not isinstance(details, Reply):
        return skipped("time zone", "HubSpot did not say when the account's day ends")
    told = details.answer
    if zone_of(told.time_zone, told.utc_offset_milliseconds) is None:
        return warn(
            "time zone",
            f"'{told.time_zone}' is no time zone that this machine knows",
            "install the system's time zone data; --wait-for-quota asks every quarter of an hour",
        )
    return ok("time zone", f"{told.time_zone or 'known by its offset'}: calls of a day end there")


def rate_limit(told: float | None, wanted: int | None, details: Told) -> Finding:
    """Find how fast a run may go; `told` is what headers say, `wanted` what the job sets."""
    if told is None and not isinstance(details, Reply):
        return skipped("rate limit", "HubSpot did not say")
    if told is None:
        return ok(
            "rate limit", "HubSpot's answers name none; a run keeps to the lowest of its plans"
        )
    if wanted is not None and wanted > told:
        return warn(
            "rate limit",
            f"the job sets {wanted} requests in 10 s, and HubSpot allows {told:g}",
            "set limits.requests_per_10_seconds to auto, or refused requests cost time",
        )
    return ok("rate limit", f"{told:g} requests in 10 s")


def calls_left(meter: Meter, usage: Told, reserve: int) -> Finding:
    """Find what is left of the day: as headers say, and as the usage of private apps says.

    `reserve` is what the job leaves for others.
    """
    known = [(meter.daily_remaining, meter.daily_limit), *_of_usage(usage)]
    left, limit = min(
        ((left, limit) for left, limit in known if left is not None and limit),
        default=(None, None),
    )
    if left is None or limit is None:
        if isinstance(usage, Unasked):
            return skipped("calls left today", usage.why)
        return warn(
            "calls left today",
            "HubSpot does not tell",
            "look in HubSpot's settings: Integrations, Private apps, Logs",
        )
    said = f"{left:,} of {limit:,}"
    if left <= reserve:
        kept = f", and limits.daily_reserve keeps {reserve:,} for others" if reserve else ""
        return fail(
            "calls left today",
            f"{said}{kept}",
            "wait for the account's midnight, or run with --wait-for-quota",
        )
    if left < limit * LITTLE_LEFT:
        return warn(
            "calls left today", said, "see with `plan` how many calls a job takes before running it"
        )
    return ok("calls left today", said)


def api_version(version: ApiVersion, today: date) -> Finding:
    """Find how long HubSpot supports the version."""
    notice = support_notice(version, today)
    if notice is not None:
        return warn("api version", notice.message, notice.fix)
    return ok("api version", f"{version} is supported until {SUPPORT[version]}")


def association_limits(told: Mapping[str, Told]) -> Finding:
    """Find which limits of associations the account's admins have configured.

    `told` has the answer for each way between two objects; one without a name is for all.
    """
    found = [(way, _limits_told(each)) for way, each in told.items()]
    said = [f"{way}: {each.said}" if way else each.said for way, each in found]
    worst = next((each for _, each in found if each.verdict is not Status.OK), found[0][1])
    return replace(worst, said="; ".join(dict.fromkeys(said)))


def _limits_told(told: Told) -> Finding:
    check = "association limits"
    fix = "look in HubSpot's settings: Objects, Associations; a run tells what HubSpot refuses"
    if isinstance(told, Unasked):
        return skipped(check, told.why)
    if isinstance(told, EtlError):
        return warn(check, told.message, told.hint)
    if not told.is_success:
        return warn(check, f"HubSpot does not tell them (HTTP {told.http_status})", fix)
    try:
        limits = [
            limit
            for limit in _LIMITS.decode(told.answer.results)
            if limit.user_enforced_max_to_object_ids is not None
        ]
    except msgspec.MsgspecError as error:
        return warn(check, f"HubSpot's answer can't be understood: {error}", fix)
    if not limits:
        return ok(check, "none are configured; HubSpot's own apply")
    more = f" and {len(limits) - SHOWN_LIMITS} more" if len(limits) > SHOWN_LIMITS else ""
    return ok(check, "; ".join(map(str, limits[:SHOWN_LIMITS])) + more)


def _of_usage(usage: Told) -> list[tuple[int | None, int | None]]:
    """Read what is left and the limit; an answer that can't be read tells nothing."""
    if not isinstance(usage, Reply) or not usage.is_success:
        return []
    try:
        lines = _USAGE.decode(usage.answer.results)
    except msgspec.MsgspecError:
        return []
    return [
        (max(0, line.usage_limit - line.current_usage), line.usage_limit)
        for line in lines
        if line.fetch_status in _FETCHED
    ]
