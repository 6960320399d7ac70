"""The checks of ``doctor``: what each makes of what HubSpot said, or did not say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest

from etl.core.finding import Finding, Status, fail, ok, skipped, verdict_of, warn
from etl.core.keys import UniqueProperty
from etl.doctor import account
from etl.doctor import job as of_job
from etl.doctor.questions import Unasked
from etl.errors import AccessError, EtlError
from etl.hubspot.client import Reply
from etl.hubspot.meter import Meter
from etl.hubspot.wire import decode_answer
from etl.model import (
    DefinedLabel,
    ExplicitType,
    HubspotSettings,
    Job,
    LabelColumn,
    Labelling,
    LabelSettings,
    LabelValue,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)

if TYPE_CHECKING:
    from pathlib import Path

    from etl.doctor.questions import Told

UNASKED: Final = Unasked("there is no token")
NO_ANSWER: Final = EtlError("no answer after 2 attempts", "check the network")
REVOKED: Final = AccessError("refuses the token (401)", "set a valid token", http_status=401)
NO_SCOPE: Final = AccessError("refuses access (403)", "add the scopes x", http_status=403)
WITH_TOKEN: Final = HubspotSettings(Secret("made-up"))


def reply(status: int = 200, **fields: Any) -> Reply:
    """Answer a question."""
    return Reply(status, decode_answer(json.dumps(fields).encode()), 1)


def verdict(finding: Finding) -> str:
    """Give the verdict; whatever is not right comes with a fix, and nothing else does."""
    needs_fix = finding.verdict in {Status.WARN, Status.FAIL}
    assert bool(finding.fix) == needs_fix
    assert finding.said
    return finding.verdict.value


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([ok("a", "b"), warn("a", "b", "c"), skipped("a", "b")], 0),
        ([ok("a", "b"), fail("a", "b", "c")], 1),
    ],
)
def test_only_a_failed_check_fails_the_command(findings: list[Finding], code: int) -> None:
    """A scheduler may run doctor before a job: what a run can live with does not hold it back."""
    assert verdict_of(findings) == code


@pytest.mark.parametrize(
    ("told", "connection", "token", "portal"),
    [
        (reply(portalId=345), "ok", "ok", "ok"),
        (reply(404, message="no such page"), "ok", "ok", "warn"),
        (REVOKED, "ok", "fail", "skipped"),
        (NO_ANSWER, "fail", "skipped", "skipped"),
    ],
)
def test_the_first_question_tells_connection_token_and_portal(
    told: Told, connection: str, token: str, portal: str
) -> None:
    """A network that is down is not told as a bad token, nor a bad token as a network."""
    assert verdict(account.connection(WITH_TOKEN, told)) == connection
    assert verdict(account.token(WITH_TOKEN, told)) == token
    assert verdict(account.portal(told)) == portal


def test_no_token_names_the_variable() -> None:
    """Who has set no token reads which variable to set; the job may name its own."""
    hubspot = HubspotSettings(None, token_variable="PORTAL_TWO_TOKEN")
    finding = account.token(hubspot, UNASKED)
    assert verdict(finding) == "fail"
    assert "PORTAL_TWO_TOKEN" in finding.fix
    assert verdict(account.connection(hubspot, UNASKED)) == "skipped"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (reply(timeZone="Asia/Tokyo"), "ok"),
        (reply(timeZone="Mars/Olympus", utcOffsetMilliseconds=3_600_000), "ok"),
        (reply(timeZone="Mars/Olympus"), "warn"),
        (reply(), "warn"),
        (NO_ANSWER, "skipped"),
    ],
)
def test_the_time_zone(told: Told, expected: str) -> None:
    """A day whose end is not known makes --wait-for-quota slower, which is told beforehand."""
    assert verdict(account.time_zone(told)) == expected


@pytest.mark.parametrize(
    ("told", "wanted", "details", "expected"),
    [
        (150.0, None, reply(), "ok"),
        (150.0, 150, reply(), "ok"),
        (150.0, 190, reply(), "warn"),
        (None, 190, reply(), "ok"),
        (None, None, NO_ANSWER, "skipped"),
    ],
)
def test_the_rate_limit(
    told: float | None, wanted: int | None, details: Told, expected: str
) -> None:
    """A job that sets more than the account has is told before HubSpot refuses its requests."""
    assert verdict(account.rate_limit(told, wanted, details)) == expected


def usage(used: int, limit: int, status: str = "SUCCESS") -> Reply:
    """Answer the question for today's calls."""
    return reply(results=[{"usageLimit": limit, "currentUsage": used, "fetchStatus": status}])


