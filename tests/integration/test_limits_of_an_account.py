"""Limits listed, set and cleared in every version: told as HubSpot lists them, whatever it answered."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, get_args

import pytest
from aiohttp import web

from etl.core.exit_code import ExitCode
from etl.errors import EtlError, SettingsError, StoppedError
from etl.hubspot.ceilings import fetch_ceilings
from etl.hubspot.client import Client
from etl.hubspot.existing import Between
from etl.hubspot.limits import clear_limits, fetch_limits, fetch_pair_limits, set_limits
from etl.hubspot.pace import Pace
from etl.hubspot.paths import AccountPaths
from etl.hubspot.transport import open_transport
from etl.hubspot.usage_report import order_usage_report
from etl.logs import open_log
from etl.model import (
    ApiVersion,
    AssociationType,
    Direction,
    HubspotSettings,
    Job,
    Limits,
    Output,
    Side,
    Source,
)
from etl.pipeline import prepare
from etl.sandbox import AssociationLimit, CustomLabel, PortalDefinition, Sandbox, SandboxSettings
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp.typedefs import Handler

VERSIONS: Final = get_args(ApiVersion)
ANY: Final = AssociationType("HUBSPOT_DEFINED", 279)
PARTNER: Final = AssociationType("USER_DEFINED", 1)
GONE: Final = AssociationType("USER_DEFINED", 999)
WRITES: Final = ("/batch/create", "/batch/update", "/batch/purge")


@dataclass
class Account:
    """A sandbox and a client to it; what was asked, and what stands in between."""

    client: Client
    stop: Stop
    asked: list[str] = field(default_factory=list)
    """Method and last part of the path of each request."""
    instead: Callable[[web.Request], web.Response | None] = lambda _: None
    """What is answered in HubSpot's place, and nothing done."""
    after: Callable[[web.Request], web.Response | None] = lambda _: None
    """What is answered once the work is done."""

    async def limits(self, version: ApiVersion = "v4") -> dict[AssociationType, int]:
        """List the limits from contacts to companies."""
        return await fetch_pair_limits(self.client, pair(version))

    @property
    def writes(self) -> list[str]:
        """List the writes that came."""
        return [each.partition(" ")[2] for each in self.asked if each.startswith("POST")]


class OpenAccount(Protocol):
    """Open an account with some limits."""

    async def __call__(
        self, *limits: AssociationLimit, labels: tuple[CustomLabel, ...] = ()
    ) -> Account:
        """Open it."""


def pair(version: ApiVersion = "v4") -> Between:
    """Name contacts and companies."""
    return Between.of(version, "contacts", "companies")


def limit(most: int, label: str | None = None) -> AssociationLimit:
    """Set a limit before anything begins."""
    return AssociationLimit(from_object="contacts", to_object="companies", label=label, max=most)


def broken(status: int, message: str) -> web.Response:
    """Write an error of HubSpot's."""
    return web.json_response({"message": message, "category": "TROUBLE"}, status=status)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenAccount]:
    """Give a function that opens an account whose waits are over at once."""
    async with AsyncExitStack() as stack:

        async def open_account(
            *limits: AssociationLimit, labels: tuple[CustomLabel, ...] = ()
        ) -> Account:
            @web.middleware
            async def between(request: web.Request, handler: Handler) -> web.StreamResponse:
                account.asked.append(f"{request.method} {request.path.rsplit('/', 1)[-1]}")
                if (refusal := account.instead(request)) is not None:
                    return refusal
                response = await handler(request)
                return account.after(request) or response

            definition = PortalDefinition(
                labels=(
                    CustomLabel(from_object="contacts", to_object="companies", label="Partner"),
                    *labels,
                ),
                limits=limits,
                settings=SandboxSettings(requests_per_10_seconds=None),
            )
            now = [1000.0]

            async def sleep(seconds: float) -> None:
                now[0] += seconds

            sandbox = await stack.enter_async_context(Sandbox(definition, middlewares=[between]))
            transport = await stack.enter_async_context(
                open_transport("pat-na1-made-up-0123456789", sandbox.base_url)
            )
            stop = Stop()
            client = Client(
                transport,
                pace=Pace(1_000_000, clock=lambda: now[0], sleep=sleep),
                stop=stop,
                log=stack.enter_context(open_log(tmp_path / "run.log")),
                clock=lambda: now[0],
                sleep=sleep,
                chance=lambda: 0.0,
            )
            account = Account(client, stop)
            return account

        yield open_account


