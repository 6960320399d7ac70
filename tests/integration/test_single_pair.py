"""One pair of records against a sandbox of either temper, and against answers that tell too little."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web
from desks import Desk, between, open_desk

from etl.core.exit_code import ExitCode
from etl.errors import SettingsError, StoppedError, UsageError
from etl.pipeline.pair import Asked, associate_pair, disassociate_pair
from etl.sandbox import FaultScript
from etl.sandbox.faults import CutAfterFault, StatusFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from etl.model import ApiVersion, ExistingLabels
    from etl.pipeline.pair import PairTold

UNLABELED: Final = ("HUBSPOT_DEFINED", 279)
PRIMARY: Final = ("HUBSPOT_DEFINED", 1)
DECISION_MAKER: Final = ("USER_DEFINED", 1)
BILLING: Final = ("USER_DEFINED", 3)
PARTNER: Final = ("USER_DEFINED", 7)
EMPLOYER: Final = ("USER_DEFINED", 9)
EMPLOYEE_BACK: Final = ("USER_DEFINED", 10)
BAD: Final = 900_000_000_001
"""No record of the demo portal."""
VERSIONS: Final = ["v4", "2025-09", "2026-03", "2026-09"]
TRIES: Final = 8
"""How often a request is tried before it comes to nothing."""


async def associate(
    desk: Desk,
    *labels: str,
    to_id: int = 2,
    keeping: ExistingLabels = "keep",
    version: ApiVersion = "v4",
    **asked: Any,
) -> PairTold:
    """Associate contact 1 with a company."""
    wish = Asked(between(api_version=version), 1, to_id, labels, **asked)
    return await associate_pair(desk.client, desk.stop, wish, keeping)


async def part(desk: Desk, *labels: str, version: ApiVersion = "v4") -> PairTold:
    """Part contact 1 and company 2, or take labels away."""
    wish = Asked(between(api_version=version), 1, 2, labels)
    return await disassociate_pair(desk.client, desk.stop, wish)


def at(method: str, ending: str, status: int, body: object) -> Callable[[web.Request, bytes], Any]:
    """Answer requests of one kind in the sandbox's place."""

    def refuse(request: web.Request, _: bytes) -> web.Response | None:
        if request.method != method or not request.path.endswith(ending):
            return None
        return web.json_response(body, status=status)

    return refuse


# --- associating ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ids", ["strings", "numbers"])
async def test_every_version_associates(tmp_path: Path, version: ApiVersion, ids: str) -> None:
    """Without a label the default endpoint is asked, with one the other; both are confirmed by name."""
    root = "/crm/v4/objects" if version == "v4" else f"/crm/objects/{version}"
    async with open_desk(tmp_path, ids=ids) as desk:
        plain = await associate(desk, version=version)
        assert desk.types(1, 2) == {UNLABELED}
        labelled = await associate(desk, "partner ", version=version)
        assert desk.types(1, 2) == {UNLABELED, PARTNER}
        assert (plain.fate.outcome, labelled.fate.outcome) == ("associated", "associated")
        assert desk.writes == [
            f"PUT {root}/contacts/1/associations/default/companies/2",
            f"PUT {root}/contacts/1/associations/companies/2",
        ]
        # One read before each, and none after an answer that names the pair.
        assert sum(each.endswith("/batch/read") for each in desk.asked) == 2


@pytest.mark.parametrize("labels", [(), ("Partner",), ("Partner", "Primary"), ("Employee",)])
@pytest.mark.parametrize("keeping", ["keep", "replace"])
async def test_a_second_time_sends_nothing(
    tmp_path: Path, labels: tuple[str, ...], keeping: ExistingLabels
) -> None:
    """What is there already is unchanged, and costs no write."""
    async with open_desk(tmp_path) as desk:
        await associate(desk, *labels, keeping=keeping)
        before = [*desk.writes]
        again = await associate(desk, *labels, keeping=keeping)
        assert (again.fate.outcome, again.exit_code) == ("unchanged", 0)
        assert desk.writes == before


