"""A run as a person would work it out with pen and paper: tables, accounts, and what has to come of them.

The model shares nothing with the product: dictionaries and loops, a row at a time.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import polars as pl
from hypothesis import strategies as st

from etl.lock import holders
from etl.model import (
    ApiVersion,
    HubspotSettings,
    Job,
    LabelColumn,
    Limits,
    Output,
    Secret,
    Side,
    Source,
)
from etl.sandbox import (
    CustomLabel,
    PortalDefinition,
    RecordRule,
    Sandbox,
    SandboxSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.hubspot.push import RowsSettled
    from etl.model import Outcome
    from etl.run_folder import RunFolder
    from etl.summary import Summary

Typed = tuple[str, int]
"""category and type id"""

MISSING: Final = 9
"""The one record that neither object has."""

BOSS: Final = ("USER_DEFINED", 11)
BOSS_BACK: Final = ("USER_DEFINED", 12)
EMPLOYER: Final = ("USER_DEFINED", 21)
EMPLOYEE_BACK: Final = ("USER_DEFINED", 22)
MANAGER: Final = ("USER_DEFINED", 31)
REPORT: Final = ("USER_DEFINED", 32)
FRIEND: Final = ("USER_DEFINED", 41)
TO_COMPANY: Final = ("HUBSPOT_DEFINED", 279)
TO_CONTACT: Final = ("HUBSPOT_DEFINED", 280)
CONTACTS: Final = ("HUBSPOT_DEFINED", 449)

INVERSE: Final[dict[Typed, Typed]] = {
    BOSS: BOSS_BACK,
    EMPLOYER: EMPLOYEE_BACK,
    MANAGER: REPORT,
    FRIEND: FRIEND,
    CONTACTS: CONTACTS,
    TO_COMPANY: TO_CONTACT,
}
INVERSE.update({back: there for there, back in list(INVERSE.items())})

FORWARD: Final = "forward"
REVERSE: Final = "reverse"
LABELS: Final[dict[str, dict[str, tuple[str, Typed]]]] = {
    "companies": {
        "boss": (FORWARD, BOSS),
        "employer": (FORWARD, EMPLOYER),
        "employee": (REVERSE, EMPLOYEE_BACK),
    },
    "contacts": {
        "manager": (FORWARD, MANAGER),
        "direct report": (FORWARD, REPORT),
        "friend": (FORWARD, FRIEND),
    },
}
"""By the to-object: what people may write, and what that stands for."""

CELLS: Final = {
    "companies": [
        "",
        "Boss",
        " bOSS",
        "Employee",
        "Employer",
        "Boss;Employee",
        "Nope",
        "Boss;Nope",
    ],
    "contacts": ["", "Manager", "Friend", "Direct report;Friend", "unlabeled", "Manger"],
}
ID_CELLS: Final = ["1", "2", "3", " 2 ", "9", "", "0", "-1", "1.5", "1e3", "９", "x"]
MOSTLY_GOOD: Final = [*"1234567", " 2 ", "9", "x"]
"""Ids for tables of which most rows are sent."""
NOTES: Final = st.sampled_from(["", "a,b", 'say "hi"', "two\nlines", " spaced ", "決裁者", "NULL"])

Line = tuple[str, str, str, str]
"""contact, other, role and note, as the file has them."""


@dataclass(frozen=True)
class Scene:
    """One run: a table, an account and how the job is set."""

    lines: list[Line]
    to_object: Literal["companies", "contacts"] = "companies"
    existing_labels: Literal["keep", "ignore"] = "keep"
    labels_written: Literal["add", "replace"] = "add"
    bad_input: Literal["partial", "refuse"] = "partial"
    ids: Literal["strings", "numbers"] = "strings"
    api_version: ApiVersion = "v4"
    batch_size: int = 2
    page_size: int = 1
    there: list[tuple[int, int, int]] = field(default_factory=list)
    """What the portal has before: from_id, to_id and the number of a label."""


@st.composite
def scenes(draw: st.DrawFn, id_cells: Sequence[str] = ID_CELLS, least_lines: int = 1) -> Scene:
    """Draw a table with all that goes wrong in tables, and an account of either temper."""
    to_object = draw(st.sampled_from(["companies", "contacts"]))
    existing: Literal["keep", "ignore"] = draw(st.sampled_from(["keep", "ignore"]))
    line = st.tuples(
        st.sampled_from(id_cells),
        st.sampled_from(id_cells),
        st.sampled_from(CELLS[to_object]),
        NOTES,
    ).filter(lambda cells: to_object != "contacts" or cells[0].strip() != cells[1].strip())
    seed = st.tuples(st.integers(1, 3), st.integers(4, 6) | st.integers(1, 3), st.integers(0, 2))
    return Scene(
        lines=draw(st.lists(line, min_size=least_lines, max_size=14)),
        to_object=to_object,  # type: ignore[arg-type]
        existing_labels=existing,
        # Who writes without reading has to expect that a portal which replaces labels does so.
        labels_written=draw(st.sampled_from(["add", "replace"])) if existing == "keep" else "add",
        bad_input=draw(st.sampled_from(["partial", "refuse"])),
        ids=draw(st.sampled_from(["strings", "numbers"])),
        api_version=draw(st.sampled_from(["v4", "2025-09", "2026-03", "2026-09"])),
        batch_size=draw(st.integers(1, 5)),
        page_size=draw(st.integers(1, 2)),
        there=draw(st.lists(seed.filter(lambda each: each[0] != each[1]), max_size=4)),
    )


class Model:
    """An account and a run over it, as a person would work it out with pen and paper."""

    def __init__(self, to_object: str) -> None:
        self.to_object = to_object
        self.same = to_object == "contacts"
        self.forward: set[tuple[int, int, Typed]] = set()
        self.reverse = self.forward if self.same else set()

    def write(self, direction: str, from_id: int, to_id: int, types: set[Typed]) -> None:
        """Associate two records; the unlabeled type and the other side come with it."""
        ours, theirs = (self.forward, self.reverse)[:: 1 if direction == FORWARD else -1]
        for kind in types | {self._unlabeled(direction)}:
            ours.add((from_id, to_id, kind))
            theirs.add((to_id, from_id, INVERSE[kind]))

    def has(self, direction: str, from_id: int, to_id: int, types: set[Typed]) -> bool:
        """Tell whether two records are associated by all of these types already."""
        state = self.forward if direction == FORWARD else self.reverse
        found = {kind for one, other, kind in state if (one, other) == (from_id, to_id)}
        return bool(found) and types <= found

    def run(self, scene: Scene) -> list[str]:
        """Give each line's outcome, and leave the account as the run leaves it."""
        wishes = [self._wish(line) for line in scene.lines]
        asked: dict[tuple[int, int], dict[str, set[Typed]]] = defaultdict(
            lambda: {FORWARD: set(), REVERSE: set()}
        )
        for wish in wishes:
            if not isinstance(wish, str):
                types = asked[wish[0], wish[1]]
                for direction, kind in wish[2]:
                    types[direction].add(kind)
        sent: dict[tuple[int, int, str], str] = {}
        for direction in (FORWARD, REVERSE):
            # Between records of one object a pair may be asked for from both ends: the end with the
            # smaller id goes first, and what the other end wants may be there by then.
            for from_id, to_id in sorted(asked, key=lambda ids: self.same and ids[0] > ids[1]):
                types = asked[from_id, to_id]
                if types[direction] or (direction == FORWARD and not types[REVERSE]):
                    ends = (from_id, to_id) if direction == FORWARD else (to_id, from_id)
                    sent[from_id, to_id, direction] = self._send(
                        direction, *ends, types[direction], scene
                    )
        return [wish if isinstance(wish, str) else self._fate(wish, sent) for wish in wishes]

    def _send(
        self, direction: str, from_id: int, to_id: int, types: set[Typed], scene: Scene
    ) -> str:
        if MISSING in (from_id, to_id):
            return "failed"
        if scene.existing_labels == "keep" and self.has(direction, from_id, to_id, types):
            return "unchanged"
        self.write(direction, from_id, to_id, types)
        return "associated"

    def _fate(
        self,
        wish: tuple[int, int, list[tuple[str, Typed]]],
        sent: Mapping[tuple[int, int, str], str],
    ) -> str:
        from_id, to_id, kinds = wish
        directions = {direction for direction, _ in kinds}
        if not directions:
            # Whatever associates the pair also makes the association without a label.
            directions = {FORWARD if (from_id, to_id, FORWARD) in sent else REVERSE}
        fates = {sent[from_id, to_id, direction] for direction in directions}
        return next(fate for fate in ("failed", "associated", "unchanged") if fate in fates)

    def _wish(self, line: Line) -> str | tuple[int, int, list[tuple[str, Typed]]]:
        ids = [cell.strip() for cell in line[:2]]
        if not all(cell.isascii() and cell.isdigit() and int(cell) > 0 for cell in ids):
            return "rejected"
        texts = [text.strip().lower() for text in line[2].split(";")]
        texts = [text for text in texts if text not in {"", "unlabeled"}]
        known = LABELS[self.to_object]
        if not all(text in known for text in texts):
            return "unresolved"
        return int(ids[0]), int(ids[1]), [known[text] for text in texts]

    def _unlabeled(self, direction: str) -> Typed:
        if self.same:
            return CONTACTS
        return TO_COMPANY if direction == FORWARD else TO_CONTACT


