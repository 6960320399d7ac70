"""Ask which account a token belongs to, and when its day ends."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from etl.errors import RequestError, SettingsError
from etl.hubspot.paths import DETAILS

if TYPE_CHECKING:
    from etl.hubspot.client import Client
    from etl.model import Secret

DETAILS_TRIES: Final = 2
"""The details are a help; a run does without them."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the token stands for; what HubSpot does not tell is empty."""

    portal_id: int | None = None
    time_zone: str = ""
    """A name such as ``Europe/Berlin``."""
    utc_offset_milliseconds: int | None = None


async def fetch_account(client: Client) -> Account:
    """Ask for the account's details; a run does without those that HubSpot keeps to itself."""
    try:
        told = (await client.get(DETAILS, tries=DETAILS_TRIES, is_vital=False)).answer
    except (RequestError, SettingsError):
        # A token that is refused outright is told by the next request, which can't be done without.
        return Account()
    return Account(told.portal_id, told.time_zone, told.utc_offset_milliseconds)


def identities(account: Account, base_url: str, token: Secret | None) -> tuple[str, ...]:
    """Name the account for the lock: one run at a time for a job and a portal.

    By its token, as a digest that tells nothing of it, for that is always known; and by its portal
    id, as a portal may have several tokens.
    """
    digest = sha256(token.value.encode() if token is not None else b"").hexdigest()
    by_token = f"{base_url} token {digest}"
    if account.portal_id is None:
        return (by_token,)
    return by_token, f"{base_url} portal {account.portal_id}"
