"""What a job file may not say: every rule, its place, its words, all at once, and never the token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.job import parse_job
from etl.core.slots import CEILING
from etl.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from etl.errors import Problem

FILE = Path("jobs/a.yaml")

SHORTEST = """\
source: {path: rows.csv}
from: {object: contacts, column: a}
to: {object: companies, column: b}
"""


def problems(
    text: str,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    file: Path = FILE,
) -> tuple[Problem, ...]:
    """Return what is wrong with a job file."""
    with pytest.raises(JobError) as caught:
        parse_job(text, file=file, environment=environment or {}, overrides=overrides)
    return caught.value.problems


def told(text: str, **more: object) -> list[tuple[str, str, str]]:
    """Return the problems as plain texts, without the file's name."""
    found = problems(text, **more)  # type: ignore[arg-type]
    return [(each.place.removeprefix(f"{FILE}:"), each.message, each.hint) for each in found]


DEFINED = "[{label: Decision maker}, {label: Manager, inverse: Direct report}]"
BLOCKS = "source, from, to, label, type, labels, action, existing_labels, mirror, match_cache_hours, hubspot, limits, output"
LIMITS = "requests_per_10_seconds, batch_size, concurrency, daily_reserve, max_failures"

A_VALUE = "write a value, or remove the line"
ONE_OF_TWO = "keep one of the two"
LABEL = "write the label as HubSpot shows it"
TYPE_ID = "write a whole number from 1 to 2147483647, as HubSpot's association settings or `hubspot-assoc types` show it"
CATEGORY = "write HUBSPOT_DEFINED, USER_DEFINED, INTEGRATOR_DEFINED or WORK"
BATCH_SIZE = "write a whole number from 1 to 2000"
AUTO = "write auto, or a whole number of at least 1"
CONCURRENCY = f"write auto, or a whole number from 1 to {CEILING}"
FAILURES = "write none, a number of rows such as 100, or a share from 0% to 100% such as 2.5%"
NAME = "write 1 to 100 characters, none of them / \\ : or a control character, and no dot in front: it becomes a folder's name"
URL = "write an address such as https://api.hubapi.com"
HTTPS = "write https://; http:// is only for this machine: localhost, 127.0.0.1 or [::1]"
PATH = "write the path of a file, a folder or a glob"
DELIMITER = (
    'write one ASCII character that is no quote and no line break, in double quotes: ";" or "\\t"'
)
ENCODING = "write an encoding such as utf-8, utf-16, cp1252 or cp932"
OBJECT = "write an object's name or type id, such as contacts, 0-1, 2-123 or p_vendor"
HOURS = "write a whole number of hours from 0 (always ask HubSpot) to 8760"
COLUMN = "write the name of a source column"
ACTIONS = "write associate, remove or remove_labels, or {column: NAME} with the column that says it in each row"

HIDDEN = "(not shown, it may be a secret)"
BAD_URL_TEXT = (
    "hubspot.base_url is empty, or has a blank, a line break or a character outside ASCII in it"
)
BAD_URL_PORT = "hubspot.base_url is no address: its host or port can't be read"
BAD_TOKEN = (
    "hubspot.access_token (not shown) has a blank, a line break or a character outside ASCII in it"
)

