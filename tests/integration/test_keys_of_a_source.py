"""Whole runs over sources of emails, domains and other unique properties, against the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from aiohttp import web
from cuts import Machine, Moment
from scenes import Listener, read_csv

from etl.core.exit_code import ExitCode
from etl.core.job.snapshot import restore
from etl.core.keys import KEY_FOUND_TWICE, KEY_NOT_FOUND
from etl.core.normalize import BLANK_KEY
from etl.errors import SettingsError, StoppedError
from etl.hubspot.client import Client
from etl.hubspot.look_up import REFUSED_ALONE
from etl.key_cache import FOLDER
from etl.model import HubspotSettings, Job, Limits, Output, Secret, Side, Source
from etl.pipeline import resume_job, run_job
from etl.readers import read_chunks
from etl.run_folder import create_run_folder
from etl.runs import recall_begun
from etl.sandbox import PortalDefinition, RecordRule, Sandbox, SandboxSettings
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from aiohttp.typedefs import Handler, Middleware
    from cuts import Where

    from etl.run_folder import RunFolder
    from etl.summary import Summary

RECORDS: Final = {
    "contacts": RecordRule(
        missing=(900_009,),
        keys={"email": "p{id}@x.com", "code": None},
        values={
            "email": {900_101: "two@x.com", 900_102: "two@x.com"},
            "hs_additional_emails": {1: "old@x.com;older@x.com"},
            "code": {1: "A", 2: "B"},
        },
    ),
    "companies": RecordRule(keys={"domain": "c{id}.com"}),
}
EMAILS: Final = Side("contacts", "mail", match_by="email")
DOMAINS: Final = Side("companies", "site", match_by="domain")


@dataclass
class Witness:
    """Stand before the sandbox and count what comes."""

    answer: Callable[[list[str]], web.Response | None] = lambda _: None
    """Given the keys of a look-up, answers in place of the sandbox, or lets it answer."""
    on_path: Callable[[str], None] = lambda _: None
    """Hears of each request."""
    paths: list[str] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    """The keys of each look-up."""

    def middleware(self) -> Middleware:
        """Give what the sandbox is opened with."""

        @web.middleware
        async def stand_before(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.paths.append(request.path)
            self.on_path(request.path)
            if "/objects/" in request.path:
                body = json.loads(await request.read())
                keys = [each["id"] for each in body["inputs"]]
                self.asked.append(keys)
                if (answer := self.answer(keys)) is not None:
                    return answer
            return await handler(request)

        return stand_before

    @property
    def kinds(self) -> Counter[str]:
        """Count the requests by what they are for."""
        names = {"/objects/": "look-up", "/labels": "labels", "/details": "account"}
        return Counter(
            next((name for part, name in names.items() if part in path), path.rsplit("/", 1)[1])
            for path in self.paths
        )


@dataclass
class Place:
    """A folder and an account for runs over one source."""

    folder: Path
    sandbox: Sandbox
    witness: Witness
    last: RunFolder = field(init=False)
    """Of the last run."""

    def job(
        self, lines: Iterable[str], from_side: Side = EMAILS, to_side: Side = DOMAINS, **more: Any
    ) -> Job:
        """Write a source of mails and sites, and the job over it."""
        source = self.folder / "rows.csv"
        text = "\n".join(["mail,site,note", *(f"{line},é" for line in lines), ""])
        source.write_text(text, encoding="utf-8")
        job = Job(
            name="keys",
            file=self.folder / "keys.yaml",
            source=Source(str(source)),
            from_side=from_side,
            to_side=to_side,
            labelling=None,
            existing_labels="keep",
            hubspot=HubspotSettings(Secret("made-up"), "v4", self.sandbox.base_url),
            limits=Limits(requests_per_10_seconds=1_000_000),
            output=Output(self.folder / "runs"),
        )
        return replace(job, **more)

    async def run(self, job: Job, stop: Stop | None = None) -> tuple[Summary, pl.DataFrame]:
        """Run a job; give its summary and its results."""
        self.witness.paths.clear()
        self.witness.asked.clear()
        self.last = folder = create_run_folder(job.output.directory, job.name)
        summary = await run_job(job, folder, observer=Listener(), stop=stop or Stop())
        results = pl.read_parquet(folder.path / "results.parquet")
        assert results["row_number"].to_list() == list(range(1, results.height + 1))
        return summary, results

    def pairs(self) -> set[tuple[int, int]]:
        """List the contacts and companies that are associated."""
        return {line[:2] for line in self.sandbox.portal.associations("contacts", "companies")}

    @property
    def cache_files(self) -> list[Path]:
        """List the files of the cache."""
        return sorted((self.folder / "runs" / FOLDER).glob("*.parquet"))


@pytest.fixture
async def open_place(tmp_path: Path) -> AsyncIterator[Any]:
    """Give a function that opens an account."""
    async with AsyncExitStack() as stack:

        async def opened(witness: Witness | None = None, **settings: Any) -> Place:
            witness = witness or Witness()
            definition = PortalDefinition(
                records=RECORDS,
                settings=SandboxSettings(**{"requests_per_10_seconds": None, **settings}),
            )
            sandbox = Sandbox(definition, middlewares=[witness.middleware()])
            return Place(tmp_path, await stack.enter_async_context(sandbox), witness)

        yield opened


def told(results: pl.DataFrame) -> list[tuple[str, str | None]]:
    """List outcome and category of each row."""
    return results.select("outcome", "error_category").rows()


def refusal(status: int, category: str, message: str, **context: list[str]) -> web.Response:
    """Refuse a whole request."""
    body = {"status": "error", "category": category, "message": message, "context": context}
    return web.json_response(body, status=status)


# --- what a run makes of keys ---------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v4", "2025-09", "2026-03", "2026-09"])
@pytest.mark.parametrize("ids", ["strings", "numbers"])
async def test_rows_of_keys_end_as_rows_of_ids_do(open_place: Any, version: Any, ids: str) -> None:
    """Emails and domains are associated; what can't be is told row by row, in every version."""
    place: Place = await open_place(ids=ids)
    lines = [
        " P1@X.com,c1.com",
        "old@x.com,C2.com",
        "p3@x.com,nowhere.com",
        "nobody@x.com,c1.com",
        "two@x.com,c1.com",
        ",c1.com",
        "p4@x.com, ",
        "p1@x.com,c1.com",
        "older@x.com,c1.com",
    ]
    job = place.job(lines)
    summary, results = await place.run(
        replace(job, hubspot=replace(job.hubspot, api_version=version))
    )
    assert told(results) == [
        ("associated", None),
        ("associated", None),
        ("unresolved", KEY_NOT_FOUND),
        ("unresolved", KEY_NOT_FOUND),
        ("unresolved", KEY_FOUND_TWICE),
        ("rejected", BLANK_KEY),
        ("rejected", BLANK_KEY),
        ("associated", None),
        ("associated", None),
    ]
    assert place.pairs() == {(1, 1), (1, 2)}
    # Keys as they were read, the ids that were found; two keys of one record are one association.
    assert results["from_key"].to_list() == [line.split(",")[0] for line in lines]
    assert results["from_id"].to_list() == [1, 1, 3, None, None, None, None, 1, 1]
    assert results["to_id"].to_list() == [1, 2, None, 1, 1, None, None, 1, 1]
    assert results["duplicate_of"].to_list() == [None] * 7 + [1, 1]
    assert "900101, 900102" in results["error_message"][4]
    assert summary["associations"] == 2
    assert summary["keys"] == {
        "from": {"looked_up": 6, "from_cache": 0, "not_found": 1, "found_twice": 1},
        "to": {"looked_up": 3, "from_cache": 0, "not_found": 1, "found_twice": 0},
    }
    header, *failed = read_csv(place.last.failures)
    assert header[:3] == ["mail", "site", "note"]
    assert [row[:2] for row in failed] == [lines[at].split(",") for at in (2, 3, 4, 5, 6)]
    assert all(row[6] and row[7] for row in failed)


async def test_each_key_is_asked_for_once(open_place: Any) -> None:
    """A source of many rows takes no request more than its distinct keys, labels and pairs do."""
    place: Place = await open_place()
    mails, sites = 430, 230
    lines = [f"p{n % mails + 1}@x.com,c{n % sites + 1}.com" for n in range(2500)]
    limits = Limits(requests_per_10_seconds=1_000_000, batch_size=100)
    summary, _ = await place.run(place.job(lines, limits=limits))
    associations = len({*lines})
    assert summary["associations"] == associations
    assert place.witness.kinds == {
        "account": 1,
        "labels": 2,
        "look-up": ceil(mails / 100) + ceil(sites / 100),
        "read": 1,  # a thousand records at once have what they have
        "default": ceil(associations / 100),
    }
    assert Counter(key for keys in place.witness.asked for key in keys) == Counter(
        [f"p{n + 1}@x.com" for n in range(mails)] + [f"c{n + 1}.com" for n in range(sites)]
    )
    assert max(map(len, place.witness.asked)) == 100


async def test_only_rows_that_could_be_sent_are_asked_for(open_place: Any) -> None:
    """The key beside a blank or a bad id costs no call."""
    place: Place = await open_place()
    ids = Side("companies", "site")
    _, results = await place.run(place.job(["p1@x.com,", "p2@x.com,x", "p3@x.com,3"], to_side=ids))
    assert results["outcome"].to_list() == ["rejected", "rejected", "associated"]
    assert place.witness.asked == [["p3@x.com"]]
    assert place.pairs() == {(3, 3)}


