"""The step `contamination-index`: hashes of the runs of words of a corpus, sorted, on disk.

Dialogues are indexed as a corpus is, each as one document. Each shard becomes a run of (hash,
document), in the order of the first bits of the hashes; then the runs are brought together and
sorted, a range of hashes at a time. Memory is that of one shard, or of one range: it does not grow
with the corpus.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.corpus._hashing import I64, U64
from mowa.errors import DataError
from mowa.evaluation.contamination._config import ContaminationIndexConfig
from mowa.evaluation.contamination._grams import (
    Words,
    bags_of_words,
    runs_of_words,
    winnowed,
    words_of,
)
from mowa.evaluation.contamination._lemmas import Lemmas, Lemmatiser, best_lemmatiser
from mowa.evaluation.contamination._texts import SEARCHED, shard_names, texts_of
from mowa.execution import Context, Unit
from mowa.report import Figures, Page, Section, Table
from mowa.workspace import Inputs, Metrics, write_text, writing

Kind = Literal["verbatim", "lemmas"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SCHEMA = 1
BUCKET_BITS = 16
"""The first bits of a hash choose its bucket, the next 32 are written down: 48 of 64 in all.

In a corpus of 100 million runs one in three million lookups finds what is not there; all that is
found is then compared with the text itself.
"""

SEED_WORDS: dict[Kind, int] = {"verbatim": 6, "lemmas": 5}
"""Length of the runs in the index (docs/contamination.md has what other lengths give)."""

_POSTINGS = 32  # documents that are kept of a run: what more of them have is nobody's text
_PART = 1 << 22  # entries merged at a time: some 200 MB
_AT_ONCE = 8 << 20  # bytes of text hashed at a time
_MOST_DOCUMENTS = 1 << 32
_RUNS = ".runs"


def observe(
    config: ContaminationIndexConfig, context: Context, cache: Path | None
) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: whether Morfeusz is installed."""
    del context, cache
    return {"lemmatiser": _lemmatiser(config)}


