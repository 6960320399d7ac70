"""The files of a run, whatever its source looks like; a failures file is a source for the same job."""

from __future__ import annotations

import csv
import gzip
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl
import pytest

from etl.errors import SettingsError, SourceError, StoppedError, UsageError
from etl.model import (
    CsvFormat,
    HubspotSettings,
    Job,
    LabelColumn,
    LabelValue,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)
from etl.pipeline import run_job
from etl.run_folder import RunFolder, create_run_folder, find_run, write_whole
from etl.sandbox import Sandbox, demo_portal
from etl.stop import Stop
from etl.summary import Summary, read_summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from etl.hubspot.settled import RowsSettled
    from etl.model import Outcome

ADDED: Final = [
    "_row_number",
    "_outcome",
    "_error_category",
    "_error_message",
    "_hint",
    "_correlation_id",
]
RESULTS: Final = [
    "source_file",
    "row_number",
    "from_key",
    "to_key",
    "label",
    "from_id",
    "to_id",
    "association_types",
    "action",
    "outcome",
    "duplicate_of",
    "attempts",
    "http_status",
    "error_category",
    "error_message",
    "correlation_id",
    "batch",
]


class Nobody:
    """Watch a run and say nothing."""

    def read(self, rows: int) -> None:
        """Hear of rows read."""

    def looked_up(self, keys: int, of: int) -> None:
        """Hear of keys looked up."""

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear of rows that are not sent."""

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed."""

    def note(self, said: str) -> None:
        """Hear of something that lasts."""

    def waiting(self, said: str) -> None:
        """Hear that the run waits for midnight."""

    def settled(self, settled: RowsSettled) -> None:
        """Hear of rows that have come to an outcome."""


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    """Open the demo portal without a limit."""
    demo = demo_portal()
    unlimited = msgspec.structs.replace(demo.settings, requests_per_10_seconds=None)
    definition = msgspec.structs.replace(demo, settings=unlimited)
    async with Sandbox(definition) as sandbox:
        yield sandbox.base_url


def job_over(path: Path, base_url: str, **changes: Any) -> Job:
    """Write the job over a source."""
    job = Job(
        name="files",
        file=path.parent / "files.yaml",
        source=Source(str(path)),
        from_side=Side("contacts", "contact"),
        to_side=Side("companies", "company"),
        labelling=LabelColumn("role"),
        existing_labels="ignore",
        hubspot=HubspotSettings(Secret("made-up"), "v4", base_url),
        limits=Limits(requests_per_10_seconds=1_000_000),
        output=Output(path.parent / "runs"),
    )
    return replace(job, **changes)


async def run(job: Job, stop: Stop | None = None) -> tuple[RunFolder, Summary]:
    """Run a job."""
    folder = create_run_folder(job.output.directory, job.name)
    return folder, await run_job(job, folder, observer=Nobody(), stop=stop or Stop())


def outcomes(summary: Summary) -> dict[str, int]:
    """Leave out what did not happen."""
    return {name: count for name, count in summary["outcomes"].items() if count}