# fmt: off
BLOCK_CASES = [
    ("label:\n  column: x\n  seperator: ';'", "6:3", "unknown key 'seperator' in label", "did you mean 'separator'? allowed: column, separator, value"),
    ("labels: {}", "4:1", "labels has no define", f"add it, such as define: {DEFINED}"),
    ("labels: {create_missing: true}", "4:1", "labels has no define", f"add it, such as define: {DEFINED}"),
    ("batch_size: 5", "4:1", "unknown key 'batch_size' in the job", f"'batch_size' belongs under limits; allowed: name, {BLOCKS}"),
    ("limits: {batch-size: 5}", "4:10", "unknown key 'batch-size' in limits", f"did you mean 'batch_size'? allowed: {LIMITS}"),
    ("3: x", "4:1", "unknown key '3' in the job", f"allowed: name, {BLOCKS}"),
    ("label:", "4:1", "label has no value", A_VALUE),
    ("label: role", "4:8", "label can't be 'role'", "write its keys below it: column, separator, value"),
    ("label: {}", "4:1", "label has no column or value", "add column or value"),
    ("label: {column: a, value: b}", "4:20", "label has both column and value", ONE_OF_TWO),
    ("label: {value: b, separator: ';'}", "4:19", "label.separator works only beside label.column", "add column, or remove separator"),
    ("label: {column: a}\ntype: {id: 1, category: WORK}", "5:1", "the job has both label and type", ONE_OF_TWO),
    ("type: {category: WORK}", "4:1", "type has no id or id_column", "add id or id_column"),
    ("type: {id: 1}", "4:1", "type has no category or category_column", "add category or category_column"),
    ("type: {id: 1, id_column: b, category: WORK}", "4:15", "type has both id and id_column", ONE_OF_TWO),
    ("type: {id: 1, category_column: b, category: WORK}", "4:35", "type has both category and category_column", ONE_OF_TWO),
    ("limits: [a]", "4:9", "limits can't be a list", f"write its keys below it: {LIMITS}"),
    ("action: remove\nlabel: {value: a}", "5:1", "action: remove takes the whole association away, whatever its labels are", "remove label and type from the job, or write action: remove_labels"),
    ("action: remove_labels", "4:9", "action: remove_labels needs to know which labels", "add label or type; action: remove takes whole associations away"),
    ("mirror: {scope: from}\naction: remove", "5:1", "mirror works out by itself what to take away: its rows can only associate", "remove action, or remove mirror"),
    ("mirror: {scope: from}\nexisting_labels: ignore", "5:18", "mirror has to know what was there before the run, and ignore does not look", "write existing_labels: keep or replace"),
    ("mirror: {}", "4:1", "mirror has no scope", "add it, such as scope: from"),
]
DEFINE_CASES = [
    ("labels: {define: []}", "4:18", "labels.define is empty", f"write a list of labels, such as {DEFINED}"),
    ("labels: {define: Boss}", "4:18", "labels.define can't be 'Boss'", f"write a list of labels, such as {DEFINED}"),
    ("labels: {define: [Boss]}", "4:19", "labels.define.0 can't be 'Boss'", "write {label: …}, with inverse: … where the other record's side reads differently"),
    ("labels: {define: [{label: A}, {name: b}]}", "4:31", "labels.define.1 has no label", "add it, such as label: Decision maker"),
    ("labels: {define: [{label: A, lable: b}]}", "4:30", "unknown key 'lable' in labels.define.0", "did you mean 'label'? allowed: label, inverse, name"),
    ("labels: {define: [{label: 5}]}", "4:27", "labels.define.0.label can't be 5", 'write it in quotes: "5"'),
    ("labels: {define: [{label: ' '}]}", "4:27", "labels.define: label is blank", "write the label as people are to see it"),
    ("labels: {define: [{label: A, name: 1-a}]}", "4:36", "labels.define: name can't be '1-a'", "write a to z, 0 to 9 and _, with no digit in front, at most 100 of them"),
    ("labels: {define: [{label: Boss, inverse: ' BOSS'}]}", "4:42", "labels.define: inverse ' BOSS' reads like 'Boss' before it", "keep one of them"),
    ("labels: {define: [{label: A}, {label: a}]}", "4:39", "labels.define: label 'a' reads like 'A' before it", "keep one of them"),
    ("labels: {define: [{label: A;B}]}\nlabel: {column: r, separator: ;}", "4:27", "labels.define: label 'A;B' has the separator of label.column in it, so no cell can ask for it", "take another separator, or another label"),
    ("labels: {define: [{label: '${BOSS}'}]}", "4:27", "labels.define.0.label takes its value from the environment variable BOSS, which is not set", "set BOSS, or write the value here"),
    ("labels: {define: [{label: A}], create_missing: maybe}", "4:48", "labels.create_missing can't be 'maybe'", "write true or false"),
]
VALUE_CASES = [
    ("label: {value: 10}", "4:16", "label.value can't be 10", 'write it in quotes: "10"'),
    ("label: {value: true}", "4:16", "label.value can't be true", 'write it in quotes: "true"'),
    ("label: {value: 1.50}", "4:16", "label.value can't be 1.50", 'write it in quotes: "1.50"'),
    ("label: {value: ''}", "4:16", "label.value can't be ''", LABEL),
    ("label: {value: [a]}", "4:16", "label.value can't be a list", LABEL),
    ("label: {value: {a: b}}", "4:16", "label.value can't be a mapping", LABEL),
    ("label: {value: }", "4:9", "label.value has no value", A_VALUE),
    ("label: {column: ''}", "4:17", "label.column can't be ''", COLUMN),
    ("label: {column: a, separator: ''}", "4:31", "label.separator can't be ''", 'write the text between two labels in quotes, such as ";"'),
    ("label: {value: '${ROLE}'}", "4:16", "label.value takes its value from the environment variable ROLE, which is not set", "set ROLE, or write the value here"),
    ("label: {value: '${2}'}", "4:16", "label.value has a '${' without a variable's name and '}'", "write ${NAME}, or $${ where the text itself has ${"),
    ("type: {id: 0, category: WORK}", "4:12", "type.id can't be 0", TYPE_ID),
    ("type: {id: 2147483648, category: WORK}", "4:12", "type.id can't be 2147483648", TYPE_ID),
    ("type: {id: 1, category: USER_DEFIND}", "4:25", "type.category can't be 'USER_DEFIND'", f"did you mean 'USER_DEFINED'? {CATEGORY}"),
    ("type: {id_column: '', category: WORK}", "4:19", "type.id_column can't be ''", COLUMN),
    ("type: {id: 1, category_column: 2}", "4:32", "type.category_column can't be 2", 'write it in quotes: "2"'),
    ("action: delete", "4:9", "action can't be 'delete'", ACTIONS),
    ("action: remove_label", "4:9", "action can't be 'remove_label'", f"did you mean 'remove_labels'? {ACTIONS}"),
    ("action: {colum: op}", "4:9", "action can't be a mapping", ACTIONS),
    ("mirror: {scope: to}", "4:17", "mirror.scope can't be 'to'", "write from"),
    ("mirror: {scope: from, max_removals: none}", "4:37", "mirror.max_removals can't be 'none'", "write a number of associations such as 100, or a share from 0% to 100% such as 2.5%"),
    ("match_cache_hours: -1", "4:20", "match_cache_hours can't be -1", HOURS),
    ("match_cache_hours: 1.5", "4:20", "match_cache_hours can't be 1.5", HOURS),
    ("existing_labels: kepe", "4:18", "existing_labels can't be 'kepe'", "did you mean 'keep'? write keep, replace or ignore"),
    ("limits: {batch_size: 2001}", "4:22", "limits.batch_size can't be 2001", BATCH_SIZE),
    ("limits: {batch_size: 0}", "4:22", "limits.batch_size can't be 0", BATCH_SIZE),
    ("limits: {batch_size: 1.5}", "4:22", "limits.batch_size can't be 1.5", BATCH_SIZE),
    ("limits: {batch_size: true}", "4:22", "limits.batch_size can't be true", BATCH_SIZE),
    ("limits: {batch_size: '5'}", "4:22", "limits.batch_size can't be '5'", BATCH_SIZE),
    ("limits: {batch_size: 1e999}", "4:22", "limits.batch_size can't be 1e999", BATCH_SIZE),
    ("limits: {batch_size: '$${B}'}", "4:22", "limits.batch_size can't be '$${B}'", BATCH_SIZE),
    ("limits: {batch_size: '${SIZE}'}", "4:22", "limits.batch_size takes its value from the environment variable SIZE, which is not set", "set SIZE, or write the value here"),
    ("limits: {requests_per_10_seconds: 0}", "4:35", "limits.requests_per_10_seconds can't be 0", AUTO),
    ("limits: {concurrency: atuo}", "4:23", "limits.concurrency can't be 'atuo'", f"did you mean 'auto'? {CONCURRENCY}"),
    ("limits: {concurrency: 0}", "4:23", "limits.concurrency can't be 0", CONCURRENCY),
    (f"limits: {{concurrency: {CEILING + 1}}}", "4:23", f"limits.concurrency can't be {CEILING + 1}", CONCURRENCY),
    ("limits: {daily_reserve: -1}", "4:25", "limits.daily_reserve can't be -1", "write a whole number of at least 0"),
    ("limits: {max_failures: -1}", "4:24", "limits.max_failures can't be -1", FAILURES),
    ("limits: {max_failures: 101%}", "4:24", "limits.max_failures can't be '101%'", FAILURES),
    ("limits: {max_failures: 100.1%}", "4:24", "limits.max_failures can't be '100.1%'", FAILURES),
    ("output: {results: parket}", "4:19", "output.results can't be 'parket'", "did you mean 'parquet'? write parquet or csv"),
    ('output: {directory: "a\\0b"}', "4:21", "output.directory can't be 'a\\x00b'", "write the path of a folder"),
    ("output: {directory: 's3://b/runs'}", "4:21", "not yet: output.directory on another machine: 's3://b/runs'", "write a folder here, and upload the results afterwards"),
]
NAME_CASES = [
    *((f"name: {name!r}", "4:7", f"name can't be {name!r}", NAME) for name in ("", ".", "..", ".a", "a/b", "a:b", "x/")),
    ('name: "a\\tb"', "4:7", "name can't be 'a\\tb'", NAME),
    (f"name: {'x' * 101}", "4:7", f"name can't be '{'x' * 79}…", NAME),
    (f"name: {'課' * 86}", "4:7", f"name can't be '{'課' * 79}…: it takes 258 bytes, and a folder's name has at most 255", "write a shorter name"),
]
HUBSPOT_CASES = [
    ("hubspot: {api_version: v3}", "4:24", "hubspot.api_version can't be 'v3'", "write v4, 2025-09, 2026-03 or 2026-09"),
    ("hubspot: {base_url: ''}", "4:21", BAD_URL_TEXT, URL),
    ("hubspot: {base_url: 'https://a b'}", "4:21", BAD_URL_TEXT, URL),
    ("hubspot: {base_url: 'https://[x'}", "4:21", BAD_URL_PORT, URL),
    ("hubspot: {base_url: 'https://a:port'}", "4:21", BAD_URL_PORT, URL),
    ("hubspot: {base_url: api.hubapi.com}", "4:21", "hubspot.base_url is no https:// address", URL),
    ("hubspot: {base_url: 'ftp://api.hubapi.com'}", "4:21", "hubspot.base_url is no https:// address", URL),
    ("hubspot: {base_url: 'https://'}", "4:21", "hubspot.base_url is no https:// address", URL),
    ("hubspot: {base_url: 'https://user:word@a'}", "4:21", "hubspot.base_url has a user name or a password in it", "remove what stands before the @: the access token says who we are"),
    ("hubspot: {base_url: 'https://a?b=c'}", "4:21", "hubspot.base_url has a ? or a # in it", URL),
    ("hubspot: {base_url: 'https://a#b'}", "4:21", "hubspot.base_url has a ? or a # in it", URL),
    *((f"hubspot: {{base_url: 'http://{host}'}}", "4:21", "hubspot.base_url would send the access token unencrypted", HTTPS)
      for host in ("api.hubapi.com", "localhost.evil.com", "128.0.0.1", "127.1", "[::2]")),
    *((f'hubspot: {{access_token: "{token}"}}', "4:25", BAD_TOKEN, "copy the token again, without anything around it")
      for token in ("pat 1", "pat\\n1", "påt")),
    ("hubspot: {access_token: 123456}", "4:25", f"hubspot.access_token can't be this value {HIDDEN}", "write it in quotes"),
    ("hubspot: {access_token pat-1: x}", "4:11", f"unknown key {HIDDEN} in hubspot", "did you mean 'access_token'? allowed: access_token, api_version, base_url"),
    ("hubspot:\n  access_token:pat-1", "5:3", f"hubspot can't be this value {HIDDEN}", "write its keys below it: access_token, api_version, base_url"),
]
CASES = BLOCK_CASES + DEFINE_CASES + VALUE_CASES + NAME_CASES + HUBSPOT_CASES

