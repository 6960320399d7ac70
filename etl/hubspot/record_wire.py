"""Bodies and answers of the endpoints of single records. No network here.

Their answers have the fields of one result where those of the batch endpoints have ``results``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from etl.core.id_text import ids_of
from etl.hubspot.read_wire import read_existing
from etl.hubspot.wire import PAIR, Answer, WireError, create_wording, types_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.model import AssociationType

PAGE_SIZE: Final = 500
"""Associations in one page of one record (spec ``associations-v4``, the default of ``limit``)."""


class _Pair(msgspec.Struct, rename="camel"):
    """``LabelsBetweenObjectPair``; ids come as text or as numbers."""

    from_object_id: Any = None
    to_object_id: Any = None
    labels: Any = None


class _Record(msgspec.Struct):
    results: msgspec.Raw = msgspec.Raw(b"[]")
    paging: msgspec.Raw = msgspec.Raw(b"null")


_PAIR: Final = msgspec.json.Decoder(_Pair)
_RECORD: Final = msgspec.json.Decoder(_Record)


def types_body(types: Iterable[AssociationType]) -> bytes:
    """Write the body that associates one pair: its types. Sorted: the same types, the same bytes."""
    return types_json(sorted(types)).encode()


def labels_body(from_id: int, to_id: int, types: Iterable[AssociationType]) -> bytes:
    """Write the body of ``batch/labels/archive`` for one pair."""
    pair = pl.DataFrame([(from_id, to_id)], schema=PAIR, orient="row")
    return create_wording(sorted(types)).of(*ids_of(pair, 1))


def names(answer: Answer, from_id: int, to_id: int, texts: Iterable[str]) -> bool:
    """Tell whether the answer to a PUT names the pair, in this direction and with these labels."""
    try:
        pair = _PAIR.decode(answer.body)
    except msgspec.MsgspecError:
        return False
    labels = pair.labels if isinstance(pair.labels, list) else []
    named = (str(pair.from_object_id), str(pair.to_object_id))
    return named == (str(from_id), str(to_id)) and set(texts) <= set(labels)


def read_record(answer: Answer, from_id: int) -> tuple[pl.DataFrame, str | None]:
    """List the associations of one page of a record: TYPED_PAIR, and where the next page begins.

    Raises WireError.
    """
    try:
        record = _RECORD.decode(answer.body)
    except msgspec.MsgspecError as error:
        raise WireError(f"the record's associations can't be read: {error}") from error
    # A page of one record is what `batch/read` gives for each of many.
    result = b'{"from":{"id":"%d"},"to":%b,"paging":%b}' % (from_id, record.results, record.paging)
    existing, pages = read_existing(Answer(results=msgspec.Raw(b"[%b]" % result)))
    return existing, pages["after"].item() if pages.height else None