def lines_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    """Read a csv file as a spreadsheet does."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


# --- a source without rows ----------------------------------------------------------------------


@pytest.mark.parametrize("results", ["parquet", "csv"])
async def test_an_empty_source_is_a_good_run(tmp_path: Path, base_url: str, results: Any) -> None:
    """A night without changes ends well, and leaves all its files."""
    source = tmp_path / "rows.csv"
    source.write_text("contact,company,role\n", encoding="utf-8")
    job = job_over(source, base_url)
    folder, summary = await run(replace(job, output=Output(job.output.directory, results)))
    assert (summary["rows"], summary["exit_code"], outcomes(summary)) == (0, 0, {})
    read = pl.read_parquet if results == "parquet" else pl.read_csv
    assert read(folder.results(results)).columns == RESULTS


async def test_the_failures_of_an_empty_source_have_its_header(
    tmp_path: Path, base_url: str
) -> None:
    """A night without rows leaves a failures file that the same job can read."""
    source = tmp_path / "rows.csv"
    source.write_text("contact,company,role,owner\n", encoding="utf-8")
    folder, _ = await run(job_over(source, base_url))
    assert lines_of(folder.failures) == [["contact", "company", "role", "owner", *ADDED]]
    _, summary = await run(job_over(source, base_url, source=Source(str(folder.failures))))
    assert summary["exit_code"] == 0


# --- what results and failures look like --------------------------------------------------------

ROWS: Final = (
    "contact,company,role,owner\n1,2,Partner,a\n1,2,Partner,b\nx,2,,c\n900000000001,3,,d\n"
)


async def test_results_have_the_columns_of_the_contract(tmp_path: Path, base_url: str) -> None:
    """Whoever reads results finds what was read, what was sent and what came of it."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    folder, _ = await run(job_over(source, base_url))
    results = pl.read_parquet(folder.results("parquet"))
    assert results.columns == RESULTS
    first, second, third, fourth = results.rows(named=True)
    assert first == {
        "source_file": str(source),
        "row_number": 1,
        "from_key": "1",
        "to_key": "2",
        "label": "Partner",
        "from_id": 1,
        "to_id": 2,
        "association_types": first["association_types"],
        "action": "associate",
        "outcome": "associated",
        "duplicate_of": None,
        "attempts": 1,
        "http_status": 201,
        "error_category": None,
        "error_message": None,
        "correlation_id": first["correlation_id"],
        "batch": first["batch"],
    }
    assert first["correlation_id"], "HubSpot's support asks for it, also where all went well"
    assert first["association_types"].startswith("USER_DEFINED:")
    assert (second["duplicate_of"], second["outcome"]) == (1, "associated")
    assert (third["from_id"], third["attempts"], third["batch"]) == (None, 0, None)
    assert (third["error_category"], third["outcome"]) == ("INVALID_ID", "rejected")
    assert (fourth["outcome"], fourth["error_category"]) == ("failed", "OBJECT_NOT_FOUND")


async def test_results_as_csv_say_the_same_as_parquet(tmp_path: Path, base_url: str) -> None:
    """The format is a matter of taste."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    job = job_over(source, base_url)
    one, _ = await run(job)
    other, _ = await run(replace(job, output=Output(job.output.directory, "csv")))
    parquet = pl.read_parquet(one.results("parquet")).select(pl.all().cast(pl.String).fill_null(""))
    header, *lines = lines_of(other.results("csv"))
    assert header == parquet.columns
    table = pl.DataFrame(lines, schema=header, orient="row")
    # Each request has an id of its own.
    ids = pl.col("correlation_id")
    assert table.select(ids != "").equals(parquet.select(ids != ""))
    assert table.drop("correlation_id").equals(parquet.drop("correlation_id"))


async def test_the_summary_adds_up(tmp_path: Path, base_url: str) -> None:
    """A summary is read by machines: every row is in it once, and its labels are explained."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    folder, summary = await run(job_over(source, base_url))
    assert json.loads(folder.summary.read_bytes()) == summary == read_summary(folder)
    assert outcomes(summary) == {"associated": 2, "rejected": 1, "failed": 1}
    assert (summary["rows"], summary["associations"], summary["exit_code"]) == (4, 2, 1)
    assert summary["requests"] == summary["attempts"] == 5
    by_label = {line["label"]: line for line in summary["labels"]}
    assert by_label["Partner"]["rows"] == 2
    [kind] = by_label["Partner"]["types"]
    assert (kind["category"], kind["direction"]) == ("USER_DEFINED", "forward")
    assert by_label[""]["types"] == []


async def test_the_summary_says_why_rows_did_not_succeed(tmp_path: Path, base_url: str) -> None:
    """A summary told how many rows failed and not why, nor where in the source to look."""
    source = tmp_path / "rows.csv"
    text = "contact,company,role\n1,2,Nope\nx,2,\n1,2,Partner\ny,2,\n900000000001,3,\nz,2,\n"
    source.write_text(text, encoding="utf-8")
    _, summary = await run(job_over(source, base_url))
    reasons = summary["reasons"]
    told = {
        (line["outcome"], line["error_category"], line["rows"], line["first_row"])
        for line in reasons
    }
    assert told == {
        ("rejected", "INVALID_ID", 3, 2),
        ("unresolved", "UNKNOWN_LABEL", 1, 1),
        ("failed", "OBJECT_NOT_FOUND", 1, 5),
    }
    assert reasons[0]["rows"] == 3, "the most frequent comes first"
    assert "'x'" in (reasons[0]["error_message"] or ""), "the message is that of the first row"
    assert all(line["error_message"] and line["hint"] for line in reasons)


