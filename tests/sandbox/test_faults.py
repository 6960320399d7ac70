"""The sandbox misbehaves as its script says, over real sockets, and the account shows what was done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from etl.sandbox import FaultScript
from etl.sandbox.faults import (
    CutAfterFault,
    CutBeforeFault,
    CutBodyFault,
    ForgetFault,
    HangFault,
    HtmlFault,
    LoseFault,
    SecondlyFault,
    SlowFault,
    StatusFault,
)
from etl.sandbox.gate import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from etl.sandbox.faults import Fault

BATCH = "/crm/v4/associations/contacts/companies/batch"
ONE = "/crm/v4/objects/contacts/1/associations/companies"
PAIR = "/crm/v4/objects/contacts/11/associations/companies/12"
LISTED = "/crm/v4/objects/contacts/11/associations/companies"
LABELS = "/crm/v4/associations/contacts/companies/labels"
LIMITS = "/crm/associations/v4/definitions/configurations"
RECORDS = "/crm/v3/objects/contacts/batch/read"
DETAILS = "/account-info/v3/details"
LABEL = "USER_DEFINED:1"
LIMIT = "X-HubSpot-RateLimit-Max"


def script(*faults: Fault, seed: int = 1) -> FaultScript:
    """Write a script."""
    return FaultScript(seed=seed, faults=faults)


def made(account: Any) -> set[tuple[int, int]]:
    """List the pairs of records that the account has."""
    found = account.sandbox.portal.associations("contacts", "companies")
    return {(from_id, to_id) for from_id, to_id, _, _ in found}


def pairs(ask: Any, count: int) -> list[object]:
    """Write inputs for contact 1 and companies 1, 2, 3, …."""
    return [ask(1, number, LABEL) for number in range(1, count + 1)]


# --- errors in place of the work ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (400, "VALIDATION_ERROR"),
        (401, "INVALID_AUTHENTICATION"),
        (403, "MISSING_SCOPES"),
        (404, "OBJECT_NOT_FOUND"),
        (408, "REQUEST_TIMEOUT"),
        (423, "LOCKED"),
        (429, "RATE_LIMITS"),
        (477, "MIGRATION_IN_PROGRESS"),
        (500, None),
        (502, "BAD_GATEWAY"),
        (503, "SERVICE_UNAVAILABLE"),
        (504, "GATEWAY_TIMEOUT"),
    ],
)
async def test_a_status_answers_in_place_of_the_work(
    open_account: Any, ask: Any, status: Any, category: str | None
) -> None:
    """Nothing is made, and the body is an error in HubSpot's form, with its own correlation id."""
    account = await open_account(faults=script(StatusFault(status=status)))
    answer = await account.post(f"{BATCH}/create", ask(1, 2, LABEL))
    assert (answer.status, answer.body["status"]) == (status, "error")
    assert answer.body.get("category") == category
    assert answer.body["message"]
    assert answer.headers["X-HubSpot-Correlation-Id"] == answer.body["correlationId"]
    assert "Retry-After" not in answer.headers
    assert (LIMIT in answer.headers) == (status not in {401, 429})
    assert made(account) == set()
    assert (account.sandbox.requests, account.sandbox.refused) == (1, 0)
    assert account.sandbox.faults == {f"status {status}": 1}


async def test_the_500_is_the_one_people_saw(open_account: Any) -> None:
    """HubSpot's 500 has been seen without a category, in 100 bytes."""
    account = await open_account(faults=script(StatusFault(status=500)))
    answer = await account.get(DETAILS)
    del answer.body["correlationId"]
    assert answer.body == {"status": "error", "message": "internal error"}
    assert answer.headers["Content-Length"] == "100"


@pytest.mark.parametrize("policy", ["SECONDLY", "TEN_SECONDLY_ROLLING", "DAILY", None])
async def test_a_429_names_its_policy(open_account: Any, policy: Any) -> None:
    """A 429 says which limit, the rolling one unless told, and when to come back."""
    fault = StatusFault(status=429, policy=policy, retry_after_seconds=2)
    account = await open_account(faults=script(fault))
    answer = await account.get(DETAILS)
    assert answer.body["errorType"] == "RATE_LIMIT"
    assert answer.body["policyName"] == (policy or "TEN_SECONDLY_ROLLING")
    assert answer.headers["Retry-After"] == "2"
    assert [name for name in answer.headers if "RateLimit" in name] == []


