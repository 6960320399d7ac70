"""Make one HTTP try. The one place that knows aiohttp; its errors end here.

Rule 1: the token travels in one header to one origin; redirects are never followed.
Rule 2: certificates are verified, and every wait and every answer has a bound.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec

from etl import __version__
from etl.core.retry import NO_STATUS
from etl.errors import RequestError
from etl.hubspot.wire import Answer, WireError, decode_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

TIMEOUT_SECONDS: Final = 60.0
"""Longest wait for one answer: HubSpot ends requests of its own after some thirty seconds."""

CONNECT_SECONDS: Final = 10.0

MAX_ANSWER_BYTES: Final = 128 * 2**20
"""Longest answer that is taken in, unpacked: 1,000 records of 500 associations each, the most that
one request can bring, take some 50 MB."""

SHORTEST_TOKEN: Final = 20
"""Longer than any record id: what is shorter is made up, and may be part of an answer by chance."""

CORRELATION_HEADER: Final = "X-HubSpot-Correlation-Id"

SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one try brought."""

    status: int
    """NO_STATUS where it brought no answer that can be read."""
    answer: Answer
    headers: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    """What went wrong where the answer does not say."""


class Transport:
    """Carry requests to one HubSpot account."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self.base_url = base_url
        self._token = session.headers.get("Authorization", "").removeprefix("Bearer ").encode()

    async def attempt(self, method: str, path: str, body: bytes | None) -> Attempt:
        """Make one try. Raises RequestError for an answer that is too long to be taken in."""
        try:
            async with self._session.request(
                method, self.base_url + path, data=body, allow_redirects=False
            ) as response:
                status, headers = response.status, response.headers
                raw = await self._read(response)
        except TimeoutError:
            return Attempt(NO_STATUS, Answer(), trouble=f"no answer in {TIMEOUT_SECONDS:.0f} s")
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error.os_error
            return Attempt(NO_STATUS, Answer(), trouble=f"can't connect: {reason}")
        except aiohttp.ClientError as error:
            return Attempt(NO_STATUS, Answer(), trouble=f"{type(error).__name__}: {error}")
        try:
            return Attempt(status, _identified(decode_answer(raw), headers), headers)
        except WireError as error:
            # A refusal is a refusal, however its page looks; a success has to be readable.
            if status in SUCCESS:
                return Attempt(NO_STATUS, Answer(), headers, str(error))
            page = raw[:200].decode("utf-8", "replace")
            said = f"an answer that is not JSON: {page!r}"
            return Attempt(status, _identified(Answer(), headers), headers, said)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Take in an answer piece by piece, so that none can fill the memory."""
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                response.close()
                raise RequestError(
                    f"the answer is longer than {MAX_ANSWER_BYTES // 2**20} MB",
                    "run the failures file again",
                    attempts=1,
                    http_status=response.status,
                )
            pieces.append(piece)
        raw = b"".join(pieces)
        # Blot out the token where an answer, or a proxy's page, repeats it.
        return raw.replace(self._token, b"***") if len(self._token) >= SHORTEST_TOKEN else raw


def _identified(answer: Answer, headers: Mapping[str, str]) -> Answer:
    """Take the correlation id from the header where the body has none, as in most 2xx."""
    told = headers.get(CORRELATION_HEADER, "")
    if answer.correlation_id or not told:
        return answer
    return msgspec.structs.replace(answer, correlation_id=told)


@asynccontextmanager
async def open_transport(access_token: str, base_url: str) -> AsyncIterator[Transport]:
    """Open the connections of a run; certificates are verified, proxies are not asked."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS, sock_connect=CONNECT_SECONDS)
    headers = {
        "Authorization": f"Bearer {access_token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"hubspot-assoc/{__version__}",
    }
    # The run bounds its own concurrency; a second bound here could only disagree with it.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, connector=connector
    ) as session:
        yield Transport(session, base_url)