async def test_the_log_tells_the_run_in_json_lines(tmp_path: Path, base_url: str) -> None:
    """Each line of the log says which run and job it belongs to."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    folder, _ = await run(job_over(source, base_url))
    entries = [json.loads(line) for line in folder.log.read_bytes().splitlines()]
    assert {(entry["run_id"], entry["job"]) for entry in entries} == {(folder.run_id, "files")}
    assert [entries[0]["event"], entries[-1]["event"]] == ["run.started", "run.finished"]


async def test_nobody_else_reads_a_run_folder(tmp_path: Path, base_url: str) -> None:
    """Run folders hold customers' ids: they open for the user of the run alone."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    folder, _ = await run(job_over(source, base_url))
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for path in (folder.results("parquet"), folder.failures, folder.summary):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_file_is_private_before_it_holds_anything(tmp_path: Path) -> None:
    """Nobody else can read ids while they are written, nor after a cut has left an open file there."""
    (tmp_path / ".ids.csv.partial").write_text("cut off", encoding="utf-8")
    (tmp_path / ".ids.csv.partial").chmod(0o644)
    seen = []

    def write(partial: Path) -> None:
        seen.append((stat.S_IMODE(partial.stat().st_mode), partial.read_bytes()))
        partial.write_text("1\n", encoding="utf-8")

    write_whole(tmp_path / "ids.csv", write)
    assert seen == [(0o600, b"")]
    assert stat.S_IMODE((tmp_path / "ids.csv").stat().st_mode) == 0o600


# --- failures of any source are a source for the same job ---------------------------------------


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("rows.csv", CsvFormat()),
        ("rows.csv", CsvFormat(";")),
        ("rows.csv", CsvFormat("\t")),
        ("rows.tsv", CsvFormat()),
        ("rows.tsv", CsvFormat("|")),
        ("rows.csv", CsvFormat(encoding="cp932")),
        ("rows.csv", CsvFormat(encoding="utf-16")),
        ("rows.csv", CsvFormat(encoding="utf-8-sig")),
        ("rows.csv.gz", CsvFormat()),
        ("rows.parquet", CsvFormat()),
        ("rows.ndjson", CsvFormat()),
    ],
)
async def test_failures_can_be_corrected_and_run(
    tmp_path: Path, base_url: str, name: str, form: CsvFormat
) -> None:
    """Whatever the source was, its failures open in a spreadsheet and run with the same job."""
    source = tmp_path / name
    columns = ["contact", "company", "role", "持ち主"]
    rows = [
        ["1", "2", "決裁者", "a"],
        ["x", "2", "決裁者", 'b "c", d'],
        ["3", "4", "無い", "改\n行"],
    ]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    separator = form.delimiter or ("\t" if ".tsv" in name else ",")
    if name.endswith("parquet"):
        frame.write_parquet(source)
    elif name.endswith("ndjson"):
        frame.write_ndjson(source)
    else:
        raw = frame.write_csv(separator=separator).encode(form.encoding)
        source.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    job = job_over(source, base_url, source=Source(str(source), form))
    folder, summary = await run(job)
    assert outcomes(summary) == {"associated": 1, "rejected": 1, "unresolved": 1}
    header, *failed = lines_of(folder.failures, form.delimiter or ",")
    assert (header, [line[:4] for line in failed]) == ([*columns, *ADDED], rows[1:])

    text = folder.failures.read_bytes().decode()
    folder.failures.write_bytes(text.replace("x", "7", 1).replace("無い", "Partner", 1).encode())
    again, summary = await run(replace(job, source=Source(str(folder.failures), form)))
    assert outcomes(summary) == {"associated": 2}
    assert lines_of(again.failures, form.delimiter or ",") == [[*columns, *ADDED]]


