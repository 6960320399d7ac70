"""Order HubSpot's report of the records that are near their association limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.errors import RequestError, SettingsError, StoppedError
from etl.hubspot.paths import AccountPaths

if TYPE_CHECKING:
    from etl.hubspot.client import Client
    from etl.model import ApiVersion

MAX_USER_ID: Final = 2**31 - 1
"""HubSpot's user ids are 32-bit integers (OpenAPI spec ``associations``)."""

NEAR_LIMIT_PERCENT: Final = 80
"""Records that have used up this much of a limit are in the report (HubSpot's guide)."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A report that HubSpot has taken the order for."""

    user_id: int
    email: str
    """Where HubSpot says that it mails the report; empty where it does not say."""


async def order_usage_report(client: Client, api_version: ApiVersion, user_id: int) -> UsageReport:
    """Have the report mailed to a user. Ordering twice mails it twice.

    Raises SettingsError when HubSpot refuses, StoppedError when it is not known whether it comes.
    """
    path = AccountPaths(api_version).usage_report(user_id)
    try:
        reply = await client.post(path, b"")
    except RequestError as error:
        raise StoppedError(
            f"HubSpot has not confirmed the report: {error.message}",
            "wait for the mail for some minutes before ordering it again; it may come all the same",
        ) from error
    if not reply.is_success:
        said = reply.answer.message or "no reason given"
        raise SettingsError(
            f"HubSpot mails no report to user {user_id} ({reply.http_status}): {said}",
            "give a user's id of this account, as Settings → Users & Teams or the users API has it",
        )
    return UsageReport(user_id, reply.answer.user_email)
