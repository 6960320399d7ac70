"""A run as a person would work it out with pen and paper: what each row asks for, and what HubSpot has then.

The model shares nothing with the product: dictionaries and loops, a row at a time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenes import Line, Scene

Typed = tuple[str, int]
"""category and type id"""

Ends = tuple[int, int]
"""from_id and to_id, as the row has them"""

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

PAIRED: Final = frozenset({EMPLOYER, EMPLOYEE_BACK})
"""Labels between contacts and companies that read differently at each end."""

INVERSE: Final[dict[Typed, Typed]] = {
    BOSS: BOSS_BACK,
    EMPLOYER: EMPLOYEE_BACK,
    MANAGER: REPORT,
    FRIEND: FRIEND,
    CONTACTS: CONTACTS,
    TO_COMPANY: TO_CONTACT,
}
INVERSE.update({back: there for there, back in list(INVERSE.items())})

UNLABELED: Final = frozenset({TO_COMPANY, TO_CONTACT, CONTACTS})

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

ASSOCIATE: Final = "associate"
REMOVE: Final = "remove"
REMOVE_LABELS: Final = "remove_labels"
IN_ORDER: Final = (REMOVE, REMOVE_LABELS, ASSOCIATE)

WORST_FIRST: Final = ("failed", "associated", "removed", "unchanged")
SUCCEEDED: Final = frozenset({"associated", "removed", "unchanged"})


@dataclass(frozen=True)
class Wish:
    """What a good row asks for."""

    action: str
    ends: Ends
    kinds: tuple[tuple[str, Typed], ...]
    """Labels, each with its direction."""

    def contradicts(self, other: Wish, *, same: bool) -> bool:
        """Tell whether two rows can't both be done."""
        actions = {self.action, other.action}
        if actions == {ASSOCIATE, REMOVE}:
            return self.ends == other.ends or (same and self.ends == other.ends[::-1])
        if actions == {ASSOCIATE, REMOVE_LABELS}:
            return self.ends == other.ends and not set(self.kinds).isdisjoint(other.kinds)
        return False


@dataclass(frozen=True)
class Request:
    """What all rows of a pair ask for in one direction."""

    action: str
    direction: str
    ends: Ends
    """As the request has them."""
    types: frozenset[Typed]
    other: frozenset[Typed]
    """What the pair is asked to have in the other direction."""
    keeps: bool
    """The run has given the pair labels from its other end already, or a row of it is unclear."""


def _may_go(request: Request, there: set[Typed]) -> set[Typed]:
    """List what a direction can judge, of what is there: a paired label's other side is not known."""
    if request.keeps:
        return set()
    if not request.other:
        return there
    if request.direction == FORWARD:
        return there if PAIRED & request.types else there - PAIRED
    return set() if PAIRED & request.other else there & PAIRED


def ends_of(line: Line) -> Ends | None:
    """Read the two ids of a line; None where one of them is none."""
    ids = [cell.strip() for cell in line[:2]]
    if not all(cell.isascii() and cell.isdigit() and int(cell) > 0 for cell in ids):
        return None
    return int(ids[0]), int(ids[1])


