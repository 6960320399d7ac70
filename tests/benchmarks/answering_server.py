"""Serve the account of the benchmarks on loopback, as fast as Python can.

Usage: python tests/benchmarks/answering_server.py [--latency-ms 0] [--contacts 1000000]
       [--per-company 1]    (prints its port on the first line)

``GET /calls`` tells what has been asked since the start.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from account import Belonging
from answers import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUESTS_PER_10_SECONDS: Final = 1_000_000


class Connection(asyncio.Protocol):
    """Speak just enough HTTP/1.1 for a client that sends Content-Length."""

    def __init__(self, account: Account, latency_seconds: float) -> None:
        self._account = account
        self._latency_seconds = latency_seconds
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer each request once it is whole."""
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:head_end])
            _, _, after = head.lower().partition(b"content-length:")
            end = head_end + 4 + (int(after.split(b"\r\n", 1)[0]) if after else 0)
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[head_end + 4 : end])
            del self._buffer[:end]
            path = head.split(b" ", 2)[1].decode()
            self.take(path, body)

    def take(self, path: str, body: bytes) -> None:
        """Answer a request when its time has come."""
        self._loop.call_later(self._latency_seconds, self._answer, path, body)

    def _answer(self, path: str, body: bytes) -> None:
        limits = {"X-HubSpot-RateLimit-Max": str(REQUESTS_PER_10_SECONDS)}
        self.write(*self._account.answer(path, body), limits)

    def write(self, status: int, answer: bytes, limits: Mapping[str, str]) -> None:
        """Write an answer, with the headers of the limits."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in limits.items())
        head = (
            f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(answer)}\r\n\r\n"
        )
        self._transport.write(head.encode() + answer)


async def serve(connect: Callable[[], Connection]) -> None:
    """Serve on loopback until the process is ended; its port is the first line of what it prints."""
    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", port=0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--per-company", type=int, default=1)
    options = parser.parse_args()
    account = Account(Belonging(options.contacts, options.per_company))
    asyncio.run(serve(partial(Connection, account, options.latency_ms / 1000)))


if __name__ == "__main__":
    main()
