"""Compare a job's file with the portal: stage, read, compare, report. Nothing is written to HubSpot."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import polars as pl

from etl.check.asked import Asked, asked_by_record
from etl.check.found import Found, unread_pairs
from etl.check.report import Report, Words
from etl.core.compare import THERE, Sign, compare
from etl.core.exit_code import ExitCode
from etl.core.typebits import TypeBits
from etl.hubspot.existing import Existing, ExistingReader
from etl.hubspot.labels import fetch_labels, portal_of
from etl.hubspot.wire import PAIR, swapped
from etl.model import Direction
from etl.pipeline.keys import reading_finder
from etl.pipeline.stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from etl.hubspot.client import Client
    from etl.hubspot.labels import Portal
    from etl.logs import Log
    from etl.model import Job
    from etl.pipeline.observer import Observer
    from etl.stop import Stop


@dataclass(frozen=True, slots=True)
class Checked:
    """How a file and the portal compare."""

    job: str
    rows: int
    """Rows of the source."""
    signs: Mapping[Sign, int]
    """Lines of the report."""
    reasons: list[dict[str, Any]]
    """Why rows stand for no pair: error_category, rows, first_row, error_message of that row."""
    requests: int

    @property
    def exit_code(self) -> ExitCode:
        """Give the verdict: 0 where all is the same."""
        differ = any(lines for sign, lines in self.signs.items() if sign is not Sign.SAME)
        return ExitCode.SOME_FAILED if differ else ExitCode.SUCCEEDED

    def as_dict(self) -> dict[str, Any]:
        """Give the facts to machines."""
        return {
            "job": self.job,
            "rows": self.rows,
            "signs": {sign.value: self.signs.get(sign, 0) for sign in Sign},
            "reasons": self.reasons,
            "requests": self.requests,
            "exit_code": int(self.exit_code),
        }


async def check_job(
    job: Job,
    client: Client,
    folder: Path,
    report: Path,
    *,
    log: Log,
    observer: Observer,
    stop: Stop,
) -> Checked:
    """Compare the source with the portal, working in `folder`; write one line a pair to `report`.

    Raises UsageError, and StoppedError when HubSpot goes away or the command is interrupted.
    """
    labels = await fetch_labels(client, job)
    bits = {direction: TypeBits() for direction in Direction}
    portal = portal_of(job, labels, bits)
    finder = await reading_finder(job, client, log, observer=observer, stop=stop)
    staged = await stage(
        job, portal, folder / "staging", finder=finder, observer=observer, stop=stop
    )
    told = Report(folder / "report", Words(bits, labels))
    reader = ExistingReader(client, stop=stop)
    check = _Check(portal, reader, told, folder, exactly=job.existing_labels == "replace")
    asked = asked_by_record(staged.dataset, folder / "asked", same_object=portal.same_object)
    await check.compare_all(asked)
    await asyncio.to_thread(told.add_rows, staged.dataset, staged.source.label)
    await asyncio.to_thread(told.write, report)
    return Checked(
        job=job.name,
        rows=staged.dataset.rows,
        signs=told.signs,
        reasons=_reasons(told),
        requests=client.meter.requests,
    )


class _Check:
    """Compare from-records, as many as fit memory at once."""

    def __init__(
        self,
        portal: Portal,
        reader: ExistingReader,
        report: Report,
        folder: Path,
        *,
        exactly: bool,
    ) -> None:
        """With `exactly`, a pair may have no custom labels but those that the file asks for."""
        self._portal = portal
        self._reader = reader
        self._report = report
        self._folder = folder
        self._exactly = exactly

    async def compare_all(self, parts: Iterator[Asked]) -> None:
        """Report part after part how it compares, each while the next one is read."""
        reporting = asyncio.ensure_future(asyncio.sleep(0))
        try:
            for number in count():
                asked = await asyncio.to_thread(next, parts, None)
                if asked is None:
                    break
                found = Found(self._folder / f"found-{number}")
                read = await self._read(asked, found)
                await reporting
                reporting = asyncio.ensure_future(asyncio.to_thread(self._report_parts, *read))
        finally:
            # In threads: whatever else goes wrong, the folder is not taken away below them.
            await reporting

    async def _read(
        self, asked: Asked, found: Found
    ) -> tuple[Asked, Found, pl.DataFrame, Existing]:
        """Read all that the from-records have: what was found, what could not be read, what goes backward."""
        forward = self._portal.endpoints[Direction.FORWARD, True]
        unread = await self._reader.read_all(asked.pairs, forward, found.add)
        return asked, found, unread, await self._read_backward(asked.pairs)

    async def _read_backward(self, pairs: pl.DataFrame) -> Existing:
        """Read the pairs of which the file asks for a label that exists only from `to` to `from`."""
        wanted = pairs.filter(pl.col("reverse") != 0)
        there = self._portal.endpoints[Direction.REVERSE, True]
        return await self._reader.read(swapped(wanted), there)

    def _report_parts(
        self, asked: Asked, found: Found, unread: pl.DataFrame, backward: Existing
    ) -> None:
        fold_forward = self._portal.endpoints[Direction.FORWARD, True].fold_types
        fold_backward = self._portal.endpoints[Direction.REVERSE, True].fold_types
        there_backward = swapped(fold_backward(backward.types)).rename({"types": "there_reverse"})
        for pairs, typed_pairs in found.parts(asked.pairs):
            there = fold_forward(typed_pairs).rename({"types": "there_forward"})
            of_part = there_backward.join(pairs, on=[*PAIR], how="semi")
            there = there.join(of_part, on=[*PAIR], how="full", coalesce=True).select(*THERE)
            self._report.add(
                compare(
                    pairs,
                    there,
                    unread=unread_pairs(pairs, unread, backward.unread),
                    mirrors=asked.mirrors,
                    custom_forward=self._custom(Direction.FORWARD),
                    custom_reverse=self._custom(Direction.REVERSE),
                )
            )
        found.clear()

    def _custom(self, direction: Direction) -> int:
        endpoint = self._portal.endpoints[direction, True]
        return endpoint.bits.mask(endpoint.custom) if self._exactly else 0


def _reasons(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "error_category": line["error_category"],
            "rows": line["rows"],
            "first_row": line["row_number"],
            "error_message": line["error_message"],
        }
        for line in sorted(report.told.reasons.values(), key=lambda line: -line["rows"])
    ]
