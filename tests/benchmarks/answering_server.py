"""Answer every association with success, as fast as Python can: the far end of the benchmarks.

Usage: python tests/benchmarks/answering_server.py   (prints its port on the first line)

It parses each body in full and names each pair, so that the client has real answers to judge, but
keeps no portal: what is measured is the client.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

LABELS = {
    b"contacts": (
        b'{"results":[{"category":"HUBSPOT_DEFINED","typeId":279,"label":null},'
        b'{"category":"USER_DEFINED","typeId":36,"label":"Decision maker"}]}'
    ),
    b"companies": (
        b'{"results":[{"category":"HUBSPOT_DEFINED","typeId":280,"label":null},'
        b'{"category":"USER_DEFINED","typeId":37,"label":"Decision maker"}]}'
    ),
}
DETAILS = b'{"portalId":1,"timeZone":"UTC","utcOffsetMilliseconds":0}'
TAIL = (
    '],"status":"COMPLETE","startedAt":"2026-11-23T00:00:00Z","completedAt":"2026-11-23T00:00:00Z"}'
)
REQUESTS_PER_10_SECONDS = 1_000_000


class _Id(msgspec.Struct):
    id: str


class _Pair(msgspec.Struct):
    from_: _Id = msgspec.field(name="from")
    to: _Id


class _Batch(msgspec.Struct):
    inputs: list[_Pair]


_BATCH = msgspec.json.Decoder(_Batch)


class AnsweringServer(asyncio.Protocol):
    """Speak just enough HTTP/1.1 for a client that sends Content-Length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer each request once it is whole."""
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:head_end]).lower()
            _, _, after = head.partition(b"content-length:")
            size = int(after.split(b"\r\n", 1)[0]) if after else 0
            end = head_end + 4 + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[head_end + 4 : end])
            del self._buffer[:end]
            answer = _answer(head.split(b" ", 2)[1], body)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"X-HubSpot-RateLimit-Max: %d\r\nContent-Length: %d\r\n\r\n"
                % (REQUESTS_PER_10_SECONDS, len(answer))
                + answer
            )


def _answer(path: bytes, body: bytes) -> bytes:
    if path.endswith(b"/details"):
        return DETAILS
    if path.endswith(b"/labels"):
        return LABELS[path.split(b"/")[-3]]
    pairs = _BATCH.decode(body).inputs
    if path.endswith(b"/batch/create"):
        results = [
            f'{{"fromObjectTypeId":"0-1","fromObjectId":"{pair.from_.id}",'
            f'"toObjectTypeId":"0-2","toObjectId":"{pair.to.id}","labels":["Decision maker"]}}'
            for pair in pairs
        ]
    else:
        results = [
            f'{{"from":{{"id":"{pair.from_.id}"}},"to":{{"id":"{pair.to.id}"}},'
            '"associationSpec":{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}}'
            for pair in pairs
        ]
    return f'{{"results":[{",".join(results)}{TAIL}'.encode()


async def serve() -> None:
    """Serve on loopback until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(AnsweringServer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
