"""Ask HubSpot a few things, each briefly: what comes of a question is data for a check to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.errors import AccessError, EtlError, RequestError, StoppedError
from etl.hubspot.access import UNAUTHORIZED
from etl.hubspot.client import Reply

if TYPE_CHECKING:
    from etl.hubspot.client import Client
    from etl.stop import Stop

TRIES: Final = 2
"""A question may meet a broken attempt; somebody waits for the answers."""

NO_ANSWER: Final = "check the network, a proxy, hubspot.base_url, and HubSpot's status page"


@dataclass(frozen=True, slots=True)
class Unasked:
    """A question that made no sense any more."""

    why: str


Told = Reply | EtlError | Unasked
"""What came of a question: an answer, though it may be a refusal; trouble; or nothing asked."""


class Questions:
    """Ask one after the other, until it is clear that there will be no answers."""

    def __init__(self, client: Client, stop: Stop) -> None:
        self._client = client
        self._stop = stop
        self._silent: Unasked | None = None

    async def ask(self, *paths: str, body: bytes | None = None) -> Told:
        """Read the first of some paths that HubSpot serves; a body asks for records.

        Raises StoppedError when the command is interrupted.
        """
        if self._silent is not None:
            return self._silent
        try:
            return await self._client.first(
                "GET" if body is None else "POST",
                paths,
                body,
                only_reads=True,
                tries=TRIES,
                is_vital=False,
            )
        except AccessError as error:
            if error.http_status == UNAUTHORIZED:
                self._silent = Unasked("HubSpot refuses the token")
            return error
        except RequestError as error:
            if error.http_status is None:
                self._silent = Unasked("HubSpot can't be reached")
            return EtlError(error.message, NO_ANSWER)
        except StoppedError as error:
            self._stop.check()
            self._silent = Unasked("HubSpot takes no more requests now")
            return error