class Model:
    """An account and a run over it."""

    def __init__(self, to_object: str) -> None:
        self.to_object = to_object
        self.same = to_object == "contacts"
        self.forward: set[tuple[int, int, Typed]] = set()
        self.reverse = self.forward if self.same else set()
        self._unclear: set[Ends] = set()

    def types(self, direction: str, ends: Ends) -> set[Typed]:
        """List by what two records are associated; nothing where they are not."""
        state = self.forward if direction == FORWARD else self.reverse
        return {kind for *both, kind in state if tuple(both) == ends}

    def write(
        self, direction: str, from_id: int, to_id: int, types: set[Typed], *, replaces: bool = False
    ) -> None:
        """Associate two records; the unlabeled type and the other side come with it."""
        if replaces and types - UNLABELED:
            self.take(
                direction, (from_id, to_id), self.types(direction, (from_id, to_id)) - UNLABELED
            )
        ours, theirs = (self.forward, self.reverse)[:: 1 if direction == FORWARD else -1]
        for kind in types | {self._unlabeled(direction)}:
            ours.add((from_id, to_id, kind))
            theirs.add((to_id, from_id, INVERSE[kind]))

    def take(self, direction: str, ends: Ends, types: set[Typed]) -> None:
        """Take types away, at both sides."""
        ours, theirs = (self.forward, self.reverse)[:: 1 if direction == FORWARD else -1]
        for kind in types:
            ours.discard((*ends, kind))
            theirs.discard((*ends[::-1], INVERSE[kind]))

    def run(self, scene: Scene) -> list[str]:
        """Give each line's outcome, and leave the account as the run leaves it."""
        read = [self.wish(line, scene) for line in scene.lines]
        wishes = self._without_contradictions(read)
        self._unclear = set()
        for line, first, wish in zip(scene.lines, read, wishes, strict=True):
            # A row that names a pair, and no more: it may ask for what the pair has.
            is_refused = isinstance(first, Wish) and wish == "rejected"
            is_unread = isinstance(first, str) and scene.existing_labels == "replace"
            ends = ends_of(line)
            if ends is not None and (is_refused or is_unread):
                self._unclear |= {ends, ends[::-1]} if self.same else {ends}
        sent: dict[tuple[str, Ends, str], str] = {}
        for action in IN_ORDER:
            good = [each for each in wishes if isinstance(each, Wish) and each.action == action]
            for asked_by, request in self._requests(action, good):
                sent[action, asked_by, request.direction] = self._send(request, scene)
        return [each if isinstance(each, str) else self._fate(each, sent) for each in wishes]

    def asked_both_ways(self, scene: Scene) -> set[frozenset[int] | Ends]:
        """List the pairs of which no direction, or no end, can tell what the other one is given.

        What one end is given shows at the other under a name that only HubSpot knows.
        """
        asked: dict[frozenset[int] | Ends, set[tuple[object, Typed]]] = defaultdict(set)
        for line in scene.lines:
            wish = self.wish(line, scene)
            if isinstance(wish, Wish):
                pair = frozenset(wish.ends) if self.same else wish.ends
                asked[pair] |= {(wish.ends if self.same else way, kind) for way, kind in wish.kinds}
        return {
            pair
            for pair, given in asked.items()
            if len({way for way, _ in given}) > 1 and (self.same or (FORWARD, EMPLOYER) in given)
        }

    def _requests(self, action: str, wishes: list[Wish]) -> Iterator[tuple[Ends, Request]]:
        asked: dict[Ends, dict[str, set[Typed]]] = {}
        for wish in wishes:
            types = asked.setdefault(wish.ends, {FORWARD: set(), REVERSE: set()})
            for direction, kind in wish.kinds:
                types[direction].add(kind)
        for direction in (FORWARD, REVERSE):
            # Between records of one object a pair may be asked for from both ends: the end with the
            # smaller id goes first, and what the other end wants may be there by then.
            for ends in sorted(asked, key=lambda ids: self.same and ids[0] > ids[1]):
                types = asked[ends]
                if direction == FORWARD and not types[FORWARD] and types[REVERSE]:
                    continue
                if direction == REVERSE and not types[REVERSE]:
                    continue
                other_end = asked.get(ends[::-1]) if self.same else None
                is_given = bool(other_end and other_end[FORWARD])
                yield (
                    ends,
                    Request(
                        action,
                        direction,
                        ends if direction == FORWARD else ends[::-1],
                        frozenset(types[direction]),
                        other=frozenset(types[REVERSE if direction == FORWARD else FORWARD]),
                        keeps=ends in self._unclear
                        or (is_given and (ends[0] > ends[1] or not types[FORWARD])),
                    ),
                )

    def _send(self, request: Request, scene: Scene) -> str:
        if request.action != ASSOCIATE:
            return self._remove(request, scene)
        if MISSING in request.ends:
            return "failed"
        return self._associate(request, self.types(request.direction, request.ends), scene)

    def _remove(self, request: Request, scene: Scene) -> str:
        there = self.types(request.direction, request.ends)
        goes = there if request.action == REMOVE else {*request.types}
        if scene.existing_labels != "ignore" and not goes & there:
            return "unchanged"
        # Of labels, version v4 has no words for it: its answer is empty, and nothing is there then.
        is_told = scene.bad_input == "refuse" or scene.api_version != "v4"
        if request.action == REMOVE_LABELS and MISSING in request.ends and is_told:
            return "unchanged"
        self.take(request.direction, request.ends, goes)
        return "removed"

    def _associate(self, request: Request, there: set[Typed], scene: Scene) -> str:
        types, stale = {*request.types}, set[Typed]()
        replaces = scene.labels_written == "replace"
        if scene.existing_labels == "replace":
            stale = _may_go(request, there) - types - UNLABELED
        if scene.existing_labels != "ignore":
            has_all = bool(there) and types <= there
            if has_all and not stale:
                return "unchanged"
            if not has_all:
                union = types | (there - stale)
                self.write(request.direction, *request.ends, union, replaces=replaces)
        else:
            is_second = request.direction == REVERSE and request.other
            union = types | there if request.keeps or is_second else types
            self.write(request.direction, *request.ends, union, replaces=replaces)
        self.take(request.direction, request.ends, stale)
        return "associated"

    def _fate(self, wish: Wish, sent: dict[tuple[str, Ends, str], str]) -> str:
        directions = {direction for direction, _ in wish.kinds}
        if not directions:
            # Whatever associates the pair also makes the association without a label.
            key = (wish.action, wish.ends, FORWARD)
            directions = {FORWARD if key in sent else REVERSE}
        fates = {sent[wish.action, wish.ends, direction] for direction in directions}
        return next(fate for fate in WORST_FIRST if fate in fates)

    def _without_contradictions(self, wishes: list[str | Wish]) -> list[str | Wish]:
        good = [each for each in wishes if isinstance(each, Wish)]
        return [
            "rejected"
            if isinstance(each, Wish)
            and any(each.contradicts(other, same=self.same) for other in good)
            else each
            for each in wishes
        ]

    def wish(self, line: Line, scene: Scene) -> str | Wish:
        """Read a line: what it asks for, or how it ends without being sent."""
        _, _, role, note = line
        ends = ends_of(line)
        if ends is None:
            return "rejected"
        action = ASSOCIATE
        if scene.acts:
            action = "_".join(note.lower().replace("-", " ").split()) or ASSOCIATE
            if action not in IN_ORDER:
                return "rejected"
        texts = [text.strip().lower() for text in role.split(";")]
        texts = [text for text in texts if text]
        labels = [text for text in texts if text != "unlabeled"]
        if action == REMOVE and labels:
            return "rejected"
        known = LABELS[self.to_object]
        if not all(text in known for text in labels):
            return "unresolved"
        if action == REMOVE_LABELS and (not labels or labels != texts):
            return "rejected"
        kinds = tuple(known[text] for text in labels)
        return Wish(action, ends, kinds)

    def _unlabeled(self, direction: str) -> Typed:
        if self.same:
            return CONTACTS
        return TO_COMPANY if direction == FORWARD else TO_CONTACT
