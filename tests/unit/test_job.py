"""What a job file means: values, defaults, variables, overrides, paths, and the published schema."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from etl import model
from etl.core.job import job_schema, parse_job
from etl.model import (
    Bound,
    CsvFormat,
    DefinedLabel,
    ExplicitType,
    HubspotSettings,
    Job,
    LabelColumn,
    LabelSettings,
    LabelValue,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = Path("/srv/etl/jobs/contact-roles.yaml")

SHORTEST = """\
source: {path: rows.csv}
from: {object: contacts, column: contact_id}
to: {object: companies, column: company_id}
"""

DOCUMENTED = """\
# yaml-language-server: $schema=../job.schema.json
name: contact-roles                      # default: the file's stem
source:
  path: ../sample_data/contact_roles.csv # relative to the job file
  csv: {delimiter: ",", encoding: utf-8}
from: {object: contacts, column: contact_id}
to: {object: companies, column: company_id}
label: {column: role, separator: ";"}
existing_labels: keep
hubspot:
  access_token: ${HUBSPOT_ACCESS_TOKEN}
  api_version: v4
  base_url: https://api.hubapi.com
limits: {requests_per_10_seconds: auto, batch_size: 2000, concurrency: auto, daily_reserve: 0, max_failures: none}
output: {directory: ../runs, results: parquet}
"""


def job(
    more: str = "",
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    file: Path = FILE,
) -> Job:
    """Parse the shortest job with more lines below it."""
    return parse_job(SHORTEST + more, file=file, environment=environment or {}, overrides=overrides)


def test_the_documented_example_means_what_the_documentation_says() -> None:
    """The example of the documentation is a job, word for word."""
    assert parse_job(DOCUMENTED, file=FILE, environment={"HUBSPOT_ACCESS_TOKEN": "pat-1"}) == Job(
        name="contact-roles",
        file=FILE,
        source=Source("/srv/etl/sample_data/contact_roles.csv", CsvFormat(",", "utf-8")),
        from_side=Side("contacts", "contact_id"),
        to_side=Side("companies", "company_id"),
        labelling=LabelColumn("role", ";"),
        existing_labels="keep",
        hubspot=HubspotSettings(Secret("pat-1"), "v4", "https://api.hubapi.com"),
        limits=Limits(),
        output=Output(Path("/srv/etl/runs"), "parquet"),
    )


def test_three_lines_are_a_job() -> None:
    """Everything but source, from and to has a default."""
    assert job() == Job(
        name="contact-roles",
        file=FILE,
        source=Source("/srv/etl/jobs/rows.csv"),
        from_side=Side("contacts", "contact_id"),
        to_side=Side("companies", "company_id"),
        labelling=None,
        existing_labels="keep",
        hubspot=HubspotSettings(access_token=None),
        limits=Limits(),
        output=Output(Path("/srv/etl/runs")),
    )


def test_a_side_may_be_matched_by_a_unique_property() -> None:
    """A column of emails or domains is as good as one of record ids."""
    text = SHORTEST.replace("contact_id", "mail, match_by: email")
    read = parse_job(text + "match_cache_hours: 0\n", file=FILE, environment={})
    assert read.from_side == Side("contacts", "mail", match_by="email")
    assert read.match_cache_hours == 0
    assert read.keyed_sides == {"from": read.from_side}
    assert (job().keyed_sides, job().match_cache_hours) == ({}, 24)


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble() -> None:
    """A job file saved by a Windows editor is the same job."""
    text = "\ufeff" + SHORTEST.replace("\n", "\r\n")
    assert parse_job(text, file=FILE, environment={}) == job()


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("label: {column: role}", LabelColumn("role")),
        ("label: {value: No}", LabelValue("No")),
        ("label: {value: yes}", LabelValue("yes")),
        ("label: {value: on}", LabelValue("on")),
        ("label: {value: 2024-01-01}", LabelValue("2024-01-01")),
        ("label: {value: 12:30:45}", LabelValue("12:30:45")),
        ("label: {value: '10'}", LabelValue("10")),
        ("label: {value: .nan}", LabelValue(".nan")),
        ("label: {value: 課長}", LabelValue("課長")),
        ("%YAML 1.1\n---\nlabel: {value: No}", LabelValue("No")),
        ("type: {id: 36, category: USER_DEFINED}", ExplicitType(id=36, category="USER_DEFINED")),
        (
            "type: {id_column: t, category_column: c}",
            ExplicitType(id_column="t", category_column="c"),
        ),
        (
            "type: {id: 2147483647, category_column: c}",
            ExplicitType(id=2**31 - 1, category_column="c"),
        ),
    ],
)
def test_labels_and_types_are_taken_as_written(label: str, expected: object) -> None:
    """A label such as No or a date stays the text that HubSpot shows."""
    head, _, tail = label.rpartition("---\n")
    text = f"{head}---\n{tail}\n{SHORTEST}" if head else f"{tail}\n{SHORTEST}"
    assert parse_job(text, file=FILE, environment={}).labelling == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("requests_per_10_seconds: 1", Limits(requests_per_10_seconds=1)),
        ("requests_per_10_seconds: auto", Limits()),
        ("batch_size: 1", Limits(batch_size=1)),
        ("batch_size: 2e3", Limits(batch_size=2000)),
        ("batch_size: 0x10", Limits(batch_size=16)),
        ("concurrency: 4", Limits(concurrency=4)),
        ("daily_reserve: 50000", Limits(daily_reserve=50_000)),
        ("max_failures: none", Limits()),
        ("max_failures: 0", Limits(max_failures=Bound(count=0))),
        ("max_failures: 5%", Limits(max_failures=Bound(percent=5.0))),
        ("max_failures: 0.25%", Limits(max_failures=Bound(percent=0.25))),
        ("max_failures: 100%", Limits(max_failures=Bound(percent=100.0))),
    ],
)
def test_limits_are_numbers_or_the_words_for_none(limits: str, expected: Limits) -> None:
    """`auto` and `none` leave the decision to the run; numbers are whole."""
    result = job(f"limits: {{{limits}}}").limits
    assert result == expected
    assert isinstance(result.batch_size, int)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-16", "cp932", "cp1252", "latin-1", "shift_jis"])
def test_every_text_encoding_that_python_knows_is_allowed(encoding: str) -> None:
    """Exports of old systems are read as they are."""
    text = SHORTEST.replace("rows.csv", f"rows.csv, csv: {{encoding: {encoding}}}")
    assert parse_job(text, file=FILE, environment={}).source.csv.encoding == encoding


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ",", " ", "^", "~", "\x01"])
def test_every_ascii_character_but_quotes_and_line_breaks_is_a_delimiter(delimiter: str) -> None:
    """A tab is written as backslash t in double quotes."""
    escaped = {"\t": "\\t", "\x01": "\\x01"}.get(delimiter, delimiter)
    text = SHORTEST.replace("rows.csv", f'rows.csv, csv: {{delimiter: "{escaped}"}}')
    assert parse_job(text, file=FILE, environment={}).source.csv.delimiter == delimiter


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://proxy.corp/hubspot/", "https://proxy.corp/hubspot"),
        ("https://api.hubapi.com:8443//", "https://api.hubapi.com:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://LocalHost:1", "http://LocalHost:1"),
    ],
)
@pytest.mark.parametrize("place", ["file", "environment"])
def test_the_base_url_loses_its_last_slash(written: str, expected: str, place: str) -> None:
    """Both the job file and HUBSPOT_BASE_URL may end the address with a slash."""
    if place == "file":
        result = job(f'hubspot: {{base_url: "{written}"}}', environment={"HUBSPOT_BASE_URL": "bad"})
    else:
        result = job(environment={"HUBSPOT_BASE_URL": written})
    assert result.hubspot.base_url == expected


def test_an_empty_base_url_variable_counts_as_unset() -> None:
    """CI systems set what they have no value for to nothing."""
    assert job(environment={"HUBSPOT_BASE_URL": " "}).hubspot.base_url == "https://api.hubapi.com"


@pytest.mark.parametrize(
    ("more", "environment", "expected"),
    [
        ("", {"HUBSPOT_ACCESS_TOKEN": "  pat-1\r\n"}, "pat-1"),
        ("hubspot: {api_version: v4}", {"HUBSPOT_ACCESS_TOKEN": "pat-1"}, "pat-1"),
        ("hubspot: {access_token: pat-2}", {"HUBSPOT_ACCESS_TOKEN": "pat-1"}, "pat-2"),
        ("hubspot:\n  access_token: ${EU_TOKEN}", {"EU_TOKEN": "pat-3"}, "pat-3"),
        ("hubspot:\n  access_token: ${EU_TOKEN}", {"HUBSPOT_ACCESS_TOKEN": "pat-1"}, None),
        ("", {"HUBSPOT_ACCESS_TOKEN": " "}, None),
        ("", {}, None),
    ],
)
def test_the_token_may_be_missing_until_it_is_needed(
    more: str, environment: dict[str, str], expected: str | None
) -> None:
    """`lint` and `run --sandbox` work without a token."""
    token = job(more, environment=environment).hubspot.access_token
    assert (token and token.value) == expected


def test_variables_work_in_any_value() -> None:
    """One job file serves several accounts by way of the environment."""
    result = job(
        'name: "${STAGE}-${REGION}"\n'
        'label: {value: "$${STAGE} costs $5 ${STAGE}"}\n'
        'limits: {batch_size: "${BATCH}", max_failures: "${FAILURES}"}\n'
        'output: {results: "${RESULTS}"}\n',
        environment={
            "STAGE": "test",
            "REGION": "eu",
            "BATCH": "50",
            "FAILURES": "2%",
            "RESULTS": "csv",
        },
    )
    assert result.name == "test-eu"
    assert result.labelling == LabelValue("${STAGE} costs $5 test")
    assert result.limits == Limits(batch_size=50, max_failures=Bound(percent=2.0))
    assert result.output.results == "csv"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_variable_is_text_whatever_it_holds(value: str) -> None:
    """A variable that holds YAML, quotes or another variable changes nothing but its own value."""
    assert job("label: {value: '${ROLE}'}", environment={"ROLE": value}).labelling == LabelValue(
        value
    )


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_label_survives_the_way_through_yaml(label: str) -> None:
    """A label in quotes reaches HubSpot character by character."""
    text = label.replace("${", "$${").replace("'", "''")
    assert job(f"label: {{value: '{text}'}}").labelling == LabelValue(label)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("rows.csv", "/srv/etl/jobs/rows.csv"),
        ("../in/*.csv", "/srv/etl/in/*.csv"),
        ("/data/in/", "/data/in"),
        ("~/rows.csv", "/srv/etl/jobs/~/rows.csv"),
    ],
)
def test_paths_are_relative_to_the_job_file(written: str, expected: str) -> None:
    """A job runs the same from any working directory."""
    result = job(overrides=[f"source.path='{written}'", f"output.directory='{written}'"])
    assert result.source.path == expected
    assert result.output.directory == Path(expected)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/exports/*.csv.gz",
        "s3://bucket",
        "gs://bucket/a folder/",
        "az://$web/**/ids?.csv",
        "s3://bucket/day=1/..rows.csv",
    ],
)
def test_a_url_stays_as_it_is_written(url: str) -> None:
    """A source in the cloud has nothing to do with the folder of the job file."""
    assert job(overrides=[f"source.path='{url}'"]).source.path == url


def test_a_relative_job_file_becomes_absolute() -> None:
    """The run's folder is right even when the scheduler changes the working directory."""
    result = job(file=Path("jobs/a.yaml"))
    assert result.file == Path.cwd() / "jobs" / "a.yaml"
    assert result.source.path == str(Path.cwd() / "jobs" / "rows.csv")
    assert result.name == "a"


