"""Ask the account and look at the machine, and have every check judge what was found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.keys import unique_properties
from etl.doctor import account, machine
from etl.doctor import job as of_job
from etl.doctor.questions import Questions, Unasked
from etl.hubspot.existing import Between
from etl.hubspot.key_wire import look_up_body
from etl.hubspot.meter import Meter
from etl.hubspot.paths import DAILY_USAGE, DETAILS, AccountPaths
from etl.model import Limits
from etl.pipeline.stage import connect

if TYPE_CHECKING:
    from datetime import date

    from etl.core.finding import Finding
    from etl.core.keys import UniqueProperty
    from etl.doctor.questions import Told
    from etl.hubspot.client import Client
    from etl.logs import Log
    from etl.model import HubspotSettings, Job
    from etl.pipeline.observer import Observer
    from etl.stop import Stop


_NOBODY: Final = pl.DataFrame({"key": ["nobody@doctor.invalid"]})
"""A key of no record (RFC 2606): whether it can be looked up is the question."""


async def diagnose(
    hubspot: HubspotSettings,
    job: Job | None,
    *,
    today: date,
    stop: Stop,
    log: Log,
    observer: Observer,
) -> list[Finding]:
    """Check the account and, where one is given, a job. Raises StoppedError when interrupted."""
    answers = _Answers(hubspot, job)
    if hubspot.access_token is not None:
        # Without limits of the job's own, so that those of HubSpot show.
        async with connect(hubspot, Limits(), stop, log, observer) as client:
            await answers.ask(client, stop)
    findings = answers.of_account(today)
    if job is not None:
        findings += answers.of_job(job)
        findings += await asyncio.to_thread(
            lambda: [machine.source(job), machine.output_folder(job)]
        )
    return findings


class _Answers:
    """What HubSpot says, each thing asked once."""

    def __init__(self, hubspot: HubspotSettings, job: Job | None) -> None:
        self._hubspot = hubspot
        self._job = job
        unasked = Unasked("there is no token")
        self._details: Told = unasked
        self._usage: Told = unasked
        self._limits: dict[str, Told] = {"": unasked}
        self._labels: list[Told] = [unasked]
        keys = unique_properties(job).values() if job is not None else ()
        self._keys: dict[UniqueProperty, Told] = dict.fromkeys(keys, unasked)
        self._meter = Meter()
        self._told_rate: float | None = None

    async def ask(self, client: Client, stop: Stop) -> None:
        """Ask everything."""
        questions = Questions(client, stop)
        self._details = await questions.ask(DETAILS)
        self._usage = await questions.ask(DAILY_USAGE)
        if self._job is None:
            of_all = AccountPaths(self._hubspot.api_version).limits
            self._limits = {"": await questions.ask(*of_all)}
        else:
            ends = (self._job.from_side.object, self._job.to_side.object)
            forward = Between.of(self._hubspot.api_version, *ends)
            backward = Between.of(self._hubspot.api_version, *reversed(ends))
            ways = [forward] if forward.sides.same else [forward, backward]
            self._labels = [await questions.ask(*way.paths.labels) for way in ways]
            self._limits = {
                f"{way.sides.from_object} → {way.sides.to_object}": await questions.ask(
                    *way.paths.limits
                )
                for way in ways
            }
            paths = AccountPaths(self._hubspot.api_version)
            for by in self._keys:
                asked = look_up_body(_NOBODY, by)
                self._keys[by] = await questions.ask(paths.objects_read(by.object), body=asked)
        self._meter, self._told_rate = client.meter, client.told_requests_per_10_seconds

    def of_account(self, today: date) -> list[Finding]:
        """Judge the account."""
        limits = self._job.limits if self._job is not None else Limits()
        return [
            account.connection(self._hubspot, self._details),
            account.token(self._hubspot, self._details),
            account.portal(self._details),
            account.time_zone(self._details),
            account.api_version(self._hubspot.api_version, today),
            account.rate_limit(self._told_rate, limits.requests_per_10_seconds, self._details),
            account.calls_left(self._meter, self._usage, limits.daily_reserve),
            account.association_limits(self._limits),
        ]

    def of_job(self, job: Job) -> list[Finding]:
        """Judge the job."""
        return [
            of_job.scopes(self._labels),
            of_job.object_types(job, self._labels),
            of_job.labels(job, self._labels),
            *(of_job.keys(by, told) for by, told in self._keys.items()),
        ]
