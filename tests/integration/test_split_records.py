"""Whether the rows of one record may be worked on apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etl.core.typebits import TypeBits
from etl.hubspot.labels import Labels, portal_of
from etl.model import (
    AssociationType,
    Direction,
    HubspotSettings,
    Job,
    LabelDefinition,
    Limits,
    Output,
    Side,
    Source,
)
from etl.pipeline.stage import splits_records

if TYPE_CHECKING:
    from etl.model import ExistingLabels

UNLABELED = AssociationType("HUBSPOT_DEFINED", 279)
PRIMARY = AssociationType("HUBSPOT_DEFINED", 1)
LABELS = Labels(
    [LabelDefinition(UNLABELED, None), LabelDefinition(PRIMARY, "Primary")],
    [LabelDefinition(AssociationType("HUBSPOT_DEFINED", 280), None)],
)
JOB = Job(
    name="hot",
    file=Path("hot.yaml"),
    source=Source("/hot.csv"),
    from_side=Side("contacts", "contact"),
    to_side=Side("companies", "company"),
    labelling=None,
    existing_labels="keep",
    hubspot=HubspotSettings(None, "v4"),
    limits=Limits(),
    output=Output(Path("runs")),
)


@pytest.mark.parametrize(
    ("existing_labels", "asked", "may_be_apart"),
    [
        ("ignore", [UNLABELED], True),
        ("ignore", [UNLABELED, PRIMARY], False),
        ("keep", [UNLABELED], False),
        ("replace", [UNLABELED], False),
    ],
)
def test_a_record_is_worked_on_as_a_whole_where_its_pairs_meet(
    existing_labels: ExistingLabels, asked: list[AssociationType], *, may_be_apart: bool
) -> None:
    """A contact keeps one primary company, and is read once, however many rows it has."""
    job = replace(JOB, existing_labels=existing_labels)
    bits = {Direction.FORWARD: TypeBits(asked), Direction.REVERSE: TypeBits()}
    assert splits_records(job, portal_of(job, LABELS, bits)) is may_be_apart
