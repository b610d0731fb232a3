"""A corpus as files for others: SpeakLeash's form, plain JSON Lines, or Parquet."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from mowa.corpus._export_datasets import Card, write_datasets
from mowa.corpus._export_metrics import Totals, with_metrics
from mowa.corpus._export_speakleash import About, manifest, record
from mowa.corpus._read import manifest_of, shard_names
from mowa.corpus.catalogue._frames import documents_of, table
from mowa.errors import UsageError
from mowa.workspace import write_text, writing

Form = Literal["speakleash", "jsonl", "parquet", "datasets"]
Split = Literal["train", "held_out", "all"]
Release = Literal["open", "research"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SAMPLE = 5  # records in a .sample
_LEVEL = 9  # of zstd: written once, read often
_RIGHTS = ("source", "licence", "release")
_COLUMNS = ("doc_id", "text", "url", "title", "author", "date", "language", *_RIGHTS)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        files: The files, the texts first.
        documents: Documents in them.
        characters: Unicode code points of their texts.
        left_out: Kept documents that were left out for their release.
        licences: Documents by licence.
    """

    files: tuple[Path, ...]
    documents: int
    characters: int
    left_out: int
    licences: dict[str, int]


def export(
    corpus: Path,
    out: Path,
    name: str,
    *,
    form: Form = "speakleash",
    split: Split = "train",
    release: Release | None = None,
    register: Path | None = None,
    description: str = "",
    force: bool = False,
    now: datetime | None = None,
) -> Exported:
    """Write the kept documents of a corpus into `out`.

    ``speakleash`` writes ``NAME.jsonl.zst``, ``NAME.sample`` (the first five records) and, last,
    ``NAME.manifest``; ``jsonl`` writes ``NAME.jsonl.zst`` and ``parquet`` ``NAME.parquet``, with
    the fields that the readers take by themselves; ``datasets`` writes a folder ``NAME`` in the
    layout of Hugging Face datasets. A file appears whole or not at all.

    Args:
        corpus: The folder of the corpus.
        out: The folder to write into; made where it is absent.
        name: The name of the dataset: letters, digits, ``.``, ``_``, ``-``.
        form: What to write.
        split: Which documents: for training, held out, or both.
        release: ``open`` leaves out what is for research only; ``research`` takes all. It must be
            said where any document is for research only.
        register: The folder of the register of sources, which knows their addresses.
        description: For the manifest.
        force: Write over files of that name.
        now: The time that the manifest bears.

    Raises:
        UsageError: Where files of that name are there, documents for research would go out without
            a word, or nothing is left to write.
        DataError: Where the corpus is damaged.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a dataset",
            fix="take letters, digits, `.`, `_` and `-`, a hundred at most; no sign comes first",
        )
    if form == "datasets":
        data = out / name
    else:
        data = out / (f"{name}.parquet" if form == "parquet" else f"{name}.jsonl.zst")
    beside = [out / f"{name}{end}" for end in (".sample", ".manifest") if form == "speakleash"]
    there = [path.name for path in (data, *beside) if path.exists()]
    if there and not force:
        raise UsageError(
            f"{' and '.join(there)} {'are' if len(there) > 1 else 'is'} there already",
            where=str(out),
            fix="take another name or folder, or write over with `--force`",
        )
    cells, left_out = _cells(corpus, split, release)
    # An old manifest must not stand beside new texts, should this be interrupted.
    for path in beside:
        path.unlink(missing_ok=True)
    sample: list[dict[str, Any]] = []
    frames = _frames(corpus, split, release, _COLUMNS, metrics=form == "speakleash")
    totals = Totals()
    files: tuple[Path, ...] = (data, *beside)
    if form == "datasets":
        splits: tuple[Split, ...] = ("train", "held_out") if split == "all" else (split,)
        card = Card(name, description, str(manifest_of(corpus)["language"]), cells, cells.total())
        files, characters = write_datasets(
            data, {one: _frames(corpus, one, release, _COLUMNS) for one in splits}, card
        )
    elif form == "parquet":
        characters = _write_parquet(data, frames)
    else:
        characters = _write_lines(data, frames, form, sample, totals)
    documents = cells.total()
    if form == "speakleash":
        sources = {(source, licence) for source, licence, _ in cells}
        about = About(
            name=name,
            description=description,
            language=str(manifest_of(corpus)["language"]),
            totals=totals,
            file_size=data.stat().st_size,
            sources=sources,
            for_research=any(kind != "open" for _, _, kind in cells),
            now=now or datetime.now(UTC),
        )
        write_text(beside[0], json.dumps(sample, ensure_ascii=False, indent=1) + "\n")
        whole = manifest(about, register)
        write_text(beside[1], json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    licences: Counter[str] = Counter()
    for (_, licence, _), count in cells.items():
        licences[licence] += count
    return Exported(files, documents, characters, left_out, dict(licences.most_common()))


def _cells(
    corpus: Path, split: Split, release: Release | None
) -> tuple[Counter[tuple[str, str, str]], int]:
    """Documents by source, licence and release, and how many were left out for their release."""
    every: Counter[tuple[str, str, str]] = Counter()
    for frame in _frames(corpus, split, "research", _RIGHTS):
        every.update(frame.select(_RIGHTS).fill_null("").rows())
    closed = sum(count for (_, _, kind), count in every.items() if kind != "open")
    if closed and release is None:
        raise UsageError(
            f"{closed:,} of {every.total():,} documents may be used for research only",
            where=str(corpus),
            fix="leave them out with `--release open`, or write all with `--release research`, and"
            " then pass the files on for research only",
        )
    if release == "open":
        every = Counter({cell: count for cell, count in every.items() if cell[2] == "open"})
    if not every:
        raise UsageError(
            "no document is left to write",
            where=str(corpus),
            fix="choose another `--split` or `--release`",
        )
    return every, closed if release == "open" else 0


def _frames(
    corpus: Path,
    split: Split,
    release: Release | None,
    columns: Sequence[str],
    *,
    metrics: bool = False,
) -> Iterator[pl.DataFrame]:
    """Kept documents with `identified` and `confidence`, a shard at a time."""
    chosen = pl.lit(value=True)
    if split != "all":
        chosen &= pl.col("split") == split
    if release != "research":
        chosen &= pl.col("release") == "open"
    measured = [name for name in manifest_of(corpus)["signals"] if name.startswith("language@")]
    for shard in shard_names(corpus):
        frame = documents_of(corpus, shard, columns)
        rows = frame["row"]
        for name in measured:
            path = corpus / "signals" / name / f"{shard}.parquet"
            identified = table(path, ("language", "confidence"))[rows]
            frame = frame.hstack(identified.rename({"language": "identified"}))
        frame = frame.filter(chosen)
        yield with_metrics(corpus, shard, frame) if metrics else frame


def _write_lines(
    path: Path,
    frames: Iterator[pl.DataFrame],
    form: Form,
    sample: list[dict[str, Any]],
    totals: Totals,
) -> int:
    """Write zstd JSON Lines, put the first records into `sample`, and count the characters."""
    characters = 0
    with (
        writing(path) as partial,
        partial.open("wb") as file,
        zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file, closefd=False) as packed,
    ):
        for frame in frames:
            for row in frame.iter_rows(named=True):
                value = record(row) if form == "speakleash" else _plain(row)
                if len(sample) < _SAMPLE:
                    sample.append(value)
                if form == "speakleash":
                    totals.add(value["meta"])
                characters += len(row["text"])
                packed.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
    return characters


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The fields that the readers of JSON Lines and Parquet take by themselves."""
    named = {("id" if name == "doc_id" else name): row[name] for name in _COLUMNS}
    return {name: value for name, value in named.items() if value is not None}


def _write_parquet(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    schema = pa.schema([("id" if name == "doc_id" else name, pa.string()) for name in _COLUMNS])
    characters = 0
    with (
        writing(path) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for frame in frames:
            chosen = frame.rename({"doc_id": "id"}).select(schema.names)
            writer.write_table(chosen.to_arrow().cast(schema))
            characters += int(frame["text"].str.len_chars().sum())
    return characters
