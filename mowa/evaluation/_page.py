"""The report of the scores step."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mowa.report import Bars, Block, Figures, Histogram, Page, Section, Table, Text

_ORDER = ("untrained", "xz", "ngram", "model")
_BIN = 0.1
_SOURCES_DRAWN = 6


def report(scores: dict[str, Any], documents: pl.DataFrame) -> Page:
    """The page of `scores` (as in `scores.json`) and of each document's bits."""
    subtitle = (
        f"{scores['documents']:,} held-out documents, {scores['bytes']:,} bytes,"
        f" {scores['tokens']:,} tokens"
    )
    return Page(
        "Scores: bits per byte",
        subtitle,
        [_summary(scores), _by_source(scores, documents), _how(scores)],
    )


def _summary(scores: dict[str, Any]) -> Section:
    rows = sorted(scores["scores"], key=lambda row: _ORDER.index(row["system"]))
    labels = {row["system"]: row["label"] for row in rows}
    bars = Bars(
        "Bits per byte on held-out documents (fewer is better)",
        [(row["label"], row["bits_per_byte"]) for row in rows],
        intervals=[
            (row["bits_per_byte"],) * 2 if row["low"] is None else (row["low"], row["high"])
            for row in rows
        ],
    )
    table = Table(
        ["system", "bits per byte", "from", "to", "documents"],
        [
            [row["label"], row["bits_per_byte"], row["low"], row["high"], row.get("documents")]
            for row in rows
        ],
    )
    saved = Table(
        ["the model saves, against", "bits per byte", "from", "to"],
        [
            [labels[row["system"]], row["saved_by_model"], row["low"], row["high"]]
            for row in scores["differences"]
        ],
    )
    figures = Figures([(row["label"], f"{row['bits_per_byte']:.3f}") for row in rows])
    return Section(
        "All documents",
        [figures, bars, table, saved],
        note="How many bits a system needs to write down one byte of text that it has never seen."
        f" Whiskers and ranges: {scores['interval']['level']:.0%} interval over documents.",
    )


def _by_source(scores: dict[str, Any], documents: pl.DataFrame) -> Section:
    table = Table(
        ["source", "documents", "bytes", "model", f"{scores['ngram']['order']}-gram", "xz -9"],
        [
            [row[key] for key in ("source", "documents", "bytes", "model", "ngram", "xz")]
            for row in scores["sources"]
        ],
    )
    largest = sorted(scores["sources"], key=lambda row: (-row["documents"], row["source"]))
    blocks: list[Block] = [table]
    for row in largest[:_SOURCES_DRAWN]:
        part = documents.filter((pl.col("source") == row["source"]) & (pl.col("bytes") > 0))
        blocks.append(_histogram(row["source"], (part["model_bits"] / part["bytes"]).to_numpy()))
    return Section("By source", blocks, note="Bits per byte within each source.")


def _histogram(source: str, values: Any) -> Histogram:
    first, last = int(values.min() / _BIN), int(values.max() / _BIN) + 1
    edges = [round(index * _BIN, 6) for index in range(first, last + 1)]
    places = np.clip((values / _BIN).astype(int) - first, 0, last - first - 1)
    counts = np.bincount(places, minlength=last - first).tolist()
    return Histogram(f"Documents of {source}", edges, counts, "bits per byte of the model")


def _how(scores: dict[str, Any]) -> Section:
    ngram = scores["ngram"]
    left_out = scores["held_out_documents"] - scores["documents"]
    lines = [
        (
            "Bits per byte is the total negative log2 likelihood of the tokens of all documents,"
            " the end-of-text token included, over the UTF-8 bytes of their texts."
        ),
        (
            f"The model reads a document in windows of {scores['window']:,} tokens that advance"
            f" by {scores['stride']:,}."
        ),
        (
            f"The {ngram['order']}-gram is an interpolated modified Kneser-Ney model over the same"
            f" tokens, trained on {ngram['train_documents']:,} documents and"
            f" {ngram['train_tokens']:,} tokens of the training split."
        ),
        "xz -9 compresses each document on its own; its headers, some 60 bytes, are counted.",
        "The score before training is that of the training step, on the documents that it chose.",
    ]
    if left_out:
        lines.append(f"{left_out:,} further held-out documents were not scored (max_documents).")
    return Section("How it was measured", [Text(line) for line in lines])
