"""What is kept of each document to find its duplicates: hashes, bands and a sample of shingles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa.corpus._hashing import I64, U32, U64, mix, numbers, ragged, shingle_hashes
from mowa.corpus._schema import as_table, ragged_list
from mowa.corpus.duplicates._options import DuplicateOptions
from mowa.workspace import writing

ROWS = pa.schema(
    [
        ("doc_id", pa.string()),
        ("cluster", pa.string()),
        ("key", pa.uint64()),
        ("size", pa.int32()),
        ("shingles", pa.list_(pa.uint32())),
    ]
)
BANDS = pa.schema([("band", pa.uint64()), ("key", pa.uint64())])

_SEED = 20_240_117  # any number; another one gives other signatures
# Shingles whose minima are taken at a time, so that they stay in the processor's cache.
_AT_ONCE = 1 << 16
_ROW_GROUP = 8_192


@dataclass(frozen=True)
class Sketch:
    """Of some documents: `rows` one each (columns of ROWS), `bands` one for each band of each."""

    rows: pl.DataFrame
    bands: pl.DataFrame


def exact_clusters(texts: pl.Series) -> pl.Series:
    """Hash of each text in lower case, white space as single spaces; null where it is empty."""
    plain = texts.fill_null("").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.Series("cluster", [_exact(text) for text in plain.to_list()], pl.String)


def _exact(text: str) -> str | None:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest() if text else None


def sketch(frame: pl.DataFrame, options: DuplicateOptions) -> Sketch:
    """Hash documents for `find_duplicates`.

    Args:
        frame: Columns `doc_id` and `text`.
        options: How near duplicates are found.

    Returns:
        The rows, aligned with `frame`, and the bands of texts that have words. `key` is the first
        half of the exact hash: identical texts are one text in the search for near duplicates.
    """
    clusters = exact_clusters(frame["text"])
    keys = np.array([int(c[:16], 16) if c else 0 for c in clusters.to_list()], dtype=np.uint64)
    hashes, offsets = shingle_hashes(frame["text"].str.head(options.characters), options.ngram)
    sizes = np.diff(offsets)
    full = np.flatnonzero(sizes)
    minima = signatures(hashes, offsets, options.bands * options.rows)
    bands = band_hashes(minima, options)
    kept = np.minimum(sizes, options.shingles)
    sample = (hashes[ragged(offsets[:-1], kept)] >> np.uint64(32)).astype(np.uint32)
    ends = np.concatenate([[0], np.cumsum(kept)])
    rows = frame.select(
        "doc_id",
        clusters,
        pl.when(clusters.is_not_null()).then(pl.Series("key", keys)).alias("key"),
        pl.Series("size", sizes.astype(np.int32)),
        ragged_list(ends, pl.Series(sample)).alias("shingles"),
    )
    return Sketch(
        rows,
        pl.DataFrame({"band": bands.reshape(-1), "key": np.repeat(keys[full], options.bands)}),
    )


def signatures(hashes: U64, offsets: I64, count: int) -> U32:
    """MinHash signatures of the sets that are not empty: `count` minima of each (Broder 1997).

    Each minimum is of ``(h ^ b) * a`` modulo 2^32, with b and an odd a of its own.
    """
    sizes = np.diff(offsets)
    full = np.flatnonzero(sizes)
    starts = offsets[:-1][full]
    factors = (numbers(_SEED, count) >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
    masks = (numbers(_SEED + 1, count) >> np.uint64(32)).astype(np.uint32)
    minima = np.empty((count, len(full)), dtype=np.uint32)
    short = (hashes >> np.uint64(32)).astype(np.uint32) ^ hashes.astype(np.uint32)
    done = 0
    while done < len(full):
        begin = int(starts[done])
        until = max(done + 1, int(np.searchsorted(starts, begin + _AT_ONCE)))
        end = int(starts[until]) if until < len(full) else len(short)
        part, places = short[begin:end], starts[done:until] - begin
        room = np.empty_like(part)
        for index in range(count):
            np.bitwise_xor(part, masks[index], out=room)
            np.multiply(room, factors[index], out=room)
            minima[index, done:until] = np.minimum.reduceat(room, places)
        done = until
    return np.ascontiguousarray(minima.T)


def band_hashes(minima: U32, options: DuplicateOptions) -> U64:
    """One hash for each band of each signature, different from those of all other bands."""
    values = minima.reshape(-1, options.bands, options.rows).astype(np.uint64)
    factors = numbers(_SEED + 2, options.bands * options.rows) | np.uint64(1)
    sums = (mix(values + np.uint64(1)) * factors.reshape(options.bands, options.rows)).sum(
        axis=2, dtype=np.uint64
    )
    return mix(sums + numbers(_SEED + 3, options.bands))


def write_sketches(
    folder: Path, shard: str, sketches: Sequence[Sketch], options: DuplicateOptions
) -> None:
    """Write the sketches of one shard under `folder`, for `find_duplicates` to read."""
    rows = pl.concat([each.rows for each in sketches])
    with writing(rows_path(folder, shard)) as partial:
        pq.write_table(as_table(rows, ROWS), partial, compression="zstd", row_group_size=_ROW_GROUP)
    write_bands(bands_path(folder, shard), pl.concat([each.bands for each in sketches]), options)


def write_bands(path: Path, bands: pl.DataFrame, options: DuplicateOptions) -> None:
    """Write bands in the order of their hashes, one row group a bucket."""
    bands = bands[np.argsort(bands["band"].to_numpy(), kind="stable")]
    shift = np.uint64(64 - options.buckets.bit_length() + 1)
    of = bands["band"].to_numpy() >> shift if options.buckets > 1 else np.zeros(bands.height)
    write_grouped(path, bands, of.astype(np.int64), BANDS, options.buckets)


def write_grouped(
    path: Path, frame: pl.DataFrame, group_of: I64, schema: pa.Schema, groups: int
) -> None:
    """Write `frame`, whose rows lie in the order of their groups, as one row group a group."""
    edges = np.searchsorted(group_of, np.arange(groups + 1))
    table = as_table(frame, schema)
    with (
        writing(path) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for group in range(groups):
            start, length = int(edges[group]), int(edges[group + 1] - edges[group])
            writer.write_table(table.slice(start, length), row_group_size=max(length, 1))


def read_group(path: Path, group: int, columns: Sequence[str]) -> pl.DataFrame:
    """The rows of one group of a file that `write_grouped` wrote."""
    with pq.ParquetFile(path) as file:
        frame = pl.from_arrow(file.read_row_group(group, columns=list(columns)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def rows_path(folder: Path, shard: str) -> Path:
    """Where the rows of a shard's sketch lie."""
    return folder / "rows" / f"{shard}.parquet"


def bands_path(folder: Path, shard: str) -> Path:
    """Where the bands of a shard's sketch lie, one row group a bucket."""
    return folder / "bands" / f"{shard}.parquet"
