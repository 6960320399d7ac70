"""Bodies of ``batch/read`` and answers to it, as columns. No network here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl

from etl.hubspot.wire import ID, Answer, as_id, inputs_body, read_results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_READ: Final = {
    "from": ID,
    "to": pl.List(
        pl.Struct(
            {
                "toObjectId": pl.String,
                "associationTypes": pl.List(
                    pl.Struct({"category": pl.String, "typeId": pl.Int64}),
                ),
            }
        )
    ),
    "paging": pl.Struct({"next": pl.Struct({"after": pl.String})}),
}


def read_body(records: pl.DataFrame) -> bytes:
    """Write the body of ``batch/read`` from from_id and after (null for the first page)."""
    plain = pl.concat_str(pl.lit('{"id":"'), "from_id", pl.lit('"}'))
    if records["after"].null_count() == records.height:
        return inputs_body(records, plain)
    paged = pl.struct(pl.col("from_id").cast(pl.String).alias("id"), "after").struct.json_encode()
    return inputs_body(records, pl.when(pl.col("after").is_null()).then(plain).otherwise(paged))


def read_existing(answer: Answer) -> tuple[pl.DataFrame, pl.DataFrame]:
    """List the associations of a read answer as `existing_of` does. Raises WireError."""
    return existing_of([nested_existing(answer)])


_RESULTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def parts_of(answer: Answer, part_bytes: int) -> Iterator[Answer]:
    """Cut a long answer into some with a part of its results each, as they come."""
    if len(answer.results) <= part_bytes:
        yield answer
        return
    try:
        results = _RESULTS.decode(answer.results)
    except msgspec.MsgspecError:
        # Let whoever reads it say so.
        yield answer
        return
    part, size = list[bytes](), 0
    for result in results:
        part.append(bytes(result))
        size += len(result)
        if size >= part_bytes:
            yield Answer(results=msgspec.Raw(b"[" + b",".join(part) + b"]"))
            part, size = [], 0
    if part:
        yield Answer(results=msgspec.Raw(b"[" + b",".join(part) + b"]"))


def nested_existing(answer: Answer) -> pl.DataFrame:
    """Read a read answer, a line a record as it is nested there. Raises WireError."""
    return read_results(answer, _READ)


def existing_of(nested: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """List the associations of read answers: TYPED_PAIR, and the pages still to ask for.

    Takes some of `nested_existing`: a query costs the same for one as for many. The second frame has
    from_id and after. A type without a category or id is left out; a pair that names no type at all
    still comes back once, with both null.
    """
    results = pl.concat([pl.DataFrame(schema=_READ), *nested]).lazy()
    from_id = as_id(pl.col("from").struct.field("id")).alias("from_id")
    to = pl.col("to").struct
    kind = pl.col("associationTypes").struct
    existing = (
        results.select(from_id, "to")
        .explode("to")
        .select(
            "from_id",
            as_id(to.field("toObjectId")).alias("to_id"),
            to.field("associationTypes"),
        )
        .filter(pl.col("to_id").is_not_null())
        .explode("associationTypes", empty_as_null=True)
        .select("from_id", "to_id", kind.field("category"), kind.field("typeId").alias("type_id"))
    )
    after = pl.col("paging").struct.field("next").struct.field("after").alias("after")
    pages = results.select(from_id, after).filter(pl.col("after").is_not_null())
    found, left = pl.collect_all([existing, pages])
    return found, left
