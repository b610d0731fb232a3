"""What a recipe sets aside by source, author or year, with every copy of the same text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mowa.corpus._config import HoldOut
from mowa.corpus._schema import read_frame
from mowa.errors import DataError

_YEAR = r"(?:^|[^0-9])([0-9]{4})(?:[^0-9]|$)"
_WORDS = r"[\p{L}\p{N}]+"


@dataclass(frozen=True)
class SetAside:
    """Duplicate clusters that are held out, and how many documents each entry matched."""

    clusters: frozenset[str]
    matched: tuple[int, ...]


def set_aside(
    shards: Iterable[tuple[str, Path]],
    duplicates: Path,
    entries: Sequence[HoldOut],
    *,
    near: bool = True,
) -> SetAside:
    """Find the documents that `entries` name, and with them the clusters of their texts.

    A cluster is held out whole, or a copy under another author or without a date would be kept
    for training.

    Args:
        shards: Name and Parquet file of every shard of documents.
        duplicates: The folder of the signal `duplicates`.
        entries: What to set aside.
        near: Set aside near copies too, where a corpus keeps one of them only.

    Raises:
        DataError: Where an entry matches no document.
    """
    counts = [0] * len(entries)
    clusters: set[str] = set()
    for shard, path in shards if entries else ():
        frame = read_frame(path, ("source", "author", "date")).hstack(
            read_frame(duplicates / f"{shard}.parquet")
        )
        for number, entry in enumerate(entries):
            found = frame.filter(matches(entry))
            counts[number] += found.height
            for name in ("cluster", "near_cluster") if near else ("cluster",):
                clusters.update(found[name].drop_nulls())
    for number, (entry, count) in enumerate(zip(entries, counts, strict=True)):
        if not count:
            raise DataError(
                f"hold_out[{number}] matches no document"
                f" ({entry.model_dump(exclude_none=True, mode='json')})",
                fix="look at source, author and date of the documents (`mowa corpus why ID`),"
                " or leave the entry out",
            )
    return SetAside(frozenset(clusters), tuple(counts))


def matches(entry: HoldOut) -> pl.Expr:
    """Is a document with `source`, `author` and `date` named by `entry`? Null is never.

    An author is matched by the words of the name in any order, without regard to case, so that
    "Henryk Sienkiewicz" finds "Sienkiewicz, Henryk (1846-1916)".
    """
    terms = []
    if entry.source is not None:
        terms.append(pl.col("source") == entry.source)
    if entry.author is not None:
        words = pl.col("author").str.to_lowercase().str.extract_all(_WORDS)
        terms += [words.list.contains(word) for word in _words(entry.author)]
    if entry.years is not None:
        year = pl.col("date").str.extract(_YEAR).cast(pl.Int32)
        terms.append(year.is_between(*entry.years))
    return pl.all_horizontal(terms).fill_null(value=False)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())
