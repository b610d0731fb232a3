"""The signal `duplicates@1`: which documents are the same text, but for case and white space."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._schema import DUPLICATES, read_frame, write_frame


def clusters(texts: pl.Series) -> pl.Series:
    """Hash of each text, case folded, white space as single spaces; null where it is empty."""
    return pl.Series("cluster", [_cluster(text) for text in texts.to_list()], pl.String)


def _cluster(text: str) -> str | None:
    folded = " ".join(text.casefold().split())
    return hashlib.blake2b(folded.encode(), digest_size=16).hexdigest() if folded else None


def mark_duplicates(work: Sequence[tuple[str, str]], out: Path) -> dict[str, Any]:
    """Write `duplicates@1` for all shards, from the hashes that were written before.

    Args:
        work: Of each shard, in order: its name, and the path of its `doc_id` and `cluster`.
        out: The folder of the artifact.
    """
    hashes = [read_frame(out / path, ("doc_id", "cluster")) for _, path in work]
    starts = [0, *accumulate(part.height for part in hashes)]
    frame = pl.concat(hashes)
    first = pl.col("doc_id").first().over("cluster")
    is_first = pl.int_range(pl.len()).over("cluster") == 0
    frame = frame.with_columns(
        pl.when(pl.col("cluster").is_not_null() & ~is_first).then(first).alias("duplicate_of")
    )
    files = []
    for (shard, _), (start, stop) in zip(work, pairwise(starts), strict=True):
        files.append(f"signals/duplicates@1/{shard}.parquet")
        write_frame(out / files[-1], frame.slice(start, stop - start), DUPLICATES)
    duplicates = frame["duplicate_of"].drop_nulls()
    return {"files": files, "duplicates": duplicates.len(), "clusters": duplicates.n_unique()}
