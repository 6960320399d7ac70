"""Bodies and answers about association limits, as the specs and the guide have them."""

from __future__ import annotations

import json

import pytest

from etl.hubspot.limit_wire import AssociationLimit, limits_body, purge_body, read_limits
from etl.hubspot.wire import WireError, decode_answer
from etl.model import AssociationType

DEAL_TO_CONTACT = AssociationType("HUBSPOT_DEFINED", 3)
POINT_OF_CONTACT = AssociationType("USER_DEFINED", 35)


def test_bodies_are_the_guides() -> None:
    """The two examples of HubSpot's guide come out as they stand there."""
    assert json.loads(limits_body({DEAL_TO_CONTACT: 5, POINT_OF_CONTACT: 1})) == {
        "inputs": [
            {"category": "HUBSPOT_DEFINED", "typeId": 3, "maxToObjectIds": 5},
            {"category": "USER_DEFINED", "typeId": 35, "maxToObjectIds": 1},
        ]
    }
    assert json.loads(purge_body([POINT_OF_CONTACT])) == {
        "inputs": [{"category": "USER_DEFINED", "typeId": 35}]
    }


@pytest.mark.parametrize("name", ["userEnforcedMaxToObjectIds", "maxToObjectIds"])
@pytest.mark.parametrize("number", [5, "5"])
def test_a_limit_is_read_under_either_name(name: str, number: object) -> None:
    """The guide's text has another name than its example; a number may come as text."""
    line = {"category": "HUBSPOT_DEFINED", "typeId": 3, name: number, "label": None}
    answer = decode_answer(json.dumps({"results": [line]}).encode())
    assert read_limits(answer) == [AssociationLimit(DEAL_TO_CONTACT, 5, None)]


@pytest.mark.parametrize("results", [None, [], [{"category": "WORK", "typeId": 1}]])
def test_a_type_without_a_number_has_no_limit(results: object) -> None:
    """What is listed without a number is not told as a limit, of nought or otherwise."""
    assert read_limits(decode_answer(json.dumps({"results": results}).encode())) == []


def test_what_is_no_list_of_limits_is_refused() -> None:
    """An answer of something else is never read as `no limits`."""
    with pytest.raises(WireError):
        read_limits(decode_answer(b'{"results": [{"id": 1}]}'))