@pytest.mark.parametrize(
    ("meter", "told", "reserve", "expected", "said"),
    [
        (Meter(daily_limit=1000, daily_remaining=900), reply(404), 0, "ok", "900 of 1,000"),
        (Meter(), usage(100, 1000), 0, "ok", "900 of 1,000"),
        # The lower of the two is what a run can count on.
        (Meter(daily_limit=1000, daily_remaining=900), usage(980, 1000), 0, "warn", "20 of 1,000"),
        (Meter(daily_limit=1000, daily_remaining=20), usage(100, 1000), 0, "warn", "20 of 1,000"),
        (Meter(daily_limit=1000, daily_remaining=0), reply(404), 0, "fail", "0 of 1,000"),
        (Meter(), usage(1200, 1000), 0, "fail", "0 of 1,000"),
        (Meter(), usage(500, 1000), 500, "fail", "daily_reserve keeps 500"),
        (Meter(), usage(500, 1000), 499, "ok", "500 of 1,000"),
        (Meter(), usage(0, 0, "FAILURE"), 0, "warn", "does not tell"),
        (Meter(), reply(results=[{"odd": True}]), 0, "warn", "does not tell"),
        (Meter(), NO_SCOPE, 0, "warn", "does not tell"),
        (Meter(), UNASKED, 0, "skipped", "no token"),
    ],
)
def test_the_calls_left_today(
    meter: Meter, told: Told, reserve: int, expected: str, said: str
) -> None:
    """A run that would stop for the day's limit is known beforehand, whoever tells the number."""
    finding = account.calls_left(meter, told, reserve)
    assert verdict(finding) == expected
    assert said in finding.said


def test_the_api_version() -> None:
    """v4 is to be changed, a dated version is fine until its support is over."""
    today = date(2026, 11, 24)
    assert verdict(account.api_version("v4", today)) == "warn"
    assert verdict(account.api_version("2026-09", today)) == "ok"
    assert verdict(account.api_version("2026-09", date(2028, 4, 1))) == "warn"


BOSS_LIMIT: Final = {
    "category": "USER_DEFINED",
    "typeId": 11,
    "label": "Boss",
    "userEnforcedMaxToObjectIds": 5,
}


@pytest.mark.parametrize(
    ("told", "expected", "said"),
    [
        (reply(results=[]), "ok", "none are configured"),
        (reply(results=[BOSS_LIMIT]), "ok", "Boss at most 5"),
        (reply(results=[{**BOSS_LIMIT, "label": None}]), "ok", "USER_DEFINED:11 at most 5"),
        (reply(results=[BOSS_LIMIT] * 8), "ok", "and 3 more"),
        (reply(results=[{"category": "USER_DEFINED", "typeId": 1}]), "ok", "none are configured"),
        (reply(results="odd"), "warn", "can't be understood"),
        (reply(404), "warn", "HTTP 404"),
        (NO_SCOPE, "warn", "403"),
        (NO_ANSWER, "warn", "no answer"),
        (UNASKED, "skipped", "no token"),
    ],
)
def test_the_association_limits(told: Told, expected: str, said: str) -> None:
    """Limits that admins have set are told; not being let see them keeps no run from going."""
    finding = account.association_limits({"": told})
    assert verdict(finding) == expected
    assert said in finding.said


def test_the_association_limits_of_both_ways() -> None:
    """A limit from companies to contacts stops rows as one from contacts to companies does."""
    limits = {"a → b": reply(results=[]), "b → a": reply(results=[BOSS_LIMIT])}
    finding = account.association_limits(limits)
    assert verdict(finding) == "ok"
    assert "a → b: none are configured" in finding.said
    assert "b → a: Boss at most 5" in finding.said
    assert verdict(account.association_limits({**limits, "b → a": NO_SCOPE})) == "warn"


# --- the job ----------------------------------------------------------------------------------------