@pytest.mark.parametrize("status", [423, 477, 503])
async def test_others_say_when_to_come_back(open_account: Any, status: Any) -> None:
    """Retry-After goes with the statuses that ask for a pause."""
    account = await open_account(faults=script(StatusFault(status=status, retry_after_seconds=30)))
    assert (await account.get(DETAILS)).headers["Retry-After"] == "30"


async def test_a_403_names_the_scopes_of_the_request(open_account: Any, ask: Any) -> None:
    """The scopes that a 403 misses are those that this very request takes."""
    account = await open_account(faults=script(StatusFault(status=403)))
    written = await account.post(f"{BATCH}/create", ask(1, 2, LABEL))
    read = await account.get(LABELS)
    defined = await account.call("POST", LABELS, {})
    found = await account.post(RECORDS)
    details = await account.get(DETAILS)
    answers = (written, read, defined, found, details)
    assert [each.body["context"]["missingScopes"] for each in answers] == [
        ["crm.objects.companies.write", "crm.objects.contacts.write"],
        ["crm.objects.companies.read", "crm.objects.contacts.read"],
        ["crm.objects.companies.write", "crm.objects.contacts.write"],
        ["crm.objects.contacts.read"],
        ["oauth"],
    ]


@pytest.mark.parametrize("naming", ["ids", "types"])
async def test_a_400_names_nobody_of_a_label(open_account: Any, naming: Any) -> None:
    """A request that names no records is refused without a word of who is to blame, and undone."""
    account = await open_account(faults=script(StatusFault(status=400, naming=naming, times=1)))
    label = {"label": "Auditor", "name": "auditor"}
    refused = await account.call("POST", LABELS, label)
    assert (refused.status, "context" in refused.body) == (400, False)
    assert (await account.call("POST", LABELS, label)).status == 200


@pytest.mark.parametrize("naming", [None, "nobody"])
async def test_a_400_can_name_nobody(open_account: Any, ask: Any, naming: Any) -> None:
    """A whole batch is refused without a word of who is to blame."""
    account = await open_account(faults=script(StatusFault(status=400, naming=naming)))
    answer = await account.post(f"{BATCH}/create", ask(11, 12, LABEL))
    assert answer.body["message"] == "One or more associations are invalid"
    assert not {"context", "errors"} & answer.body.keys()


IDS = {
    "INVALID_OBJECT_IDS": ["CONTACT=11 is not valid", "COMPANY=12 is not valid"],
    "objectId": ["11", "12"],
    "objectType": ["CONTACT", "COMPANY"],
}
FROM_ID = {
    "INVALID_OBJECT_IDS": ["CONTACT=11 is not valid"],
    "objectId": ["11"],
    "objectType": ["CONTACT"],
}
TYPES = {"INVALID_ASSOCIATION_TYPE_ID": ["USER_DEFINED=1 is not a valid association definition id"]}


@pytest.mark.parametrize(
    ("naming", "call", "context"),
    [
        ("ids", ("POST", f"{BATCH}/create", "two"), IDS),
        ("types", ("POST", f"{BATCH}/create", "two"), TYPES),
        ("ids", ("POST", f"{BATCH}/associate/default", "two"), IDS),
        ("types", ("POST", f"{BATCH}/associate/default", "bare"), None),
        ("ids", ("POST", f"{BATCH}/archive", "archive"), IDS),
        ("ids", ("POST", f"{BATCH}/read", "read"), FROM_ID),
        ("ids", ("POST", f"{BATCH}/create", "none"), None),
        ("ids", ("PUT", PAIR, "types"), IDS),
        ("types", ("PUT", PAIR, "types"), TYPES),
        ("ids", ("DELETE", PAIR, None), IDS),
        ("ids", ("GET", LISTED, None), FROM_ID),
        ("ids", ("GET", LABELS, None), None),
        ("ids", ("GET", DETAILS, None), None),
        ("ids", ("GET", "/crm/v4/associations/foo/companies/labels", None), None),
    ],
)
async def test_a_400_names_the_first_input(
    open_account: Any, ask: Any, naming: Any, call: tuple[str, str, str | None], context: Any
) -> None:
    """The culprits are of the very request, first input, and stand only in the context."""
    first = ask(11, 12, LABEL)
    bodies: dict[str | None, object] = {
        "two": {"inputs": [first, ask(21, 22, "USER_DEFINED:7")]},
        "bare": {"inputs": [{"from": {"id": "11"}, "to": {"id": "12"}}]},
        "archive": {"inputs": [{"from": {"id": "11"}, "to": [{"id": "12"}]}]},
        "read": {"inputs": [{"id": "11"}, {"id": "21"}]},
        "none": {"inputs": []},
        "types": first["types"],
    }
    account = await open_account(faults=script(StatusFault(status=400, naming=naming)))
    method, path, body = call
    answer = await account.call(method, path, bodies.get(body))
    assert (answer.status, answer.body.get("context")) == (400, context)
    assert answer.body["message"] == "One or more associations are invalid"


