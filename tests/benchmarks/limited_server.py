"""Serve the account of the benchmarks behind a rolling limit: slow, hanging, and shared with others.

Usage: python tests/benchmarks/limited_server.py [--limit 200] [--latency-ms 50] [--hanging 0.01]
       [--others '[{"seconds": 20, "share": 0.3}]']    (prints its port on the first line)

The window and the other integration are the sandbox's. ``GET /window`` tells what has come.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

import msgspec
from account import Belonging
from answering_server import Connection, serve
from answers import Account

from etl.sandbox import Stretch
from etl.sandbox.quota import Quota

TOO_MANY: Final = 429
REFUSAL: Final = b'{"errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING","message":"limit"}'


@dataclass(slots=True)
class Window:
    """The account's limit, and what has come: times in seconds of the machine's clock."""

    quota: Quota
    latency_seconds: float
    hanging: float
    """Share of the requests that are never answered."""
    admitted: list[tuple[float, int]] = field(default_factory=list)
    """When batches came, and how many requests of others had been let in by then."""
    refused: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    chance: Random = field(default_factory=lambda: Random(1))  # noqa: S311  (no secret)


class LimitedConnection(Connection):
    """Let requests in, or refuse them at once."""

    def __init__(self, account: Account, window: Window) -> None:
        super().__init__(account, window.latency_seconds)
        self._window = window
        self._hangs = False

    def take(self, path: str, body: bytes) -> None:
        """Count a request by the moment it comes."""
        window, now = self._window, time.monotonic()
        if path == "/window":
            told = (window.admitted, window.refused, window.most_in_flight)
            self.write(200, msgspec.json.encode(told), {})
            return
        policy, limits = window.quota.admit(), window.quota.headers()
        if policy is not None:
            window.refused.append(now)
            self.write(TOO_MANY, REFUSAL, limits)
            return
        if "/batch/" in path:
            window.admitted.append((now, window.quota.used_by_others))
        window.in_flight += 1
        window.most_in_flight = max(window.most_in_flight, window.in_flight)
        self._hangs = path.endswith("/create") and window.chance.random() < window.hanging
        if not self._hangs:
            late = window.latency_seconds * window.chance.uniform(0.8, 1.2)
            self._loop.call_later(late, self._answer_limited, path, body, limits)

    def connection_lost(self, _: Exception | None) -> None:
        """Let a request go whose client has given up on it."""
        if self._hangs:
            self._window.in_flight -= 1

    def _answer_limited(self, path: str, body: bytes, limits: dict[str, str]) -> None:
        self._window.in_flight -= 1
        self.write(*self._account.answer(path, body), limits)


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--hanging", type=float, default=0)
    parser.add_argument("--others", type=msgspec.json.Decoder(list[Stretch]).decode, default=[])
    options = parser.parse_args()
    quota = Quota(
        requests_per_10_seconds=options.limit,
        requests_per_day=None,
        clock=time.monotonic,
        others=options.others,
    )
    window = Window(quota, options.latency_ms / 1000, options.hanging)
    asyncio.run(serve(partial(LimitedConnection, Account(Belonging(1)), window)))


if __name__ == "__main__":
    main()
