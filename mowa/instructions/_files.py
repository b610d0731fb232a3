"""Dialogues in Parquet files: the columns, and how they are read and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mowa.errors import DataError
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue, Span
from mowa.workspace import writing

_TEXT = ("licence", "source", "author", "model", "language")

DIALOGUES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field(
            "messages",
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
            nullable=False,
        ),
        pa.field("origin", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in _TEXT),
        pa.field("weight", pa.float64()),
        pa.field("review", pa.string(), nullable=False),
        pa.field(
            "documents",
            pa.list_(
                pa.struct([("document", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
            ),
        ),
        pa.field("chosen", pa.string()),
        pa.field("rejected", pa.string()),
        pa.field("details", pa.string()),
    ]
)
"""Columns of a dialogue on disk, named as the attributes of `Dialogue`."""

FOLDER = "dialogues"
_ROWS = 50_000  # of a file: of dialogues of a page some 100 MB
_ROWS_AT_ONCE = 1_024


def to_row(dialogue: Dialogue) -> dict[str, Any]:
    """`dialogue` as plain values, for JSON or a row of `DIALOGUES`."""
    return asdict(dialogue) | {
        "messages": [asdict(message) for message in dialogue.messages],
        "documents": [asdict(span) for span in dialogue.documents],
    }


def from_row(row: dict[str, Any]) -> Dialogue:
    """The dialogue of plain values: what is not given has its default.

    Raises:
        DataError: Where a value is not of its type, or a key is unknown.
    """
    known = {field.name for field in fields(Dialogue)}
    if unknown := sorted(set(row) - known):
        raise DataError(f"a dialogue has no {unknown[0]!r}")
    try:
        values = {key: value for key, value in row.items() if value is not None}
        values["messages"] = tuple(Message(**message) for message in row["messages"])
        values["documents"] = tuple(Span(**span) for span in row.get("documents") or ())
        return Dialogue(**values)
    except (TypeError, KeyError) as error:
        raise DataError(f"this is not a dialogue: {error}") from error


def write_dialogues(folder: Path, dialogues: Iterable[Dialogue]) -> int:
    """Write `folder`/dialogues/00000.parquet and so on; how many there are."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    count = 0
    waiting = iter(dialogues)
    for number, batch in enumerate(iter(lambda: list(islice(waiting, _ROWS)), [])):
        table = pa.Table.from_pylist([to_row(each) for each in batch], schema=DIALOGUES)
        with writing(folder / FOLDER / f"{number:05}.parquet") as partial:
            pq.write_table(table, partial, compression="zstd", row_group_size=_ROWS_AT_ONCE)
        count += len(batch)
    # Of a larger set that was written here before.
    for path in sorted((folder / FOLDER).glob("*.parquet"))[-(-count // _ROWS) :]:
        path.unlink()
    return count


def read_dialogues(folder: Path) -> Iterator[Dialogue]:
    """The dialogues of an artifact, in their order, a row group in memory at a time.

    Raises:
        DataError: Where a file is damaged or has other columns.
    """
    for path in sorted((folder / FOLDER).glob("*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROWS_AT_ONCE):
                    for row in batch.to_pylist():
                        yield from_row(row)
        except (pa.ArrowException, OSError, DataError) as error:
            raise DataError(f"these dialogues cannot be read: {error}", where=str(path)) from error