async def test_a_400_for_a_body_that_cannot_be_read(open_account: Any) -> None:
    """A body without a first input is told what is wrong with it."""
    account = await open_account(faults=script(StatusFault(status=400, naming="ids")))
    answer = await account.call("POST", f"{BATCH}/create", raw=b"{oops")
    assert answer.body["message"].startswith("Invalid input JSON")


@pytest.mark.parametrize(("status", "title"), [(502, "502 Bad Gateway"), (520, "520 Error")])
async def test_html_is_a_page_for_people(
    open_account: Any, ask: Any, status: int, title: str
) -> None:
    """A gateway answers in html, without HubSpot's headers, and nothing is made."""
    account = await open_account(faults=script(HtmlFault(status=status)))
    async with account.session.post(
        f"{account.sandbox.base_url}{BATCH}/create",
        json={"inputs": [ask(1, 2, LABEL)]},
        headers=account.headers,
    ) as response:
        assert (response.status, response.content_type) == (status, "text/html")
        assert f"<h1>{title}</h1>" in await response.text()
        assert [name for name in response.headers if "hubspot" in name.lower()] == []
    assert made(account) == set()


# --- connections ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        (CutBeforeFault(times=1), aiohttp.ServerDisconnectedError, set()),
        (CutAfterFault(times=1), aiohttp.ServerDisconnectedError, {(1, 2)}),
        (CutBodyFault(times=1), aiohttp.ClientPayloadError, {(1, 2)}),
    ],
)
async def test_a_cut_leaves_the_work_undone_or_done(
    open_account: Any, ask: Any, fault: Any, error: type[Exception], done: set[tuple[int, int]]
) -> None:
    """Cut before, the account has nothing; after or in the body, everything; then all is well."""
    account = await open_account(faults=script(fault))
    with pytest.raises(error):
        await account.post(f"{BATCH}/create", ask(1, 2, LABEL))
    assert made(account) == done
    assert (await account.post(f"{BATCH}/create", ask(1, 2, LABEL))).status == 201
    assert (account.sandbox.requests, account.sandbox.faults) == (2, {str(fault): 1})


async def read_into(got: bytearray, response: aiohttp.ClientResponse) -> None:
    """Read what comes of a body."""
    async for piece in response.content.iter_any():
        got += piece


async def test_a_cut_body_promises_the_whole(open_account: Any) -> None:
    """The headers are those of the whole answer, and half of the body comes."""
    account = await open_account(faults=script(CutBodyFault(after=1)))
    whole = await account.get(DETAILS)
    url = account.sandbox.base_url + DETAILS
    async with account.session.get(url, headers=account.headers) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == whole.headers["Content-Length"]
        assert response.headers[LIMIT] == whole.headers[LIMIT]
        got = bytearray()
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_into(got, response)
    assert len(got) == int(whole.headers["Content-Length"]) // 2


async def test_an_answer_without_a_body_is_cut_before_it(open_account: Any, ask: Any) -> None:
    """An archive that was done and answers 204 has no body to cut: no answer comes at all."""
    account = await open_account(faults=script(CutBodyFault(after=1)))
    await account.post(f"{BATCH}/create", ask(1, 2, LABEL))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await account.post(f"{BATCH}/archive", {"from": {"id": "1"}, "to": [{"id": "2"}]})
    assert made(account) == set()


async def test_refusals_are_cut_too(open_account: Any, ask: Any) -> None:
    """What the account would refuse is refused unheard: the cut hides it like any answer."""
    faults = script(CutAfterFault(times=1), CutBodyFault(times=1, after=1))
    account = await open_account(faults=faults, bad_input="refuse")
    bad = ask(1, 2, "USER_DEFINED:999")
    for error in (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError):
        with pytest.raises(error):
            await account.post(f"{BATCH}/create", bad)
    assert (await account.post(f"{BATCH}/create", bad)).status == 400


