"""From the sketches of all shards to `duplicates@3`, in units that survive a kill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._hashing import I64, U64, mix
from mowa.corpus._schema import read_frame, read_groups, write_frame
from mowa.corpus.duplicates._graph import (
    candidate_pairs,
    components,
    different_pairs,
    similarities,
)
from mowa.corpus.duplicates._options import DUPLICATES, DuplicateOptions
from mowa.corpus.duplicates._sketch import (
    BANDS,
    ROWS,
    bands_path,
    read_group,
    rows_path,
    write_bands,
    write_grouped,
)
from mowa.execution import Context, Unit

SIGNAL = "duplicates@3"

_PAIRS = pa.schema([("left", pa.uint64()), ("right", pa.uint64())])
_SIMILAR = pa.schema([*_PAIRS, ("similarity", pa.float64())])
_TO_FIRST = pa.schema([("key", pa.uint64()), ("similarity", pa.float64())])
_PARTS = pa.schema([("key", pa.uint64()), ("part", pa.int32())])
_GATHERED = pa.schema([ROWS.field("key"), ROWS.field("size"), ROWS.field("shingles")])
_MEMBERS = pa.schema([("key", pa.uint64()), ("near_cluster", pa.string()), ("first", pa.uint64())])


# Shards are worked on in at most so many groups. Each group reads the list of all candidates, and
# that of all members, once: with a group for every shard this would grow with their square.
_MOST_GROUPS = 256


@dataclass(frozen=True)
class Work:
    """One unit: where sketches lie, the options, and which group of shards or bucket it is.

    Attributes:
        folder: Where sketches and intermediate files lie, relative to the artifact.
        bands: The folder in it that holds the bands, one file for each of
        groups: the groups of shards, by name.
        options: How near duplicates are found.
        group: The group that is worked on, and
        mine: its shards.
        bucket: The bucket that is worked on.
    """

    folder: str
    bands: str
    groups: tuple[str, ...]
    options: DuplicateOptions
    group: str = ""
    mine: tuple[str, ...] = ()
    bucket: int = -1


def find_duplicates(
    shards: Sequence[str], out: Path, context: Context, options: DuplicateOptions, folder: str
) -> dict[str, Any]:
    """Write `signals/duplicates@3/<shard>.parquet`, aligned with the documents by row.

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
    groups = _groups(shards)
    bands = "bands" if len(groups) == len(shards) else "merged"
    base = Work(folder, bands, tuple(groups), options)
    by_group = [(name, replace(base, group=name, mine=mine)) for name, mine in groups.items()]
    by_bucket = [
        (f"{bucket:04}", replace(base, bucket=bucket)) for bucket in range(options.buckets)
    ]

    def each(stage: str, function: Any, work: list[tuple[str, Work]]) -> list[dict[str, Any]]:
        units = [Unit(f"duplicates/{stage}/{key}", item) for key, item in work]
        return context.map(function, units, out, label=f"duplicates: {stage}")

    whole = [("all", replace(base, mine=tuple(shards)))]
    if bands == "merged":
        each("merge", merge_bands, by_group)
    each("bands", pair_bucket, by_bucket)
    [candidates] = each("candidates", part_candidates, whole)
    each("gather", gather_group, by_group)
    pairs = each("verify", verify_part, by_bucket)
    [clusters] = each("clusters", cluster_all, whole)
    each("similarity", compare_part, by_bucket)
    written = each("write", write_group, by_group)
    return {
        "documents": sum(result["documents"] for result in written),
        **clusters,
        "candidates": candidates["candidates"],
        "pairs": sum(result["pairs"] for result in pairs),
    }


