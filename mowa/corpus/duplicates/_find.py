"""From the sketches of all shards to `duplicates@2`, in units that survive a kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus._hashing import I64, U64, mix
from mowa.corpus._schema import read_frame, read_groups, write_frame
from mowa.corpus.duplicates._graph import (
    candidate_pairs,
    components,
    different_pairs,
    similarities,
)
from mowa.corpus.duplicates._options import DUPLICATES, DuplicateOptions
from mowa.corpus.duplicates._sketch import BANDS, ROWS, bands_path, rows_path, write_grouped
from mowa.execution import Context, Unit

SIGNAL = "duplicates@2"

_PAIRS = pa.schema([("left", pa.uint64()), ("right", pa.uint64())])
_SIMILAR = pa.schema([*_PAIRS, ("similarity", pa.float64())])
_PARTS = pa.schema([("key", pa.uint64()), ("part", pa.int32())])
_GATHERED = pa.schema([ROWS.field("key"), ROWS.field("size"), ROWS.field("shingles")])
_MEMBERS = pa.schema([("key", pa.uint64()), ("near_cluster", pa.string()), ("first", pa.uint64())])


@dataclass(frozen=True)
class Work:
    """One unit: where sketches lie, all shards, the options, and which shard or bucket it is."""

    folder: str
    shards: tuple[str, ...]
    options: DuplicateOptions
    shard: str = ""
    bucket: int = -1


def find_duplicates(
    shards: Sequence[str], out: Path, context: Context, options: DuplicateOptions, folder: str
) -> dict[str, Any]:
    """Write `signals/duplicates@2/<shard>.parquet`, aligned with the documents by row.

    Args:
        shards: Names of the shards, each of which `write_sketches` wrote under ``out / folder``.
        out: The folder of the artifact.
        context: Spreads the work and remembers in its ledger what is finished.
        options: The same as the sketches were made with.
        folder: Where sketches lie and intermediate files are put, relative to `out`; to be
            removed by the caller once the step has finished.

    Returns:
        `documents`, `exact_clusters` and `exact_copies` (documents of such a cluster but one),
        `near_clusters` and `near_copies` (exact ones included), `candidates` (pairs compared) and
        `pairs` (those similar enough).
    """
    base = Work(folder, tuple(shards), options)
    by_shard = [(name, Work(folder, base.shards, options, shard=name)) for name in shards]
    by_bucket = [
        (f"{bucket:04}", Work(folder, base.shards, options, bucket=bucket))
        for bucket in range(options.buckets)
    ]

    def each(stage: str, function: Any, work: list[tuple[str, Work]]) -> list[dict[str, Any]]:
        units = [Unit(f"duplicates/{stage}/{key}", item) for key, item in work]
        return context.map(function, units, out, label=f"duplicates: {stage}")

    whole = [("all", base)]
    each("bands", pair_bucket, by_bucket)
    [candidates] = each("candidates", part_candidates, whole)
    each("gather", gather_shard, by_shard)
    pairs = each("verify", verify_part, by_bucket)
    [clusters] = each("clusters", cluster_all, whole)
    each("similarity", compare_part, by_bucket)
    written = each("write", write_shard, by_shard)
    return {
        "documents": sum(result["documents"] for result in written),
        **clusters,
        "candidates": candidates["candidates"],
        "pairs": sum(result["pairs"] for result in pairs),
    }


def pair_bucket(work: Work, out: Path) -> dict[str, Any]:
    """Find the pairs of texts that agree in one of the bands of a bucket."""
    folder = out / work.folder
    found = [
        _read_group(bands_path(folder, shard), work.bucket, BANDS.names) for shard in work.shards
    ]
    bands = pl.concat(found) if found else _empty(BANDS)
    left, right = candidate_pairs(
        bands["band"].to_numpy(), bands["key"].to_numpy(), work.options.neighbours
    )
    frame = pl.DataFrame({"left": left, "right": right})
    write_frame(folder / "pairs" / f"{work.bucket:04}.parquet", frame, _PAIRS)
    return {"pairs": len(left)}


def part_candidates(work: Work, out: Path) -> dict[str, Any]:
    """Deal out the pairs, so that all that hang together come into one part."""
    folder, parts = out / work.folder, work.options.buckets
    found = [
        read_frame(folder / "pairs" / f"{bucket:04}.parquet", _PAIRS.names)
        for bucket in range(parts)
    ]
    left, right = different_pairs(
        np.concatenate([frame["left"].to_numpy() for frame in found]),
        np.concatenate([frame["right"].to_numpy() for frame in found]),
    )
    keys = np.unique(np.concatenate([left, right]))
    at = np.searchsorted(keys, left)
    roots = components(len(keys), at, np.searchsorted(keys, right))
    part = (mix(keys[roots]) % np.uint64(parts)).astype(np.int64) if len(keys) else roots
    write_frame(folder / "parts.parquet", pl.DataFrame({"key": keys, "part": part}), _PARTS)
    order = np.argsort(part[at], kind="stable")
    pairs = pl.DataFrame({"left": left[order], "right": right[order]})
    write_grouped(folder / "candidates.parquet", pairs, part[at][order], _PAIRS, parts)
    return {"candidates": len(left)}


def gather_shard(work: Work, out: Path) -> dict[str, Any]:
    """Put the shingles of a shard's candidates into the parts in which they are compared."""
    folder = out / work.folder
    parts = read_frame(folder / "parts.parquet", _PARTS.names)
    wanted = [
        group.join(parts, on="key", how="inner")
        for group in read_groups(rows_path(folder, work.shard), _GATHERED.names)
    ]
    frame = pl.concat(wanted) if wanted else _empty(_GATHERED).with_columns(part=pl.lit(0))
    frame = frame.unique("key", keep="first", maintain_order=True).sort("part", "key")
    of = frame["part"].to_numpy().astype(np.int64)
    path = folder / "gathered" / f"{work.shard}.parquet"
    write_grouped(path, frame, of, _GATHERED, work.options.buckets)
    return {"texts": frame.height}