async def test_a_ragged_line_stays_rejected_until_it_is_mended(
    tmp_path: Path, base_url: str
) -> None:
    """Rerunning failures.csv unread sent the shifted cells of ragged lines as if they were good."""
    source = tmp_path / "rows.csv"
    source.write_text(
        "owner,contact,company,role\na,1,2,Partner\n3,4,Partner\nx,y,5,6,Partner\n",
        encoding="utf-8",
    )
    folder, _ = await run(job_over(source, base_url))
    again, summary = await run(job_over(source, base_url, source=Source(str(folder.failures))))
    assert outcomes(summary) == {"rejected": 2}
    assert summary["associations"] == 0
    header, short, long = lines_of(again.failures)
    category = header.index("_error_category")
    assert (short[category], long[category]) == ("RAGGED_LINE", "RAGGED_LINE")
    assert short[:4] == ["3", "4", "Partner", ""]

    mended = tmp_path / "mended.csv"
    with mended.open("w", encoding="utf-8", newline="") as file:
        short[:4], short[category] = ["", "3", "4", "Partner"], ""
        csv.writer(file).writerows([header, short, long])
    last, summary = await run(job_over(source, base_url, source=Source(str(mended))))
    assert outcomes(summary) == {"associated": 1, "rejected": 1}
    assert lines_of(last.failures)[1][:4] == long[:4]


async def test_failures_of_failures_do_not_grow_columns(tmp_path: Path, base_url: str) -> None:
    """A failures file that is run and fails again has the columns that we add once, and renewed."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    folder, _ = await run(job_over(source, base_url))
    again, _ = await run(job_over(source, base_url, source=Source(str(folder.failures))))
    header, first, _ = lines_of(again.failures)
    assert header == ["contact", "company", "role", "owner", *ADDED]
    assert first[:6] == ["x", "2", "", "c", "1", "rejected"]


async def test_failures_of_several_files_are_one_file(tmp_path: Path, base_url: str) -> None:
    """Rows of a folder are numbered through, and results name the file of each."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "0.csv").write_text("contact,company,role\n", encoding="utf-8")
    (folder / "a.csv").write_text("contact,company,role\n1,2,\nx,1,\n", encoding="utf-8")
    (folder / "b.csv").write_text("company,contact,role\n2,3,\n5,y,\n", encoding="utf-8")
    run_folder, _ = await run(job_over(folder, base_url))
    results = pl.read_parquet(run_folder.results("parquet"))
    files = [path.rsplit("/", 1)[1] for path in results["source_file"]]
    assert files == ["a.csv", "a.csv", "b.csv", "b.csv"]
    assert results["row_number"].to_list() == [1, 2, 3, 4]
    assert results["outcome"].to_list() == ["associated", "rejected"] * 2
    assert results.select("from_id", "to_id").row(2) == (3, 2)
    _, *failed = lines_of(run_folder.failures)
    assert [line[:4] for line in failed] == [["x", "1", "", "2"], ["y", "5", "", "4"]]


async def test_a_key_that_comes_late_has_its_column(tmp_path: Path, base_url: str) -> None:
    """Keys that only later files of ndjson have are kept, blank where a row has none."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ndjson").write_text(
        '{"contact": "x", "company": 1, "role": null}\n', encoding="utf-8"
    )
    late = '{"contact": "y", "company": 1, "role": "", "note": "late"}\n'
    (folder / "b.ndjson").write_text(late, encoding="utf-8")
    run_folder, _ = await run(job_over(folder, base_url))
    header, *failed = lines_of(run_folder.failures)
    assert header[:4] == ["contact", "company", "role", "note"]
    assert [line[:4] for line in failed] == [["x", "1", "", ""], ["y", "1", "", "late"]]


async def test_more_chunks_than_one_are_one_result(
    tmp_path: Path, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source of many chunks comes out in its own order, each row once."""
    monkeypatch.setattr("etl.readers.stream.CHUNK_ROWS", 7)
    monkeypatch.setattr("etl.row_spans.SPAN_ROWS", 10)
    monkeypatch.setattr("etl.row_spans.HELD_BYTES", 1)
    monkeypatch.setattr("etl.readers.stream.read_chunks.__defaults__", (7,))
    source = tmp_path / "rows.csv"
    lines = [f"{number if number % 5 else 'x'},{number % 3 + 1},\n" for number in range(1, 101)]
    source.write_text("contact,company,role\n" + "".join(lines), encoding="utf-8")
    folder, summary = await run(job_over(source, base_url))
    results = pl.read_parquet(folder.results("parquet"))
    assert results["row_number"].to_list() == list(range(1, 101))
    assert outcomes(summary) == {"associated": 80, "rejected": 20}
    assert [int(line[3]) for line in lines_of(folder.failures)[1:]] == list(range(5, 101, 5))


