"""Labels are made, renamed and deleted once, and told as HubSpot lists them, whatever the network does."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, get_args

import pytest
from aiohttp import web
from cuts import Time

from etl.core.label_choice import choose
from etl.errors import SettingsError, StoppedError
from etl.hubspot.client import Client
from etl.hubspot.label_admin import TRIES, LabelAdmin
from etl.hubspot.pace import Pace
from etl.hubspot.transport import open_transport
from etl.logs import open_log
from etl.model import ApiVersion, AssociationType, DefinedLabel, Direction
from etl.sandbox import Sandbox, demo_portal
from etl.stop import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from aiohttp.typedefs import Handler

    from etl.hubspot.labels import Labels

Twist = Literal["", "before", "after", "stop", "lag"]
"""What becomes of a write: nothing odd, a 502 before or after the work, a stop while it is worked
on, or a list that shows it late."""

LAG_LOOKS: Final = 2
AUDITOR: Final = DefinedLabel("Auditor")
PAIRED: Final = DefinedLabel("Mentor", "Mentee")


@dataclass
class Wire:
    """Stand before the sandbox and twist the writes of labels, one after the other."""

    stop: Stop
    twists: list[Twist] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    stale: dict[str, list[web.Response]] = field(default_factory=dict)
    """Old lists that are still told, by path."""
    lists: dict[str, web.StreamResponse] = field(default_factory=dict)
    others: Callable[[], Awaitable[object]] | None = None
    """What somebody else does just before the next write."""

    async def pass_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request."""
        if "/labels" not in request.path:
            return await handler(request)
        if request.method == "GET":
            if old := self.stale.get(request.path):
                return old.pop()
            self.lists[request.path] = answer = await handler(request)
            return answer
        self.writes[request.method] += 1
        if self.others is not None:
            await self.others()
        twist = self.twists.pop(0) if self.twists else ""
        if twist == "before":
            return web.json_response({"message": "Bad gateway"}, status=502)
        if twist == "lag":
            for path, answer in self.lists.items():
                body = bytes(answer.body)  # type: ignore[attr-defined]
                self.stale[path] = [
                    web.Response(body=body, content_type="application/json")
                    for _ in range(LAG_LOOKS)
                ]
        done = await handler(request)
        if twist == "stop":
            self.stop.request("Ctrl-C", "go on later")
        return (
            web.json_response({"message": "Bad gateway"}, status=502) if twist == "after" else done
        )


@dataclass
class Scene:
    """An account, and who changes its labels."""

    sandbox: Sandbox
    client: Client
    wire: Wire

    def admin(
        self,
        from_object: str = "contacts",
        to_object: str = "companies",
        api_version: ApiVersion = "v4",
    ) -> LabelAdmin:
        """Give who changes the labels of two objects."""
        return LabelAdmin(self.client, api_version, from_object, to_object)

    def texts(self, from_object: str = "contact", to_object: str = "company") -> list[str | None]:
        """List the custom labels that the account really has."""
        catalogue = self.sandbox.portal.catalogue
        return [each.text for each in catalogue.custom_labels(from_object, to_object)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Open the demo portal, with time that only waiting moves."""
    time, stop = Time(), Stop()
    wire = Wire(stop)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await wire.pass_on(request, handler)

    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(demo_portal(), middlewares=[middleware]))
        transport = await stack.enter_async_context(open_transport("made-up", sandbox.base_url))
        client = Client(
            transport,
            pace=Pace(None, clock=time.clock, sleep=time.sleep),
            stop=stop,
            log=stack.enter_context(open_log(tmp_path / "run.log")),
            clock=time.clock,
            sleep=time.sleep,
        )
        yield Scene(sandbox, client, wire)


def sides(labels: Labels) -> list[tuple[str, str | None]]:
    """Write labels down with their direction."""
    return [(direction.name, line.text) for direction, line in labels]


@pytest.mark.parametrize("api_version", get_args(ApiVersion))
async def test_a_label_lives_and_dies(scene: Scene, api_version: ApiVersion) -> None:
    """In every version of the API a label is made, renamed and deleted, and each is seen in the list."""
    admin = scene.admin(api_version=api_version)
    made = await admin.make(PAIRED, await admin.labels())
    assert sides(made.labels) == [("FORWARD", "Mentor"), ("REVERSE", "Mentee")]
    chosen = choose("mentor", await admin.labels(), pair=admin.pair)
    assert chosen[1] == made.labels.forward[0]
    now = await admin.rename(chosen, "Coach", "Coached")
    assert {("FORWARD", "Coach"), ("REVERSE", "Coached")} <= set(sides(now))
    gone = await admin.delete(choose("Coached", now, pair=admin.pair), now)
    assert sides(gone) == [("FORWARD", "Coach"), ("REVERSE", "Coached")]
    assert not {"Mentor", "Coach"} & set(scene.texts())


@pytest.mark.parametrize(
    ("wanted", "texts"), [(PAIRED, ["Mentor", "Mentee"]), (DefinedLabel("Peer"), ["Peer"])]
)
async def test_one_list_has_both_sides_between_records_of_one_object(
    scene: Scene, wanted: DefinedLabel, texts: list[str]
) -> None:
    """Between contacts, a paired label has two typeIds in the one list that there is."""
    admin = scene.admin("contacts", "contacts")
    made = await admin.make(wanted, await admin.labels())
    assert sides(made.labels) == [("FORWARD", text) for text in texts]


@pytest.mark.parametrize("twists", [["after"], ["before", "after"], ["before"], ["lag"]])
async def test_a_label_is_made_once(scene: Scene, twists: list[Twist]) -> None:
    """A request that was cut off is repeated only where HubSpot's list shows that it did nothing."""
    scene.wire.twists = list(twists)
    admin = scene.admin()
    before = await admin.labels()
    made = await admin.make(AUDITOR, before)
    assert sides(made.labels) == [("FORWARD", "Auditor"), ("REVERSE", "Auditor")]
    assert not made.by_others
    assert scene.texts().count("Auditor") == 1
    assert scene.wire.writes["POST"] == 1 + twists.count("before")


async def test_what_never_succeeds_is_told_as_not_done(scene: Scene) -> None:
    """After a few requests that did nothing, the user hears that there is no such label."""
    scene.wire.twists = ["before"] * 20
    admin = scene.admin()
    with pytest.raises(StoppedError, match=r"can't make the label 'Auditor'.*502.*nothing has"):
        await admin.make(AUDITOR, await admin.labels())
    assert scene.wire.writes["POST"] == TRIES
    assert "Auditor" not in scene.texts()


async def test_what_nobody_could_look_at_is_told_as_not_known(scene: Scene) -> None:
    """Interrupted between a write and the look at it, the user hears to look before trying again."""
    scene.wire.twists = ["stop"]
    admin = scene.admin()
    with pytest.raises(StoppedError, match="whether it did is not known: Ctrl-C") as told:
        await admin.make(AUDITOR, await admin.labels())
    assert told.value.hint.endswith("hubspot-assoc labels list contacts companies")


async def test_a_stop_before_the_write_leaves_nothing_open(scene: Scene) -> None:
    """Interrupted before anything was asked for, the user is not sent to look for it."""
    admin = scene.admin()
    before = await admin.labels()
    scene.wire.stop.request("Ctrl-C", "go on later")
    with pytest.raises(StoppedError, match=r"^Ctrl-C$"):
        await admin.make(AUDITOR, before)
    assert not scene.wire.writes


async def test_a_label_that_somebody_else_made_meanwhile_is_told_so(scene: Scene) -> None:
    """Two jobs that need one label at the same time both find it there, made once."""
    catalogue = scene.sandbox.portal.catalogue

    async def make() -> None:
        catalogue.define("contact", "company", "Auditor", name="auditor")

    scene.wire.others = make
    admin = scene.admin()
    made = await admin.make(AUDITOR, await admin.labels())
    assert made.by_others
    assert scene.texts().count("Auditor") == 1


async def test_a_refusal_is_told_in_hubspots_words(scene: Scene) -> None:
    """What HubSpot refuses is the user's to mend: exit code 2, and nothing is repeated."""
    admin = scene.admin()
    await admin.make(DefinedLabel("One", name="same"), await admin.labels())
    with pytest.raises(SettingsError, match=r"refuses to make .*'Two'.* \(400\): .*'same'"):
        await admin.make(DefinedLabel("Two", name="same"), await admin.labels())
    assert scene.wire.writes["POST"] == 2


@pytest.mark.parametrize("twist", ["before", "after", "lag"])
async def test_renaming_and_deleting_come_through(scene: Scene, twist: Twist) -> None:
    """A cut, or a list that is late, changes nothing of what is told about a rename or a deletion."""
    admin = scene.admin()
    before = await admin.labels()
    scene.wire.twists = [twist]
    now = await admin.rename(choose("Partner", before, pair=admin.pair), "Ally", None)
    assert sides(now.without(before)) == [("FORWARD", "Ally"), ("REVERSE", "Ally")]
    scene.wire.twists = [twist]
    gone = await admin.delete(choose("Ally", now, pair=admin.pair), now)
    assert sides(gone) == [("FORWARD", "Ally"), ("REVERSE", "Ally")]
    assert "Ally" not in scene.texts()


async def test_what_does_not_come_about_is_not_told_as_done(scene: Scene) -> None:
    """A rename or a deletion that HubSpot never answers is told as that, after a look."""
    admin = scene.admin()
    before = await admin.labels()
    chosen = choose("Partner", before, pair=admin.pair)
    scene.wire.twists = ["before"] * 100
    with pytest.raises(StoppedError, match="can't rename the label 'Partner'"):
        await admin.rename(chosen, "Ally", None)
    with pytest.raises(StoppedError, match="can't delete the label 'Partner'"):
        await admin.delete(chosen, before)
    assert "Partner" in scene.texts()


async def test_a_label_that_is_gone_can_not_be_renamed(scene: Scene) -> None:
    """Whoever renames what somebody else has deleted hears HubSpot's refusal."""
    admin = scene.admin()
    chosen = choose("Partner", await admin.labels(), pair=admin.pair)
    label = scene.sandbox.portal.catalogue.find(
        "contact", "company", "USER_DEFINED", chosen[1].type.type_id
    )
    assert label is not None
    scene.sandbox.portal.delete_label(label)
    with pytest.raises(SettingsError, match=r"refuses to rename .* \(404\)"):
        await admin.rename(chosen, "Ally", None)
    assert chosen == (
        Direction.FORWARD,
        type(chosen[1])(AssociationType("USER_DEFINED", 7), "Partner"),
    )
