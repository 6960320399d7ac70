"""The commands about association limits, and what a plan says of them: processes and their streams."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web
from commands import Ended, etl

from etl.sandbox import AssociationLimit, CustomLabel, PortalDefinition, Sandbox, demo_portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from aiohttp.typedefs import Handler

TOKEN: Final = "pat-na1-made-up-0123456789"

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: contact}
to: {object: companies, column: company}
label: {column: role}
output: {directory: runs}
"""


@asynccontextmanager
async def account(
    folder: Path,
    definition: PortalDefinition | None = None,
    instead: Callable[[web.Request], web.Response | None] = lambda _: None,
) -> AsyncIterator[Callable[..., Awaitable[Ended]]]:
    """Give a function that runs commands, one after the other, against one account."""

    @web.middleware
    async def between(request: web.Request, handler: Handler) -> web.StreamResponse:
        return instead(request) or await handler(request)

    async with Sandbox(definition or demo_portal(), middlewares=[between]) as sandbox:

        async def command(*arguments: str | Path) -> Ended:
            settings = {"HUBSPOT_ACCESS_TOKEN": TOKEN, "HUBSPOT_BASE_URL": sandbox.base_url}
            return await asyncio.to_thread(etl, *arguments, cwd=folder, COLUMNS="200", **settings)

        yield command


def told(ended: Ended) -> Any:
    """Read what a command has printed for machines."""
    assert ended.code == 0, ended.stderr
    return json.loads(ended.stdout)


async def test_the_life_of_a_limit(tmp_path: Path) -> None:
    """Set, listed for its pair and among all, changed, cleared: each as HubSpot has it."""
    async with account(tmp_path) as run:
        pair = ("contacts", "companies")
        made = await run("limits", "set", *pair, "partner", "2")
        assert made.code == 0, made.stderr
        assert [
            word for word in ("Partner", "USER_DEFINED:7", "set") if word not in made.stdout
        ] == []
        both = told(await run("limits", "set", *pair, "USER_DEFINED:7=3", "unlabeled=5", "--json"))
        assert [(each["type_id"], each["before"], each["now"]) for each in both] == [
            (7, 2, 3),
            (279, None, 5),
        ]
        assert told(await run("limits", "list", *pair, "--json")) == [
            {
                "from": "contacts",
                "to": "companies",
                "category": "HUBSPOT_DEFINED",
                "type_id": 279,
                "label": None,
                "max": 5,
            },
            {
                "from": "contacts",
                "to": "companies",
                "category": "USER_DEFINED",
                "type_id": 7,
                "label": "Partner",
                "max": 3,
            },
        ]
        everything = told(await run("limits", "list", "--json"))
        # HubSpot does not say between which objects a limit is; for its own types the guide does.
        assert [(each["from"], each["to"], each["max"]) for each in everything] == [
            ("contact", "company", 5),
            (None, None, 3),
        ]
        assert told(await run("limits", "clear", *pair, "Partner", "--json"))[0]["now"] is None
        gone = await run("limits", "clear", *pair, "--all")
        assert (gone.code, "cleared" in gone.stdout) == (0, True)
        empty = await run("limits", "list", *pair)
        assert (empty.code, empty.stdout) == (0, "")
        assert "no limits are set for contacts → companies" in empty.stderr


async def test_nothing_to_clear(tmp_path: Path) -> None:
    """Clearing what is not there is said, and is no failure."""
    async with account(tmp_path) as run:
        for arguments in (["Partner"], ["--all"]):
            ended = await run("limits", "clear", "contacts", "companies", *arguments)
            assert ended.code == 0
            assert "nothing to clear" in ended.stderr