def _groups(shards: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Neighbouring shards, by the name of their group; of few shards each is a group."""
    count = min(len(shards), _MOST_GROUPS)
    if count == len(shards):
        return {shard: (shard,) for shard in shards}
    edges = [number * len(shards) // count for number in range(count + 1)]
    return {
        f"{number:04}": tuple(shards[edges[number] : edges[number + 1]]) for number in range(count)
    }


def merge_bands(work: Work, out: Path) -> dict[str, Any]:
    """Put the bands of a group's shards into one file: each bucket then opens few files."""
    folder = out / work.folder
    found = [read_frame(bands_path(folder, shard), BANDS.names) for shard in work.mine]
    write_bands(folder / work.bands / f"{work.group}.parquet", pl.concat(found), work.options)
    return {}


def pair_bucket(work: Work, out: Path) -> dict[str, Any]:
    """Find the pairs of texts that agree in one of the bands of a bucket."""
    folder = out / work.folder
    found = [
        read_group(folder / work.bands / f"{group}.parquet", work.bucket, BANDS.names)
        for group in work.groups
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


def gather_group(work: Work, out: Path) -> dict[str, Any]:
    """Put the shingles of a group's candidates into the parts in which they are compared."""
    folder = out / work.folder
    parts = _of_keys(_keys(work, folder), [folder / "parts.parquet"], _PARTS)
    wanted = [
        group.join(parts, on="key", how="inner")
        for shard in work.mine
        for group in read_groups(rows_path(folder, shard), _GATHERED.names)
    ]
    frame = pl.concat(wanted) if wanted else _empty(_GATHERED).with_columns(part=pl.lit(0))
    frame = frame.unique("key", keep="first", maintain_order=True).sort("part", "key")
    of = frame["part"].to_numpy().astype(np.int64)
    path = folder / "gathered" / f"{work.group}.parquet"
    write_grouped(path, frame, of, _GATHERED, work.options.buckets)
    return {"texts": frame.height}


def verify_part(work: Work, out: Path) -> dict[str, Any]:
    """Compare the pairs of one part, and keep those that are similar enough."""
    folder, options = out / work.folder, work.options
    pairs = read_group(folder / "candidates.parquet", work.bucket, _PAIRS.names)
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
            for shard in work.mine
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
    parts = read_frame(folder / "parts.parquet", _PARTS.names)
    pairs = (
        members.filter(pl.col("key") != pl.col("first"))
        .join(parts, on="key", how="inner")
        .sort("part", "key")
        .select("part", left="key", right="first")
    )
    of = pairs["part"].to_numpy().astype(np.int64)
    write_grouped(folder / "firsts.parquet", pairs, of, _PAIRS, work.options.buckets)
    return {
        "exact_clusters": len(repeated),
        "exact_copies": copies,
        "near_clusters": firsts.height,
        "near_copies": documents.height - firsts.height,
    }


def compare_part(work: Work, out: Path) -> dict[str, Any]:
    """Compare each text of one part with the first of its cluster."""
    folder = out / work.folder
    pairs = read_group(folder / "firsts.parquet", work.bucket, _PAIRS.names)
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    jaccard, _ = _compare(left, right, work, folder)
    frame = pl.DataFrame({"key": left, "similarity": jaccard})
    write_frame(folder / "similarity" / f"{work.bucket:04}.parquet", frame, _TO_FIRST)
    return {"pairs": frame.height}


def write_group(work: Work, out: Path) -> dict[str, Any]:
    """Write `duplicates@3` of the shards of a group."""
    folder = out / work.folder
    keys = _keys(work, folder)
    members = _of_keys(keys, [folder / "members.parquet"], _MEMBERS).drop("first")
    files = [folder / "similarity" / f"{part:04}.parquet" for part in range(work.options.buckets)]
    known = members.join(_of_keys(keys, files, _TO_FIRST), on="key", how="left").with_columns(
        near_similarity=pl.col("similarity").fill_null(1.0)
    )
    paths, documents = [], 0
    for shard in work.mine:
        rows = read_frame(rows_path(folder, shard), ("cluster", "key"))
        frame = rows.join(known, on="key", how="left", maintain_order="left")
        paths.append(f"signals/{SIGNAL}/{shard}.parquet")
        write_frame(out / paths[-1], frame, DUPLICATES)
        documents += frame.height
    return {"files": paths, "documents": documents}


def _keys(work: Work, folder: Path) -> pl.DataFrame:
    """The keys of a group's texts, each once."""
    found = [
        group.select("key")
        for shard in work.mine
        for group in read_groups(rows_path(folder, shard), ("key",))
    ]
    return pl.concat([_empty(ROWS).select("key"), *found]).drop_nulls().unique()


def _of_keys(keys: pl.DataFrame, files: Iterable[Path], schema: pa.Schema) -> pl.DataFrame:
    """The rows of `files` whose key is among `keys`; a row group is in memory at a time."""
    found = [
        group.join(keys, on="key", how="semi")
        for path in files
        for group in read_groups(path, schema.names)
    ]
    return pl.concat([_empty(schema), *found])


def _repeated(work: Work, folder: Path) -> tuple[U64, int]:
    """Keys that several documents have, and how many documents these are but for one each."""
    keys = [
        group["key"].drop_nulls().to_numpy()
        for shard in work.mine
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
            read_group(folder / "gathered" / f"{group}.parquet", work.bucket, _GATHERED.names)
            for group in work.groups
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


def _empty(schema: pa.Schema) -> pl.DataFrame:
    frame = pl.from_arrow(schema.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame
