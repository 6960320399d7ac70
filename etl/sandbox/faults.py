"""What a sandbox can be told to do wrong, and when: the nouns of a faults file.

The ``description`` of a field's type is what messages tell people to write there.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Kind = Literal["write", "read", "labels", "limits", "records", "account"]
"""What a request is for. A write is a batch create, default or archive, or a PUT or DELETE of one
pair; a read is ``batch/read`` of associations, or the list of one record; labels and limits are listed and
changed; records are read by their ids or keys."""

STATUSES_WITH_RETRY_AFTER = (423, 429, 477, 503)
"""HubSpot's guide to errors promises the header for 477; any server may send it with the others."""

On = Annotated[
    Literal["any", "write", "read", "labels", "limits", "records", "account"],
    msgspec.Meta(description="any, write, read, labels, limits, records or account"),
]
Status = Annotated[
    Literal[400, 401, 403, 404, 408, 423, 429, 477, 500, 502, 503, 504],
    msgspec.Meta(description="400, 401, 403, 404, 408, 423, 429, 477, 500, 502, 503 or 504"),
]
AnyErrorStatus = Annotated[
    int, msgspec.Meta(ge=400, le=599, description="a status from 400 to 599")
]
Policy429 = Annotated[
    Literal["SECONDLY", "TEN_SECONDLY_ROLLING", "DAILY"],
    msgspec.Meta(description="SECONDLY, TEN_SECONDLY_ROLLING or DAILY"),
]
Naming = Annotated[
    Literal["nobody", "ids", "types"], msgspec.Meta(description="nobody, ids or types")
]
Share = Annotated[float, msgspec.Meta(ge=0, le=1, description="a number from 0 to 1")]
Seconds = Annotated[float, msgspec.Meta(gt=0, description="seconds, a number above 0")]
Count = Annotated[int, msgspec.Meta(ge=0, description="a whole number from 0")]
PositiveCount = Annotated[int, msgspec.Meta(ge=1, description="a whole number from 1")]


class FaultsError(ValueError):
    """Name what a faults file gets wrong, and what to write instead."""


class EveryFault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"
):
    """What can be said of every fault: which requests it strikes."""

    on: On = "any"
    share: Share = 1.0
    """The part of the matching requests that it strikes, by chance."""
    after: Count = 0
    """How many matching requests pass before it begins."""
    times: PositiveCount | None = None
    """How often it strikes at most; None is without end."""

    def __str__(self) -> str:
        return str(self.__struct_config__.tag)


class StatusFault(EveryFault, frozen=True, tag="status"):
    """Answer with an error body of HubSpot's in place of doing the work."""

    status: Status
    policy: Policy429 | None = None
    """The limit that a 429 names; None names the rolling one."""
    retry_after_seconds: Count | None = None
    """The header ``Retry-After``; None leaves it out."""
    naming: Naming | None = None
    """What a 400 names of the request's first input; None names nobody."""

    def __post_init__(self) -> None:
        self._only_with("naming", self.naming, (400,))
        self._only_with("policy", self.policy, (429,))
        self._only_with("retry_after_seconds", self.retry_after_seconds, STATUSES_WITH_RETRY_AFTER)

    def __str__(self) -> str:
        return f"status {self.status}"

    def _only_with(self, key: str, value: object, statuses: tuple[int, ...]) -> None:
        if value is not None and self.status not in statuses:
            right = " or ".join(map(str, statuses))
            raise ValueError(
                f"{key} does not go with status {self.status}: it goes with {right}; leave it out"
            )


class HtmlFault(EveryFault, frozen=True, tag="html"):
    """Answer with a page for people, as a gateway in front of HubSpot does."""

    status: AnyErrorStatus = 502

    def __str__(self) -> str:
        return f"html {self.status}"


class SlowFault(EveryFault, frozen=True, tag="slow"):
    """Answer late, and rightly unless a later fault strikes too."""

    seconds: Seconds


class HangFault(EveryFault, frozen=True, tag="hang"):
    """Never answer."""


class CutBeforeFault(EveryFault, frozen=True, tag="cut_before"):
    """Close the connection in place of doing the work."""


class CutAfterFault(EveryFault, frozen=True, tag="cut_after"):
    """Do the work and close the connection in place of answering."""


class CutBodyFault(EveryFault, frozen=True, tag="cut_body"):
    """Do the work and close the connection in the middle of the answer."""


class ForgetFault(EveryFault, frozen=True, tag="forget"):
    """Do the work and leave some results out of the answer."""

    results: Share

    def __post_init__(self) -> None:
        if self.on == "account":
            raise ValueError("on is 'account', which has no results: write write, read or labels")


class LoseFault(EveryFault, frozen=True, tag="lose"):
    """Answer as if some inputs had never been sent."""

    results: Share
    """The part of the inputs, and so of the results, that gets lost."""

    def __post_init__(self) -> None:
        if self.on in ("account", "labels"):
            raise ValueError(f"on is {self.on!r}, which has no inputs: write write or read")


class SecondlyFault(EveryFault, frozen=True, tag="secondly"):
    """Refuse what comes faster than this within any one second."""

    requests_per_second: PositiveCount


WrongAnswer = (
    StatusFault
    | HtmlFault
    | HangFault
    | CutBeforeFault
    | CutAfterFault
    | CutBodyFault
    | ForgetFault
    | LoseFault
    | SecondlyFault
)
Fault = WrongAnswer | SlowFault


class FaultScript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a sandbox does wrong; the first fault that strikes a request has it."""

    seed: Annotated[int, msgspec.Meta(description="a whole number")] = 1
    """The same seed and the same order of requests give the same faults."""
    faults: Annotated[tuple[Fault, ...], msgspec.Meta(description="a list of faults")] = ()