class Witness:
    """See how the sandbox's own work on requests ends."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    def middleware(self) -> Any:
        """Stand before the sandbox."""

        @web.middleware
        async def witness(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.began.set()
            try:
                response = await handler(request)
            except asyncio.CancelledError:
                self.ended.put_nowait("cancelled")
                raise
            self.ended.put_nowait("ended")
            return response

        return witness


async def test_a_hang_ends_when_the_client_leaves(open_account: Any) -> None:
    """A request that its client gave up takes up nothing more."""
    witness = Witness()
    account = await open_account(
        faults=script(HangFault(times=1)), middlewares=[witness.middleware()]
    )
    asking = asyncio.create_task(account.get(DETAILS))
    await witness.began.wait()
    asking.cancel()
    assert await asyncio.wait_for(witness.ended.get(), timeout=30) == "ended"
    assert (await account.get(DETAILS)).status == 200


async def test_a_hang_ends_when_the_sandbox_closes(open_account: Any) -> None:
    """Closing lets go of it at once, not by the force that ends what takes too long."""
    witness = Witness()
    account = await open_account(faults=script(HangFault()), middlewares=[witness.middleware()])
    asking = asyncio.create_task(account.get(DETAILS))
    await witness.began.wait()
    await account.sandbox.__aexit__(None, None, None)
    with pytest.raises(aiohttp.ClientConnectionError):
        await asking
    assert witness.ended.get_nowait() == "ended"


# --- late and wrong answers -----------------------------------------------------------------------


class Naps:
    """Sleep without letting time pass, and remember it."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Sleep."""
        self.taken.append(seconds)


async def test_slow_is_late_and_right(open_account: Any, ask: Any) -> None:
    """The work is done and told, after a while."""
    naps = Naps()
    account = await open_account(faults=script(SlowFault(seconds=2)), sleep=naps)
    answer = await account.post(f"{BATCH}/create", ask(1, 2, LABEL))
    assert (answer.status, len(answer.body["results"]), naps.taken) == (201, 1, [2.0])


async def test_slow_goes_on_looking(open_account: Any) -> None:
    """A late answer can be a wrong one too, and slow faults add up."""
    naps = Naps()
    faults = (SlowFault(seconds=2), SlowFault(seconds=3), HtmlFault(), HangFault())
    account = await open_account(faults=script(*faults, SlowFault(seconds=9)), sleep=naps)
    url = account.sandbox.base_url + DETAILS
    async with account.session.get(url, headers=account.headers) as response:
        assert response.status == 502
    assert naps.taken == [5.0]
    assert account.sandbox.faults == {"slow": 2, "html 502": 1}


@pytest.mark.parametrize(("share", "left"), [(0.0, 19), (0.05, 19), (0.1, 18), (0.5, 10), (1.0, 0)])
async def test_forgotten_results_were_made(
    open_account: Any, ask: Any, share: float, left: int
) -> None:
    """The answer is 2xx and leaves a share out, one at least; the account has them all."""
    account = await open_account(faults=script(ForgetFault(results=share)))
    answer = await account.post(f"{BATCH}/create", *pairs(ask, 20))
    assert (answer.status, len(answer.body["results"])) == (201, left)
    assert answer.headers[LIMIT] == "150"
    assert len(made(account)) == 20


async def test_forgetting_spares_answers_without_results(open_account: Any, ask: Any) -> None:
    """Errors and archives have no results; an archive doesn't use up the fault either."""
    fault = ForgetFault(results=1, times=2)
    account = await open_account(faults=script(fault), bad_input="refuse")
    gone = {"from": {"id": "1"}, "to": [{"id": "2"}]}
    assert (await account.post(f"{BATCH}/archive", gone)).status == 204
    assert (await account.get(DETAILS)).body["portalId"] == 345
    assert account.sandbox.faults == {}
    answer = await account.post(f"{BATCH}/create", ask(1, 2, "USER_DEFINED:999"))
    assert answer.body["context"]["INVALID_ASSOCIATION_TYPE_ID"]
    await account.post(f"{BATCH}/read", {"id": "1"})
    assert account.sandbox.faults == {"forget": 2}


@pytest.mark.parametrize(("share", "left"), [(0.0, 19), (0.05, 19), (0.5, 10), (1.0, 0)])
async def test_lost_inputs_were_not_made(
    open_account: Any, ask: Any, share: float, left: int
) -> None:
    """The answer is 2xx and names what was made; the rest is nowhere."""
    account = await open_account(faults=script(LoseFault(results=share, times=1)))
    answer = await account.post(f"{BATCH}/create", *pairs(ask, 20))
    named = {(1, int(each["toObjectId"])) for each in answer.body["results"]}
    assert (answer.status, len(named)) == (201, left)
    assert made(account) == named
    await account.post(f"{BATCH}/create", *pairs(ask, 20))  # over the same connection
    assert len(made(account)) == 20


async def test_losing_strikes_only_batches(open_account: Any, ask: Any) -> None:
    """A single pair has no inputs to lose; what isn't a batch at all is refused as ever."""
    account = await open_account(faults=script(LoseFault(results=1)))
    assert (await account.call("PUT", f"{ONE}/2", ask(1, 2, LABEL)["types"])).status == 201
    assert account.sandbox.faults == {}
    assert (await account.call("POST", f"{BATCH}/create", raw=b"{oops")).status == 400
    assert (await account.call("POST", f"{BATCH}/create", raw=b"\xff")).status == 400
    assert (await account.call("POST", f"{BATCH}/create", raw=b"{}")).status == 400


async def test_secondly_refuses_what_comes_faster(open_account: Any) -> None:
    """More than so many within any one second are refused, by the clock and without headers."""
    now = 0.0
    fault = SecondlyFault(requests_per_second=2)
    account = await open_account(faults=script(fault), clock=lambda: now)
    statuses = []
    for now in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5, 1.6):  # noqa: B007 - the clock reads it
        answer = await account.get(DETAILS)
        statuses.append(answer.status)
    assert statuses == [200, 200, 429, 200, 429, 200, 429]
    assert answer.body["policyName"] == "SECONDLY"
    assert [name for name in answer.headers if "RateLimit" in name] == []
    assert (account.sandbox.refused, account.sandbox.faults) == (0, {"secondly": 3})


# --- which requests -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "struck"),
    [
        ("write", {"create", "default", "archive", "labels archive", "put", "put one", "delete"}),
        ("read", {"read", "list"}),
        ("labels", {"labels", "labels, other path", "new label", "old label"}),
        ("limits", {"limits", "new limit", "usage", "report"}),
        ("records", {"records", "records, dated"}),
        ("account", {"account", "calls"}),
    ],
)
async def test_faults_strike_one_kind_of_request(
    open_account: Any, ask: Any, on: Any, struck: set[str]
) -> None:
    """Each kind has its requests, in every version's paths; the others are answered as ever."""
    account = await open_account(faults=script(StatusFault(status=500, on=on)))
    dated = "/crm/associations/2026-03/contacts/companies/batch"
    calls: dict[str, tuple[str, str, object]] = {
        "create": ("POST", f"{BATCH}/create", {"inputs": [ask(1, 2, LABEL)]}),
        "default": ("POST", f"{dated}/associate/default", {"inputs": [ask(1, 2)]}),
        "archive": ("POST", f"{BATCH}/archive", {"inputs": []}),
        "labels archive": ("POST", f"{dated}/labels/archive", {"inputs": []}),
        "put": ("PUT", "/crm/v4/objects/contacts/1/associations/default/companies/2", None),
        "put one": ("PUT", f"{ONE}/2", []),
        "delete": ("DELETE", f"{ONE}/2", None),
        "read": ("POST", f"{BATCH}/read", {"inputs": []}),
        "list": ("GET", ONE, None),
        "labels": ("GET", LABELS, None),
        "labels, other path": ("GET", "/crm/associations/v4/contacts/companies/labels", None),
        "new label": ("POST", LABELS, {}),
        "old label": ("DELETE", f"{LABELS}/1", None),
        "limits": ("GET", f"{LIMITS}/all", None),
        "new limit": ("POST", f"{LIMITS}/contacts/companies/batch/create", {"inputs": []}),
        "usage": ("GET", "/crm/v3/limits/associations/labels", None),
        "report": ("POST", "/crm/v4/associations/usage/high-usage-report/1", None),
        "records": ("POST", RECORDS, {"inputs": []}),
        "records, dated": ("POST", "/crm/objects/2026-09/0-1/batch/read", {"inputs": []}),
        "account": ("GET", DETAILS, None),
        "calls": ("GET", "/account-info/v3/api-usage/daily/private-apps", None),
        "nowhere": ("GET", "/nowhere", None),
    }
    answers = {name: await account.call(*call) for name, call in calls.items()}
    assert {name for name, answer in answers.items() if answer.status == 500} == struck