class Listener:
    """Count what the run tells while it goes on."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()

    def read(self, rows: int) -> None:
        """Hear of rows read."""

    def staged(self, rows: int, settled: Mapping[Outcome, int]) -> None:
        """Hear of rows that are not sent."""
        assert rows >= sum(settled.values())
        self.told.update({outcome.value: count for outcome, count in settled.items()})

    def looked_up(self, keys: int, of: int) -> None:
        """Hear of keys looked up."""
        assert keys <= of

    def trouble(self, said: str) -> None:
        """Hear that an attempt failed."""

    def waiting(self, said: str) -> None:
        """Hear that the run waits for hours."""

    def settled(self, settled: RowsSettled) -> None:
        """Hear of rows that have come to an outcome."""
        self.told.update({outcome.value: count for outcome, count in settled.rows.items()})


def portal(scene: Scene) -> PortalDefinition:
    """Describe the account of a scene."""
    return PortalDefinition(
        labels=(
            CustomLabel(
                from_object="contacts", to_object="companies", label="Boss", type_ids=(11, 12)
            ),
            CustomLabel(
                from_object="contacts",
                to_object="companies",
                label="Employer",
                inverse_label="Employee",
                type_ids=(21, 22),
            ),
            CustomLabel(
                from_object="contacts",
                to_object="contacts",
                label="Manager",
                inverse_label="Direct report",
                type_ids=(31, 32),
            ),
            CustomLabel(
                from_object="contacts", to_object="contacts", label="Friend", type_ids=(41,)
            ),
        ),
        records={
            "contacts": RecordRule(missing=(MISSING,)),
            "companies": RecordRule(missing=(MISSING,)),
        },
        settings=SandboxSettings(
            requests_per_10_seconds=None,
            labels_written=scene.labels_written,
            bad_input=scene.bad_input,
            ids=scene.ids,
            page_size=scene.page_size,
        ),
    )


def seed(sandbox: Sandbox, model: Model, scene: Scene) -> None:
    """Put into sandbox and model what the account has before the run."""
    pair = sandbox.portal.pair("contacts", scene.to_object)
    catalogue, links = sandbox.portal.catalogue, sandbox.portal.links(pair)
    kinds = [kind for way, kind in LABELS[scene.to_object].values() if way == FORWARD]
    seen: set[frozenset[int]] = set()
    for from_id, to_id, number in scene.there:
        # A portal that replaces labels is written to once a pair, so that both sides stay alike.
        if frozenset((from_id, to_id)) in seen:
            continue
        seen.add(frozenset((from_id, to_id)))
        kind = kinds[number % len(kinds)]
        label = catalogue.find(*pair.key, *kind)
        assert label is not None
        links.write(links.plan((label,), catalogue.unlabeled(*pair.key)), from_id, to_id)
        model.write(FORWARD, from_id, to_id, {kind})


def job_of(scene: Scene, folder: Path, source: Path, base_url: str) -> Job:
    """Write the job of a scene."""
    return Job(
        name="scene",
        file=folder / "scene.yaml",
        source=Source(str(source)),
        from_side=Side("contacts", "contact"),
        to_side=Side(scene.to_object, "other"),
        labelling=LabelColumn("role", separator=";"),
        existing_labels=scene.existing_labels,
        hubspot=HubspotSettings(Secret("made-up"), scene.api_version, base_url),
        limits=Limits(
            requests_per_10_seconds=1_000_000, batch_size=scene.batch_size, concurrency=4
        ),
        output=Output(folder / "runs"),
    )


def write_source(scene: Scene, path: Path) -> None:
    """Write the table of a scene."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("contact", "other", "role", "note"), *scene.lines])


