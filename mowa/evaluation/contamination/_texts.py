"""What items are looked for in: the documents of a corpus, or dialogues, a shard at a time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus import kept_documents
from mowa.corpus import shard_names as corpus_shards
from mowa.errors import DataError
from mowa.evaluation.contamination._grams import in_one_form
from mowa.instructions._files import FOLDER

SEARCHED = ("corpus", "dialogues")
"""Kinds of artifact that a model reads as text."""

_SHARD_BYTES = 64 << 20  # of a shard of dialogues in memory, those of one row group at least
_BETWEEN = "\n\n"  # turns: a question and its answer may be one text of an item


def shard_names(folder: Path) -> list[str]:
    """Names of the shards of a corpus or of dialogues, in their order."""
    if not _holds_dialogues(folder):
        return corpus_shards(folder)
    names = []
    for path in sorted((folder / FOLDER).glob("*.parquet")):
        with _open(path) as file:
            sizes = [
                file.metadata.row_group(number).total_byte_size
                for number in range(file.num_row_groups)
            ]
        first = size = 0
        for number, own in enumerate(sizes):
            if number > first and size + own > _SHARD_BYTES:
                names.append(f"{path.stem}-{first:06}-{number:06}")
                first, size = number, 0
            size += own
        names.append(f"{path.stem}-{first:06}-{len(sizes):06}")
    return names


def texts_of(folder: Path, shard: str) -> pl.DataFrame:
    """`doc_id` and `text` of what a shard has: documents kept for training, or whole dialogues.

    The text of a dialogue is that of all its turns, and of both answers of a preference.
    """
    if not _holds_dialogues(folder):
        return kept_documents(folder, shard, "train")
    stem, first, last = shard.rsplit("-", 2)
    path = folder / FOLDER / f"{stem}.parquet"
    with _open(path) as file:
        try:
            table = file.read_row_groups(
                range(int(first), int(last)), columns=["id", "messages", "chosen", "rejected"]
            )
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"these dialogues cannot be read: {error}", where=str(path)) from error
    turns = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join(_BETWEEN)
    answers = [turns, pl.col("chosen"), pl.col("rejected")]
    frame = pl.DataFrame(table).select(
        doc_id="id", text=pl.concat_str(answers, separator=_BETWEEN, ignore_nulls=True)
    )
    return frame.with_columns(text=in_one_form(frame["text"]))


def _holds_dialogues(folder: Path) -> bool:
    return (folder / FOLDER).is_dir()


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"these dialogues cannot be read: {error}", where=str(path)) from error