# --- cells that a spreadsheet would run ---------------------------------------------------------

FORMULAS: Final = [
    "=1+1",
    "@SUM(A1)",
    "+1+cmd|' /C calc'!A0",
    "'=1",
    "-5",
    "'-5",
    "\t=1",
    "a=b",
    "",
]
LINK: Final = '=HYPERLINK("https://example.com")'


def write_lines(path: Path, *lines: list[str]) -> None:
    """Write a csv file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)


async def test_formulas_are_harmless_in_failures_and_come_back(
    tmp_path: Path, base_url: str
) -> None:
    """Whoever opens failures.csv runs nothing, and whoever runs it as a source loses nothing."""
    source = tmp_path / "rows.csv"
    rows = [["x", "2", "", cell, "=2"] for cell in FORMULAS]
    write_lines(source, ["contact", "company", "role", LINK, "'@owner"], *rows)
    folder, _ = await run(job_over(source, base_url))
    header, *failed = lines_of(folder.failures)
    assert header == ["contact", "company", "role", f"'{LINK}", "''@owner", *ADDED]
    assert [line[3] for line in failed] == [
        "'=1+1",
        "'@SUM(A1)",
        "'+1+cmd|' /C calc'!A0",
        "''=1",
        "-5",
        "''-5",
        "'\t=1",
        "a=b",
        "",
    ]
    assert {line[4] for line in failed} == {"'=2"}
    again, _ = await run(job_over(source, base_url, source=Source(str(folder.failures))))
    assert [line[:5] for line in lines_of(again.failures)] == [
        line[:5] for line in [header, *failed]
    ]


async def test_a_label_that_looks_like_a_formula_is_read_back_as_it_was(
    tmp_path: Path, base_url: str
) -> None:
    """The row that failed for the label =Boss fails for =Boss again, and not for a quote of ours."""
    source = tmp_path / "rows.csv"
    write_lines(source, ["contact", "company", "@role"], ["1", "2", "=Boss"], ["-1", "2", "'=Boss"])
    job = job_over(source, base_url, labelling=LabelColumn("@role"))
    folder, _ = await run(job)
    again, summary = await run(replace(job, source=Source(str(folder.failures))))
    assert outcomes(summary) == {"unresolved": 1, "rejected": 1}
    for each in (folder, again):
        results = pl.read_parquet(each.results("parquet"))
        assert results["label"].to_list() == ["=Boss", "'=Boss"]
        assert "'=Boss'" in results["error_message"][0]
        header, first, second = lines_of(each.failures)
        assert [header[2], first[2], second[2]] == ["'@role", "'=Boss", "''=Boss"]
        assert second[0] == "-1", "a number is no formula"


async def test_quotes_of_an_ordinary_source_are_its_own(tmp_path: Path, base_url: str) -> None:
    """Only a file that we have written has quotes of ours."""
    source = tmp_path / "rows.csv"
    write_lines(source, ["contact", "company", "role"], ["1", "2", "'=1"], ["3", "4", "=1"])
    folder, summary = await run(job_over(source, base_url))
    assert outcomes(summary) == {"unresolved": 2}
    results = pl.read_parquet(folder.results("parquet"))
    assert results["label"].to_list() == ["'=1", "=1"]


# --- runs that do not begin ---------------------------------------------------------------------


async def test_a_missing_source_leaves_no_folder(tmp_path: Path, base_url: str) -> None:
    """A slip in source.path is told before anything is sent, and leaves nothing behind."""
    job = job_over(tmp_path / "gone.csv", base_url)
    with pytest.raises(SourceError, match=r"gone\.csv"):
        await run(job)
    assert list(job.output.directory.glob("*/*")) == []


async def test_a_missing_token_leaves_no_folder(tmp_path: Path, base_url: str) -> None:
    """Without a token nothing is begun, and no empty folder is taken for a run."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    job = job_over(source, base_url, hubspot=HubspotSettings(None, "v4", base_url))
    with pytest.raises(SettingsError, match="no access token"):
        await run(job)
    assert list(job.output.directory.glob("*/*")) == []


