"""A lock of labels tells every way in which an account can differ from it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.label_lock import PortalNow, Told, differences, locked, not_locked, not_there
from etl.errors import UsageError
from etl.label_lock_file import lock_path, read_lock, write_lock
from etl.model import (
    AssociationType,
    DefinedLabel,
    Direction,
    LabelDefinition,
    LabelLock,
    LockedLabel,
)

if TYPE_CHECKING:
    from pathlib import Path

    from etl.core.label_choice import Placed

AHEAD, BACK = Direction.FORWARD, Direction.REVERSE
TOLD = Told("roles.lock.json", "hubspot-assoc plan roles.yaml --write-lock")
AGAIN = "if that is meant, write the lock again: hubspot-assoc plan roles.yaml --write-lock"


def line(
    direction: Direction, type_id: int, text: str | None, category: str = "USER_DEFINED"
) -> Placed:
    """Write one label with its direction."""
    return direction, LabelDefinition(AssociationType(category, type_id), text)


BOSS, BILLING = line(AHEAD, 5, "Boss"), line(AHEAD, 931, "Billing", "HUBSPOT_DEFINED")
EMPLOYEE, PLAIN = line(BACK, 10, "Employee"), line(AHEAD, 279, None, "HUBSPOT_DEFINED")
LABELS = (BOSS, BILLING, EMPLOYEE, PLAIN)
LOCK = LabelLock("2026-01-31T00:00:00+00:00", 345, "contacts", "companies", locked(LABELS))
NOW = PortalNow(345, "contacts", "companies", LABELS)


def told(now: PortalNow, lock: LabelLock = LOCK) -> list[str]:
    """List how an account differs."""
    return [problem.message for problem in differences(lock, now, TOLD)]


def test_an_account_that_is_as_it_was_is_let_through() -> None:
    """What else HubSpot has does not matter: other labels may come and go."""
    assert told(NOW) == []
    assert told(replace(NOW, labels=(*LABELS, line(AHEAD, 77, "New")))) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([line(AHEAD, 5, "Chief")], "'Boss' (USER_DEFINED:5, forward) is called 'Chief' now"),
        ([line(AHEAD, 5, "boss")], "'Boss' (USER_DEFINED:5, forward) is called 'boss' now"),
        (
            [line(AHEAD, 6, "BOSS")],
            "'Boss' (USER_DEFINED:5, forward) is USER_DEFINED:6, forward, now",
        ),
        ([line(BACK, 5, "Boss")], "'Boss' (USER_DEFINED:5, forward) is reverse now"),
        (
            [line(BACK, 6, "Boss")],
            "'Boss' (USER_DEFINED:5, forward) is USER_DEFINED:6, reverse, now",
        ),
        (
            [line(AHEAD, 5, "Boss", "WORK")],
            "'Boss' (USER_DEFINED:5, forward) is WORK:5, forward, now",
        ),
        ([], "'Boss' (USER_DEFINED:5, forward) does not exist any more"),
    ],
)
def test_every_kind_of_difference_has_its_words(labels: list[Placed], message: str) -> None:
    """Renamed, made anew, turned round or deleted: the operator reads which, and what to do."""
    now = replace(NOW, labels=(*labels, *LABELS[1:]))
    [problem] = differences(LOCK, now, TOLD)
    assert (problem.place, problem.message, problem.hint) == ("roles.lock.json", message, AGAIN)


def test_the_unlabeled_type_is_told_as_that() -> None:
    """A job that asks for it by number is held to it too."""
    assert told(replace(NOW, labels=LABELS[:3])) == [
        "the unlabeled type (HUBSPOT_DEFINED:279, forward) does not exist any more"
    ]


@pytest.mark.parametrize(
    ("of_lock", "of_account", "message"),
    [
        (345, 777, "the lock is for portal 345, and the access token is of 777"),
        (345, None, "the lock is for portal 345, and HubSpot does not tell which this is"),
        (None, 777, "the lock was written without a portal's id, and this is portal 777"),
    ],
)
def test_another_or_unknown_portal_is_never_let_through(
    of_lock: int | None, of_account: int | None, message: str
) -> None:
    """Labels of the same name in another portal are other labels."""
    assert told(replace(NOW, portal_id=of_account), replace(LOCK, portal_id=of_lock)) == [message]


def test_all_differences_are_told_at_once() -> None:
    """Whoever looks into it in the morning sees the whole of it."""
    assert len(told(replace(NOW, portal_id=777, labels=()))) == 1 + len(LABELS)


def test_a_job_for_other_objects_is_told_as_that() -> None:
    """Each label would be missing too, which would only hide the reason."""
    assert told(replace(NOW, to_object="deals", labels=())) == [
        "the lock is for contacts → companies, and the job for contacts → deals"
    ]


def test_a_label_that_is_not_locked_is_told() -> None:
    """A label that is new in the source, or new in HubSpot, was never agreed on."""
    [problem] = not_locked(LOCK, [BOSS, line(AHEAD, 77, "New")], TOLD)
    assert problem.message == "the job uses 'New' (USER_DEFINED:77, forward), which is not locked"
    # Made anew under another id, it has been told already.
    assert not_locked(LOCK, [line(AHEAD, 6, "boss")], TOLD) == ()


def test_a_defined_label_that_nobody_has_is_told() -> None:
    """Under a lock nothing is made; one that the lock has is told as deleted instead."""
    [problem] = not_there(LOCK, [DefinedLabel("New"), DefinedLabel("boss")], TOLD)
    assert problem.message == "the job defines 'New', which HubSpot does not have"


@given(
    st.lists(
        st.builds(
            line,
            st.sampled_from(Direction),
            st.integers(1, 5),
            st.none() | st.sampled_from(["A", "a", "決"]),
            st.sampled_from(["USER_DEFINED", "HUBSPOT_DEFINED"]),
        ),
        unique_by=lambda placed: (placed[0], placed[1].type),
        max_size=6,
    ),
    st.data(),
)
def test_a_lock_holds_just_where_its_lines_are_there(
    labels: list[Placed], data: st.DataObject
) -> None:
    """One difference a line that is not there as it was, whatever else is there."""
    lock = replace(LOCK, labels=locked(labels))
    now = data.draw(st.lists(st.sampled_from(labels), unique=True) if labels else st.just([]))
    assert len(told(replace(NOW, labels=tuple(now)), lock)) == len(labels) - len(now)


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What is written beside the job file comes back whole, and its text can be read in a review."""
    job_file = tmp_path / "roles.night.yaml"
    path = write_lock(job_file, LOCK)
    assert path == lock_path(job_file) == tmp_path / "roles.night.lock.json"
    assert read_lock(job_file) == LOCK
    assert '"from": "contacts"' in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no lock"),
        (b"", "can't be read as a lock"),
        (b'{"format": 1', "can't be read as a lock"),
        (b"[1]", "can't be read as a lock"),
        (b"\xff", "can't be read as a lock"),
        (b'{"format": 1, "written_at": "x"}', "can't be read as a lock: .*portal_id"),
        (b'{"format": 2}', "is a lock of format 2, and this version reads format 1"),
    ],
)
def test_a_lock_that_can_not_be_read_lets_nothing_through(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    """A missing, cut or foreign lock is told with the command that writes a new one."""
    job_file = tmp_path / "roles.yaml"
    if content is not None:
        lock_path(job_file).write_bytes(content)
    with pytest.raises(UsageError, match=message) as refused:
        read_lock(job_file)
    assert refused.value.hint.endswith(f"hubspot-assoc plan {job_file} --write-lock")


def test_a_line_of_a_lock_is_a_label_in_one_direction() -> None:
    """The lock has text, category, typeId and direction of each label, once and in order."""
    assert locked([EMPLOYEE, BOSS, BOSS]) == (
        LockedLabel("Boss", "USER_DEFINED", 5, "forward"),
        LockedLabel("Employee", "USER_DEFINED", 10, "reverse"),
    )