PROPERTY = "write the internal name of a property with unique values, such as email or domain"
SCHEMES = "a source is a path here, or begins with s3://, gs:// or az://"
REMOTE = "write one of those three, or download the file and write the path of the copy"
NO_BUCKET = "what stands behind :// is no name of a bucket or container"
BUCKET = "write s3://bucket/key, gs://bucket/key or az://container/key, without a user or an account"
ADDRESS = "this address (not shown, it may hold a secret)"
ODD_KEY = "it has an empty part, . or .. between its slashes"
SIDE_CASES = [
    ("source: {path: rows.csv}\n", "", "1:1", "the job has no source", "add it, such as source: {path: ../sample_data/contact_roles.csv}"),
    ("from: {object: contacts, column: a}\n", "", "1:1", "the job has no from", "add it, such as from: {object: contacts, column: contact_id}"),
    ("to: {object: companies, column: b}\n", "", "1:1", "the job has no to", "add it, such as to: {object: companies, column: company_id}"),
    ("{path: rows.csv}", "{}", "1:1", "source has no path", "add it, such as path: ../sample_data/contact_roles.csv"),
    ("object: contacts, ", "", "2:1", "from has no object", "add it, such as object: contacts"),
    (", column: b", "", "3:1", "to has no column", "add it, such as column: contact_id"),
    ("column: b", "column: a", "3:33", "to.column can't be 'a': from.column is the same column", "name the column that holds the other record's id"),
    ("column: a", "column: ''", "2:34", "from.column can't be ''", COLUMN),
    ("column: a", "column: a, match_by: 'E-mail address'", "2:47", "from.match_by can't be 'E-mail address'", PROPERTY),
    ("column: b", "column: b, match_by: ''", "3:46", "to.match_by can't be ''", PROPERTY),
    ("column: b", "column: b, matchby: domain", "3:36", "unknown key 'matchby' in to", "did you mean 'match_by'? allowed: object, column, match_by"),
    ("object: contacts", "object: my contacts", "2:16", "from.object can't be 'my contacts'", OBJECT),
    ("object: contacts", "object: ''", "2:16", "from.object can't be ''", OBJECT),
    ("object: contacts", 'object: "contacts\\n"', "2:16", "from.object can't be 'contacts\\n'", OBJECT),
    ("rows.csv", "''", "1:16", "source.path can't be ''", PATH),
    *(("rows.csv", f"'{path}'", "1:16", f"source.path can't be '{path}': {SCHEMES}", REMOTE)
      for path in ("https://a/rows.csv", "sftp://a/rows.csv", "S3://bucket/rows.csv", "s3a://b/x.csv")),
    ("rows.csv", "'https://me:word@a/x.csv'", "1:16", f"source.path can't be {ADDRESS}: {SCHEMES}", REMOTE),
    *(("rows.csv", f"'{path}'", "1:16", f"source.path can't be '{path}': {NO_BUCKET}", BUCKET)
      for path in ("s3://", "s3:///rows.csv", "gs://b*/rows.csv")),
    ("rows.csv", "'s3://key:word@b/x.csv'", "1:16", f"source.path can't be {ADDRESS}: {NO_BUCKET}", BUCKET),
    *(("rows.csv", f"'{path}'", "1:16", f"source.path can't be {ADDRESS}: it has a signature in it", "remove it; credentials come from environment variables, as the README lists them")
      for path in ("az://c/x.csv?sv=2&sig=abc", "s3://b/x.csv?X-Amz-Signature=abc")),
    *(("rows.csv", f"'{path}'", "1:16", f"source.path can't be '{path}': {ODD_KEY}", "write the object's name as its bucket lists it")
      for path in ("s3://b//x.csv", "s3://b/a//x.csv", "gs://b/../x.csv", "gs://b/a/.", "az://c/./x.csv")),
    ("rows.csv", "*.csv", "1:16", "an alias has no anchor", "put a value that begins with * in quotes"),
    ("rows.csv", "${ROWS}", "1:17", "not YAML: expected ',' or '}', but got '{'", 'between { and } write "${NAME}" in double quotes'),
    *(("rows.csv", f"x, csv: {{delimiter: {written}}}", "1:36", f"source.csv.delimiter can't be {shown}", DELIMITER)
      for written, shown in (("tab", "'tab'"), ("''", "''"), ("'\"'", "'\"'"), ('"\'"', '"\'"'), ('"\\n"', "'\\n'"), ("';;'", "';;'"), ("§", "'§'"), ("'\\t'", "'\\\\t'"))),
    *(("rows.csv", f"x, csv: {{encoding: {name}}}", "1:35", f"source.csv.encoding can't be '{name}': no such text encoding", suggestion + ENCODING)
      for name, suggestion in (("utf-9", "did you mean 'utf-8'? "), ("hex", ""), ("base64", ""), ("nowhere", ""))),
    ("rows.csv", "x, csv: {encoding: 1252}", "1:35", "source.csv.encoding can't be 1252", 'write it in quotes: "1252"'),
]
# fmt: on


