"""The tokens step: every kept document as BOS, its tokens, EOS, packed into one array a shard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus import kept_documents, shard_names
from mowa.errors import DataError
from mowa.execution import Context, Unit
from mowa.model import TokenizerFacts
from mowa.report import Bars, Figures, Histogram, Page, Section, Table
from mowa.tokenizer import encode_documents, load_tokenizer
from mowa.training._tokens_config import TokensConfig
from mowa.workspace import Inputs, Metrics, digest, write_text, writing

SPLITS = ("train", "held_out")
_COUNTED = ("documents", "tokens", "bytes")
DOCUMENTS = pa.schema(
    [
        ("doc_id", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("bytes", pa.int64()),
        ("source", pa.string()),
        ("host", pa.string()),
    ]
)

# Half octaves from 2, the shortest document (BOS and EOS), to 2^27; a document is at most a few
# megabytes of text.
_EDGES = [2.0 ** (step / 2) for step in range(2, 55)]


@dataclass(frozen=True)
class _Work:
    corpus: Path
    tokenizer: Path
    shard: str
    batch_bytes: int


def run(config: TokensConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write the shards of both splits, tokens.json and report.html into `out`.

    A shard is ``<name>.npy`` with ``<name>.documents.parquet`` in the folder of its split, named as
    in the corpus; one without documents of a split has no files there. Text that looks like a
    special token is encoded as text.

    Raises:
        DataError: Where the corpus has no training documents.
    """
    corpus = inputs.one("corpus")
    (tokenizer,) = inputs.all("tokenizer") or inputs.all("model")
    units = [
        Unit(shard, _Work(corpus.path, tokenizer.path, shard, config.batch_bytes))
        for shard in shard_names(corpus.path)
    ]
    results = context.map(_encode_unit, units, out, label="encoding documents")
    if not any(result["splits"]["train"]["documents"] for result in results):
        raise DataError(
            "there are no training documents to encode",
            where=corpus.id,
            fix="look at the corpus's report.html for why its documents were not kept",
        )
    loaded = load_tokenizer(tokenizer.path)
    size, facts = loaded.get_vocab_size(), TokenizerFacts.read(tokenizer.path)
    splits = {split: _together([result["splits"][split] for result in results]) for split in SPLITS}
    index = {
        "vocab_size": size,
        "dtype": _dtype(size).name,
        "tokenizer": digest(tokenizer.path / "tokenizer.json"),
        "bos_id": facts.bos_id,
        "eos_id": facts.eos_id,
        "splits": {
            split: {
                **{key: together[key] for key in _COUNTED},
                "shards": [
                    {"name": unit.key, **{key: part[key] for key in _COUNTED}}
                    for unit, result in zip(units, results, strict=True)
                    if (part := result["splits"][split])["documents"]
                ],
            }
            for split, together in splits.items()
        },
    }
    write_text(out / "tokens.json", json.dumps(index, indent=1) + "\n")
    _write_report(index, splits, out / "report.html")
    return _metrics(splits)


def _encode_unit(work: _Work, out: Path) -> dict[str, Any]:
    tokenizer = load_tokenizer(work.tokenizer)
    facts = TokenizerFacts.read(work.tokenizer)
    dtype = _dtype(tokenizer.get_vocab_size())
    files: list[str] = []
    splits: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        frame = kept_documents(work.corpus, work.shard, split, ["doc_id", "text", "source", "host"])
        documents = [
            np.array([facts.bos_id, *ids, facts.eos_id], dtype)
            for texts in _batches(frame["text"], work.batch_bytes)
            for ids in encode_documents(tokenizer, texts)
        ]
        lengths = np.array([len(document) for document in documents], np.int64)
        table = pl.DataFrame(
            {
                "doc_id": frame["doc_id"],
                "offset": np.cumsum(lengths) - lengths,
                "length": lengths,
                "bytes": frame["text"].str.len_bytes().cast(pl.Int64),
                "source": frame["source"],
                "host": frame["host"],
            }
        )
        if documents:
            files += _write_shard(out, f"{split}/{work.shard}", np.concatenate(documents), table)
        splits[split] = _counts(table)
    return {"files": files, "splits": splits}