async def test_any_is_every_request(open_account: Any) -> None:
    """A fault on any request strikes paths that aren't there too, as a gateway would."""
    account = await open_account(faults=script(StatusFault(status=503)))
    assert (await account.get("/nowhere")).status == 503


async def test_after_and_times(open_account: Any) -> None:
    """A fault lets matching requests pass first, counts only those, and ends after so many."""
    faults = script(StatusFault(status=500, on="labels", after=2, times=2))
    account = await open_account(faults=faults)
    statuses = []
    for _ in range(6):
        assert (await account.get(DETAILS)).status == 200
        statuses.append((await account.get(LABELS)).status)
    assert statuses == [200, 200, 500, 500, 200, 200]


async def test_the_first_that_strikes_wins(open_account: Any) -> None:
    """The list is an order; a fault that has had its times makes way for the next."""
    faults = script(StatusFault(status=500, times=1), StatusFault(status=503, times=2))
    account = await open_account(faults=faults)
    assert [(await account.get(DETAILS)).status for _ in range(4)] == [500, 503, 503, 200]


async def statuses(open_account: Any, faults: FaultScript, count: int = 60) -> list[int]:
    """Send some requests to a fresh sandbox."""
    account = await open_account(faults=faults)
    return [(await account.get(DETAILS)).status for _ in range(count)]


async def test_the_seed_decides(open_account: Any) -> None:
    """The same seed gives the same faults again, and another seed others."""
    faults = (StatusFault(status=500, share=0.3), StatusFault(status=503, share=0.3))
    first = await statuses(open_account, script(*faults, seed=7))
    assert await statuses(open_account, script(*faults, seed=7)) == first
    assert await statuses(open_account, script(*faults, seed=8)) != first
    assert set(first) == {200, 500, 503}


async def test_another_fault_leaves_the_draws_alone(open_account: Any) -> None:
    """A fault more in the list doesn't move the strikes of those before it."""
    one = StatusFault(status=500, share=0.3)
    alone = await statuses(open_account, script(one))
    paired = await statuses(open_account, script(one, StatusFault(status=503, share=0.5)))
    places = [
        [place for place, status in enumerate(run) if status == 500] for run in (alone, paired)
    ]
    assert places[0] == places[1]


async def test_what_is_lost_depends_on_the_seed(open_account: Any, ask: Any) -> None:
    """Which inputs get lost is drawn from the seed too."""
    lost = []
    for seed in (1, 1, 2):
        account = await open_account(faults=script(LoseFault(results=0.5), seed=seed))
        await account.post(f"{BATCH}/create", *pairs(ask, 20))
        lost.append(made(account))
    assert lost[0] == lost[1] != lost[2]


# --- beside the account's own rules ---------------------------------------------------------------


async def test_who_is_not_let_in_meets_no_fault(open_account: Any) -> None:
    """Without a token, over the limit or too large, a request is refused as ever, and not struck."""
    faults = script(StatusFault(status=500))
    account = await open_account(faults=faults, requests_per_10_seconds=2)
    known, account.headers = account.headers, {}
    assert (await account.get(DETAILS)).status == 401
    account.headers = known
    huge = b" " * (MAX_BODY_BYTES + 1)
    assert (await account.call("POST", f"{BATCH}/create", raw=huge)).status == 413
    assert [(await account.get(DETAILS)).status for _ in range(2)] == [500, 429]
    assert (account.sandbox.requests, account.sandbox.refused) == (4, 1)
    assert account.sandbox.faults == {"status 500": 1}


async def test_struck_requests_cost_of_the_limits(open_account: Any) -> None:
    """What a fault answers has used up the account's limits, as at HubSpot."""
    faults = script(StatusFault(status=500, times=1))
    account = await open_account(faults=faults, requests_per_10_seconds=10)
    left = [(await account.get(DETAILS)).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["9", "8"]


async def test_faults_come_in_the_order_of_requests(
    open_account: Any, ask: Callable[..., object]
) -> None:
    """Requests at the same time share the times of a fault: no more are struck than it says."""
    account = await open_account(faults=script(CutAfterFault(times=3)), sleep=Naps())
    sent = (account.post(f"{BATCH}/create", ask(1, number, LABEL)) for number in range(1, 11))
    answers = await asyncio.gather(*sent, return_exceptions=True)
    assert sum(isinstance(each, aiohttp.ServerDisconnectedError) for each in answers) == 3
    assert len(made(account)) == 10