def test_overrides_change_add_and_remove_keys() -> None:
    """`--set` lays values over the file, and the last one wins."""
    result = job(
        "label: {column: role}\nlimits: {batch_size: 5}\n",
        overrides=[
            "limits.batch_size=10",
            "limits.batch_size=${BATCH}",
            "limits.daily_reserve=7",
            "label=null",
            "type={id: 3, category: WORK}",
            "output.results=csv",
            "name=a=b",
            "hubspot.api_version=null",
        ],
        environment={"BATCH": "20"},
    )
    assert result.labelling == ExplicitType(id=3, category="WORK")
    assert result.limits == Limits(batch_size=20, daily_reserve=7)
    assert result.output.results == "csv"
    assert result.name == "a=b"


def test_anchors_and_merge_keys_share_blocks() -> None:
    """Two sides of the same object need not be written twice."""
    text = (
        "source: {path: rows.csv}\n"
        "from: &side {object: contacts, column: a}\n"
        "to: {<<: *side, column: b}\n"
        "output: {<<: [{results: csv}, {results: parquet, directory: /runs}]}\n"
    )
    result = parse_job(text, file=FILE, environment={})
    assert (result.from_side, result.to_side) == (Side("contacts", "a"), Side("contacts", "b"))
    assert result.output == Output(Path("/runs"), "csv")