async def test_a_limit_that_hubspot_refuses(tmp_path: Path) -> None:
    """What is not as asked for is told with HubSpot's words, in brackets or not, and exit code 1."""
    refusal = web.json_response({"message": "[/x] is too much"}, status=400)
    body = refusal.body

    def instead(request: web.Request) -> web.Response | None:
        if not request.path.endswith("/batch/create"):
            return None
        return web.Response(body=body, status=400, content_type="application/json")

    async with account(tmp_path, instead=instead) as run:
        ended = await run("limits", "set", "contacts", "companies", "Partner", "2")
    assert ended.code == 1, ended.stderr
    assert "[/x] is too much" in ended.stdout
    assert "1 of 1 limits are not as asked for" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("set contacts companies Partner 0", "a limit can't be '0'"),
        ("set contacts companies Partner ٣", "a limit can't be '٣'"),
        ("set contacts companies Partner 99999999999", "a limit can't be '99999999999'"),
        ("set contacts companies Partner", "'Partner' is no LABEL=MAX"),
        ("set contacts companies Partner=1 USER_DEFINED:7=2", "two limits, 1 and 2"),
        ("set contacts companies Prtner 1", "did you mean 'Partner'?"),
        ("set contacts companies Employee 1", "swap FROM and TO"),
        ("set contacts companis Partner 1", "HubSpot has no labels for contacts → companis"),
        ("clear contacts companies", "--all"),
        ("clear contacts companies Partner --all", "two things"),
        ("list contacts", "only where it begins"),
        ("list contacts companis", "contacts → companis"),
    ],
)
def test_what_can_not_be_meant_is_refused(tmp_path: Path, arguments: str, said: str) -> None:
    """A slip ends with exit code 2 and the fix, before anything is changed."""
    ended = etl("limits", *arguments.split(), "--sandbox", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert "Try: " in ended.stderr


def test_the_report_is_mailed_to_somebody(tmp_path: Path) -> None:
    """The command says who gets the report, as HubSpot has taken the order."""
    ended = etl("usage-report", "77", "--sandbox", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert "user77@example.com (user 77)" in ended.stdout
    assert "80 % or more" in ended.stdout
    order = told(etl("usage-report", "77", "--sandbox", "--json", cwd=tmp_path))
    assert order == {"user_id": 77, "email": "user77@example.com"}


async def test_a_report_that_hubspot_does_not_make(tmp_path: Path) -> None:
    """A user that the account does not have is told as HubSpot says it."""

    def instead(request: web.Request) -> web.Response | None:
        is_report = "high-usage-report" in request.path
        return web.json_response({"message": "no user 77"}, status=400) if is_report else None

    async with account(tmp_path, instead=instead) as run:
        ended = await run("usage-report", "77")
    assert (ended.code, ended.stdout) == (2, "")
    assert "no user 77" in ended.stderr


def test_a_user_is_a_number(tmp_path: Path) -> None:
    """A mail address in place of the user's id is refused without a call."""
    ended = etl("usage-report", "ops@example.com", "--sandbox", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")


# --- what a plan says of limits -------------------------------------------------------------------


def limit(one: str, other: str, most: int, label: str | None = None) -> AssociationLimit:
    """Set a limit before anything begins."""
    return AssociationLimit(from_object=one, to_object=other, label=label, max=most)


LIMITED: Final = PortalDefinition(
    labels=(
        CustomLabel(from_object="contacts", to_object="companies", label="Partner"),
        CustomLabel(
            from_object="contacts",
            to_object="companies",
            label="Employer",
            inverse_label="Employee",
        ),
    ),
    limits=(
        limit("contacts", "companies", 2),
        limit("companies", "contacts", 1, "Partner"),
        limit("companies", "contacts", 1, "Employee"),
    ),
)

ROWS: Final = """\
contact,company,role
1,50,Primary
1,51,Primary
1,52,
2,50,Partner
3,50,Partner
3,51,Employer
"""


def write_job(folder: Path, rows: str = ROWS) -> Path:
    """Write a job and its source."""
    (folder / "rows.csv").write_text(rows, encoding="utf-8")
    (folder / "roles.yaml").write_text(JOB, encoding="utf-8")
    return folder / "roles.yaml"


async def test_a_plan_names_who_goes_over_a_limit(tmp_path: Path) -> None:
    """Records of either side are named with their count in the file and the limit that it breaks."""
    job = write_job(tmp_path)
    async with account(tmp_path, LIMITED) as run:
        limits = told(await run("plan", job, "--json"))["limits"]
    over = [
        (each["object"], each["record_id"], each["label"], each["associations"], each["limit"])
        for each in limits["over"]
    ]
    assert over == [("contacts", 1, None, 3, 2), ("companies", 50, "Partner", 2, 1)]
    assert limits["over_count"] == 2
    assert limits["counted"] == "in this file alone; what HubSpot has already comes on top"
    caps = {(each["object"], each["limit"]) for each in limits["checked"] if not each["category"]}
    assert caps == {("companies", 50_000)}
    # A contact that rows give two primary companies is named with both and their rows.
    [rival] = limits["rival_primaries"]
    assert (rival["object"], rival["record_id"], rival["others"]) == ("contacts", 1, 2)
    assert [(each["other_id"], each["row_number"]) for each in rival["claims"]] == [
        (50, 1),
        (51, 2),
    ]
    # Caps that no source names, and the other side of paired labels, are never passed over.
    cap, paired = limits["not_checked"]
    assert cap.startswith("HubSpot's own limit for contacts → companies")
    assert "'Employee' (USER_DEFINED:4)" in paired
    assert "'Employer' may be" in paired


async def test_a_plan_of_limits_for_people(tmp_path: Path) -> None:
    """The screen has the same: a few records and how many there are, primaries, what was not checked."""
    rows = "".join(f"{one},{other},\n" for one in range(11, 26) for other in (50, 51, 52))
    job = write_job(tmp_path, ROWS + rows)
    async with account(tmp_path, LIMITED) as run:
        shown = (await run("plan", job)).stdout
    assert "over a limit, in this file alone; what HubSpot has already comes on top" in shown
    assert "contacts 11 " in shown
    assert "… and 7 more, 17 in all: see --json" in shown
    assert "companies 50 (row 1), companies 51 (row 2)" in shown
    assert "  contacts → companies, any label (HUBSPOT_DEFINED:279): 2 (set in HubSpot)" in shown
    assert "  HubSpot's own limit for contacts → companies" in shown


@pytest.mark.parametrize(("status", "flags"), [(403, ["--json"]), (404, [])])
async def test_a_plan_without_a_look_at_limits(
    tmp_path: Path, status: int, flags: list[str]
) -> None:
    """A token without the scope, or a HubSpot without such limits, costs that check and no more."""
    job = write_job(tmp_path)

    def instead(request: web.Request) -> web.Response | None:
        if "/definitions/configurations/" not in request.path:
            return None
        return web.json_response({"message": "[/no] limits for you"}, status=status)

    async with account(tmp_path, LIMITED, instead) as run:
        ended = await run("plan", job, *flags)
    assert ended.code == 0, ended.stderr
    for pair in ("contacts → companies", "companies → contacts"):
        assert f"limits set in HubSpot for {pair}: " in ended.stdout
    assert ended.stdout.count("[/no] limits for you") == 2
    assert "USER_DEFINED:2): " not in ended.stdout