async def test_an_unknown_label_for_all_rows_leaves_no_folder(
    tmp_path: Path, base_url: str
) -> None:
    """A label fixed in the job is checked before the first row is read."""
    job = job_over(tmp_path / "gone.csv", base_url, labelling=LabelValue("Decison maker"))
    with pytest.raises(SettingsError, match="'Decison maker' does not exist") as caught:
        await run(job)
    assert caught.value.hint == "did you mean 'Decision maker'?"
    assert list(job.output.directory.glob("*/*")) == []


async def test_a_stop_before_anything_is_sent_leaves_no_folder(
    tmp_path: Path, base_url: str
) -> None:
    """Ctrl-C while the source is read sends nothing and leaves nothing."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS, encoding="utf-8")
    job = job_over(source, base_url)
    stop = Stop()
    stop.request("interrupted by Ctrl-C", "")
    with pytest.raises(StoppedError):
        await run(job, stop)
    assert list(job.output.directory.glob("*/*")) == []


# --- run folders --------------------------------------------------------------------------------


def test_the_latest_run_is_the_one_that_began_last(tmp_path: Path) -> None:
    """Runs that begin within one second are still told apart: `show latest` is the last of them."""
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for number in range(12):
        begun = create_run_folder(tmp_path, "a", moment + timedelta(milliseconds=number))
        assert find_run("latest", tmp_path) == begun


def test_a_run_is_found_by_folder_id_or_latest(tmp_path: Path) -> None:
    """Any of the names that people have at hand leads to the run, among several jobs."""
    early = create_run_folder(tmp_path, "b", datetime(2026, 1, 1, tzinfo=UTC))
    late = create_run_folder(tmp_path, "a", datetime(2026, 1, 2, tzinfo=UTC))
    assert find_run("latest", tmp_path) == late
    assert find_run(early.run_id, tmp_path) == early
    assert find_run(str(early.path), tmp_path) == early


def test_a_run_that_is_not_there_is_told_with_a_way_on(tmp_path: Path) -> None:
    """An unknown run, or one without a summary, is a sentence and not a traceback."""
    with pytest.raises(UsageError, match="there is no run 'latest'"):
        find_run("latest", tmp_path)
    begun = create_run_folder(tmp_path, "a")
    with pytest.raises(UsageError, match="is no run folder"):
        read_summary(begun)
    begun.log.touch()
    with pytest.raises(UsageError, match="is not finished"):
        read_summary(begun)
    begun.summary.write_text("{")
    with pytest.raises(UsageError, match="can't be read"):
        read_summary(begun)
    begun.summary.write_text("{}")
    with pytest.raises(UsageError, match="is no summary of a run"):
        read_summary(begun)


def test_a_place_that_can_not_be_written_to_is_told(tmp_path: Path) -> None:
    """A wrong output.directory names itself and the setting."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="can't be made") as caught:
        create_run_folder(tmp_path / "file", "a")
    assert "output.directory" in caught.value.hint


def test_a_run_is_told_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that `show` prints works from any folder, however the run was named."""
    begun = create_run_folder(tmp_path / "runs", "a")
    monkeypatch.chdir(tmp_path)
    assert find_run(f"runs/a/{begun.run_id}", Path("runs")) == begun
    assert find_run("latest", Path("runs")) == begun