FORWARD: Final = reply(
    results=[
        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
        {"category": "USER_DEFINED", "typeId": 11, "label": "Boss"},
    ]
)
BACKWARD: Final = reply(
    results=[
        {"category": "HUBSPOT_DEFINED", "typeId": 280, "label": None},
        {"category": "USER_DEFINED", "typeId": 22, "label": "Employee"},
    ]
)
BARE: Final = reply(results=[{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}])


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Make a job that takes its labels from a column."""
    return Job(
        name="roles",
        file=tmp_path / "roles.yaml",
        source=Source(str(tmp_path / "rows.csv")),
        from_side=Side("contacts", "contact"),
        to_side=Side("companies", "company"),
        labelling=LabelColumn("role"),
        existing_labels="keep",
        hubspot=WITH_TOKEN,
        limits=Limits(),
        output=Output(tmp_path / "runs"),
    )


@pytest.mark.parametrize(
    ("told", "scopes", "objects"),
    [
        ([FORWARD, BACKWARD], "ok", "ok"),
        ([FORWARD], "ok", "ok"),
        ([FORWARD, NO_SCOPE], "fail", "skipped"),
        ([reply(400, message="Unable to infer object type"), BACKWARD], "skipped", "fail"),
        ([NO_ANSWER, UNASKED], "skipped", "fail"),
        ([UNASKED], "skipped", "skipped"),
    ],
)
def test_scopes_and_objects_are_told_apart(
    job: Job, told: list[Told], scopes: str, objects: str
) -> None:
    """A missing scope is not told as an unknown object, nor the other way round."""
    assert verdict(of_job.scopes(told)) == scopes
    assert verdict(of_job.object_types(job, told)) == objects
    assert (verdict(of_job.labels(job, told)) == "skipped") == (objects != "ok")


@pytest.mark.parametrize(
    ("labelling", "told", "expected", "said"),
    [
        (LabelColumn("role"), [FORWARD, BACKWARD], "ok", "Boss, Employee"),
        (LabelColumn("role"), [BARE, BARE], "warn", "has none"),
        (None, [BARE, BARE], "ok", "has none"),
        (LabelValue("boss"), [FORWARD, BACKWARD], "ok", "has 'boss'"),
        (LabelValue("Employee"), [FORWARD, BACKWARD], "ok", "has 'Employee'"),
        (LabelValue("Bos"), [FORWARD, BACKWARD], "fail", "'Bos' does not exist"),
        (
            ExplicitType(id=12, category="USER_DEFINED"),
            [FORWARD, BACKWARD],
            "fail",
            "USER_DEFINED:12",
        ),
        (LabelColumn("role"), [reply(results=[{"typeId": []}]), BACKWARD], "fail", "can't be read"),
    ],
)
def test_the_labels(
    job: Job, labelling: Labelling, told: list[Told], expected: str, said: str
) -> None:
    """A label fixed for all rows is looked up before a run stops over it."""
    object.__setattr__(job, "labelling", labelling)
    finding = of_job.labels(job, told)
    assert verdict(finding) == expected
    assert said in finding.said


@pytest.mark.parametrize(
    ("labels", "expected", "said"),
    [
        (LabelSettings(define=(DefinedLabel("Boss"),)), "ok", "has Boss, Employee"),
        (
            LabelSettings(define=(DefinedLabel("Mentor"), DefinedLabel("Guest"))),
            "fail",
            "labels.define: 'Guest': HubSpot does not have it",
        ),
        (
            LabelSettings(create_missing=True, define=(DefinedLabel("Mentor"),)),
            "ok",
            "lacks 'Mentor': a run makes them first",
        ),
        (
            LabelSettings(create_missing=True, define=(DefinedLabel("Boss", inverse="Nobody"),)),
            "fail",
            "without the inverse 'Nobody'",
        ),
    ],
)
def test_the_labels_that_a_job_defines(
    job: Job, labels: LabelSettings, expected: str, said: str
) -> None:
    """Labels that a run would stop over are told before, and those that it would make, too."""
    finding = of_job.labels(replace(job, labels=labels), [FORWARD, BACKWARD])
    assert verdict(finding) == expected
    assert said in finding.said


def test_a_label_for_all_rows_may_be_one_that_a_run_makes(job: Job) -> None:
    """A job that makes the label it is for is fit to run."""
    labels = LabelSettings(create_missing=True, define=(DefinedLabel("Mentor"),))
    mentors = replace(job, labels=labels, labelling=LabelValue("Mentor"))
    assert verdict(of_job.labels(mentors, [FORWARD, BACKWARD])) == "ok"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (reply(207, results=[]), "ok"),
        (reply(400, message="nobody@doctor.invalid is not a whole number"), "ok"),
        (reply(400, message="The property email is not unique"), "fail"),
        (NO_SCOPE, "fail"),
        (NO_ANSWER, "fail"),
        (UNASKED, "skipped"),
    ],
)
def test_a_property_to_match_by(told: Told, expected: str) -> None:
    """A refusal of the made-up key says nothing against the property."""
    assert verdict(of_job.keys(UniqueProperty("contacts", "email"), told)) == expected
