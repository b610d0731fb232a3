"""A random sample of documents, as even over the sources as they allow."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mowa.corpus.catalogue._frames import documents_of, each_shard, known_column, shards_of
from mowa.errors import UsageError

_SHOWN = ("doc_id", "source", "licence", "title", "url", "text")


def draw(
    corpus: Path,
    number: int,
    *,
    decision: str | None = "keep",
    reason: str | None = None,
    source: str | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """`number` documents or fewer, the same for the same seed whatever the order of shards.

    Strata are the sources: each gives as many as the next, until one has no more.

    Args:
        corpus: The folder of the corpus.
        number: How many.
        decision: Only documents so decided; None for all.
        reason: Only those not kept for this reason.
        source: Only those of this source.
        seed: Which.

    Raises:
        UsageError: Where nothing is as asked for.
    """
    columns = ("doc_id", "source")
    whole = pl.concat(
        frame.with_columns(pl.lit(shard).alias("shard"))
        for shard, frame in zip(
            shards_of(corpus), each_shard(corpus, columns, kept=False), strict=True
        )
    )
    for name, value in (("decision", decision), ("reason", reason), ("source", source)):
        if value is not None:
            known_column(value, whole[name].drop_nulls().unique().sort().to_list(), name)
            whole = whole.filter(pl.col(name) == value)
    if whole.is_empty():
        raise UsageError("no document is as asked for", fix="ask for less at once")
    ordered = whole.with_columns(_place(whole["doc_id"], seed)).sort("place", "doc_id")
    ordered = ordered.with_columns(pl.int_range(pl.len()).over("source").alias("turn"))
    chosen = ordered.sort("turn", "place", "doc_id").head(number)
    parts = []
    for [shard], rows in chosen.group_by(["shard"], maintain_order=True):
        frame = documents_of(corpus, str(shard), _SHOWN, kept=decision == "keep")
        parts.append(frame.join(rows.select("row", "turn", "place"), on="row", how="inner"))
    return pl.concat(parts).sort("turn", "place", "doc_id").drop("turn", "place", "row")


def _place(ids: pl.Series, seed: int) -> pl.Series:
    """A place in a random order that only the id and the seed decide, on every version."""
    import hashlib

    return pl.Series(
        "place",
        [
            int.from_bytes(hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=7).digest())
            for name in ids
        ],
        pl.Int64,
    )