@pytest.mark.parametrize(
    ("more", "place", "message", "hint"), CASES, ids=[case[0] for case in CASES]
)
def test_each_rule_names_the_place_the_value_and_the_fix(
    more: str, place: str, message: str, hint: str
) -> None:
    """An operator at 3 a.m. sees which line to change, and to what."""
    assert told(f"{SHORTEST}{more}\n") == [(place, message, hint)]


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    SIDE_CASES,
    ids=[f"{case[0]} to {case[1]}" for case in SIDE_CASES],
)
def test_source_and_sides_are_checked(
    old: str, new: str, place: str, message: str, hint: str
) -> None:
    """A source or a side that can't work is refused before anything is read."""
    assert told(SHORTEST.replace(old, new)) == [(place, message, hint)]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:1", "the job file is empty"),
        ("# only a comment\n", "1:1", "the job file is empty"),
        ("null", "1:1", "the job file is empty"),
        ("\n- a\n", "2:1", "the job file holds a list, not keys and values"),
        ("id,name", "1:1", "the job file holds a text, not keys and values"),
        ("a:\n\tb: 1", "2:1", "not YAML: found character '\\t' that cannot start any token"),
        ("a: [1", "1:6", "not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 'x", "1:6", "not YAML: found unexpected end of stream"),
        ("a: @x", "1:4", "not YAML: found character '@' that cannot start any token"),
        ("a: !secret!x y", "1:4", "not YAML: found undefined tag handle '…'"),
        ("a: 1\nb: \x07", "2:4", "the character U+0007 may not stand in YAML"),
        ('a: "\\uD800"', "1:4", "a text has half a character (a lone surrogate)"),
        ('a: "\\UFFFFFFFF"', "1:1", "a text in double quotes has an escape that is no character"),
        ("a: !!str 10", "1:4", "a value has a tag"),
        ("a: !<x> {}", "1:4", "a value has a tag"),
        ("? {a: 1}\n: 2", "1:3", "a key is no text"),
        ("a: &x {b: *x}", "1:11", "an alias has no anchor"),
        ("<<: 3", "1:1", "<< merges something that is no mapping"),
        ("---\na: 1\n---\nb: 2", "3:1", "a second document begins"),
        ("a: " + "[" * 50, "1:24", "more than 20 blocks within blocks"),
    ],
)
def test_what_is_no_job_file_is_one_problem(text: str, place: str, message: str) -> None:
    """A file that can't be read as YAML says where reading stopped, not fifty consequences."""
    [problem] = problems(text)
    assert (problem.place, problem.message) == (f"jobs/a.yaml:{place}", message)
    assert problem.hint