def test_the_token_is_in_no_representation_of_the_job() -> None:
    """Logging a job shows no secret."""
    assert "pat-1" not in repr(job(environment={"HUBSPOT_ACCESS_TOKEN": "pat-1"}))


def test_the_schema_is_valid_and_accepts_the_documented_example() -> None:
    """Editors can use what `schema` prints, with variables in any value."""
    schema: Any = job_schema()
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert [
        error.message for error in validator.iter_errors(YAML(typ="safe").load(DOCUMENTED))
    ] == []
    variables = {"limits": {"batch_size": "${B}"}, "from": {"object": "${O}", "column": "a"}}
    whole = YAML(typ="safe").load(SHORTEST) | variables
    assert validator.is_valid(whole)


def _subschemas(schema: Any) -> list[Any]:
    children = (
        schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    )
    return [schema, *(deep for child in children for deep in _subschemas(child))]


def test_every_example_and_default_of_the_schema_obeys_the_schema() -> None:
    """What an editor suggests is accepted."""
    schema: Any = job_schema()
    checked = 0
    for part in _subschemas(schema):
        if not isinstance(part, dict) or not ({"default", "examples"} & part.keys()):
            continue
        validator = jsonschema_rs.Draft202012Validator({**part, "$defs": schema["$defs"]})
        for value in [*part.get("examples", []), *([part["default"]] if "default" in part else [])]:
            validator.validate(value)
            checked += 1
    assert checked > 20


