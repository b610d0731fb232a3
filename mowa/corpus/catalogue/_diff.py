"""How two corpora differ: documents, texts, decisions, sources and licences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus.catalogue._frames import aligned, checked_manifest, shards_of, table

_EXAMPLES = 5
_ABOUT = ("doc_id", "source", "licence", "content_hash")


@dataclass(frozen=True, slots=True)
class Change:
    """How many documents changed in one way, and the ids of the first few."""

    documents: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What the second of two corpora has otherwise than the first.

    Attributes:
        documents: Documents in the first, the second and both.
        added: Those only in the second, and
        gone: only in the first.
        text_changed: Those whose text is another.
        decisions: ``keep -> reject (words)`` to those decided otherwise.
        sources: ``name`` to kept documents before and after, where they differ.
        licences: The same by licence; `relicensed` are documents whose licence is another.
    """

    documents: dict[str, int]
    added: Change
    gone: Change
    text_changed: Change
    relicensed: Change
    decisions: dict[str, Change]
    sources: dict[str, tuple[int, int]]
    licences: dict[str, tuple[int, int]]


def diff(first: Path, second: Path) -> Difference:
    """Compare two corpora by the ids of their documents.

    Memory goes with ids and decisions, not with texts.

    Raises:
        UsageError: Where one of them is no corpus.
    """
    a, b = _about(first), _about(second)
    both = a.join(b, on="doc_id", how="inner", suffix="_b", maintain_order="left")
    other = both.filter(pl.col("verdict") != pl.col("verdict_b"))
    moves = other.select("doc_id", pl.format("{} -> {}", "verdict", "verdict_b").alias("move"))
    return Difference(
        documents={"first": a.height, "second": b.height, "both": both.height},
        added=_change(b.join(a, on="doc_id", how="anti", maintain_order="left")),
        gone=_change(a.join(b, on="doc_id", how="anti", maintain_order="left")),
        text_changed=_change(
            both.filter(pl.col("content_hash").ne_missing(pl.col("content_hash_b")))
        ),
        relicensed=_change(both.filter(pl.col("licence").ne_missing(pl.col("licence_b")))),
        decisions={
            str(move): _change(rows)
            for [move], rows in sorted(
                moves.group_by(["move"], maintain_order=True),
                key=lambda item: (-item[1].height, str(item[0][0])),
            )
        },
        sources=_kept(first, second, "sources"),
        licences=_kept(first, second, "licences"),
    )


def _about(corpus: Path) -> pl.DataFrame:
    parts = []
    for shard in shards_of(corpus):
        about = table(corpus / "documents" / f"{shard}.parquet", _ABOUT)
        decided = table(corpus / "decisions" / f"{shard}.parquet", ("decision", "reason"))
        parts.append(aligned(corpus, shard, [about, decided], about.height))
    verdict = (
        pl.when(pl.col("reason").is_null())
        .then("decision")
        .otherwise(pl.format("{} ({})", "decision", "reason"))
    )
    return pl.concat(parts).with_columns(verdict.alias("verdict"))


def _change(frame: pl.DataFrame) -> Change:
    return Change(frame.height, tuple(frame["doc_id"].head(_EXAMPLES)))


def _kept(first: Path, second: Path, what: str) -> dict[str, tuple[int, int]]:
    one, two = (checked_manifest(corpus)[what] for corpus in (first, second))

    def of(entries: dict[str, Any], name: str) -> int:
        return int(entries.get(name, {}).get("keep", 0))

    pairs = {name: (of(one, name), of(two, name)) for name in sorted({*one, *two})}
    return {
        name: pair
        for name, pair in pairs.items()
        if pair[0] != pair[1] or (name in one) != (name in two)
    }