@pytest.mark.parametrize("version", VERSIONS)
async def test_limits_are_set_changed_and_cleared(opened: OpenAccount, version: ApiVersion) -> None:
    """New ones are created, others updated, those that hold already cost no write."""
    account = await opened()
    made = await set_limits(account.client, pair(version), {ANY: 5, PARTNER: 1})
    assert [(each.type, each.before, each.now, each.outcome) for each in made] == [
        (ANY, None, 5, "set"),
        (PARTNER, None, 1, "set"),
    ]
    assert account.writes == ["create"]
    again = await set_limits(account.client, pair(version), {ANY: 5, PARTNER: 2})
    assert [(each.before, each.now, each.outcome) for each in again] == [
        (5, 5, "unchanged"),
        (1, 2, "set"),
    ]
    assert account.writes == ["create", "update"]
    gone = await clear_limits(account.client, pair(version), [PARTNER])
    assert [(each.before, each.now, each.outcome) for each in gone] == [(2, None, "cleared")]
    assert await account.limits(version) == {ANY: 5}
    everything = await fetch_limits(account.client, AccountPaths(version).limits, "at all")
    assert [(each.type, each.most, each.label) for each in everything] == [(ANY, 5, None)]


async def test_one_call_each_for_new_and_changed(opened: OpenAccount) -> None:
    """A limit that is there and one that is not are both as asked for after two writes."""
    account = await opened(limit(3))
    done = await set_limits(account.client, pair(), {ANY: 4, PARTNER: 1})
    assert {each.outcome for each in done} == {"set"}
    assert sorted(account.writes) == ["create", "update"]
    assert await account.limits() == {ANY: 4, PARTNER: 1}


async def test_nothing_to_do_writes_nothing(opened: OpenAccount) -> None:
    """What holds already, and what is not there to be cleared, is told without a write."""
    account = await opened(limit(3))
    [same] = await set_limits(account.client, pair(), {ANY: 3})
    [absent] = await clear_limits(account.client, pair(), [PARTNER])
    assert (same.outcome, absent.outcome) == ("unchanged", "unchanged")
    assert account.writes == []


async def test_all_limits_of_the_pair_are_cleared(opened: OpenAccount) -> None:
    """Without types, everything that HubSpot lists for the pair goes; with nothing there, nothing."""
    account = await opened(limit(3), limit(1, "Partner"))
    gone = await clear_limits(account.client, pair(), None)
    assert {each.type: each.outcome for each in gone} == {ANY: "cleared", PARTNER: "cleared"}
    assert await clear_limits(account.client, pair(), None) == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_errors_of_a_batch_are_told_with_their_types(
    opened: OpenAccount, version: ApiVersion
) -> None:
    """Where one of two is refused, that one fails with HubSpot's words and the other is set."""
    account = await opened()
    done = await set_limits(account.client, pair(version), {ANY: 5, GONE: 1})
    assert [(each.outcome, each.now) for each in done] == [("set", 5), ("failed", None)]
    assert "USER_DEFINED 999 is no association type" in done[1].reason


async def test_a_refused_request_fails_all_its_types(opened: OpenAccount) -> None:
    """A 400 that names one type tells the others that they were refused together with it."""
    account = await opened()
    context = {"INVALID_ASSOCIATION_TYPE_ID": ["USER_DEFINED=999 is not valid"]}
    body = {"message": "no such type", "category": "VALIDATION_ERROR", "context": context}
    account.instead = lambda request: (
        web.json_response(body, status=400) if request.path.endswith(WRITES) else None
    )
    done = await set_limits(account.client, pair(), {ANY: 5, GONE: 1})
    assert [each.outcome for each in done] == ["failed", "failed"]
    assert done[0].reason == "refused together with another type: no such type"
    assert done[1].reason == "no such type"