def test_a_doubled_key_is_a_problem() -> None:
    """The second of two `label` lines does not win silently."""
    text = SHORTEST + "label: {column: x}\nlabel: {value: y}\n"
    assert told(text) == [
        ("5:1", "the key 'label' stands twice, first on line 4", "keep one of the two")
    ]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """One look mends everything: file first, then the command line."""
    text = (
        "output: {results: xml}\n"
        "limits:\n"
        "  batch_size: 9999\n"
        "  batch_size: 1\n"
        "  conurrency: 2\n"
        "source: {path: 's3:///xx', csv: {encoding: klingon}}\n"
        "from: {object: contacts}\n"
    )
    found = told(
        text,
        overrides=["limits.daily_reserve=-1", "name=a/b"],
        environment={"HUBSPOT_BASE_URL": "http://api.hubapi.com", "HUBSPOT_ACCESS_TOKEN": "a b"},
    )
    assert [place for place, _, _ in found] == [
        "HUBSPOT_ACCESS_TOKEN",
        "HUBSPOT_BASE_URL",
        "1:1",
        "1:19",
        "3:15",
        "4:3",
        "5:3",
        "6:16",
        "6:44",
        "7:1",
        "--set limits.daily_reserve",
        "--set name",
    ]  # fmt: skip


