"""Send a file with polars and aiohttp and nothing else: no checks, no journal, no results.

Usage: python tests/benchmarks/bare_loop.py FILE    (HUBSPOT_BASE_URL says where)

What is lost on the way is lost. Nothing that does more can be faster: it is the scale's upper end.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import aiohttp
import polars as pl

BATCH_SIZE: Final = 2_000
AT_ONCE: Final = 8
PATH: Final = "/crm/v4/associations/contacts/companies/batch/create"
BEFORE, BETWEEN, AFTER = (
    '{"from":{"id":"',
    '"},"to":{"id":"',
    '"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":36}]}',
)


async def send(path: str) -> int:
    """Send all batches, some at once; count what the answers name."""
    parts = (pl.lit(BEFORE), "contact_id", pl.lit(BETWEEN), "company_id", pl.lit(AFTER))
    inputs = pl.scan_csv(path).select(pl.concat_str(*parts)).collect().to_series()
    bodies = iter(range(0, inputs.len(), BATCH_SIZE))
    made = 0

    async def take(session: aiohttp.ClientSession) -> None:
        nonlocal made
        for first in bodies:
            batch = inputs.slice(first, BATCH_SIZE).str.join(",").item()
            body = f'{{"inputs":[{batch}]}}'
            async with session.post(PATH, data=body.encode()) as answer:
                made += (await answer.read()).count(b'"toObjectId"')

    async with aiohttp.ClientSession(os.environ["HUBSPOT_BASE_URL"]) as session:
        await asyncio.gather(*(take(session) for _ in range(AT_ONCE)))
    return made


if __name__ == "__main__":
    print(asyncio.run(send(sys.argv[1])))