def verify_part(work: Work, out: Path) -> dict[str, Any]:
    """Compare the pairs of one part, and keep those that are similar enough."""
    folder, options = out / work.folder, work.options
    pairs = _read_group(folder / "candidates.parquet", work.bucket, _PAIRS.names)
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    jaccard, containment = _compare(left, right, work, folder)
    keep = jaccard >= options.jaccard
    if options.containment is not None:
        keep |= containment >= options.containment
    frame = pl.DataFrame({"left": left[keep], "right": right[keep], "similarity": jaccard[keep]})
    write_frame(folder / "verified" / f"{work.bucket:04}.parquet", frame, _SIMILAR)
    return {"pairs": frame.height}


def cluster_all(work: Work, out: Path) -> dict[str, Any]:
    """Join similar pairs into clusters, and name each after its smallest `doc_id`."""
    folder = out / work.folder
    found = [
        read_frame(folder / "verified" / f"{bucket:04}.parquet", _PAIRS.names)
        for bucket in range(work.options.buckets)
    ]
    left = np.concatenate([frame["left"].to_numpy() for frame in found])
    right = np.concatenate([frame["right"].to_numpy() for frame in found])
    repeated, copies = _repeated(work, folder)
    keys = np.unique(np.concatenate([left, right, repeated]))
    roots = components(len(keys), np.searchsorted(keys, left), np.searchsorted(keys, right))
    known = pl.DataFrame({"key": keys, "root": roots})
    documents = pl.concat(
        [known.head(0).with_columns(doc_id=pl.lit("")).select("doc_id", "key", "root")]
        + [
            group.join(known, on="key", how="inner")
            for shard in work.shards
            for group in read_groups(rows_path(folder, shard), ("doc_id", "key"))
        ]
    )
    firsts = documents.sort("root", "doc_id", "key").unique("root", keep="first")
    members = (
        known.join(firsts.select("root", "doc_id", first="key"), on="root")
        .select("key", near_cluster="doc_id", first="first")
        .sort("key")
    )
    write_frame(folder / "members.parquet", members, _MEMBERS)
    return {
        "exact_clusters": len(repeated),
        "exact_copies": copies,
        "near_clusters": firsts.height,
        "near_copies": documents.height - firsts.height,
    }


