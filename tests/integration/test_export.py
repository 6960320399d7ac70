"""Exports against a sandbox: all pages, each line once, in an order, and what could not be read."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from aiohttp import web
from commands import etl
from desks import Desk, between, open_desk

from etl.core.exit_code import ExitCode
from etl.errors import SourceError, StoppedError
from etl.export import EXPORTED, Exported, Pages
from etl.hubspot.wire import TYPED_PAIR
from etl.id_file import SHOWN_ROWS, read_ids
from etl.model import CsvFormat, Source
from etl.pipeline.export import ExportTold, export_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.model import ApiVersion

UNLABELED: Final = ("HUBSPOT_DEFINED", 279)
PRIMARY: Final = ("HUBSPOT_DEFINED", 1)
PARTNER: Final = ("USER_DEFINED", 7)
EMPLOYER: Final = ("USER_DEFINED", 9)
TEXTS: Final = {UNLABELED: None, PRIMARY: "Primary", PARTNER: "Partner", EMPLOYER: "Employer"}
VERSIONS: Final = ["v4", "2025-09", "2026-03", "2026-09"]
MISSING: Final = 900_000_000_001
"""No record of the demo portal."""
ROWS: Final = pl.DataFrame(
    [(1, 2, *UNLABELED), (1, 2, *PARTNER), (3, 4, *UNLABELED)], schema=TYPED_PAIR, orient="row"
)


def ids(*numbers: int) -> pl.Series:
    """Ask for some records."""
    return pl.Series("from_id", numbers, dtype=pl.Int64)


async def export(
    desk: Desk,
    target: Path,
    records: pl.Series,
    *,
    one_by_one: bool = False,
    version: ApiVersion = "v4",
) -> ExportTold:
    """Export the companies of contacts."""
    there = between(api_version=version)
    return await export_records(
        desk.client, desk.stop, there, records, target, one_by_one=one_by_one
    )


def read(path: Path) -> pl.DataFrame:
    """Read an export as what it is."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    return pl.read_csv(path, schema=EXPORTED)


def names(folder: Path) -> list[str]:
    """List what stands in a folder."""
    return sorted(path.name for path in folder.iterdir())


def seeded(desk: Desk) -> None:
    """Give contacts companies, more than a page of them and of several types."""
    for to_id in (9, 5, 7, 30, 1):
        desk.seed(2, to_id)
    desk.seed(2, 7, PARTNER, EMPLOYER)
    desk.seed(1, 7, PRIMARY)
    desk.seed(8, 7, PARTNER)


def expected(desk: Desk, *records: int) -> list[tuple[Any, ...]]:
    """List what an export of some records has to have, from the portal itself."""
    there = desk.sandbox.portal.associations("contacts", "companies")
    lines = sorted(line for line in there if line[0] in records)
    return [(*line, TEXTS[line[2], line[3]]) for line in lines]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
async def test_all_pages_come_in_order(
    tmp_path: Path, version: ApiVersion, ending: str, *, one_by_one: bool
) -> None:
    """Every association of the records asked for, its type and label, whatever the pages and format."""
    target = tmp_path / f"links{ending}"
    async with open_desk(tmp_path, page_size=2) as desk:
        seeded(desk)
        told = await export(desk, target, ids(1, 2, 3), one_by_one=one_by_one, version=version)
        frame = read(target)
        assert frame.schema == EXPORTED
        assert frame.rows() == expected(desk, 1, 2, 3)
        assert (told.records, told.written, told.exit_code) == (3, Exported(6, 9), 0)
        asked = [each for each in desk.asked if not each.endswith("/labels")]
        lists = [each for each in asked if each.startswith("GET")]
        if one_by_one and version != "2026-09":
            assert len(lists) == len(asked) == 1 + 3 + 1
        else:
            # The records that have more pages are asked for again, and nobody else.
            assert (lists, len(asked)) == ([], 3)
    assert names(tmp_path) == sorted([target.name, "run.log"])


async def test_a_thousand_records_a_call(tmp_path: Path) -> None:
    """Records are asked for in the fewest calls, and come in order through all of them."""
    target = tmp_path / "links.parquet"
    async with open_desk(tmp_path) as desk:
        for number in range(1, 2501):
            desk.seed(number, 5000 - number)
        told = await export(desk, target, ids(*range(1, 2501)))
        assert told.written == Exported(2500, 2500)
        assert read(target)["from_id"].to_list() == list(range(1, 2501))
        assert sum(each.endswith("/batch/read") for each in desk.asked) == 3


def test_a_page_that_comes_twice_counts_once(tmp_path: Path) -> None:
    """A page that is asked for again after a lost answer does not double its lines."""
    folder = tmp_path / "[all] *"  # no pattern, but the name of a folder
    folder.mkdir()
    pages, told = Pages(folder, ids(1, 3)), Exported()
    for page in (ROWS, ROWS.head(2), ROWS.clear()):
        pages.add(page)
    assert pl.concat(pages.lines([], told)).select(*TYPED_PAIR).equals(ROWS.sort(*TYPED_PAIR))
    assert told == Exported(2, 3)


async def test_nothing_to_tell_is_a_file_all_the_same(tmp_path: Path) -> None:
    """Records without associations, or no records at all, leave the header and no lines."""
    async with open_desk(tmp_path) as desk:
        for name, records in (("a.csv", ids(1, 2)), ("b.parquet", ids())):
            told = await export(desk, tmp_path / name, records)
            assert read(tmp_path / name).equals(pl.DataFrame(schema=EXPORTED))
            assert told.exit_code == ExitCode.SUCCEEDED


async def test_a_record_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """One record that HubSpot stumbles over costs only itself, and the export is not called whole."""

    def stumble(request: web.Request, body: bytes) -> web.Response | None:
        stumbles = b'"2"' in body or request.path.endswith("/contacts/2/associations/companies")
        return web.json_response({"message": "oops"}, status=500) if stumbles else None

    for one_by_one in (True, False):
        async with open_desk(tmp_path, refuse=stumble) as desk:
            seeded(desk)
            target = tmp_path / "links.csv"
            told = await export(desk, target, ids(1, 2, 8), one_by_one=one_by_one)
            assert told.exit_code == ExitCode.SOME_FAILED
            assert told.unread["from_id"].to_list() == [2]
            assert "oops" in told.unread["error_message"][0]
            assert read(target).rows() == expected(desk, 1, 8)


async def test_a_record_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """Asked for by itself, or named in a refusal of many: a missing record is not an empty one."""

    def missing(request: web.Request, body: bytes) -> web.Response | None:
        if not request.path.endswith("/batch/read") or str(MISSING).encode() not in body:
            return None
        context = {"INVALID_OBJECT_IDS": [f"CONTACT={MISSING} is not valid"]}
        refusal = {"category": "VALIDATION_ERROR", "message": "no such", "context": context}
        return web.json_response(refusal, status=400)

    for one_by_one, said in ((True, "resource not found"), (False, "no such")):
        async with open_desk(tmp_path, refuse=missing) as desk:
            seeded(desk)
            target = tmp_path / "links.csv"
            told = await export(desk, target, ids(1, MISSING), one_by_one=one_by_one)
            assert told.unread.rows() == [(MISSING, said)]
            assert told.exit_code == ExitCode.SOME_FAILED
            assert read(target).rows() == expected(desk, 1)


@pytest.mark.parametrize("one_by_one", [True, False])
async def test_a_stop_leaves_the_old_file(tmp_path: Path, *, one_by_one: bool) -> None:
    """Half an export takes no whole one's place, and its parts do not stay behind."""
    target = tmp_path / "links.csv"
    target.write_text("old", encoding="utf-8")

    def stopping(request: web.Request, _: bytes) -> web.Response | None:
        if not request.path.endswith("/labels"):
            desk.stop.request("interrupted", "", ExitCode.INTERRUPTED)
        return None

    async with open_desk(tmp_path, refuse=stopping, page_size=1) as desk:
        seeded(desk)
        with pytest.raises(StoppedError) as caught:
            await export(desk, target, ids(1, 2), one_by_one=one_by_one)
        assert caught.value.exit_code == ExitCode.INTERRUPTED
    assert target.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["links.csv", "run.log"]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("labels_written", ["add", "replace"])
async def test_an_export_is_a_source_that_puts_it_back(
    tmp_path: Path, ending: str, labels_written: str
) -> None:
    """Export, lose everything, run the export as a job: the portal is what it was, both ways."""
    async with open_desk(tmp_path, page_size=2, labels_written=labels_written) as desk:
        seeded(desk)
        portal = desk.sandbox.portal
        both = [("contacts", "companies"), ("companies", "contacts")]
        before = [portal.associations(*ends) for ends in both]
        await export(desk, tmp_path / f"links{ending}", ids(1, 2, 8))
        for from_id, to_id in {line[:2] for line in before[0]}:
            portal.links(portal.pair("contacts", "companies")).remove(from_id, to_id)
        assert portal.associations(*both[0]) == set()
        job = tmp_path / "back.yaml"
        job.write_text(
            f"source: {{path: links{ending}}}\n"
            "from: {object: contacts, column: from_id}\n"
            "to: {object: companies, column: to_id}\n"
            "type: {id_column: type_id, category_column: category}\n",
            encoding="utf-8",
        )
        settings = {"HUBSPOT_BASE_URL": desk.sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
        ended = await asyncio.to_thread(etl, "run", job, cwd=tmp_path, **settings)
        assert ended.code == 0, ended.stderr
        assert [portal.associations(*ends) for ends in both] == before


# --- which records ----------------------------------------------------------------------------


def sources(folder: Path) -> Iterator[Path]:
    """Write the same ids in every format."""
    text = "note,contact id\nx, 3\ny,1\nz,3\n"
    (folder / "ids.csv").write_text(text, encoding="utf-8")
    (folder / "ids.tsv").write_text(text.replace(",", "\t"), encoding="utf-8")
    (folder / "ids.csv.gz").write_bytes(gzip.compress(text.encode()))
    lines = [{"note": "x", "contact id": 3}, {"note": "y", "contact id": "1"}]
    (folder / "ids.ndjson").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    frame = pl.DataFrame({"note": ["x", "y"], "contact id": [3, 1]})
    frame.write_parquet(folder / "ids.parquet")
    yield from folder.glob("ids.*")


def test_ids_are_read_from_every_format(tmp_path: Path) -> None:
    """What a job reads is read here too; ids come each once and in order."""
    found = {path.name: read_ids(Source(str(path)), "contact id") for path in sources(tmp_path)}
    assert len(found) == 5
    assert {name: each.to_list() for name, each in found.items()} == {
        name: [1, 3] for name in found
    }


def test_the_first_column_is_the_ids(tmp_path: Path) -> None:
    """A plain list needs no name; large ids keep every digit, and no rows is no ids."""
    path = tmp_path / "ids.csv"
    path.write_text("id;x\n9223372036854775807;a\n", encoding="utf-8")
    read_back = read_ids(Source(str(path), CsvFormat(delimiter=";")))
    assert read_back.to_list() == [2**63 - 1]
    path.write_text("id\n", encoding="utf-8")
    assert read_ids(Source(str(path))).to_list() == []


def test_a_list_without_a_header_is_not_cut_short(tmp_path: Path) -> None:
    """The first id would pass for the header, and never be asked for."""
    path = tmp_path / "ids.csv"
    path.write_text("101\n102\n", encoding="utf-8")
    with pytest.raises(SourceError, match="'101' stands where the name"):
        read_ids(Source(str(path)))


def test_bad_ids_are_told_by_file_and_row(tmp_path: Path) -> None:
    """All at once, in all files, with the value and what is wrong with it; the rest is counted."""
    (tmp_path / "a.csv").write_text("id\n1\nx\n1.5\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id\n2\n1.2E+11\n" + "0\n" * SHOWN_ROWS, encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        read_ids(Source(str(tmp_path / "*.csv")))
    head, *lines = caught.value.message.splitlines()
    assert head == f"23 of 25 rows hold no record id; the first {SHOWN_ROWS} are:"
    assert len(lines) == SHOWN_ROWS
    assert lines[0] == f"  {tmp_path}/a.csv, row 2: id 'x' is not a whole number"
    assert lines[2].startswith(
        f"  {tmp_path}/b.csv, row 2: id '1.2E+11' looks like a number that a"
    )


def test_a_line_that_is_cut_wrong_is_told(tmp_path: Path) -> None:
    """An id in a line with too many fields may be of another column."""
    path = tmp_path / "ids.csv"
    path.write_text("id,x\n1,a\n2,b,c\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"1 of 2 rows hold no record id:\n .*ids\.csv, row 2: "):
        read_ids(Source(str(path)))
