"""The command ``doctor`` as a process, against an account in each state of health."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web
from commands import Ended, etl

from etl.sandbox import PortalDefinition, Sandbox, SandboxSettings, demo_portal

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.typedefs import Handler

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {value: Partner}
hubspot: {api_version: 2026-09}
output: {directory: runs}
"""
ACCOUNT: Final = [
    "connection",
    "token",
    "portal",
    "time zone",
    "api version",
    "rate limit",
    "calls left today",
    "association limits",
]
OF_JOB: Final = ["scopes", "object types", "labels", "source", "output folder"]
NOBODY: Final = {"HUBSPOT_BASE_URL": "http://127.0.0.1:9", "HUBSPOT_ACCESS_TOKEN": "made-up"}
"""The discard port, where nobody listens."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a job with nothing wrong."""
    (tmp_path / "rows.csv").write_text("contact,company\n1,2\n", encoding="utf-8")
    (tmp_path / "roles.yaml").write_text(JOB, encoding="utf-8")
    return tmp_path


async def against(
    portal: PortalDefinition, *arguments: str, cwd: Path, middlewares: Any = ()
) -> Ended:
    """Run doctor against a sandbox."""
    async with Sandbox(portal, middlewares=middlewares) as sandbox:
        settings = {"HUBSPOT_BASE_URL": sandbox.base_url, "HUBSPOT_ACCESS_TOKEN": "made-up"}
        return await asyncio.to_thread(etl, "doctor", *arguments, cwd=cwd, **settings)


def verdicts(ended: Ended) -> dict[str, str]:
    """Read the verdict of each check."""
    assert "Traceback" not in ended.stderr
    return {line["check"]: line["verdict"] for line in json.loads(ended.stdout)}


def fix_of(ended: Ended, check: str) -> str:
    """Read what a check tells to do."""
    [fix] = [line["fix"] for line in json.loads(ended.stdout) if line["check"] == check]
    return str(fix)