async def test_a_source_without_rows(open_place: Any) -> None:
    """Nothing to look up is nothing wrong."""
    place: Place = await open_place()
    summary, _ = await place.run(place.job([]))
    assert (summary["rows"], summary["exit_code"], place.witness.asked) == (0, 0, [])


async def test_a_property_of_ones_own_tells_upper_from_lower_case(open_place: Any) -> None:
    """Other unique properties than email and domain are kept exactly as they are written."""
    place: Place = await open_place()
    codes = replace(EMAILS, match_by="code")
    _, results = await place.run(place.job(["A,c1.com", " B ,c1.com", "a,c1.com"], codes))
    assert results["from_id"].to_list() == [1, 2, None]
    assert sorted(place.witness.asked[0]) == ["A", "B", "a"]


async def test_both_sides_of_one_object_share_their_look_ups(open_place: Any) -> None:
    """An email on both sides is asked for once, with or without a cache."""
    place: Place = await open_place()
    others = replace(EMAILS, column="site")
    lines = ["p1@x.com,p2@x.com", "p2@x.com,p3@x.com", "nobody@x.com,p1@x.com"]
    summary, results = await place.run(place.job(lines, EMAILS, others, match_cache_hours=0))
    assert sorted(key for keys in place.witness.asked for key in keys) == sorted(
        ["p1@x.com", "p2@x.com", "p3@x.com", "nobody@x.com"]
    )
    assert results["outcome"].to_list() == ["associated", "associated", "unresolved"]
    assert [side["looked_up"] for side in summary["keys"].values()] == [3, 1]
    assert place.cache_files == []


