"""Which of several copies stays, and which documents a host may keep.

Both need to see all shards at once. Only what is needed is in memory: a number of eight bytes for
every document, and the rows of those that have copies or whose host is over its cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from mowa.corpus._policy import Policy
from mowa.corpus._rules import EXACT_DUPLICATE, HOST_CAP, KEEP, NEAR_DUPLICATE
from mowa.corpus._schema import read_frame, write_frame

CHOSEN = pa.schema([("doc_id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])

# The freest first; what is in none of these comes after them.
_FREE = (
    r"^(CC0|CC-PDM|PDDL|Unlicense|LicenseRef-public-domain|LicenseRef-official)",
    r"^(MIT|Apache|BSD|ISC|CC-BY-[0-9]|ODC-By)",
    r"^(CC-BY-SA|GFDL|MPL|GPL|LGPL|ODbL|EUPL)",
)


@dataclass(frozen=True)
class Work:
    """Shards, where their documents and duplicates lie, and the rules."""

    shards: tuple[tuple[str, Path], ...]
    duplicates: Path
    counts: Path
    policy: Policy


def choose(work: Work, out: Path) -> dict[str, Any]:
    """Write `.chosen/copies.parquet`: documents that go because another copy stays, or by a cap."""
    gone = [_copies(work, out)]
    if work.policy.host_documents is not None:
        taken = gone[0].select("doc_id")
        gone.append(_over_cap(work, out, taken, work.policy.host_documents))
    write_frame(out / ".chosen" / "copies.parquet", pl.concat(gone).sort("doc_id"), CHOSEN)
    return {"documents": sum(frame.height for frame in gone)}


def duplicate_of(frame: pl.DataFrame, priority: Sequence[str]) -> pl.DataFrame:
    """Documents of which another copy stays: `doc_id`, `duplicate_of`, and if the texts are `same`.

    The copy that stays is one that no rule rejects; of these the one whose source comes first in
    `priority`, then the one with the freer release and licence, the longer, the first.

    Args:
        frame: `doc_id`, `group`, `cluster`, `eligible`, `source`, `licence`, `release`,
            `characters`, one row a document, in the order of the corpus.
        priority: Names of sources.
    """
    rank = {name: number for number, name in enumerate(priority)}
    freedom = pl.lit(len(_FREE))
    for number, pattern in reversed(list(enumerate(_FREE))):
        freedom = pl.when(pl.col("licence").str.contains(pattern)).then(number).otherwise(freedom)
    ordered = (
        frame.filter("eligible")
        .with_columns(
            pl.col("source")
            .replace_strict(rank, default=len(rank), return_dtype=pl.Int64)
            .alias("rank"),
            (pl.col("release") != "open").alias("closed"),
            freedom.alias("freedom"),
        )
        .sort(
            "rank",
            "closed",
            "freedom",
            "characters",
            descending=[False] * 3 + [True],
            maintain_order=True,
        )
    )
    first = pl.col("doc_id").first().over("group")
    same = pl.col("cluster").first().over("group") == pl.col("cluster")
    return (
        ordered.with_columns(first.alias("duplicate_of"), same.alias("same"))
        .filter(pl.col("doc_id") != pl.col("duplicate_of"))
        .select("doc_id", "duplicate_of", "same")
    )


def _copies(work: Work, out: Path) -> pl.DataFrame:
    keys = pl.concat(
        [_groups(work, shard).select(pl.col("group").hash()) for shard, _ in work.shards]
    )
    several = keys.filter(keys["group"].is_duplicated())["group"].unique()
    rows = []
    for shard, path in work.shards:
        frame = _groups(work, shard).hstack(_judged(out, shard)).with_row_index("row")
        frame = frame.filter(
            pl.col("group").is_not_null() & pl.col("group").hash().is_in(several.implode())
        )
        if frame.height:
            about = read_frame(path, ("source", "licence", "release"))
            sizes = read_frame(work.counts / f"{shard}.parquet", ("characters",))
            rows.append(frame.hstack(about.hstack(sizes)[frame["row"]]).drop("row"))
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(CHOSEN.names, pl.String))
    return copies(pl.concat(rows), work.policy)


def copies(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`doc_id`, `reason` and `detail` of documents of which another copy stays (`duplicate_of`)."""
    found = duplicate_of(frame, policy.priority)
    return found.select(
        "doc_id",
        pl.when("same")
        .then(pl.lit(EXACT_DUPLICATE))
        .otherwise(pl.lit(NEAR_DUPLICATE))
        .alias("reason"),
        pl.format("of {}", "duplicate_of").alias("detail"),
    )


def _groups(work: Work, shard: str) -> pl.DataFrame:
    """`cluster` and `group` (of near copies, else of exact ones; null for no text)."""
    return grouped(read_frame(work.duplicates / f"{shard}.parquet"), work.policy)


def grouped(duplicates: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`cluster`, and the `group` of which one document stays; null for a document without text."""
    group = pl.coalesce("near_cluster", "cluster") if policy.near_duplicates else pl.col("cluster")
    return duplicates.select("cluster", group.alias("group"))


def _judged(out: Path, shard: str) -> pl.DataFrame:
    frame = read_frame(out / ".judged" / f"{shard}.parquet", ("doc_id", "decision"))
    return frame.select("doc_id", (pl.col("decision") == KEEP).alias("eligible"))


def _over_cap(work: Work, out: Path, taken: pl.DataFrame, cap: int) -> pl.DataFrame:
    """Kept documents of a host after its first `cap`, in the order of the hash of their text."""
    rows = []
    for shard, path in work.shards:
        frame = read_frame(path, ("host", "content_hash")).hstack(_judged(out, shard))
        frame = frame.filter(pl.col("eligible") & pl.col("host").is_not_null())
        rows.append(frame.select("doc_id", "host", "content_hash"))
    return over_cap(pl.concat(rows), taken, cap)


def over_cap(frame: pl.DataFrame, taken: pl.DataFrame, cap: int) -> pl.DataFrame:
    """`doc_id`, `reason` and `detail` of documents after the first `cap` of their host.

    Args:
        frame: `doc_id`, `host` and `content_hash` of documents that no rule rejects.
        taken: `doc_id` of those of them that go anyway.
        cap: How many of a host stay.
    """
    frame = frame.join(taken, on="doc_id", how="anti").sort("content_hash", "doc_id")
    over = frame.filter(pl.int_range(pl.len()).over("host") >= cap)
    return over.select(
        "doc_id",
        pl.lit(HOST_CAP).alias("reason"),
        pl.format(f"more than {cap} of {{}}", "host").alias("detail"),
    )