def test_a_value_from_a_variable_is_told_as_it_was_written() -> None:
    """What an environment variable holds never reaches a terminal or a log."""
    text = SHORTEST + "output: {results: '${FORMAT}'}\nlimits: {batch_size: '${SIZE}'}\n"
    found = problems(text, environment={"FORMAT": "hush-hush", "SIZE": "hush-hush"})
    assert [each.message for each in found] == [
        "output.results can't be '${FORMAT}'",
        "limits.batch_size can't be '${SIZE}'",
    ]


def test_a_variable_that_is_not_utf8_is_a_problem() -> None:
    """Bytes that Python could not decode don't end in a traceback."""
    [problem] = problems(SHORTEST + "label: {value: '${ROLE}'}", environment={"ROLE": "\udcff"})
    assert problem.message == "label.value: the environment variable ROLE is not UTF-8 text"


@pytest.mark.parametrize("stem", [".hidden", "\udcff"])
def test_a_file_name_that_can_be_no_folder_name_is_a_problem(stem: str) -> None:
    """The job's name, by default the file's, becomes a folder."""
    [problem] = problems(SHORTEST, file=Path(f"{stem}.yaml"))
    assert problem.message.startswith("name can't be ")


@pytest.mark.parametrize(
    ("override", "place", "message"),
    [
        ("limits.batch_size", "--set", "number 1 of the --set options has no key path and '='"),
        ("=3", "--set", "number 1 of the --set options has no key path and '='"),
        ("limits..batch_size=3", "--set", "number 1 of the --set options has no key path and '='"),
        ("limits.batchsize=3", "--set limits.batchsize", "unknown key 'batchsize' in limits"),
        ("limit.batch_size=3", "--set limit.batch_size", "unknown key 'limit' in the job"),
        ("source.path.x=3", "--set source.path.x", "source.path can't be a mapping"),
        ("source.path=*.csv", "--set source.path", "an alias has no anchor"),
        (
            "source.path=[",
            "--set source.path",
            "not YAML: expected the node content, but found '<stream end>'",
        ),
        ("source.path=", "--set source.path", "there is no value after '='"),
        ("label={value: 3}", "--set label", "label.value can't be 3"),
        ("to=null", "1:1", "the job has no to"),
        (
            "name=${X}",
            "--set name",
            "name takes its value from the environment variable X, which is not set",
        ),
    ],
)
def test_an_override_that_breaks_a_rule_is_named(override: str, place: str, message: str) -> None:
    """A slip on the command line is told apart from one in the file."""
    [found] = told(SHORTEST, overrides=[override])
    assert found[:2] == (place, message)