# --- answers in every temper ----------------------------------------------------------------------


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("category", ["OBJECT_NOT_FOUND", "VALIDATION_ERROR"])
async def test_a_key_that_refuses_its_whole_request_is_narrowed_down(
    open_place: Any, category: str, *, names: bool
) -> None:
    """A bad key fails its own rows, whether HubSpot names it or refuses the hundred of them mutely."""

    def picky(keys: list[str]) -> web.Response | None:
        bad = [key for key in keys if key == "bad"]
        if not bad:
            return None
        return refusal(400, category, "no such thing", **({"ids": bad} if names else {}))

    place: Place = await open_place(Witness(picky))
    lines = ["bad,c1.com", *(f"p{n}@x.com,c1.com" for n in range(1, 60))]
    _, results = await place.run(place.job(lines))
    assert told(results) == [("unresolved", KEY_NOT_FOUND)] + [("associated", None)] * 59
    looked_up = [len(keys) for keys in place.witness.asked if keys != ["c1.com"]]
    assert looked_up[:2] == ([60, 59] if names else [60, 30])
    assert len(looked_up) <= 14


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients wait for nothing."""
    defaults = Client.__init__.__kwdefaults__
    assert defaults is not None

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setitem(defaults, "sleep", at_once)


@pytest.mark.usefixtures("impatient")
async def test_a_request_that_comes_to_nothing_is_halved(open_place: Any) -> None:
    """HubSpot may be too slow for a hundred keys at once and answer for ten."""
    place: Place = await open_place(Witness(lambda keys: broken() if len(keys) > 10 else None))
    lines = [f"p{n}@x.com,c1.com" for n in range(1, 41)]
    _, results = await place.run(place.job(lines))
    assert set(results["outcome"]) == {"associated"}


@pytest.mark.usefixtures("impatient")
async def test_a_key_that_cannot_be_asked_stops_the_run_before_anything_is_sent(
    open_place: Any,
) -> None:
    """Not found would be a lie; what was found is remembered for the next time."""
    witness = Witness(lambda keys: broken() if "p7@x.com" in keys else None)
    place: Place = await open_place(witness)
    job = place.job([f"p{n}@x.com,c1.com" for n in range(1, 11)])
    with pytest.raises(
        StoppedError, match=r"email of contacts 'p7@x\.com'.*nothing was sent"
    ) as caught:
        await place.run(job)
    assert caught.value.exit_code == ExitCode.STOPPED
    assert place.pairs() == set()
    assert not [path for path in (place.folder / "runs/keys").iterdir() if path.is_dir()]
    witness.answer = lambda _: None
    summary, results = await place.run(job)
    assert set(results["outcome"]) == {"associated"}
    assert 0 < summary["keys"]["from"]["looked_up"] < 10


def broken() -> web.Response:
    """Answer as HubSpot's front does when what is behind it fails."""
    return web.Response(status=502, text="<html>Bad gateway</html>")


async def test_a_property_that_is_not_unique_is_a_setting(open_place: Any) -> None:
    """One request shows that match_by is wrong: exit 2, the property named, nothing sent."""
    place: Place = await open_place()
    job = place.job([f"Ann{n},c1.com" for n in range(150)], replace(EMAILS, match_by="firstname"))
    with pytest.raises(SettingsError, match="by firstname of contacts") as caught:
        await place.run(job)
    assert "match_by" in caught.value.hint
    assert len(place.witness.asked) <= 2


@pytest.mark.parametrize("rows", [3, 200])
async def test_a_property_that_hubspot_refuses_without_a_word_is_a_setting(
    open_place: Any, rows: int
) -> None:
    """Where no key at all is understood, it is not the keys."""
    place: Place = await open_place(Witness(lambda _: refusal(400, "VALIDATION_ERROR", "no")))
    with pytest.raises(SettingsError, match="by email of contacts: no"):
        await place.run(place.job([f"p{n}@x.com,c1.com" for n in range(rows)]))
    assert len(place.witness.asked) <= 2 * REFUSED_ALONE + 2 * 14


async def test_an_answer_under_another_name_is_asked_alone(open_place: Any) -> None:
    """A record that comes back under a value nobody asked for still finds its row."""

    def renamed(keys: list[str]) -> web.Response | None:
        if keys[0].startswith("c"):
            return None
        known = {"007": "1", "8": "2"}
        found = [
            {"id": known[key], "properties": {"code": key.lstrip("0")}}
            for key in keys
            if key in known
        ]
        return web.json_response({"status": "COMPLETE", "results": found})

    place: Place = await open_place(Witness(renamed))
    codes = replace(EMAILS, match_by="code")
    _, results = await place.run(place.job(["007,c1.com", "8,c1.com", "9,c1.com"], codes))
    assert results["from_id"].to_list() == [1, 2, None]
    assert [keys for keys in place.witness.asked if keys != ["c1.com"]] == [
        ["007", "8", "9"],
        ["007"],
        ["9"],
    ]