async def test_a_healthy_job(folder: Path) -> None:
    """Where nothing is wrong every check says so, nothing is written, and few calls are made."""
    asked = []

    @web.middleware
    async def listen(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked.append(request.method)
        return await handler(request)

    ended = await against(demo_portal(), "roles.yaml", "--json", cwd=folder, middlewares=[listen])
    assert ended.code == 0, ended.stdout
    found = verdicts(ended)
    assert list(found) == [*ACCOUNT, *OF_JOB]
    [limits] = [
        line["said"] for line in json.loads(ended.stdout) if line["check"] == "association limits"
    ]
    assert "contacts → companies: " in limits
    assert "companies → contacts: " in limits
    # How much room the disk has is this machine's affair.
    assert {check for check, verdict in found.items() if verdict != "ok"} <= {"output folder"}
    assert set(asked) == {"GET"}
    assert len(asked) <= 7
    names = sorted(path.name for path in await asyncio.to_thread(lambda: list(folder.iterdir())))
    assert names == ["roles.yaml", "rows.csv"]


def test_lines_for_people(folder: Path) -> None:
    """A person reads one line a check on stdout, each with its fix, and v4 is told among them."""
    ended = etl("doctor", "roles.yaml", "--sandbox", "--set", "hubspot.api_version=v4", cwd=folder)
    lines = ended.stdout.splitlines()
    assert [line[8:].partition(":")[0] for line in lines] == [*ACCOUNT, *OF_JOB]
    [version] = [line for line in lines if "api version" in line]
    assert version.startswith("warn    api version: ")
    assert "2027-03-30; try: set hubspot.api_version" in version
    assert "2027-03-30" not in ended.stderr


def test_without_a_job_the_account_alone(tmp_path: Path) -> None:
    """Before there is a job file, the account can be looked at."""
    ended = etl("doctor", "--sandbox", "--api-version", "2026-03", "--json", cwd=tmp_path)
    assert ended.code == 0, ended.stdout
    assert list(verdicts(ended)) == ACCOUNT
    assert set(verdicts(ended).values()) == {"ok"}


def test_no_token(folder: Path) -> None:
    """Without a token the variable is named, and what needs no HubSpot is checked all the same."""
    ended = etl("doctor", "roles.yaml", "--json", cwd=folder)
    assert ended.code == 1
    found = verdicts(ended)
    assert (found["token"], found["source"], found["labels"]) == ("fail", "ok", "skipped")
    assert "HUBSPOT_ACCESS_TOKEN" in fix_of(ended, "token")


async def test_a_token_that_hubspot_refuses(folder: Path) -> None:
    """A wrong token is told as that, and HubSpot is asked nothing more with it."""
    portal = PortalDefinition(settings=SandboxSettings(access_token="another"))
    ended = await against(portal, "roles.yaml", "--json", cwd=folder)
    found = verdicts(ended)
    assert ended.code == 1
    assert (found["connection"], found["token"], found["labels"]) == ("ok", "fail", "skipped")
    assert "made-up" not in ended.stdout + ended.stderr


async def test_missing_scopes_are_named(folder: Path) -> None:
    """A scope that the private app lacks is told by its name, and the other checks still run."""
    scopes = ("crm.objects.contacts.read",)
    portal = PortalDefinition(settings=SandboxSettings(scopes=scopes))
    ended = await against(portal, "roles.yaml", "--json", cwd=folder)
    found = verdicts(ended)
    assert ended.code == 1
    assert (found["token"], found["scopes"], found["source"]) == ("ok", "fail", "ok")
    assert found["association limits"] == "warn"
    assert "crm.objects.companies.read" in fix_of(ended, "scopes")


@pytest.mark.parametrize(
    ("setting", "check", "words"),
    [
        ("to.object=firms", "object types", "to.object"),
        ("label.value=Partnr", "labels", "did you mean 'Partner'?"),
        ("source.path=gone.csv", "source", "source.path"),
        ("limits.daily_reserve=500000", "calls left today", "--wait-for-quota"),
        ("from.column=person", "source", "company"),
    ],
)
def test_one_thing_that_is_wrong(folder: Path, setting: str, check: str, words: str) -> None:
    """What would stop a run fails its own check, with the fix, and leaves the others be."""
    ended = etl("doctor", "roles.yaml", "--sandbox", "--json", "--set", setting, cwd=folder)
    assert ended.code == 1, ended.stdout
    failed = [name for name, verdict in verdicts(ended).items() if verdict == "fail"]
    assert failed == [check]
    assert words in ended.stdout


@pytest.mark.parametrize(
    ("match_by", "code", "verdict"), [("email", 0, "ok"), ("firstname", 1, "fail")]
)
def test_a_property_to_match_by(folder: Path, match_by: str, code: int, verdict: str) -> None:
    """A job over emails is told whether HubSpot finds records by them; a first name is no key."""
    setting = f"from={{object: contacts, column: contact, match_by: {match_by}}}"
    ended = etl("doctor", "roles.yaml", "--sandbox", "--json", "--set", setting, cwd=folder)
    assert ended.code == code, ended.stdout
    assert verdicts(ended)[f"match_by {match_by}"] == verdict


def test_a_network_that_is_down(folder: Path) -> None:
    """Without a network the first line says so in words, and this machine is checked all the same."""
    ended = etl("doctor", "roles.yaml", "--json", cwd=folder, **NOBODY)
    assert ended.code == 1
    found = verdicts(ended)
    assert (found["connection"], found["token"], found["source"]) == ("fail", "skipped", "ok")
    assert "network" in fix_of(ended, "connection")


async def test_a_hubspot_that_answers_nonsense(folder: Path) -> None:
    """A proxy's page of html in HubSpot's place is a failed check, not a traceback."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        del request, handler
        return web.Response(text="<html>Sign in", content_type="text/html")

    ended = await against(demo_portal(), "roles.yaml", "--json", cwd=folder, middlewares=[answer])
    assert ended.code == 1
    assert verdicts(ended)["connection"] == "fail"


async def test_todays_calls_of_the_whole_account(folder: Path) -> None:
    """Calls of other private apps count too, where HubSpot tells them."""

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.endswith("/private-apps"):
            return await handler(request)
        line = {"usageLimit": 500_000, "currentUsage": 499_000, "fetchStatus": "CACHED"}
        return web.json_response({"results": [line]})

    ended = await against(demo_portal(), "roles.yaml", "--json", cwd=folder, middlewares=[tell])
    assert ended.code == 0
    assert verdicts(ended)["calls left today"] == "warn"
    assert "1,000 of 500,000" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.yaml"], "no such job file"),
        (["--set", "limits.batch_size=1"], "--set"),
        (["roles.yaml", "--api-version", "v4"], "--set hubspot.api_version=v4"),
    ],
)
def test_usage(folder: Path, arguments: list[str], words: str) -> None:
    """A command that makes no sense is told as that, with exit code 2."""
    ended = etl("doctor", *arguments, cwd=folder)
    assert (ended.code, ended.stdout) == (2, "")
    assert words in ended.stderr
