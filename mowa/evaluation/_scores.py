"""The step `scores`: bits per byte of held-out documents, of the model and of its measuring rods.

Bits per byte is the total negative log2 likelihood of the tokens of all documents, EOS included and
BOS excluded, over the UTF-8 bytes of their texts: a figure that does not depend on the tokenizer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from mowa.errors import DataError
from mowa.evaluation._config import ScoresConfig
from mowa.evaluation._intervals import LEVEL, interval, resampled
from mowa.evaluation._measure import compressed, held_out, model_bits, ngram_bits, stride_of
from mowa.evaluation._measures import ratio
from mowa.evaluation._page import report
from mowa.execution import Context
from mowa.workspace import Inputs, Metrics, write_text, writing

_SYSTEMS = ("model", "ngram", "xz")


def run(config: ScoresConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Score the held-out documents; writes `scores.json`, `documents.parquet`, `report.html`.

    Raises:
        UsageError: Where the stride is longer than the model's context.
        DataError: Where nothing was held out, the tokens were not made from this corpus, or the
            model gives a likelihood that is not finite.
    """
    model, tokens, corpus = (inputs.one(kind) for kind in ("model", "tokens", "corpus"))
    window = _window(model.path)
    stride = stride_of(config.stride, window)
    documents, available = held_out(tokens.path, config.max_documents)
    documents = compressed(documents, corpus.path, out, context)
    documents, ngram = ngram_bits(documents, tokens.path, config, out=out, context=context)
    documents = model_bits(
        documents,
        tokens.path,
        model.path,
        stride=stride,
        device=config.device,
        out=out,
        context=context,
    ).drop("index")
    with writing(out / "documents.parquet") as partial:
        pq.write_table(documents.to_arrow(), partial, compression="zstd")
    scores = {
        "task": "held-out bits per byte",
        "documents": documents.height,
        "bytes": int(documents["bytes"].sum()),
        "tokens": int(documents["tokens"].sum()),
        "held_out_documents": available,
        "window": window,
        "stride": stride,
        "interval": {
            "level": LEVEL,
            "method": "percentile bootstrap over documents",
            "samples": config.bootstrap_samples,
            "seed": config.seed,
        },
        "ngram": ngram,
        **_rows(documents, model.metrics, config),
    }
    write_text(out / "scores.json", json.dumps(scores, ensure_ascii=False, indent=1) + "\n")
    report(scores, documents).write(out / "report.html")
    return _metrics(scores)


def _window(model: Path) -> int:
    path = model / "config.json"
    try:
        return int(json.loads(path.read_text("utf-8"))["max_position_embeddings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the model does not say how long its context is ({error!r})", where=str(path)
        ) from error


def _rows(documents: pl.DataFrame, trained: Metrics, config: ScoresConfig) -> dict[str, Any]:
    """Scores, differences to the model, and scores of each source."""
    bits = documents.select(f"{name}_bits" for name in _SYSTEMS).to_numpy().T
    size = documents["bytes"].to_numpy()
    values = bits.sum(axis=1) / size.sum()
    ratios = np.column_stack(
        [
            resampled(ratio(each, size), samples=config.bootstrap_samples, seed=config.seed)
            for each in bits
        ]
    )
    labels = {"model": "model", "ngram": f"{config.ngram_order}-gram", "xz": "xz -9"}
    known = documents.height > 1
    rows = [
        {
            "system": name,
            "label": labels[name],
            "bits_per_byte": round(float(values[i]), 4),
            **_bounds(ratios[:, i], known=known),
            "documents": documents.height,
            "bytes": int(size.sum()),
        }
        for i, name in enumerate(_SYSTEMS)
    ]
    before = trained.get("held_out_bpb_before")
    if before is not None:
        untrained = {"system": "untrained", "label": "model before training"}
        rows.append({**untrained, "bits_per_byte": round(before, 4), "low": None, "high": None})
    differences = [
        {
            "system": name,
            "saved_by_model": round(float(values[i] - values[0]), 4),
            **_bounds(ratios[:, i] - ratios[:, 0], known=known),
        }
        for i, name in enumerate(_SYSTEMS)
        if name != "model"
    ]
    per_byte = [
        (pl.col(f"{name}_bits").sum() / pl.col("bytes").sum()).round(4).alias(name)
        for name in _SYSTEMS
    ]
    sources = (
        documents.filter(pl.col("bytes") > 0)
        .group_by("source")
        .agg(pl.len().alias("documents"), pl.col("bytes").sum().alias("bytes_"), *per_byte)
        .rename({"bytes_": "bytes"})
        .sort("source")
    )
    return {"scores": rows, "differences": differences, "sources": sources.to_dicts()}


def _bounds(values: Any, *, known: bool) -> dict[str, float | None]:
    if not known:  # one document says nothing about others
        return {"low": None, "high": None}
    low, high = interval(values)
    return {"low": round(low, 4), "high": round(high, 4)}


def _metrics(scores: dict[str, Any]) -> Metrics:
    names = {
        "model": "held_out_bpb",
        "ngram": "ngram_bpb",
        "xz": "xz_bpb",
        "untrained": "untrained_bpb",
    }
    metrics: Metrics = {key: scores[key] for key in ("documents", "bytes", "tokens")}
    for row in scores["scores"]:
        metrics[names[row["system"]]] = row["bits_per_byte"]
        if row["low"] is not None:
            metrics[names[row["system"]] + "_interval"] = [row["low"], row["high"]]
    return metrics