@pytest.mark.parametrize("labels_written", ["add", "replace"])
@pytest.mark.parametrize(
    ("keeping", "left"),
    [
        ("keep", {UNLABELED, PRIMARY, BILLING, DECISION_MAKER, PARTNER}),
        ("replace", {UNLABELED, PRIMARY, PARTNER, DECISION_MAKER}),
    ],
)
async def test_old_labels_stay_or_go(
    tmp_path: Path, labels_written: str, keeping: ExistingLabels, left: set[tuple[str, int]]
) -> None:
    """On portals that add and on those that replace: keep keeps all, replace only HubSpot's own."""
    async with open_desk(tmp_path, labels_written=labels_written) as desk:
        desk.seed(1, 2, PRIMARY, BILLING, DECISION_MAKER)
        told = await associate(desk, "Partner", "Decision maker", keeping=keeping)
        assert told.fate.outcome == "associated"
        assert desk.types(1, 2) == left
        removed = [kind["label"] for kind in told.removed]
        assert removed == (["Billing contact"] if keeping == "replace" else [])


@pytest.mark.parametrize("labels", [(), ("Partner",)])
async def test_replacing_only_takes_away_where_nothing_is_missing(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """Where the asked labels are there, or none are asked for, one call archives the others."""
    async with open_desk(tmp_path) as desk:
        desk.seed(1, 2, PARTNER, BILLING, PRIMARY)
        told = await associate(desk, *labels, keeping="replace")
        assert told.fate.outcome == "associated"
        assert [each.rpartition("/batch/")[2] for each in desk.writes] == ["labels/archive"]
        assert desk.types(1, 2) == {UNLABELED, PRIMARY, *([PARTNER] if labels else [])}


async def test_ignoring_writes_without_reading(tmp_path: Path) -> None:
    """One write, whatever is there."""
    async with open_desk(tmp_path) as desk:
        desk.seed(1, 2, PARTNER)
        told = await associate(desk, "Partner", keeping="ignore")
        assert told.fate.outcome == "associated"
        assert [each.partition(" ")[0] for each in desk.asked] == ["GET", "GET", "PUT"]


async def test_a_label_of_the_other_direction_is_sent_that_way_round(tmp_path: Path) -> None:
    """Employee exists from company to contact alone: asked for from the contact, it is still found."""
    async with open_desk(tmp_path) as desk:
        told = await associate(desk, "Employee", "Partner")
        assert told.fate.outcome == "associated"
        assert desk.types(2, 1, "companies", "contacts") > {EMPLOYEE_BACK}
        assert desk.types(1, 2) == {UNLABELED, EMPLOYER, PARTNER}
        assert {(kind["label"], kind["direction"]) for kind in told.types} == {
            ("Partner", "forward"),
            ("Employee", "reverse"),
        }


@pytest.mark.parametrize("labels_written", ["add", "replace"])
async def test_a_label_of_the_other_direction_replaces(tmp_path: Path, labels_written: str) -> None:
    """Labels that nobody asks for go, seen from the side that the asked label is on."""
    async with open_desk(tmp_path, labels_written=labels_written) as desk:
        desk.seed(1, 2, PARTNER, BILLING)
        told = await associate(desk, "Employee", keeping="replace")
        assert told.fate.outcome == "associated"
        assert desk.types(1, 2) == {UNLABELED, EMPLOYER}


async def test_both_directions_can_not_replace_together(tmp_path: Path) -> None:
    """Taking the others away could take the other side of an asked label: refused, with a way."""
    async with open_desk(tmp_path) as desk:
        with pytest.raises(UsageError) as caught:
            await associate(desk, "Employee", "Partner", keeping="replace")
        assert "--existing-labels keep" in caught.value.hint
        assert desk.writes == []


async def test_between_records_of_one_object(tmp_path: Path) -> None:
    """A paired label between contacts is written from the end that it is asked for."""
    async with open_desk(tmp_path) as desk:
        wish = Asked(between("contacts"), 1, 2, ("Manager",))
        told = await associate_pair(desk.client, desk.stop, wish, "keep")
        again = await associate_pair(desk.client, desk.stop, wish, "replace")
        assert (told.fate.outcome, again.fate.outcome) == ("associated", "unchanged")
        assert len(desk.types(1, 2, "contacts", "contacts")) == 2


async def test_a_type_may_be_given_by_its_number(tmp_path: Path) -> None:
    """What has no text, or one that two types share, has its number still."""
    async with open_desk(tmp_path) as desk:
        told = await associate(desk, types=(("user_defined", "7"), ("HUBSPOT_DEFINED", "1")))
        assert told.fate.outcome == "associated"
        assert desk.types(1, 2) == {UNLABELED, PARTNER, PRIMARY}


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("Prtner", "did you mean 'Partner'?"),
        ("Partner;Decision maker", "give --label once for each label, without ';'"),
    ],
)
async def test_an_unknown_label_sends_nothing(tmp_path: Path, label: str, hint: str) -> None:
    """A slip is told with the nearest label, or with the option that it wants."""
    async with open_desk(tmp_path) as desk:
        with pytest.raises(UsageError) as caught:
            await associate(desk, label)
        assert caught.value.hint == hint
        assert desk.writes == []


async def test_an_ambiguous_label_names_the_option(tmp_path: Path) -> None:
    """Two types of one text are told apart by their numbers, in the words of a command line."""
    results = [
        {"category": "USER_DEFINED", "typeId": 7, "label": "VIP"},
        {"category": "USER_DEFINED", "typeId": 8, "label": "vip"},
    ]
    labels = at("GET", "/contacts/companies/labels", 200, {"results": results})
    async with open_desk(tmp_path, refuse=labels) as desk:
        with pytest.raises(UsageError) as caught:
            await associate(desk, "VIP")
        assert "--type USER_DEFINED:7" in caught.value.hint


# --- answers that tell too little ---------------------------------------------------------------


async def test_a_refusal_is_told_in_full(tmp_path: Path) -> None:
    """A record that does not exist fails with HubSpot's words, its id, and what to do."""
    async with open_desk(tmp_path) as desk:
        told = await associate(desk, "Partner", to_id=BAD)
        fate = told.fate
        assert (fate.outcome, fate.http_status, told.exit_code) == ("failed", 400, 1)
        assert fate.error_category == "VALIDATION_ERROR"
        assert f"(companies {BAD})" in fate.error_message
        assert fate.correlation_id
        assert told.hint.startswith("check that both ids exist")


@pytest.mark.parametrize("labels", [(), ("Partner",)])
@pytest.mark.parametrize("is_made", [True, False])
async def test_a_success_that_does_not_name_the_pair_is_read_back(
    tmp_path: Path, labels: tuple[str, ...], *, is_made: bool
) -> None:
    """A 2xx alone proves nothing: the pair is associated when reading finds it, and not otherwise."""
    empty = {"results": [], "fromObjectId": "1", "toObjectId": "2", "labels": []}

    def answered(request: web.Request, _: web.StreamResponse) -> web.Response | None:
        return web.json_response(empty) if request.method == "PUT" else None

    def refused(request: web.Request, _: bytes) -> web.Response | None:
        return answered(request, web.Response())

    there = {"bend": answered} if is_made else {"refuse": refused}
    async with open_desk(tmp_path, **there) as desk:
        told = await associate(desk, *labels, keeping="ignore")
        assert told.fate.outcome == ("associated" if is_made else "unconfirmed")
        assert told.exit_code == (0 if is_made else 1)
        assert bool(told.hint) is not is_made
        assert desk.asked[-1].endswith("/batch/read")


