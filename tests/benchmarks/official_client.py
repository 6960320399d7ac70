"""Send a file as a user of HubSpot's own Python client would write it. Prints how many were made.

Usage: python tests/benchmarks/official_client.py FILE THREADS    (HUBSPOT_BASE_URL says where)
"""

from __future__ import annotations

import csv
import os
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from account import CUSTOM, DEFINITIONS
from hubspot import HubSpot  # type: ignore[import-untyped]
from hubspot.crm.associations.v4 import (  # type: ignore[import-untyped]
    AssociationSpec,
    BatchInputPublicAssociationMultiPost,
    PublicAssociationMultiPost,
    PublicObjectId,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_SIZE: Final = 2_000


def batches(path: str) -> Iterator[list[Any]]:
    """Read the file, a batch of inputs at a time."""
    [(category, type_id, _)] = (kind for kind in DEFINITIONS["contacts"] if kind[0] == CUSTOM)
    with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123  (as users write it)
        rows = csv.DictReader(file)
        while batch := [
            PublicAssociationMultiPost(
                _from=PublicObjectId(id=row["contact_id"]),
                to=PublicObjectId(id=row["company_id"]),
                types=[AssociationSpec(category, type_id)],
            )
            for row in islice(rows, BATCH_SIZE)
        ]:
            yield batch


def send(path: str, threads: int) -> int:
    """Send all batches, as many at once as there are threads; count what HubSpot confirms."""
    client = HubSpot(access_token=os.environ["HUBSPOT_ACCESS_TOKEN"])
    api = client.crm.associations.v4.batch_api
    api.api_client.configuration.host = os.environ["HUBSPOT_BASE_URL"]

    def create(inputs: list[Any]) -> int:
        body = BatchInputPublicAssociationMultiPost(inputs=inputs)
        return len(api.create("contacts", "companies", body).results)

    made, pending = 0, set[Future[int]]()
    with ThreadPoolExecutor(threads) as pool:
        for batch in batches(path):
            pending.add(pool.submit(create, batch))
            if len(pending) > threads:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                made += sum(each.result() for each in done)
        return made + sum(each.result() for each in pending)


if __name__ == "__main__":
    print(send(sys.argv[1], int(sys.argv[2])))