def _write_shard(out: Path, name: str, tokens: npt.NDArray[Any], table: pl.DataFrame) -> list[str]:
    with writing(out / f"{name}.npy") as partial, partial.open("wb") as file:
        # Not `write_array`: on a full disk it raises an error without its number.
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(tokens))
        file.write(tokens.data.cast("B"))
    with writing(out / f"{name}.documents.parquet") as partial:
        pq.write_table(table.to_arrow().cast(DOCUMENTS), partial, compression="zstd")
    return [f"{name}.npy", f"{name}.documents.parquet"]


def _batches(texts: pl.Series, size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    held = 0
    for text in texts:
        batch.append(text)
        held += len(text)
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _counts(table: pl.DataFrame) -> dict[str, Any]:
    counts, _ = np.histogram(table["length"].to_numpy(), _EDGES)
    sources = table.group_by("source").agg(pl.col("length").sum()).sort("source")
    return {
        "documents": table.height,
        "tokens": int(table["length"].sum()),
        "bytes": int(table["bytes"].sum()),
        "lengths": counts.tolist(),
        "sources": dict(sources.iter_rows()),
    }


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    sources: dict[str, int] = {}
    for part in parts:
        for name, tokens in part["sources"].items():
            sources[name] = sources.get(name, 0) + tokens
    return {
        **{key: sum(part[key] for part in parts) for key in _COUNTED},
        "lengths": [
            sum(column) for column in zip(*(part["lengths"] for part in parts), strict=True)
        ],
        "sources": dict(sorted(sources.items(), key=lambda item: (-item[1], item[0]))),
    }


def _dtype(vocab_size: int) -> np.dtype[Any]:
    return np.dtype("<u2") if vocab_size <= 2**16 else np.dtype("<u4")


def _metrics(splits: dict[str, dict[str, Any]]) -> Metrics:
    metrics: Metrics = {
        f"{split}_{key}": together[key] for split, together in splits.items() for key in _COUNTED
    }
    metrics["bytes_per_token"] = _bytes_per_token(splits["train"])
    return metrics


def _bytes_per_token(together: dict[str, Any]) -> float | None:
    """Bytes of text for each token that stands for text: BOS and EOS stand for none."""
    tokens = together["tokens"] - 2 * together["documents"]
    return together["bytes"] / tokens if tokens else None


def _write_report(index: dict[str, Any], splits: dict[str, dict[str, Any]], path: Path) -> None:
    train = splits["train"]
    ratio = _bytes_per_token(train)
    figures = [
        ("training documents", f"{train['documents']:,}"),
        ("training tokens", f"{train['tokens']:,}"),
        ("bytes a token", "–" if ratio is None else f"{ratio:.2f}"),
        ("held-out documents", f"{splits['held_out']['documents']:,}"),
    ]
    rows = [
        [
            split,
            *(x[key] for key in _COUNTED),
            _bytes_per_token(x),
            len(index["splits"][split]["shards"]),
        ]
        for split, x in splits.items()
    ]
    Page(
        "Tokens",
        f"{index['dtype']}, vocabulary of {index['vocab_size']:,}",
        [
            Section("In short", [Figures(figures)]),
            Section(
                "Splits",
                [Table(["split", *_COUNTED, "bytes a token", "shards"], rows)],
                note="Tokens count BOS and EOS of every document; bytes a token do not.",
            ),
            Section("Lengths of documents", [_histogram(split, x) for split, x in splits.items()]),
            Section(
                "Training tokens by source",
                [Bars("Tokens, BOS and EOS counted", list(train["sources"].items()))],
            ),
        ],
    ).write(path)


def _histogram(split: str, together: dict[str, Any]) -> Histogram:
    counts = together["lengths"]
    used = [place for place, count in enumerate(counts) if count] or [0]
    first, last = used[0], used[-1] + 1
    edges = _EDGES[first : last + 1]
    title = f"Documents of the split {split}"
    return Histogram(title, edges, counts[first:last], "tokens of a document", log_x=True)