def read_csv(path: Path) -> list[list[str]]:
    """Read a csv file as its plainest reader does."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def check_files(
    folder: RunFolder, lines: list[Line], outcomes: list[str], summary: Summary
) -> None:
    """Hold a run's files against the lines of its source and the outcomes they should have."""
    results = pl.read_parquet(folder.path / "results.parquet")
    assert results["row_number"].to_list() == list(range(1, len(lines) + 1))
    assert results["outcome"].to_list() == outcomes
    as_read = results.select("from_key", "to_key", "label").rows()
    assert [tuple(cell or "" for cell in row) for row in as_read] == [line[:3] for line in lines]
    counts = {name: count for name, count in summary["outcomes"].items() if count}
    assert counts == Counter(outcomes)
    assert summary["rows"] == len(lines) == sum(summary["outcomes"].values())
    assert json.loads(folder.summary.read_text(encoding="utf-8")) == summary
    header, *failed = read_csv(folder.failures)
    assert header[:4] == ["contact", "other", "role", "note"]
    bad = [
        (number, outcome)
        for number, outcome in enumerate(outcomes, 1)
        if outcome not in {"associated", "unchanged"}
    ]
    assert [tuple(row[:4]) for row in failed] == [lines[number - 1] for number, _ in bad]
    assert [(int(row[4]), row[5]) for row in failed] == bad
    # Each of them says why, in words, and what to do about it.
    assert all(row[6] and row[7] and row[8] for row in failed)
    assert summary["exit_code"] == (1 if bad else 0)


def check_listing(folder: RunFolder) -> None:
    """Hold what a run that has ended leaves against the contract; nobody is at it any more."""
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "failures.csv",
        "journal.sqlite",
        "results.parquet",
        "run.log",
        "summary.json",
    ]
    assert holders(folder.path.parent) == []


def check_portal(sandbox: Sandbox, model: Model) -> None:
    """Compare both directions of the account with the model."""
    for ends, state in (
        (("contacts", model.to_object), model.forward),
        ((model.to_object, "contacts"), model.reverse),
    ):
        found = sandbox.portal.associations(*ends)
        assert found == {(one, other, *kind) for one, other, kind in state}