# --- the cache ------------------------------------------------------------------------------------


async def test_a_second_run_asks_only_for_what_was_not_found(open_place: Any) -> None:
    """A nightly job costs look-ups for its new keys alone."""
    place: Place = await open_place()
    job = place.job(["p1@x.com,c1.com", "nobody@x.com,c1.com", "two@x.com,c1.com"])
    _, first = await place.run(job)
    summary, second = await place.run(job)
    assert sorted(place.witness.asked[0]) == ["nobody@x.com", "two@x.com"]
    assert len(place.witness.asked) == 1
    assert second["from_id"].to_list() == first["from_id"].to_list() == [1, None, None]
    assert summary["keys"] == {
        "from": {"looked_up": 2, "from_cache": 1, "not_found": 1, "found_twice": 1},
        "to": {"looked_up": 0, "from_cache": 1, "not_found": 0, "found_twice": 0},
    }


async def test_no_hours_mean_no_cache(open_place: Any) -> None:
    """match_cache_hours: 0 asks HubSpot every time, and leaves nothing on the disk."""
    place: Place = await open_place()
    job = place.job(["p1@x.com,c1.com"], match_cache_hours=0)
    await place.run(job)
    await place.run(job)
    assert place.witness.asked == [["p1@x.com"], ["c1.com"]]
    assert not (place.folder / "runs" / FOLDER).exists()


async def test_a_damaged_cache_costs_look_ups_and_a_warning(open_place: Any) -> None:
    """The cache is a help: a run does without it, says so, and makes a new one."""
    place: Place = await open_place()
    job = place.job(["p1@x.com,c1.com"])
    await place.run(job)
    for path in place.cache_files:
        path.write_bytes(b"PAR1 no more")
    _, results = await place.run(job)
    assert results["outcome"].to_list() == ["unchanged"]
    assert sorted(place.witness.asked) == [["c1.com"], ["p1@x.com"]]
    assert "keys.cache_unreadable" in place.last.log.read_text(encoding="utf-8")
    await place.run(job)
    assert place.witness.asked == []


@pytest.mark.parametrize(
    ("bad_input", "category"), [("partial", "OBJECT_NOT_FOUND"), ("refuse", "VALIDATION_ERROR")]
)
async def test_a_record_that_is_gone_is_forgotten(
    open_place: Any, bad_input: str, category: str
) -> None:
    """A key whose record HubSpot does not know at sending is looked up anew by the retry."""
    place: Place = await open_place(bad_input=bad_input)
    stale = Witness(
        lambda keys: (
            web.json_response({"results": [{"id": "900009", "properties": {"email": "p1@x.com"}}]})
            if keys == ["p1@x.com"]
            else None
        )
    )
    place.witness.answer = stale.answer
    job = place.job(["p1@x.com,c1.com"])
    _, results = await place.run(job)
    assert told(results) == [("failed", category)]
    assert results["from_id"].to_list() == [900_009]
    place.witness.answer = lambda _: None
    retried = replace(job, source=Source(str(place.last.failures)))
    _, results = await place.run(retried)
    assert results["outcome"].to_list() == ["associated"]
    assert ["p1@x.com"] in place.witness.asked
    assert place.pairs() == {(1, 1)}


