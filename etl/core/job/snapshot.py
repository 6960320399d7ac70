"""Keep a job as it is, token left out, and make it again: a run goes on by the job it began with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from etl.model import (
    Action,
    ActionColumn,
    Bound,
    CsvFormat,
    DefinedLabel,
    ExplicitType,
    HubspotSettings,
    Job,
    LabelColumn,
    LabelSettings,
    LabelValue,
    Limits,
    Mirror,
    Output,
    Side,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.model import Secret

_LABELLINGS = {kind.__name__: kind for kind in (LabelColumn, LabelValue, ExplicitType)}


def snapshot(job: Job) -> dict[str, Any]:
    """Write a job down as plain JSON values; the access token is not among them."""
    without_token = replace(job, hubspot=replace(job.hubspot, access_token=None))
    plain: dict[str, Any] = msgspec.to_builtins(without_token, enc_hook=str)
    return plain | {"labelling_kind": type(job.labelling).__name__}


def restore(kept: Mapping[str, Any], access_token: Secret | None) -> Job:
    """Make the job of a snapshot, with the token of today."""
    labelling = _LABELLINGS.get(kept["labelling_kind"])
    source, limits, output = kept["source"], kept["limits"], kept["output"]
    failures, mirror, action = limits["max_failures"], kept["mirror"], kept["action"]
    return Job(
        name=kept["name"],
        file=Path(kept["file"]),
        source=Source(source["path"], CsvFormat(**source["csv"])),
        from_side=Side(**kept["from_side"]),
        to_side=Side(**kept["to_side"]),
        labelling=labelling(**kept["labelling"]) if labelling is not None else None,
        existing_labels=kept["existing_labels"],
        hubspot=HubspotSettings(**kept["hubspot"] | {"access_token": access_token}),
        limits=Limits(
            **limits | {"max_failures": Bound(**failures) if failures is not None else None}
        ),
        output=Output(Path(output["directory"]), output["results"]),
        labels=_labels(kept.get("labels", {})),
        action=Action(action) if isinstance(action, str) else ActionColumn(**action),
        mirror=None if mirror is None else Mirror(mirror["scope"], Bound(**mirror["max_removals"])),
        match_cache_hours=kept["match_cache_hours"],
    )


def _labels(kept: Mapping[str, Any]) -> LabelSettings:
    """Make the labels of a snapshot; one of a version that knew none has none."""
    define = tuple(DefinedLabel(**each) for each in kept.get("define", ()))
    return LabelSettings(kept.get("create_missing", False), define)