def test_the_error_itself_tells_the_first_problem_and_how_many_follow() -> None:
    """A log that keeps one line keeps the most useful one."""
    with pytest.raises(JobError, match=r"^jobs/a\.yaml:4:8: label can't be 'x' \(and 1 more\)$"):
        parse_job(SHORTEST + "label: x\naction: y\n", file=FILE, environment={})


TOKENS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=40
).map(lambda tail: f"pat-na1-{tail}")
BREAKAGES = st.sampled_from([
    "",
    "label: {value: 3}",
    "labels: x",
    "hubspot",
    "hubspot: [a",
    "limits: {batch_size: '${HUBSPOT_ACCESS_TOKEN}'}",
    "output: {results: '${HUBSPOT_ACCESS_TOKEN}', directory: 's3://${HUBSPOT_ACCESS_TOKEN}'}",
    "name: '/${HUBSPOT_ACCESS_TOKEN}'",
])  # fmt: skip
WAYS = st.sampled_from([
    "hubspot: {{access_token: '{}'}}\n",
    "hubspot: {{access_token: {}}}\n",
    "hubspot: {{access_token {}: 1}}\n",
    "hubspot: {{access_token: ['{}']}}\n",
    "hubspot: {{access_token: {{'{}': 1}}}}\n",
    "hubspot: {{acces_token: '{}'}}\n",
    "hubspot: {{base_url: '{}'}}\n",
    "hubspot: {{api_version: '{}'}}\n",
    "hubspot: '{}'\n",
    "hubspot:\n  access_token: {}\n",
    "hubspot:\n  access_token:{}\n",
    "hubspot:\n  access_token: *{}\n",
    "hubspot:\n  access_token: !{} x\n",
    "hubspot:\n  access_token: &{} x\n",
    "hubspot:\n  api_version: v4\n    access_token:{}\n",
    "access_token: {}\n",
])  # fmt: skip