async def test_a_run_that_was_stopped_goes_on_without_looking_up_again(open_place: Any) -> None:
    """What was staged has its ids: a resume costs no look-up, whatever has become of the cache."""
    stop = Stop()
    place: Place = await open_place()

    def stop_at_first(path: str) -> None:
        if path.endswith("/default"):
            stop.request("enough for today", "go on tomorrow")

    place.witness.on_path = stop_at_first
    limits = Limits(requests_per_10_seconds=1_000_000, batch_size=1, concurrency=1)
    job = place.job([f"p{n}@x.com,c1.com" for n in range(1, 6)], limits=limits)
    summary, results = await place.run(job, stop)
    assert summary["outcomes"]["not_sent"] == 4
    assert not (place.last.staging / "source").exists()
    place.witness.on_path = lambda _: None
    place.witness.asked.clear()
    begun = recall_begun(place.last)
    resumed = restore(begun.job, job.hubspot.access_token)
    summary = await resume_job(resumed, place.last, begun, observer=Listener(), stop=Stop())
    assert place.witness.asked == []
    assert summary["outcomes"]["associated"] == 5
    assert summary["keys"]["from"]["looked_up"] == 5
    assert place.pairs() == {(n, 1) for n in range(1, 6)}
    assert results["from_id"].to_list() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize(
    ("where", "number"), [*(("request", n) for n in range(3, 8)), ("chunk", 2)]
)
async def test_a_run_that_was_killed_ends_as_if_it_was_not(
    tmp_path: Path, where: Where, number: int, *, is_after: bool
) -> None:
    """Killed while it looks keys up or stages them, a run is resumed from its source and loses nothing."""
    machine = Machine(tmp_path / "runs" / "keys")
    witness = Witness()
    middlewares = [machine.middleware(), witness.middleware()]
    definition = PortalDefinition(
        records=RECORDS, settings=SandboxSettings(requests_per_10_seconds=None)
    )
    async with Sandbox(definition, middlewares=middlewares) as sandbox:
        place = Place(tmp_path, sandbox, witness)
        limits = Limits(requests_per_10_seconds=1_000_000, concurrency=1)
        lines = [f"p{n}@x.com,c{n % 3 + 1}.com" for n in range(1, 151)]
        job = place.job([*lines, "nobody@x.com,c1.com"], limits=limits)
        folder = create_run_folder(job.output.directory, job.name)
        with machine.installed(chunk_rows=60):
            summary = await machine.work(
                lambda: run_job(job, folder, observer=Listener(), stop=Stop()),
                Moment(where, number, is_after=is_after),
            )
            assert machine.was_killed
            assert summary is None
            begun = recall_begun(folder)
            summary = await machine.work(
                lambda: resume_job(job, folder, begun, observer=Listener(), stop=Stop())
            )
        assert summary is not None
        assert (summary["outcomes"]["associated"], summary["outcomes"]["unresolved"]) == (150, 1)
        assert place.pairs() == {(n, n % 3 + 1) for n in range(1, 151)}
        results = pl.read_parquet(folder.path / "results.parquet")
        assert results["from_id"].to_list() == [*range(1, 151), None]
        assert not folder.staging.exists()


async def test_a_stop_while_keys_are_looked_up_sends_nothing(open_place: Any) -> None:
    """Ctrl-C ends the look-up; what was found until then is remembered."""
    stop = Stop()

    def stop_at_second(_keys: list[str]) -> None:
        if len(place.witness.asked) == 2:
            stop.request("interrupted", "", ExitCode.INTERRUPTED)

    place: Place = await open_place(Witness(stop_at_second))
    limits = Limits(requests_per_10_seconds=1_000_000, concurrency=1)
    job = place.job([f"p{n}@x.com,c1.com" for n in range(1, 400)], limits=limits)
    with pytest.raises(StoppedError, match="nothing was sent") as caught:
        await place.run(job, stop)
    assert caught.value.exit_code == ExitCode.INTERRUPTED
    assert len(place.witness.asked) == 2
    place.witness.answer = lambda _: None
    summary, _ = await place.run(job)
    assert summary["keys"]["from"] == {
        "looked_up": 299,
        "from_cache": 100,
        "not_found": 0,
        "found_twice": 0,
    }


async def test_many_chunks_are_staged_as_one_source(
    open_place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are collected over all chunks; rows keep their numbers, order and columns."""
    monkeypatch.setattr("etl.ingest.read_chunks", partial(read_chunks, chunk_rows=7))
    place: Place = await open_place()
    lines = [f"p{n % 11 + 1}@x.com,c{n % 3 + 1}.com" for n in range(50)]
    _, results = await place.run(place.job(lines))
    assert results["from_key"].to_list() == [line.split(",")[0] for line in lines]
    assert results["from_id"].to_list() == [n % 11 + 1 for n in range(50)]
    assert len(place.witness.asked) == 2
