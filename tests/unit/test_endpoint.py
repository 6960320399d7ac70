"""A way of associating: its request, what its answers confirm, and types as bits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.id_text import ids_of
from etl.core.typebits import TypeBits
from etl.hubspot.culprits import Sides
from etl.hubspot.endpoint import Endpoint
from etl.hubspot.paths import Paths
from etl.hubspot.wire import PAIR, TYPED_PAIR, archive_body, create_body, decode_answer
from etl.model import Action, ApiVersion, AssociationType, Outcome

MANAGER, MAKER = AssociationType("USER_DEFINED", 36), AssociationType("USER_DEFINED", 37)
FORWARD, BACK = AssociationType("HUBSPOT_DEFINED", 279), AssociationType("HUBSPOT_DEFINED", 280)


def endpoint(
    *, has_types: bool, from_object: str = "contacts", to_object: str = "companies"
) -> Endpoint:
    """Make an endpoint of contacts to companies, or of other objects."""
    return Endpoint(
        sides=Sides(from_object, to_object),
        paths=Paths("v4", from_object, to_object),
        has_types=has_types,
        bits=TypeBits(),
        other_way=frozenset({BACK}),
        primary=frozenset(),
        primary_holder="from_id",
    )


def body(to: Endpoint, pairs: pl.DataFrame) -> bytes:
    """Write the request for pairs."""
    (ids,) = ids_of(pairs, pairs.height)
    return to.body(pairs, ids)


def made(to: Endpoint, results: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Give the pairs that an answer's results confirm."""
    return to.made(decode_answer(json.dumps({"results": results}).encode())).rows()


def created(from_type: str | None, from_id: int, to_type: str, to_id: int) -> dict[str, Any]:
    """Write a result of ``batch/create``."""
    return {
        "fromObjectTypeId": from_type,
        "fromObjectId": from_id,
        "toObjectTypeId": to_type,
        "toObjectId": str(to_id),
        "labels": [],
    }


def defaulted(from_id: int, to_id: int, kind: AssociationType | None) -> dict[str, Any]:
    """Write a result of ``batch/associate/default``."""
    spec = kind and {"associationCategory": kind.category, "associationTypeId": kind.type_id}
    return {"from": {"id": str(from_id)}, "to": {"id": to_id}, "associationSpec": spec}


def test_typed_pairs_go_to_create() -> None:
    """Each pair goes out with the types of its own bits."""
    create = endpoint(has_types=True)
    masks = [create.bits.mask([MANAGER]), create.bits.mask([MANAGER, MAKER])]
    pairs = pl.DataFrame({"from_id": [5, 6], "to_id": [7, 8], "types": masks})
    assert create.path == "/crm/v4/associations/contacts/companies/batch/create"
    inputs = json.loads(body(create, pairs))["inputs"]
    assert [[spec["associationTypeId"] for spec in line["types"]] for line in inputs] == [
        [36],
        [36, 37],
    ]


def test_untyped_pairs_go_to_default() -> None:
    """Empty types are answered 2xx and associate nothing, so the default endpoint takes them."""
    default = endpoint(has_types=False)
    pairs = pl.DataFrame({"from_id": [5], "to_id": [7], "types": [0]})
    assert default.path == "/crm/v4/associations/contacts/companies/batch/associate/default"
    assert json.loads(body(default, pairs)) == {
        "inputs": [{"from": {"id": "5"}, "to": {"id": "7"}}]
    }


@pytest.mark.parametrize("version", get_args(ApiVersion))
@pytest.mark.parametrize("has_types", [False, True])
def test_what_is_removed_goes_to_the_archives(version: ApiVersion, *, has_types: bool) -> None:
    """Whole associations and single labels go to endpoints of their own, in every version."""
    associating = replace(
        endpoint(has_types=has_types), paths=Paths(version, "contacts", "companies")
    )
    remove, labels = (associating.to(action) for action in (Action.REMOVE, Action.REMOVE_LABELS))
    assert remove.path.endswith("/contacts/companies/batch/archive")
    assert labels.path.endswith("/contacts/companies/batch/labels/archive")
    masks = [labels.bits.mask([MAKER]), labels.bits.mask([MANAGER, MAKER])]
    pairs = pl.DataFrame({"from_id": [5, 5], "to_id": [7, 8], "types": masks})
    assert body(remove, pairs) == archive_body(pairs)
    assert body(labels, pairs) == create_body(
        pairs, {masks[0]: [MAKER], masks[1]: [MANAGER, MAKER]}
    )


