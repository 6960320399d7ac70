"""Make the labels that a job defines and HubSpot lacks, before its source is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from etl.core.defined_labels import sides_of
from etl.core.label_rules import name_of
from etl.facts import LabelsMissing
from etl.hubspot.label_admin import LabelAdmin
from etl.summary import made_label

if TYPE_CHECKING:
    from etl.hubspot.client import Client
    from etl.hubspot.labels import Labels
    from etl.journal import Journal
    from etl.logs import Log
    from etl.model import DefinedLabel, Job
    from etl.pipeline.observer import Observer


class LabelMaker:
    """Make labels one after the other, and remember what was made."""

    def __init__(
        self, job: Job, client: Client, journal: Journal, *, log: Log, observer: Observer
    ) -> None:
        self._job = job
        self._client = client
        self._journal = journal
        self._log = log
        self._observer = observer
        self._by_others: set[DefinedLabel] = set()

    async def make(self, missing: tuple[DefinedLabel, ...], there: Labels) -> Labels:
        """Make labels beside those that are there, and give all that are there then."""
        job = self._job
        admin = LabelAdmin(
            self._client, job.hubspot.api_version, job.from_side.object, job.to_side.object
        )
        # Before the first of them: cut off in between, the run still knows what it has made.
        fact = LabelsMissing(labels=tuple(dict.fromkeys((*self._missing(), *missing))))
        await asyncio.to_thread(self._journal.remember, fact)
        for wanted in missing:
            made = await admin.make(wanted, there)
            there = there.beside(made.labels)
            if made.by_others:
                self._by_others.add(wanted)
            said = "is there now, made by somebody else" if made.by_others else "was made"
            types = ", ".join(f"{line.text} {line.type}" for _, line in made.labels)
            self._observer.note(f"label '{wanted.label}' {said} for {admin.pair}: {types}")
            self._log.info(
                "label.made",
                label=wanted.label,
                inverse=wanted.inverse,
                name=name_of(wanted),
                types=types,
                by_others=made.by_others,
            )
        return there

    def made(self, there: Labels) -> list[dict[str, Any]]:
        """List what this run has made, in this sitting or in one that was cut off."""
        return [
            made_label(wanted, sides_of(wanted, there))
            for wanted in self._missing()
            if wanted not in self._by_others
        ]

    def _missing(self) -> tuple[DefinedLabel, ...]:
        fact = self._journal.recall(LabelsMissing)
        return () if fact is None else fact.labels