async def test_a_success_that_is_not_listed_is_no_success(opened: OpenAccount) -> None:
    """HubSpot said yes and lists something else: told as unconfirmed, with what it lists."""
    account = await opened(limit(3))
    account.instead = lambda request: (
        web.json_response({"status": "COMPLETE", "results": []})
        if request.path.endswith(WRITES)
        else None
    )
    [changed] = await set_limits(account.client, pair(), {ANY: 4})
    [cleared] = await clear_limits(account.client, pair(), [ANY])
    assert (changed.outcome, changed.now) == ("unconfirmed", 3)
    assert (cleared.outcome, cleared.now) == ("unconfirmed", 3)


async def test_a_write_that_lost_its_answer_is_looked_at(opened: OpenAccount) -> None:
    """HubSpot did it and answered 500, then refused the second try: the limit is there, and set."""
    account = await opened()
    lost = [broken(500, "lost")]
    account.after = lambda request: (
        lost.pop() if lost and request.path.endswith("/batch/create") else None
    )
    [done] = await set_limits(account.client, pair(), {ANY: 5})
    assert account.writes == ["create", "create"]
    assert (done.outcome, done.now, done.reason) == ("set", 5, "")


async def test_a_write_that_comes_to_nothing_is_looked_at(opened: OpenAccount) -> None:
    """All tries answered 500 and nothing was done: the limit failed, with what holds now."""
    account = await opened(limit(3))
    account.instead = lambda request: (
        broken(500, "out of order") if request.path.endswith(WRITES) else None
    )
    [done] = await set_limits(account.client, pair(), {ANY: 5})
    assert (done.outcome, done.before, done.now) == ("failed", 3, 3)
    assert "out of order" in done.reason


async def test_what_can_not_be_looked_at_is_not_told(opened: OpenAccount) -> None:
    """HubSpot goes down after the write: nobody knows what holds, and the way to see it is given."""
    account = await opened()
    account.instead = lambda request: (
        broken(503, "be back soon") if account.writes and request.method == "GET" else None
    )
    with pytest.raises(StoppedError) as caught:
        await set_limits(account.client, pair(), {ANY: 5})
    assert "may have been changed or not" in caught.value.message
    assert caught.value.hint.endswith("hubspot-assoc limits list contacts companies")
    assert caught.value.exit_code == 3


async def test_an_interrupt_during_the_write(opened: OpenAccount) -> None:
    """Ctrl-C while HubSpot works ends with that it may be done, and the signal's exit code."""
    account = await opened()

    def interrupt(request: web.Request) -> None:
        if request.path.endswith(WRITES):
            account.stop.request("interrupted", "look again", ExitCode.INTERRUPTED)

    account.after = interrupt
    with pytest.raises(StoppedError, match="may have been changed or not") as caught:
        await set_limits(account.client, pair(), {ANY: 5})
    assert caught.value.exit_code == 130
    account.after = lambda _: None


async def test_a_token_that_may_not_write(opened: OpenAccount) -> None:
    """Missing scopes are told as such, before anything was changed."""
    account = await opened()
    account.instead = lambda request: (
        broken(403, "scopes") if request.path.endswith(WRITES) else None
    )
    with pytest.raises(SettingsError, match="403"):
        await set_limits(account.client, pair(), {ANY: 5})


async def test_a_second_write_that_may_not_be(opened: OpenAccount) -> None:
    """Refused between two writes: what the first has done is told, and the second with its reason."""
    account = await opened(limit(3))
    account.instead = lambda request: (
        broken(403, "scopes") if request.path.endswith("/update") else None
    )
    done = await set_limits(account.client, pair(), {ANY: 4, PARTNER: 1})
    assert [(each.outcome, each.now) for each in done] == [("failed", 3), ("set", 1)]
    assert "403" in done[0].reason


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(broken(404, "no such thing"), "no such thing", id="not found"),
        pytest.param(web.json_response({"results": [{"x": 1}]}), "understood", id="another list"),
        pytest.param(broken(500, "out of order"), "can't be read", id="out of order"),
    ],
)
async def test_limits_that_can_not_be_listed(
    opened: OpenAccount, answer: web.Response, said: str
) -> None:
    """An answer that lists nothing is an error with the reason, never `there are no limits`."""
    account = await opened()
    body, status = answer.body, answer.status
    account.instead = lambda request: (
        web.Response(body=body, status=status, content_type="application/json")
        if "configurations" in request.path
        else None
    )
    with pytest.raises(EtlError, match=said):
        await account.limits()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_report_is_ordered_once(opened: OpenAccount, version: ApiVersion) -> None:
    """One request orders the report, and HubSpot says to whom it is mailed."""
    account = await opened()
    report = await order_usage_report(account.client, version, 77)
    assert (report.user_id, report.email) == (77, "user77@example.com")
    assert account.asked == ["POST 77"]


