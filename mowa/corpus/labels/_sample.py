"""A sample of documents to label: the same for every annotator, with rare kinds in it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from mowa.corpus._read import shard_names
from mowa.corpus._schema import read_frame
from mowa.errors import UsageError

BY = ("source", "decision", "length")

_QUARTERS = 4
# Length classes by characters: a remark, a note, an article, a long read, a book.
_LENGTHS = (500, 2_000, 10_000, 100_000)


def stratified_sample(
    corpus: Path, size: int, *, seed: int = 0, by: Sequence[str] = BY
) -> pl.DataFrame:
    """Documents of all kinds, as many of each kind as there are, up to an equal share.

    The same corpus, size, seed and `by` give the same documents in the same order, however the
    corpus is cut into shards. Of copies of a text one is drawn; empty texts are not.

    Args:
        corpus: The folder of the corpus.
        size: How many documents.
        seed: Which ones.
        by: What makes a kind: columns of `documents/`, of `decisions/` or of any signal (numbers
            by quarters), and `length` (up to 500, 2,000, 10,000, 100,000 characters, and more).

    Returns:
        `doc_id`, `content_hash`, `shard` and `stratum`, in the order to label.

    Raises:
        UsageError: Where `by` names no column.
    """
    frame = _strata(corpus, by)
    order = [
        hashlib.blake2b(f"{seed}\0{mark}".encode(), digest_size=16).hexdigest()
        for mark in frame["content_hash"].to_list()
    ]
    frame = frame.with_columns(pl.Series("order", order, pl.String)).sort("order", "doc_id")
    shares = _shares(frame["stratum"].to_list(), size)
    place = pl.int_range(pl.len()).over("stratum")
    allowed = pl.col("stratum").replace_strict(shares, return_dtype=pl.Int64)
    return frame.filter(place < allowed).select("doc_id", "content_hash", "shard", "stratum")


def _strata(corpus: Path, by: Sequence[str]) -> pl.DataFrame:
    shards = shard_names(corpus)
    places = {name: _folder_of(corpus, shards[0], name) for name in by if name != "length"}
    parts = []
    for shard in shards:
        part = read_frame(corpus / "documents" / f"{shard}.parquet", ("doc_id", "content_hash"))
        texts = read_frame(corpus / "documents" / f"{shard}.parquet", ("text",))["text"]
        part = part.with_columns(
            pl.lit(shard).alias("shard"), texts.str.len_chars().alias("characters")
        )
        for name, folder in places.items():
            column = read_frame(folder / f"{shard}.parquet", (name,))[name]
            part = part.with_columns(column.alias(f"by {name}"))
        parts.append(part)
    frame = pl.concat(parts).filter(pl.col("characters") > 0)
    frame = frame.unique("content_hash", keep="first", maintain_order=True)
    keys = [_length() if name == "length" else _key(frame[f"by {name}"]) for name in by]
    stratum = pl.concat_str(keys, separator=" · ") if keys else pl.lit("all")
    return frame.with_columns(stratum.alias("stratum"))


def _folder_of(corpus: Path, shard: str, column: str) -> Path:
    """The folder whose files have the column."""
    folders = [corpus / "documents", corpus / "decisions"]
    folders += sorted(path for path in (corpus / "signals").glob("*") if path.is_dir())
    known: set[str] = set()
    for folder in folders:
        path = folder / f"{shard}.parquet"
        names = set(pq.read_schema(path).names) if path.exists() else set()
        if column in names - {"text"}:
            return folder
        known |= names
    raise UsageError(
        f"there is no column {column!r} to sample by",
        where=str(corpus),
        fix=f"choose of: length, {', '.join(sorted(known - {'text', 'schema'}))}",
    )


def _length() -> pl.Expr:
    above = pl.sum_horizontal(pl.col("characters") > bound for bound in _LENGTHS)
    return pl.format("length {}", above.cast(pl.Int64) + 1)


def _key(values: pl.Series) -> pl.Expr:
    """Text as it is; numbers as the quarter they are in, equal numbers in one."""
    name = pl.col(values.name)
    if not values.dtype.is_numeric():
        return name.cast(pl.String).fill_null("–")
    rank = (name.rank("min") - 1) * _QUARTERS // pl.len()
    return pl.format("{} {}/4", pl.lit(values.name[3:]), (rank + 1).cast(pl.Int64)).fill_null("–")


def _shares(strata: Sequence[str], size: int) -> dict[str, int]:
    """How many to take of each: equal shares; what a small stratum leaves, the others get."""
    sizes: dict[str, int] = defaultdict(int)
    for stratum in strata:
        sizes[stratum] += 1
    shares: dict[str, int] = {}
    left = size
    for done, name in enumerate(sorted(sizes, key=lambda name: (sizes[name], name))):
        shares[name] = min(sizes[name], left // (len(sizes) - done))
        left -= shares[name]
    return shares
