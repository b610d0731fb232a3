"""How a signal is distributed over a corpus: percentiles by source or decision, a histogram."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus.catalogue._frames import (
    aligned,
    columns_by_signal,
    known_column,
    known_signal,
    shards_of,
    table,
)

PERCENTILES = (0, 1, 5, 25, 50, 75, 95, 99, 100)
GROUPS = ("source", "decision", "reason", "licence", "release", "split", "host")
_BINS = 20


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of one signal.

    Attributes:
        signal: Its name.
        rows: Of every group, `group`, `documents`, `missing`, `mean` and ``p0`` … ``p100`` (the
            nearest value); of a signal of words, `group`, `value` and `documents` instead.
        edges: Bounds of the histogram's bins, one more than
        counts: documents in each; empty for a signal of words.
    """

    signal: str
    rows: tuple[dict[str, str | int | float | None], ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def distribution(
    corpus: Path, signal: str, by: str = "source", decision: str | None = None
) -> Distribution:
    """How the values of a signal are distributed; a list is counted by its length.

    Args:
        corpus: The folder of the corpus.
        signal: A column of any signal that the manifest names.
        by: What to group by: one of `GROUPS`.
        decision: Only documents with this decision; all without it.

    Raises:
        UsageError: Where no signal, or no group, is called so.
    """
    known_signal(corpus, signal)
    known_column(by, GROUPS, "group")
    folder, kind = columns_by_signal(corpus)[signal]
    values = pl.concat([_values(corpus, shard, folder, signal, by) for shard in shards_of(corpus)])
    if decision is not None:
        values = values.filter(pl.col("decision") == decision)
    values = values.select("group", "value")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = values.with_columns(pl.col("value").list.len())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        counted = values.group_by("group", "value").len("documents")
        ordered = counted.sort("group", "documents", "value", descending=[False, True, False])
        return Distribution(signal, tuple(ordered.to_dicts()), (), ())
    values = values.with_columns(pl.col("value").cast(pl.Float64).fill_nan(None))
    grouped = values.group_by("group").agg(
        pl.len().alias("documents"),
        pl.col("value").null_count().alias("missing"),
        pl.col("value").mean().alias("mean"),
        *(
            pl.col("value").quantile(p / 100, interpolation="nearest").alias(f"p{p}")
            for p in PERCENTILES
        ),
    )
    found = values["value"].drop_nulls().to_numpy()
    found = found[np.isfinite(found)]
    edges = _bins(found) if found.size else []
    counts = np.histogram(found, bins=edges)[0].tolist() if found.size else []
    return Distribution(
        signal,
        tuple(grouped.sort("group").to_dicts()),
        tuple(float(edge) for edge in edges),
        tuple(int(count) for count in counts),
    )


def _bins(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Bounds of equal width, or of equal ratio where the values span more than two decades."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return [low, high + 1]
    positive = values[values > 0]
    if low >= 0 and positive.size and high / float(np.median(positive)) > 20 and high > 100:
        first = max(1.0, float(positive.min()))
        ratio = (high / first) ** (1 / _BINS)
        edges = [first * ratio**step for step in range(_BINS)] + [high]
        return [low, *edges] if low < first else edges
    return [low + (high - low) * step / _BINS for step in range(_BINS)] + [high]


def _values(corpus: Path, shard: str, folder: str, signal: str, by: str) -> pl.DataFrame:
    file = f"{shard}.parquet"
    value = table(corpus / "signals" / folder / file, (signal,)).rename({signal: "value"})
    decided = table(corpus / "decisions" / file, ("decision", "reason", "split"))
    parts = [value, decided]
    if by not in decided.columns:
        parts.append(table(corpus / "documents" / file, (by,)))
    frame = aligned(corpus, shard, parts, decided.height)
    return frame.select("value", "decision", pl.col(by).alias("group"))
