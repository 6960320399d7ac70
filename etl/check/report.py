"""The file that ``check`` writes: a line a pair, in words and types that people know."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.core.action import rejecting_contradictions
from etl.core.compare import Sign
from etl.model import Action, Direction
from etl.results import Told
from etl.row_spans import RowSpans
from etl.run_folder import COMPRESSION, write_whole, writing
from etl.sink import format_of, sink
from etl.staging import CONTRADICTION, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from etl.core.typebits import TypeBits
    from etl.hubspot.labels import Labels
    from etl.model import AssociationType
    from etl.staging import Dataset

CHECKED: Final = {
    "sign": pl.String,
    "from_id": pl.Int64,
    "to_id": pl.Int64,
    "action": pl.String,
    "file_types": pl.String,
    "file_labels": pl.String,
    "hubspot_types": pl.String,
    "hubspot_labels": pl.String,
    "row_number": pl.Int64,
    "reason": pl.String,
}
"""Types as ``results`` writes them (``USER_DEFINED:36;HUBSPOT_DEFINED:279``), labels as HubSpot's
texts; null where that side does not have the pair, or it can't be compared. `action` is the file's."""


class Words:
    """Say sets of types as text."""

    def __init__(self, bits: Mapping[Direction, TypeBits], labels: Labels) -> None:
        self._bits = bits
        forward = {each.type: each.text for each in labels.forward}
        reverse = {each.type: each.text for each in labels.reverse}
        self._texts = {Direction.FORWARD: forward, Direction.REVERSE: reverse or forward}
        unlabeled = [kind for kind, text in forward.items() if not text]
        self._unlabeled = unlabeled[0] if unlabeled else None

    def say(self, compared: pl.DataFrame) -> pl.DataFrame:
        """Turn COMPARED into CHECKED."""
        # What HubSpot has is said in the direction that the file asks in.
        asks_reverse = pl.col("reverse").fill_null(0) != 0
        asks_forward = (pl.col("forward").fill_null(0) != 0) | ~asks_reverse
        compared = compared.with_columns(
            pl.when(asks_forward).then("there_forward"), pl.when(asks_reverse).then("there_reverse")
        )
        default = str(self._unlabeled or "")
        is_default = (
            (pl.col("action") == Action.ASSOCIATE.value)
            & (pl.col("forward") == 0)
            & (pl.col("reverse") == 0)
        )
        return compared.with_columns(
            pl.when(is_default)
            .then(pl.lit(default))
            .otherwise(self._both(compared, "", self._types))
            .alias("file_types"),
            self._both(compared, "", self._labels).alias("file_labels"),
            self._both(compared, "there_", self._types).alias("hubspot_types"),
            self._both(compared, "there_", self._labels).alias("hubspot_labels"),
        ).select(*CHECKED)

    def _both(
        self, compared: pl.DataFrame, side: str, say: Callable[[Direction, int], str | None]
    ) -> pl.Expr:
        """Say the types of one side, those of the job's own direction first."""
        columns = {Direction.FORWARD: f"{side}forward", Direction.REVERSE: f"{side}reverse"}
        said = []
        for direction, column in columns.items():
            masks = compared[column].drop_nulls().unique().to_list()
            texts = [say(direction, mask) for mask in masks]
            said.append(
                pl.col(column).replace_strict(masks, texts, default=None, return_dtype=pl.String)
            )
        is_there = pl.any_horizontal(pl.col(*columns.values()).is_not_null())
        return pl.when(is_there).then(pl.concat_str(said, separator=";", ignore_nulls=True))

    def _types(self, direction: Direction, mask: int) -> str | None:
        return ";".join(map(str, self._sorted(direction, mask))) or None

    def _labels(self, direction: Direction, mask: int) -> str | None:
        texts = (self._texts[direction].get(kind) for kind in self._sorted(direction, mask))
        return ";".join(filter(None, texts)) or None

    def _sorted(self, direction: Direction, mask: int) -> list[AssociationType]:
        # Types get their bits in the order in which answers come, which differs from time to time.
        return sorted(self._bits[direction].types(mask))


class Report:
    """Collect the lines on disk, then let the file appear whole."""

    def __init__(self, folder: Path, words: Words) -> None:
        """Keep the lines below a folder of its own until they are written."""
        self._folder = folder
        self._words = words
        self._files = 0
        self.signs: Counter[Sign] = Counter()
        """Lines so far."""
        self.told = Told()
        """Why rows stand for no pair."""
        with writing(folder):
            folder.mkdir(parents=True)

    def add(self, compared: pl.DataFrame) -> None:
        """Take COMPARED."""
        self._add(self._words.say(compared))

    def add_rows(self, dataset: Dataset, label: pl.Expr) -> None:
        """Take the staged rows that stand for no pair: rejected or unresolved, and why."""
        contradictions = RowSpans(self._folder.with_name("contradictions"), CONTRADICTION)
        for found in dataset.contradictions():
            contradictions.add(found)
        for path in dataset.row_files():
            rows = read_rows(path)
            told = contradictions.within(rows["row_number"][0], rows["row_number"][-1])
            rows = (
                rows.join(told, on="row_number", how="left", maintain_order="left")
                .with_columns(*rejecting_contradictions())
                .filter(pl.col("outcome").is_not_null())
            )
            if rows.height:
                self._add_rows(rows, label)

    def _add_rows(self, rows: pl.DataFrame, label: pl.Expr) -> None:
        self.told.add_reasons(rows)
        self._add(
            rows.select(
                pl.lit(Sign.UNKNOWN.value).alias("sign"),
                "from_id",
                "to_id",
                "action",
                pl.lit(None, pl.String).alias("file_types"),
                label.alias("file_labels"),
                pl.lit(None, pl.String).alias("hubspot_types"),
                pl.lit(None, pl.String).alias("hubspot_labels"),
                "row_number",
                pl.col("error_message").alias("reason"),
            )
        )

    def write(self, path: Path) -> None:
        """Write the file. Raises StoppedError."""
        frames = (pl.read_parquet(file) for file in sorted(self._folder.iterdir()))
        file_format = format_of(path)
        write_whole(path, lambda partial: sink(frames, CHECKED, partial, file_format))

    def _add(self, lines: pl.DataFrame) -> None:
        self.signs.update(
            {Sign(sign): count for sign, count in lines["sign"].value_counts().iter_rows()}
        )
        with writing(self._folder):
            lines.write_parquet(self._folder / f"{self._files:05}.parquet", compression=COMPRESSION)
        self._files += 1