def test_the_schema_and_the_model_agree() -> None:
    """The defaults and limits that editors show are those of the run."""
    schema: Any = job_schema()
    blocks: dict[str, Limits | HubspotSettings | CsvFormat] = {
        "limits": Limits(),
        "hubspot": HubspotSettings(access_token=None),
        "csv": CsvFormat(),
    }
    properties = schema["properties"] | schema["properties"]["source"]["properties"]
    for name, defaults in blocks.items():
        keys = properties[name]["properties"]
        # The name of the token's variable is read off the token's own value.
        assert set(keys) == {each.name for each in fields(defaults)} - {"token_variable"}
        for key, spec in keys.items():
            value = getattr(defaults, key)
            if value is not None:
                assert spec["default"] == value
    hours = {each.name: each.default for each in fields(Job)}["match_cache_hours"]
    assert properties["match_cache_hours"]["default"] == hours
    batch_size = properties["limits"]["properties"]["batch_size"]["anyOf"][0]
    assert batch_size["maximum"] == model.MAX_BATCH_SIZE
    types = properties["type"]["properties"]
    assert types["category"]["anyOf"][0]["enum"] == list(get_args(model.Category))
    versions = properties["hubspot"]["properties"]["api_version"]["anyOf"][0]
    assert versions["enum"] == list(get_args(model.ApiVersion))


def test_a_printed_schema_can_be_changed_without_changing_the_next() -> None:
    """Whoever decorates the schema for an editor spoils nobody else's."""
    schema: Any = job_schema()
    schema["properties"].clear()
    assert job_schema()["properties"]
    assert job().name == "contact-roles"


def test_labels_of_a_job_are_what_it_relies_on() -> None:
    """A job says which labels it needs, single or paired, and may have them made."""
    text = """\
labels:
  create_missing: ${MAKE}
  define:
    - {label: "${ROLE}"}
    - {label: Manager, inverse: Direct report, name: manager}
"""
    read = job(text, environment={"MAKE": "true", "ROLE": "決裁者"})
    assert read.labels == LabelSettings(
        create_missing=True,
        define=(DefinedLabel("決裁者"), DefinedLabel("Manager", "Direct report", "manager")),
    )
    assert job().labels == LabelSettings()


def test_an_item_of_a_list_can_be_set_on_the_command_line() -> None:
    """--set reaches into a list by the item's place, counted from 0."""
    text = "labels: {define: [{label: A}, {label: B}]}\n"
    read = job(text, overrides=["labels.define.1.label=C"])
    assert [each.label for each in read.labels.define] == ["A", "C"]