def run(config: ContaminationIndexConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Index the documents of a corpus that are kept for training, or all dialogues of a set.

    Raises:
        UsageError: Where Morfeusz is asked for and not installed.
        DataError: Where the corpus is damaged or keeps nothing.
    """
    (corpus,) = (one for kind in SEARCHED for one in inputs.all(kind))
    about = {"name": corpus.id, "fingerprint": corpus.fingerprint}
    return build_index(corpus.path, out, context, config=config, about=about)


@dataclass(frozen=True)
class Shard:
    """One shard of a corpus, and how its words are hashed."""

    corpus: Path
    name: str
    window: int
    lemmatiser: Lemmatiser | None
    stop_words: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A range of hashes of one kind, and the runs that have such hashes."""

    kind: Kind
    number: int
    parts: int
    shards: tuple[str, ...]
    firsts: tuple[int, ...]


def build_index(
    corpus: Path,
    out: Path,
    context: Context,
    *,
    config: ContaminationIndexConfig,
    about: dict[str, str],
) -> Metrics:
    """Write the index of `corpus` into `out`; `index.json` comes last.

    Args:
        corpus: The folder of a corpus, or of dialogues.
        out: An empty folder, or one in which this was begun before.
        context: Runs the units; its language pack has the words that are left out.
        config: How it is indexed.
        about: Name and fingerprint of the corpus, as results tell them.
    """
    lemmatiser = _lemmatiser(config)
    names = shard_names(corpus)
    stop = tuple(context.language.stop_words)
    works = [Shard(corpus, name, config.window, lemmatiser, stop) for name in names]
    found = context.map(
        hash_shard, [Unit(f"hash/{work.name}", work) for work in works], out, label="hash words"
    )
    documents = [result["documents"] for result in found]
    if not sum(documents):
        raise DataError("there is no text here that a model is trained on", where=str(corpus))
    if sum(documents) >= _MOST_DOCUMENTS:
        raise DataError(f"an index holds at most {_MOST_DOCUMENTS:,} documents", where=str(corpus))
    firsts = tuple(int(first) for first in np.cumsum([0, *documents[:-1]]))
    kinds: dict[str, Any] = {}
    for kind in KINDS if lemmatiser else KINDS[:1]:
        parts = _parts(sum(result["entries"][kind] for result in found))
        units = [
            Unit(f"merge/{kind}/{number:04}", Part(kind, number, parts, tuple(names), firsts))
            for number in range(parts)
        ]
        merged = context.map(merge_part, units, out, label=f"sort {kind}")
        kinds[kind] = {
            "length": SEED_WORDS[kind],
            "parts": parts,
            "entries": sum(result["entries"] for result in merged),
        }
    shutil.rmtree(out / _RUNS, ignore_errors=True)
    index = {
        "schema": SCHEMA,
        "corpus": about,
        "window": config.window,
        "lemmatiser": lemmatiser,
        "stop_words": list(stop),
        "kinds": kinds,
        "documents": sum(documents),
        "words": sum(result["words"] for result in found),
        "bytes": sum(result["bytes"] for result in found),
        "shards": [
            {"name": name, "documents": count} for name, count in zip(names, documents, strict=True)
        ],
    }
    metrics = {key: index[key] for key in ("documents", "words", "bytes", "lemmatiser")}
    metrics |= {f"{kind}_entries": about_kind["entries"] for kind, about_kind in kinds.items()}
    _report(index, out / "report.html")
    write_text(out / "index.json", json.dumps(index, ensure_ascii=False, indent=1) + "\n")
    return metrics


def hash_shard(work: Shard, out: Path) -> dict[str, Any]:
    """Write the run of one shard, and the ids of its documents."""
    frame = texts_of(work.corpus, work.name)
    file = f"documents/{work.name}.parquet"
    with writing(out / file) as partial:
        frame.select("doc_id").write_parquet(partial, compression="zstd")
    keys: dict[str, list[U64]] = {kind: [] for kind in KINDS}
    rows: dict[str, list[npt.NDArray[np.uint32]]] = {kind: [] for kind in KINDS}
    count, size = 0, 0
    for first, texts in _pieces(frame["text"].fill_null("")):
        words = words_of(texts)
        count, size = count + len(words.hashes), size + int(texts.str.len_bytes().sum())
        for kind, hashes, offsets in _sequences(words, work):
            seeds = seeds_of(kind, hashes, offsets)
            taken = np.flatnonzero(winnowed(seeds, work.window))
            row = np.searchsorted(offsets, taken, side="right") - 1 + first
            keys[kind].append(seeds[taken])
            rows[kind].append(row.astype(np.uint32))
    entries = {}
    for kind in KINDS if work.lemmatiser else KINDS[:1]:
        entries[kind] = _write_run(out / _RUNS / kind / work.name, keys.pop(kind), rows.pop(kind))
    return {
        "files": [file],
        "documents": frame.height,
        "words": count,
        "bytes": size,
        "entries": entries,
    }


def seeds_of(kind: Kind, hashes: U64, offsets: I64) -> U64:
    """The runs of words, or the bags of lemmas, that the index holds a sample of."""
    function = runs_of_words if kind == "verbatim" else bags_of_words
    return function(hashes, offsets, SEED_WORDS[kind])


def merge_part(work: Part, out: Path) -> dict[str, Any]:
    """Sort the entries of all shards whose hashes lie in one range, each document once a hash."""
    shift = np.uint64(64 - work.parts.bit_length() + 1)
    keys, documents = [], []
    for name, first in zip(work.shards, work.firsts, strict=True):
        run_keys, run_rows = _open_run(out / _RUNS / work.kind / name)
        # A bound parts whole buckets, so that bisection finds it though hashes within are unsorted.
        edges = [0, len(run_keys)]
        if work.number:
            edges[0] = int(np.searchsorted(run_keys, np.uint64(work.number) << shift))
        if work.number + 1 < work.parts:
            edges[1] = int(np.searchsorted(run_keys, np.uint64(work.number + 1) << shift))
        keys.append(run_keys[edges[0] : edges[1]])
        documents.append(run_rows[edges[0] : edges[1]] + np.uint32(first))
    key, document = np.concatenate(keys), np.concatenate(documents)
    order = np.argsort(key, kind="stable")  # documents of a hash stay in the order of the corpus
    key, document = key[order], document[order]
    new = np.ones(len(key), dtype=np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (document[1:] != document[:-1])
    key, document = key[new], document[new]
    if len(key) > _POSTINGS:
        few = np.ones(len(key), dtype=np.bool_)
        few[_POSTINGS:] = key[_POSTINGS:] != key[:-_POSTINGS]
        key, document = key[few], document[few]
    buckets = (1 << BUCKET_BITS) // work.parts
    bucket = (key >> np.uint64(64 - BUCKET_BITS)).astype(np.int64) - work.number * buckets
    files: dict[str, npt.NDArray[Any]] = {
        "buckets": np.searchsorted(bucket, np.arange(buckets + 1)).astype(np.int64),
        "keys": (key >> np.uint64(32 - BUCKET_BITS)).astype(np.uint32),
        "documents": document,
    }
    for name, values in files.items():
        _save(out / part_file(work.kind, work.number, name), values)
    return {
        "files": [part_file(work.kind, work.number, name) for name in files],
        "entries": len(key),
    }


def part_file(kind: str, number: int, name: str) -> str:
    """The path of one array of an index, relative to it."""
    return f"{kind}/{number:04}.{name}.npy"


def _sequences(words: Words, work: Shard) -> Iterator[tuple[Kind, U64, I64]]:
    yield "verbatim", words.hashes, words.offsets
    if work.lemmatiser:
        hashes, offsets, _ = lemmas_by(work.lemmatiser, work.stop_words).of(words)
        yield "lemmas", hashes, offsets


@lru_cache(maxsize=1)
def lemmas_by(lemmatiser: Lemmatiser, stop_words: tuple[str, ...]) -> Lemmas:
    """One for all shards of a process: it remembers the words that it met."""
    return Lemmas(lemmatiser, stop_words)


def _lemmatiser(config: ContaminationIndexConfig) -> Lemmatiser | None:
    if config.lemmas == "none":
        return None
    return best_lemmatiser() if config.lemmas == "auto" else config.lemmas


def _pieces(texts: pl.Series) -> Iterator[tuple[int, pl.Series]]:
    """Neighbouring texts of a few megabytes together, and the row of the first."""
    ends = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64))
    first = 0
    while first < len(texts):
        before = int(ends[first - 1]) if first else 0
        stop = max(first + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        yield first, texts[first:stop]
        first = stop


def _write_run(stem: Path, keys: Sequence[U64], rows: Sequence[npt.NDArray[np.uint32]]) -> int:
    """Write one shard's entries, bucket by bucket; how many they are."""
    key = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    row = np.concatenate(rows) if rows else np.empty(0, np.uint32)
    # Numbers of 16 bits are sorted in linear time.
    order = np.argsort((key >> np.uint64(64 - BUCKET_BITS)).astype(np.uint16), kind="stable")
    _save(stem.with_name(f"{stem.name}.keys.npy"), key[order])
    _save(stem.with_name(f"{stem.name}.rows.npy"), row[order])
    return len(key)


def _open_run(stem: Path) -> tuple[U64, npt.NDArray[np.uint32]]:
    return (
        np.load(stem.with_name(f"{stem.name}.keys.npy"), mmap_mode="r"),
        np.load(stem.with_name(f"{stem.name}.rows.npy"), mmap_mode="r"),
    )


def _save(path: Path, values: npt.NDArray[Any]) -> None:
    with writing(path) as partial, partial.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def _parts(entries: int) -> int:
    """A power of two, from the corpus alone."""
    wanted = max(1, -(-entries // _PART))
    return int(min(1 << (wanted - 1).bit_length(), 1 << (BUCKET_BITS - 4)))


def _report(index: dict[str, Any], path: Path) -> None:
    figures = Figures([(name, f"{index[name]:,}") for name in ("documents", "words", "bytes")])
    table = Table(
        ["kind", "words of a run", "entries"],
        [[kind, about["length"], about["entries"]] for kind, about in index["kinds"].items()],
    )
    note = f"Endings are taken off by {index['lemmatiser'] or 'nothing'}."
    Page(
        "Index for the search of contamination",
        index["corpus"]["name"],
        [Section("What is indexed", [figures, table], note=note)],
    ).write(path)