def test_an_action_keeps_the_rest_of_the_endpoint() -> None:
    """Sides, types and bits are those of the same two objects, whatever is done to them."""
    associating = endpoint(has_types=True)
    removing = associating.to(Action.REMOVE)
    assert removing.to(Action.ASSOCIATE) == associating == associating.to(Action.ASSOCIATE)
    assert removing.bits is associating.bits
    assert [associating.to(action).done for action in Action] == [
        Outcome.REMOVED,
        Outcome.REMOVED,
        Outcome.ASSOCIATED,
    ]


@pytest.mark.parametrize("action", [Action.REMOVE, Action.REMOVE_LABELS])
@pytest.mark.parametrize(
    "body",
    [b"", b'{"status": "COMPLETE"}', b'{"results": [{"fromObjectId": 5, "toObjectId": 7}]}'],
)
def test_an_answer_to_a_removal_confirms_nothing(action: Action, body: bytes) -> None:
    """HubSpot says of no pair that it is gone: whatever it answers, that has to be read back."""
    removed = endpoint(has_types=True).to(action).made(decode_answer(body))
    assert removed.schema == PAIR
    assert removed.is_empty()


def test_both_directions_of_a_default_confirm_one_pair() -> None:
    """Two results a pair are one confirmation, and the mirror of (5, 7) does not confirm (7, 5)."""
    default = endpoint(has_types=False)
    assert made(default, [defaulted(5, 7, FORWARD), defaulted(7, 5, BACK)]) == [(5, 7)]
    assert made(default, [defaulted(7, 5, BACK)]) == []


def test_a_default_between_records_of_one_object_counts_both_ways() -> None:
    """Between contacts and contacts the same type goes both ways: both pairs are made."""
    default = endpoint(has_types=False, to_object="contacts")
    same = AssociationType("HUBSPOT_DEFINED", 449)
    assert made(default, [defaulted(5, 7, same), defaulted(7, 5, same)]) == [(5, 7), (7, 5)]


def test_a_default_without_a_type_is_taken_at_its_ids() -> None:
    """A result that does not say its type still names a pair."""
    assert made(endpoint(has_types=False), [defaulted(5, 7, None)]) == [(5, 7)]


def test_a_number_of_another_category_is_not_the_mirror() -> None:
    """USER_DEFINED 280 is not HUBSPOT_DEFINED 280."""
    other = AssociationType("USER_DEFINED", 280)
    assert made(endpoint(has_types=False), [defaulted(5, 7, other)]) == [(5, 7)]


@pytest.mark.parametrize(
    ("from_object", "to_object", "from_type", "to_type"),
    [
        ("contacts", "companies", "0-1", "0-2"),
        ("0-1", "0-2", "0-1", "0-2"),
        ("contacts", "2-123", "0-1", "2-123"),
        ("contacts", "p_vendor", "0-1", "2-123"),
        ("2-123", "contacts", "2-123", "0-1"),
    ],
)
def test_the_mirror_of_a_created_pair_confirms_nothing(
    from_object: str, to_object: str, from_type: str, to_type: str
) -> None:
    """A create answer told from the other side, (7, 5) for (5, 7), does not confirm (7, 5)."""
    create = endpoint(has_types=True, from_object=from_object, to_object=to_object)
    results = [created(from_type, 5, to_type, 7), created(to_type, 7, from_type, 5)]
    assert made(create, results) == [(5, 7)]


def test_a_created_pair_of_one_object_is_taken_at_its_ids() -> None:
    """Between contacts and contacts the object types tell nothing, and hide nothing."""
    create = endpoint(has_types=True, to_object="contacts")
    assert made(create, [created("0-1", 5, "0-1", 7)]) == [(5, 7)]


def test_a_created_pair_without_object_types_is_taken_at_its_ids() -> None:
    """A version that leaves the object types out confirms all the same."""
    assert made(endpoint(has_types=True), [created(None, 5, "0-2", 7)]) == [(5, 7)]


KINDS = st.sampled_from([MANAGER, MAKER, FORWARD, None])


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), KINDS), max_size=12))
def test_types_fold_into_one_line_a_pair(
    lines: list[tuple[int, int, AssociationType | None]],
) -> None:
    """What a pair has is one set of types; a pair whose types are not told has the empty set."""
    folding = endpoint(has_types=True)
    typed = [(f, t, kind and kind.category, kind and kind.type_id) for f, t, kind in lines]
    folded = folding.fold_types(pl.DataFrame(typed, schema=TYPED_PAIR, orient="row"))
    expected: dict[tuple[int, int], set[AssociationType]] = {}
    for f, t, kind in lines:
        expected.setdefault((f, t), set()).update({kind} if kind else ())
    assert {(f, t): set(folding.bits.types(mask)) for f, t, mask in folded.iter_rows()} == expected
    assert folded.schema == {**PAIR, "types": pl.Int64}
