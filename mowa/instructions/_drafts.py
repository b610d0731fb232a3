"""Dialogues that were read and not yet compared with each other, in parts, with their sketches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus.duplicates import DuplicateOptions, Sketch, sketch, write_sketches
from mowa.instructions._candidates import Candidate, answer_of, exact_key, question_of
from mowa.instructions._files import DIALOGUES, to_row
from mowa.workspace import writing

ROWS = 1_024
"""Dialogues that are Python objects at a time."""

DRAFTS = pa.schema(
    [
        *DIALOGUES,
        pa.field("place_source", pa.string()),
        pa.field("place_file", pa.string()),
        pa.field("place_row", pa.int64()),
        pa.field("place_beginning", pa.string()),
        pa.field("form", pa.string()),
        pa.field("exact", pa.string()),
        pa.field("answer_characters", pa.int64()),
    ]
)

SIDES = {"questions": question_of, "answers": answer_of}
"""What is compared for near duplicates, each by itself."""

SKETCHES = "sketches"

# Of one part: its sketches are in memory until it is written.
_PART_ROWS = 16 * ROWS
_PART_CHARACTERS = 64 << 20


class Drafts:
    """Writes parts `NAME-000`, `NAME-001` … of one unit; a part is whole or not there."""

    def __init__(self, out: Path, name: str, options: DuplicateOptions | None) -> None:
        self.parts: list[str] = []
        self._out = out
        self._name = name
        self._options = options
        self._batches: list[pa.Table] = []
        self._sketches: dict[str, list[Sketch]] = {side: [] for side in SIDES}
        self._rows = 0
        self._characters = 0

    def add(self, candidates: Sequence[Candidate]) -> None:
        """Take a batch of dialogues."""
        if not candidates:
            return
        self._batches.append(pa.Table.from_pylist([_row(one) for one in candidates], DRAFTS))
        part = f"{self._name}-{len(self.parts):03}"
        keys = [f"{part}/{self._rows + number:06}" for number in range(len(candidates))]
        for side, text_of in SIDES.items():
            texts = [text_of(one.dialogue) for one in candidates]
            self._characters += sum(map(len, texts))
            if self._options is not None:
                frame = pl.DataFrame({"doc_id": keys, "text": texts})
                self._sketches[side].append(sketch(frame, self._options))
        self._rows += len(candidates)
        if self._rows >= _PART_ROWS or self._characters >= _PART_CHARACTERS:
            self.finish()

    def finish(self) -> None:
        """Write the part that is not full."""
        if not self._rows:
            return
        part = f"{self._name}-{len(self.parts):03}"
        if self._options is not None:
            for side, found in self._sketches.items():
                write_sketches(self._out / side / SKETCHES, part, found, self._options)
        with writing(drafts_path(self._out, part)) as partial:
            table = pa.concat_tables(self._batches)
            pq.write_table(table, partial, compression="zstd", row_group_size=ROWS)
        self.parts.append(part)
        self._batches.clear()
        self._sketches = {side: [] for side in SIDES}
        self._rows = self._characters = 0


def drafts_path(out: Path, part: str) -> Path:
    """Where a part lies."""
    return out / "drafts" / f"{part}.parquet"


def read_drafts(out: Path, part: str) -> Iterator[dict[str, Any]]:
    """The rows of a part, in their order, a row group in memory at a time."""
    with pq.ParquetFile(drafts_path(out, part)) as file:
        for batch in file.iter_batches(ROWS):
            yield from batch.to_pylist()


def _row(one: Candidate) -> dict[str, Any]:
    place = one.place
    return {
        **to_row(one.dialogue),
        "place_source": place.source,
        "place_file": place.file,
        "place_row": place.row,
        "place_beginning": place.beginning,
        "form": one.form,
        "exact": exact_key(one.dialogue),
        "answer_characters": len(answer_of(one.dialogue)),
    }