async def test_a_report_that_may_come_all_the_same(opened: OpenAccount) -> None:
    """An order without an answer may have been taken: told so, before somebody orders it again."""
    account = await opened()
    account.instead = lambda request: (
        broken(500, "out of order") if "high-usage-report" in request.path else None
    )
    with pytest.raises(StoppedError, match="not confirmed the report") as caught:
        await order_usage_report(account.client, "v4", 77)
    assert "may come all the same" in caught.value.hint


def job_between(one: str, other: str) -> Job:
    """Make a job; only its objects matter here."""
    return Job(
        name="plan",
        file=Path("plan.yaml"),
        source=Source("rows.csv"),
        from_side=Side(one, "one"),
        to_side=Side(other, "other"),
        labelling=None,
        existing_labels="keep",
        hubspot=HubspotSettings(None),
        limits=Limits(),
        output=Output(Path("runs")),
    )


async def test_ceilings_of_both_directions(opened: OpenAccount) -> None:
    """A label with one text has a limit each way, and a row that asks for it counts for both."""
    back = AssociationLimit(from_object="companies", to_object="contacts", label="Partner", max=7)
    account = await opened(limit(3), limit(2, "Partner"), back)
    job = job_between("contacts", "companies")
    portal = await prepare(job, account.client)
    portal.bits[Direction.FORWARD].mask([PARTNER])
    found = await fetch_ceilings(account.client, job, portal)
    assert [(c.holder, c.label, c.most, c.forward, c.reverse) for c in found.known] == [
        ("from_id", None, 3, 0, 0),
        ("from_id", "Partner", 2, 1, 0),
        ("to_id", "Partner", 7, 1, 0),
        ("to_id", None, 50_000, 0, 0),
    ]
    assert len(found.not_checked) == 1


async def test_ceilings_between_records_of_one_object(opened: OpenAccount) -> None:
    """One list has the labels of both ends: it is asked for once, and a label counts from one end."""
    friend = CustomLabel(from_object="contacts", to_object="contacts", label="Friend")
    limits = [
        AssociationLimit(from_object="contacts", to_object="contacts", label=label, max=4)
        for label in (None, "Friend")
    ]
    account = await opened(*limits, labels=(friend,))
    job = job_between("contacts", "contacts")
    portal = await prepare(job, account.client)
    [kind] = [each.type for each in portal.labels.forward if each.text == "Friend"]
    portal.bits[Direction.FORWARD].mask([kind])
    found = await fetch_ceilings(account.client, job, portal)
    assert {(c.holder, c.label, c.forward, c.reverse) for c in found.known} == {
        ("from_id", None, 0, 0),
        ("from_id", "Friend", 1, 0),
    }
    assert "counted only where rows ask for this very label" in found.not_checked[0]
    assert account.asked.count("GET contacts") == 1


async def test_ceilings_of_a_hubspot_that_is_out_of_order(opened: OpenAccount) -> None:
    """Limits that HubSpot does not answer for are told as not checked, and its own are still known."""
    account = await opened(limit(3))
    account.instead = lambda request: (
        broken(500, "out of order") if "configurations" in request.path else None
    )
    job = job_between("contacts", "companies")
    found = await fetch_ceilings(account.client, job, await prepare(job, account.client))
    assert [each.most for each in found.known] == [50_000]
    assert sum("out of order" in said for said in found.not_checked) == 2