@pytest.mark.parametrize("labels", [(), ("Partner",)])
async def test_a_write_whose_answer_is_lost_is_found(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """Every answer is cut off after the work is done: reading back finds it, and says so."""
    faults = FaultScript(faults=(CutAfterFault(on="write", times=TRIES),))
    async with open_desk(tmp_path, faults=faults) as desk:
        told = await associate(desk, *labels)
        assert (told.fate.outcome, told.exit_code) == ("associated", 0)
        assert desk.types(1, 2) == {UNLABELED, *([PARTNER] if labels else [])}


async def test_a_write_that_came_to_nothing_failed(tmp_path: Path) -> None:
    """HubSpot answers others but never this: nothing is there, and the status and the fix are told."""
    faults = FaultScript(faults=(StatusFault(on="write", status=503),))
    async with open_desk(tmp_path, faults=faults) as desk:
        told = await associate(desk)
        assert (told.fate.outcome, told.fate.http_status) == ("failed", 503)
        assert told.fate.error_category == "NO_ANSWER"
        assert "run the command again" in told.hint
        assert desk.types(1, 2) == set()


async def test_what_can_not_be_read_back_is_not_known(tmp_path: Path) -> None:
    """Neither the write nor the reading gets an answer: unconfirmed, never a guess."""
    faults = FaultScript(
        faults=(CutAfterFault(on="write"), StatusFault(on="read", status=500, after=1))
    )
    async with open_desk(tmp_path, faults=faults) as desk:
        told = await associate(desk)
        assert (told.fate.outcome, told.exit_code) == ("unconfirmed", 1)
        assert "could not be read" in told.fate.error_message


async def test_a_refusal_after_a_lost_answer_is_read_back(tmp_path: Path) -> None:
    """The first try has done the work and the second is refused: what counts is what is there."""
    faults = FaultScript(
        faults=(CutAfterFault(on="write", times=1), StatusFault(on="write", status=400))
    )
    async with open_desk(tmp_path, faults=faults) as desk:
        told = await associate(desk)
        assert told.fate.outcome == "associated"


async def test_labels_that_can_not_be_read_are_not_written_over(tmp_path: Path) -> None:
    """To keep labels one has to know them: without an answer nothing is sent."""
    faults = FaultScript(faults=(StatusFault(on="read", status=500),))
    async with open_desk(tmp_path, faults=faults) as desk:
        told = await associate(desk, "Partner")
        assert told.fate.outcome == "failed"
        assert "could not be read" in told.fate.error_message
        assert desk.writes == []


async def test_a_hubspot_that_goes_down_leaves_a_doubt_and_says_so(tmp_path: Path) -> None:
    """After the write nobody is answered: exit 3, and that the outcome is not known."""
    faults = FaultScript(faults=(CutAfterFault(on="write"), CutAfterFault(on="account")))
    async with open_desk(tmp_path, faults=faults) as desk:
        with pytest.raises(StoppedError) as caught:
            await associate(desk, keeping="ignore")
        assert caught.value.exit_code == ExitCode.STOPPED
        assert "is not known" in caught.value.message
        assert "run the command again" in caught.value.hint


@pytest.mark.parametrize("ending", ["/labels", "/batch/read"])
async def test_missing_scopes_before_anything_is_sent_are_a_setting(
    tmp_path: Path, ending: str
) -> None:
    """Whatever HubSpot refuses first for its scopes, nothing was sent: exit 2."""
    missing = {
        "status": "error",
        "category": "MISSING_SCOPES",
        "message": "no",
        "context": {"missingScopes": ["crm.objects.contacts.read"]},
    }
    method = "GET" if ending == "/labels" else "POST"
    async with open_desk(tmp_path, refuse=at(method, ending, 403, missing)) as desk:
        with pytest.raises((SettingsError, StoppedError)) as caught:
            await associate(desk)
        assert getattr(caught.value, "exit_code", ExitCode.UNUSABLE) == ExitCode.UNUSABLE
        assert "crm.objects.contacts.read" in caught.value.hint
        assert desk.writes == []


async def test_scopes_that_are_missing_for_writing_are_a_setting(tmp_path: Path) -> None:
    """A write that is turned away at the door has done nothing, and leaves no doubt."""
    missing = {"status": "error", "category": "MISSING_SCOPES", "message": "no"}
    async with open_desk(tmp_path, refuse=at("PUT", "/companies/2", 403, missing)) as desk:
        with pytest.raises(SettingsError):
            await associate(desk)


# --- replacing, when it goes wrong --------------------------------------------------------------


async def test_labels_that_stay_are_a_failure(tmp_path: Path) -> None:
    """The asked label is there, the others could not be taken away: told as that."""
    refusal = {"status": "error", "category": "VALIDATION_ERROR", "message": "not now"}
    async with open_desk(tmp_path, refuse=at("POST", "/labels/archive", 400, refusal)) as desk:
        desk.seed(1, 2, BILLING)
        told = await associate(desk, "Partner", keeping="replace")
        assert told.fate.outcome == "failed"
        assert "its other labels stay: not now" in told.fate.error_message
        assert desk.types(1, 2) == {UNLABELED, PARTNER, BILLING}


async def test_a_removal_that_takes_too_much_is_seen(tmp_path: Path) -> None:
    """Should taking a label away part the records, the pair is not called associated."""

    def too_much(request: web.Request, _: web.StreamResponse) -> web.StreamResponse | None:
        if request.path.endswith("/labels/archive"):
            portal = desk.sandbox.portal
            portal.links(portal.pair("contacts", "companies")).remove(1, 2)
        return None

    async with open_desk(tmp_path, bend=too_much) as desk:
        desk.seed(1, 2, BILLING)
        told = await associate(desk, "Partner", keeping="replace")
        assert told.fate.outcome == "unconfirmed"
        assert "taken what was asked for away" in told.fate.error_message


# --- parting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_parts(tmp_path: Path, version: ApiVersion) -> None:
    """Everything between the two goes, both ways, and is read back; a second time finds nothing."""
    async with open_desk(tmp_path) as desk:
        desk.seed(1, 2, PARTNER, BILLING)
        desk.seed(1, 3, PARTNER)
        told = await part(desk, version=version)
        assert told.fate.outcome == "removed"
        assert {kind["label"] for kind in told.removed} == {None, "Partner", "Billing contact"}
        assert desk.types(1, 2) == desk.types(2, 1, "companies", "contacts") == set()
        assert desk.types(1, 3) == {UNLABELED, PARTNER}
        assert desk.asked[-1].endswith("/batch/read")
        again = await part(desk, version=version)
        assert (again.fate.outcome, len(desk.writes)) == ("unchanged", 1)


@pytest.mark.parametrize("version", VERSIONS)
async def test_labels_are_taken_away_alone(tmp_path: Path, version: ApiVersion) -> None:
    """Only the named labels go, of either direction; those that are not there are no trouble."""
    async with open_desk(tmp_path) as desk:
        desk.seed(1, 2, PARTNER, BILLING, EMPLOYER)
        told = await part(desk, "Partner", "Employee", "Decision maker", version=version)
        assert told.fate.outcome == "removed"
        assert {kind["label"] for kind in told.removed} == {"Partner", "Employee"}
        assert desk.types(1, 2) == {UNLABELED, BILLING}
        again = await part(desk, "Partner", version=version)
        assert (again.fate.outcome, len(desk.writes)) == ("unchanged", 2)


@pytest.mark.parametrize("labels", [("unlabeled",), ("",), ("Partner", "ラベルなし")])
async def test_the_unlabeled_type_is_not_taken_away_alone(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """It would take every label with it, which nobody has asked for."""
    async with open_desk(tmp_path) as desk:
        desk.seed(1, 2, PARTNER)
        with pytest.raises(UsageError) as caught:
            await part(desk, *labels)
        assert caught.value.hint.startswith("leave --label out")
        assert desk.types(1, 2) == {UNLABELED, PARTNER}


@pytest.mark.parametrize("kind", [("HUBSPOT_DEFINED", "279"), ("HUBSPOT_DEFINED", "280")])
async def test_the_unlabeled_type_is_known_by_its_number(
    tmp_path: Path, kind: tuple[str, str]
) -> None:
    """A number does not go round the refusal, in either direction."""
    async with open_desk(tmp_path) as desk:
        wish = Asked(between(), 1, 2, types=(("USER_DEFINED", "7"), kind))
        with pytest.raises(UsageError, match="unlabeled type"):
            await disassociate_pair(desk.client, desk.stop, wish)


@pytest.mark.parametrize("labels", [(), ("Partner",)])
async def test_a_removal_whose_answer_is_lost_is_found(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """What is gone is removed, whether or not HubSpot has said so."""
    faults = FaultScript(faults=(CutAfterFault(on="write", times=TRIES),))
    async with open_desk(tmp_path, faults=faults) as desk:
        desk.seed(1, 2, PARTNER)
        told = await part(desk, *labels)
        assert told.fate.outcome == "removed"


@pytest.mark.parametrize("labels", [(), ("Partner",)])
async def test_a_removal_that_is_not_seen_is_not_told(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """A 204 of a removal that has not happened is unconfirmed, and one of errors failed."""
    method, ending = ("POST", "/archive") if labels else ("DELETE", "/companies/2")
    said = {"errors": [{"category": "OBJECT_NOT_FOUND", "message": "gone"}]}
    for body, outcome in (({}, "unconfirmed"), (said, "failed")):
        async with open_desk(tmp_path, refuse=at(method, ending, 200, body)) as desk:
            desk.seed(1, 2, PARTNER)
            told = await part(desk, *labels)
            assert (told.fate.outcome, told.exit_code) == (outcome, 1)
            assert desk.types(1, 2) == {UNLABELED, PARTNER}


async def test_what_can_not_be_read_is_not_removed(tmp_path: Path) -> None:
    """Without knowing what is there nothing is removed, and the command has failed."""
    faults = FaultScript(faults=(StatusFault(on="read", status=500),))
    async with open_desk(tmp_path, faults=faults) as desk:
        desk.seed(1, 2)
        told = await part(desk)
        assert (told.fate.outcome, desk.writes) == ("failed", [])


async def test_machines_get_the_same_facts(tmp_path: Path) -> None:
    """The outcome as JSON has the pair, its types, and why it did not succeed."""
    async with open_desk(tmp_path) as desk:
        told = (await associate(desk, "Partner", to_id=BAD)).as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["types"] == [
        {"category": "USER_DEFINED", "type_id": 7, "label": "Partner", "direction": "forward"}
    ]
    assert (told["outcome"], told["from_id"], told["to_object"]) == ("failed", 1, "companies")
    assert told["hint"]
    assert told["correlation_id"]