@given(token=TOKENS, way=WAYS, breakage=BREAKAGES, known=st.booleans())
def test_no_problem_ever_tells_the_token(
    token: str, way: str, breakage: str, *, known: bool
) -> None:
    """However the job file is broken, its problems can be pasted into a ticket."""
    environment = {"HUBSPOT_ACCESS_TOKEN": token if known else "pat-na1-other 1"}
    texts = (way.format(token) + SHORTEST + breakage, SHORTEST + breakage)
    for text in texts:
        for override in (
            "limits.batch_size=0",
            f"hubspot.access_token={token}",
            f"hubspot.access_token {token}",
        ):
            with pytest.raises(JobError) as caught:
                parse_job(
                    text, file=FILE, environment=environment, overrides=[override, "action=x"]
                )
            story = f"{caught.value} {caught.value.hint} {caught.value.problems}"
            assert "pat-na1-" not in story


@given(
    st.text(st.characters(), max_size=60)
    | st.text("{}[]:,-&*!|>'\"%@#?<= \n\t\\aux01", max_size=40)
)
def test_any_text_is_a_job_or_a_list_of_problems(text: str) -> None:
    """Whatever file is given by mistake, the answer is a message and not a traceback."""
    for whole in (text, SHORTEST + text, SHORTEST + f"label: {text}"):
        try:
            parse_job(whole, file=FILE, environment={})
        except JobError as error:
            assert all(each.place and each.message and each.hint for each in error.problems)  # noqa: PT017
