"""Scenes of runs: tables, accounts and jobs, drawn or written; and what has to come of them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import polars as pl
from hypothesis import strategies as st
from paper import FORWARD, LABELS, MISSING, SUCCEEDED, Model

from etl.lock import holders
from etl.model import (
    Action,
    ActionColumn,
    ApiVersion,
    ExistingLabels,
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

    from etl.hubspot.settled import RowsSettled
    from etl.model import Outcome
    from etl.run_folder import RunFolder
    from etl.summary import Summary

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

ASKS: Final[dict[str, list[str]]] = {
    "": ["", "associate"],
    "remove": ["remove", " Remove "],
    "remove_labels": ["remove_labels", "Remove labels", "remove-labels"],
    "none": ["delete", "removes"],
}
"""What people may write, by what it asks for."""
NO_LABEL: Final = 3
ALL_LABELS: Final = 4

Line = tuple[str, str, str, str]
"""contact, other, role and note, as the file has them."""


@dataclass(frozen=True)
class Scene:
    """One run: a table, an account and how the job is set."""

    lines: list[Line]
    to_object: Literal["companies", "contacts"] = "companies"
    existing_labels: ExistingLabels = "keep"
    labels_written: Literal["add", "replace"] = "add"
    bad_input: Literal["partial", "refuse"] = "partial"
    ids: Literal["strings", "numbers"] = "strings"
    api_version: ApiVersion = "v4"
    batch_size: int = 2
    page_size: int = 1
    there: list[tuple[int, int, int]] = field(default_factory=list)
    """What the portal has before: from_id, to_id and the number of a label, NO_LABEL or ALL_LABELS."""
    acts: bool = False
    """The note of each line says what the row asks for."""


@st.composite
def scenes(
    draw: st.DrawFn, id_cells: Sequence[str] = ID_CELLS, least_lines: int = 1, *, acts: bool = False
) -> Scene:
    """Draw a table with all that goes wrong in tables, and an account of either temper.

    With `acts`, rows also remove, and old labels may be replaced.
    """
    to_object = draw(st.sampled_from(["companies", "contacts"]))
    ids = st.sampled_from(id_cells)
    words = (
        _asking(CELLS[to_object]) if acts else st.tuples(st.sampled_from(CELLS[to_object]), NOTES)
    )
    line = (
        st.tuples(ids, ids, words)
        .map(lambda cells: (*cells[:2], *cells[2]))
        .filter(lambda cells: to_object != "contacts" or cells[0].strip() != cells[1].strip())
    )
    seed = st.tuples(st.integers(1, 3), st.integers(4, 6) | st.integers(1, 3), st.integers(0, 4))
    return Scene(
        lines=draw(st.lists(line, min_size=least_lines, max_size=14)),
        to_object=to_object,  # type: ignore[arg-type]
        existing_labels=draw(st.sampled_from(["keep", "replace", "ignore"])),
        labels_written=draw(st.sampled_from(["add", "replace"])),
        bad_input=draw(st.sampled_from(["partial", "refuse"])),
        ids=draw(st.sampled_from(["strings", "numbers"])),
        api_version=draw(st.sampled_from(["v4", "2025-09", "2026-03", "2026-09"])),
        batch_size=draw(st.integers(1, 5)),
        page_size=draw(st.integers(1, 2)),
        there=draw(st.lists(seed.filter(lambda each: each[0] != each[1]), max_size=6)),
        acts=acts,
    )


def _asking(roles: list[str]) -> st.SearchStrategy[tuple[str, str]]:
    """Draw a role and what is asked for it: mostly what can be meant."""
    labelled = [role for role in roles if role not in {"", "unlabeled"}]
    likely = {
        "": roles,
        "remove": ["", "", "", "unlabeled", labelled[0]],
        "remove_labels": [*labelled, *labelled, "", f"{labelled[0]};unlabeled"],
        "none": roles,
    }
    return st.sampled_from(
        ["", "", "", "remove", "remove_labels", "remove_labels", "none"]
    ).flatmap(lambda ask: st.tuples(st.sampled_from(likely[ask]), st.sampled_from(ASKS[ask])))


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

    def note(self, said: str) -> None:
        """Hear of something that lasts."""

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
        chosen = {NO_LABEL: [], ALL_LABELS: kinds}.get(number, [kinds[number % len(kinds)]])
        labels = [catalogue.find(*pair.key, *kind) for kind in chosen]
        found = [label for label in labels if label is not None]
        assert len(found) == len(chosen)
        links.write(links.plan(found, catalogue.unlabeled(*pair.key)), from_id, to_id)
        model.write(FORWARD, from_id, to_id, {*chosen})


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
        action=ActionColumn("note") if scene.acts else Action.ASSOCIATE,
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
        (number, outcome) for number, outcome in enumerate(outcomes, 1) if outcome not in SUCCEEDED
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
