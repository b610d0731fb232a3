"""What signals say of exported documents in SpeakLeash's terms: its metrics, quality, category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mowa import languages
from mowa.corpus._edits import read_edits
from mowa.corpus._read import manifest_of
from mowa.corpus._table import SIGNALS
from mowa.corpus.catalogue._frames import table
from mowa.corpus.quality import speakleash
from mowa.corpus.quality._speakleash import COUNTS, MEANS, QUALITY

_METRICS = SIGNALS["speakleash"]
_NAMES = (*COUNTS, *MEANS)
# From so much confidence on SpeakLeash's manifests count a document for a category.
_SURE = 0.95


def with_metrics(corpus: Path, shard: str, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with SpeakLeash's metrics, `quality` and `category`, as far as they were measured.

    The metrics are those of the text as it is written: where lines were cut or personal data
    replaced, they are measured anew. `quality` is that of the classifier of quality whose classes
    are HIGH, MEDIUM and LOW, else that of SpeakLeash's rules; `category` and `category_confidence`
    are the class of a classifier of topics.

    Args:
        corpus: The folder of the corpus.
        shard: The shard of the documents.
        frame: `text`, and `row`, the place in the shard.

    Raises:
        UsageError: Where metrics must be measured anew and Morfeusz is not installed.
    """
    manifest = manifest_of(corpus)
    rows, parts = frame["row"], [frame]
    if _METRICS.folder in manifest["signals"]:
        own = table(corpus / "signals" / _METRICS.folder / f"{shard}.parquet", None)[rows]
        own.columns = [*_NAMES, "quality"]
        touched = read_edits(corpus, shard)[rows].list.len().fill_null(0) > 0
        if touched.any():
            stop_words = languages.load(manifest["language"]).stop_words
            anew = speakleash(frame["text"].filter(touched), stop_words)
            places = pl.int_range(len(rows), eager=True)
            own = pl.concat([own.filter(~touched), anew.cast(own.schema)])
            own = own[pl.concat([places.filter(~touched), places.filter(touched)]).arg_sort()]
        parts.append(own)
    for kind, columns in (
        ("quality", {"label": "quality"}),
        ("topic", {"label": "category", "confidence": "category_confidence"}),
    ):
        name = _classifier(manifest, kind)
        if name is None:
            continue
        wanted = {f"{name.partition('@')[0]}_{end}": new for end, new in columns.items()}
        said = table(corpus / "signals" / name / f"{shard}.parquet", tuple(wanted))[rows]
        parts = [part.drop(wanted.values(), strict=False) for part in parts]
        parts.append(said.rename(wanted))
    return pl.concat(parts, how="horizontal")


def _classifier(manifest: Mapping[str, Any], kind: str) -> str | None:
    """The first classifier of a kind; of quality only one with SpeakLeash's classes."""
    for name, about in manifest.get("made_with", {}).items():
        if about.get("kind") == kind and (kind == "topic" or set(about["classes"]) <= set(QUALITY)):
            return str(name)
    return None


def metrics_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in ``meta`` of a row of `with_metrics`; `characters` is not among it."""
    meta = {
        name: row[name] for name in _NAMES if row.get(name) is not None and name != "characters"
    }
    if row.get("quality") is not None:
        meta["quality"] = row["quality"]
    if row.get("category") is not None:
        meta["category"] = {row["category"]: round(100 * row["category_confidence"], 2)}
    return meta


@dataclass
class Totals:
    """What the manifest says of all documents together."""

    documents: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    quality: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)

    def add(self, meta: Mapping[str, Any]) -> None:
        """Count the ``meta`` of one document."""
        self.documents += 1
        for name in _NAMES:
            if name in meta:
                self.sums[name] = self.sums.get(name, 0) + meta[name]
        if "quality" in meta:
            self.quality[meta["quality"]] += 1
        for name, confidence in meta.get("category", {}).items():
            if confidence >= 100 * _SURE:
                self.categories[name] += 1

    def stats(self) -> dict[str, Any]:
        """``stats``: counts are summed, ratios are means over the documents, quality in shares."""
        stats: dict[str, Any] = {"documents": self.documents, "characters": 0} | {
            name: round(total / self.documents, 4) if name in MEANS else total
            for name, total in self.sums.items()
        }
        if self.quality:
            shares = {name: self.quality[name] / self.documents for name in QUALITY}
            stats["quality"] = {name: round(share, 2) for name, share in shares.items()}
        return stats