def compare_part(work: Work, out: Path) -> dict[str, Any]:
    """Compare each text of one part with the first of its cluster."""
    folder = out / work.folder
    parts = read_frame(folder / "parts.parquet", _PARTS.names)
    members = read_frame(folder / "members.parquet", ("key", "first"))
    mine = (
        members.filter(pl.col("key") != pl.col("first"))
        .join(parts.filter(pl.col("part") == work.bucket), on="key", how="semi")
        .sort("key")
    )
    left, right = mine["key"].to_numpy(), mine["first"].to_numpy()
    jaccard, _ = _compare(left, right, work, folder)
    frame = pl.DataFrame({"left": left, "right": right, "similarity": jaccard})
    write_frame(folder / "similarity" / f"{work.bucket:04}.parquet", frame, _SIMILAR)
    return {"pairs": frame.height}


def write_shard(work: Work, out: Path) -> dict[str, Any]:
    """Write `duplicates@2` of one shard."""
    folder = out / work.folder
    members = read_frame(folder / "members.parquet", ("key", "near_cluster"))
    similar = pl.concat(
        [
            read_frame(folder / "similarity" / f"{bucket:04}.parquet", ("left", "similarity"))
            for bucket in range(work.options.buckets)
        ]
    ).rename({"left": "key"})
    rows = read_frame(rows_path(folder, work.shard), ("cluster", "key"))
    joined = rows.join(members, on="key", how="left", maintain_order="left").join(
        similar, on="key", how="left", maintain_order="left"
    )
    frame = joined.with_columns(
        near_similarity=pl.when(pl.col("near_cluster").is_not_null()).then(
            pl.col("similarity").fill_null(1.0)
        )
    )
    path = f"signals/{SIGNAL}/{work.shard}.parquet"
    write_frame(out / path, frame, DUPLICATES)
    return {"files": [path], "documents": frame.height}


def _repeated(work: Work, folder: Path) -> tuple[U64, int]:
    """Keys that several documents have, and how many documents these are but for one each."""
    keys = [
        group["key"].drop_nulls().to_numpy()
        for shard in work.shards
        for group in read_groups(rows_path(folder, shard), ("key",))
    ]
    every = np.concatenate([np.empty(0, np.uint64), *keys])
    every.sort()
    again = every[1:][every[1:] == every[:-1]]
    return np.unique(again), len(again)


def _compare(left: U64, right: U64, work: Work, folder: Path) -> tuple[Any, Any]:
    """Jaccard similarity and containment of pairs of keys, all of one part."""
    gathered = pl.concat(
        [_empty(_GATHERED)]
        + [
            _read_group(folder / "gathered" / f"{shard}.parquet", work.bucket, _GATHERED.names)
            for shard in work.shards
        ]
    )
    texts = gathered.unique("key", keep="first", maintain_order=True).sort("key")
    keys = texts["key"].to_numpy()
    lengths = texts["shingles"].list.len().to_numpy().astype(np.int64)
    offsets: I64 = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = texts["shingles"].explode(empty_as_null=False).to_numpy()
    return similarities(
        np.searchsorted(keys, left),
        np.searchsorted(keys, right),
        values=values,
        offsets=offsets,
        sizes=texts["size"].to_numpy().astype(np.int64),
    )


def _read_group(path: Path, group: int, columns: Sequence[str]) -> pl.DataFrame:
    with pq.ParquetFile(path) as file:
        frame = pl.from_arrow(file.read_row_group(group, columns=list(columns)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _empty(schema: pa.Schema) -> pl.DataFrame:
    frame = pl.from_arrow(schema.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame
