"""What a sandbox is asked to be: the portal's objects, labels and records, and how it behaves.

These nouns are msgspec structs, so that a portal file is checked field by field as it is read.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Span = int | tuple[int, int]
"""One record id, or the first and the last of a range. ``IdSet`` checks that ids begin at 1:
msgspec 0.22 crashes the interpreter on a union of a constrained int and a fixed tuple."""

TypeId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"""The OpenAPI specs give ``associationTypeId`` the format int32."""

Text = Annotated[str, msgspec.Meta(min_length=1)]
PositiveCount = Annotated[int, msgspec.Meta(ge=1)]

PAGE_SIZE = 500
"""Associations of one record in one answer (the specs of ``GET …/associations``: 500 a call)."""


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the emulator answers where HubSpot itself has been seen to answer in more than one way."""

    access_token: Text | None = None
    """The only token let in; None lets any non-empty token in."""
    scopes: tuple[Text, ...] | None = None
    """The scopes granted to the token; None grants all."""
    ids: Literal["strings", "numbers"] = "strings"
    """How record ids are written in results: the specs say strings, users have seen numbers."""
    bad_input: Literal["partial", "refuse"] = "partial"
    """An unknown record or type fails its own input, or refuses the whole request with 400."""
    labels_written: Literal["add", "replace"] = "add"
    """Whether writing a label keeps the custom labels that the pair of records has."""
    requests_per_10_seconds: PositiveCount | None = 150
    """The rolling limit (HubSpot's guide: Professional and Enterprise); None turns it off."""
    requests_per_day: PositiveCount | None = 500_000
    """The daily limit (HubSpot's guide, without the API add-on); None turns it off."""
    time_zone: Text = "UTC"
    """The account's time zone, by its IANA name: the day of the daily limit ends at its midnight."""
    seconds_until_midnight: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None
    """For rehearsals: the account's midnight comes so soon after the start, whatever the zone."""
    page_size: Annotated[int, msgspec.Meta(ge=1, le=PAGE_SIZE)] = PAGE_SIZE
    """Associations of one record in one answer."""


class CustomObject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object that this portal added to HubSpot's own."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*$")]
    type_id: Annotated[str, msgspec.Meta(pattern="^2-[0-9]+$")]


class CustomLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label that this portal's people defined: single, or paired when it has two texts."""

    from_object: Text = msgspec.field(name="from")
    to_object: Text = msgspec.field(name="to")
    label: Text
    inverse_label: Text | None = None
    """The text in the direction to → from; None says the same text both ways."""
    type_ids: tuple[TypeId, ...] | None = None
    """The ids of from → to and to → from; None takes the next free ones."""


class RecordRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records of one object exist, and by which values they can be found."""

    exist: tuple[Span, ...] | None = None
    """None is every id from 1 to ``LAST_RECORD_ID``."""
    missing: tuple[Span, ...] = ()
    """Taken away from ``exist``."""
    keys: dict[Text, Text | None] = msgspec.field(default_factory=dict)
    """Unique properties, and what every record has in them: text with ``{id}`` for the record's id.
    None gives records no value but those in ``values``."""
    values: dict[Text, dict[int, Text | None]] = msgspec.field(default_factory=dict)
    """Values of single records by property and id, in place of those of ``keys``; None is no value.
    A property that isn't in ``keys`` isn't unique. ``hs_additional_emails`` holds a contact's other
    emails, joined by ``;``."""


class AssociationLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many records a record may be associated with, in one direction."""

    from_object: Text = msgspec.field(name="from")
    to_object: Text = msgspec.field(name="to")
    label: Text | None = None
    """The label that the limit is for; None is the unlabeled type, which every association has."""
    max: PositiveCount


class Stretch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What another integration sends for a while."""

    seconds: Annotated[float, msgspec.Meta(ge=0.1)]
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    """The part of ``requests_per_10_seconds`` that it sends."""
    to_share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """The part at the end of the stretch, from ``share`` on a line; None stays at ``share``."""
    at_once: PositiveCount = 1
    """How many of its requests come together."""


class PortalDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One HubSpot account, as a portal file describes it."""

    portal_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = 345
    objects: tuple[CustomObject, ...] = ()
    labels: tuple[CustomLabel, ...] = ()
    limits: tuple[AssociationLimit, ...] = ()
    records: dict[str, RecordRule] = msgspec.field(default_factory=dict)
    """By object; objects not named here have every record up to ``LAST_RECORD_ID``."""
    settings: SandboxSettings = SandboxSettings()
    others: tuple[Stretch, ...] = ()
    """Another integration on the account, stretch after stretch and then from the first again."""


class PortalError(ValueError):
    """Name what a portal definition gets wrong, and what to write instead."""
