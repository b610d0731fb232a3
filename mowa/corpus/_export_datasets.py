"""A corpus in the layout of Hugging Face datasets: Parquet files under data/, and a card."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus._language import shortest_tag
from mowa.workspace import write_text, writing

_MOST_BYTES = 500_000_000  # of text in a file: what the hub's viewer takes without trouble
_NAMES = {"train": "train", "held_out": "test"}
_FIELDS = (
    "id", "text", "url", "title", "author", "date", "language", "source", "licence", "release",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """What the card says: documents by source, licence and release are in `cells`."""

    name: str
    description: str
    language: str
    cells: Counter[tuple[str, str, str]]
    documents: int


def write_datasets(
    folder: Path, splits: Mapping[str, Iterator[pl.DataFrame]], card: Card
) -> tuple[tuple[Path, ...], int]:
    """Write `folder` anew, whole or not at all; its files, and the characters in them.

    Held-out documents become the split ``test``.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    characters, names = 0, []
    for split, frames in splits.items():
        parts = []
        for number, group in enumerate(_grouped(frames)):
            path = partial / "data" / f"part-{split}-{number:05}"
            characters += _write(path, group)
            parts.append(path)
        for number, path in enumerate(parts):
            name = f"{_NAMES[split]}-{number:05}-of-{len(parts):05}.parquet"
            path.rename(path.with_name(name))
            names.append(f"data/{name}")
    write_text(partial / "README.md", _card(card, list(splits)))
    if folder.is_dir():
        shutil.rmtree(folder)
    partial.rename(folder)
    return (*(folder / name for name in names), folder / "README.md"), characters


def _grouped(frames: Iterator[pl.DataFrame]) -> Iterator[list[pl.DataFrame]]:
    group: list[pl.DataFrame] = []
    size = 0
    for frame in frames:
        if frame.is_empty():
            continue
        bytes_ = int(frame["text"].str.len_bytes().sum())
        if group and size + bytes_ > _MOST_BYTES:
            yield group
            group, size = [], 0
        group.append(frame)
        size += bytes_
    if group:
        yield group


def _write(path: Path, frames: list[pl.DataFrame]) -> int:
    schema = pa.schema([(name, pa.string()) for name in _FIELDS])
    with (
        writing(path) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for frame in frames:
            chosen = frame.rename({"doc_id": "id"}).select(_FIELDS)
            writer.write_table(chosen.to_arrow().cast(schema))
    return sum(int(frame["text"].str.len_chars().sum()) for frame in frames)


def _card(card: Card, splits: list[str]) -> str:
    """README.md: YAML, whose strings are JSON's, and a table of sources."""
    licences = sorted({licence for _, licence, _ in card.cells if licence})
    rows = "".join(
        f"| {source} | {licence} | {release} | {count:,} |\n"
        for (source, licence, release), count in sorted(card.cells.items())
    )
    files = "".join(
        f"  - split: {_NAMES[split]}\n    path: data/{_NAMES[split]}-*\n" for split in splits
    )
    return (
        f"---\npretty_name: {json.dumps(card.name)}\nlanguage:\n- {shortest_tag(card.language)}\n"
        f"license: other\nlicense_name: {json.dumps(' AND '.join(licences), ensure_ascii=False)}\n"
        f"task_categories:\n- text-generation\nconfigs:\n- config_name: default\n  data_files:\n"
        f"{files}---\n\n# {card.name}\n\n{card.description}\n\n{card.documents:,} documents.\n\n"
        f"| source | licence | release | documents |\n|---|---|---|---:|\n{rows}"
    )
