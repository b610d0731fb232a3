"""The signal `word_lists@1`: how often words of given lists occur (toxic, adult, illegal)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from mowa.errors import DataError

_MOST_BYTES = 8 << 20  # of a list
_MOST_ENTRIES = 200_000
_LONGEST = 200  # characters of an entry


def word_lists_schema(names: list[str]) -> pa.Schema:
    """A column of each list: hits by 1,000 words."""
    return pa.schema([(name, pa.float64()) for name in sorted(names)])


def read_word_list(path: Path) -> tuple[str, ...]:
    """The entries of a list: UTF-8, a word or a phrase a line; `#` begins a comment.

    An entry is kept as runs of letters and digits in lower case with one space between them, as
    texts are searched. Empty ones and repetitions go.

    Raises:
        DataError: Where the file cannot be read, is no UTF-8, or has more than 8 MiB, 200,000
            entries, or an entry of more than 200 characters.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("a list of words may have 8 MiB", where=str(path))
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"this list of words cannot be read: {error}",
            where=str(path),
            fix="give a file of UTF-8 text, a word or a phrase a line",
        ) from error
    entries = pl.Series([line.partition("#")[0] for line in text.splitlines()], dtype=pl.String)
    plain = _plain(entries).str.strip_chars(" ").str.replace_all("  ", " ", literal=True)
    found = [entry for entry in plain.to_list() if entry]
    if len(found) > _MOST_ENTRIES or any(len(entry) > _LONGEST for entry in found):
        raise DataError(
            f"a list may have {_MOST_ENTRIES:,} entries of up to {_LONGEST} characters",
            where=str(path),
        )
    return tuple(sorted(set(found)))


def word_lists(texts: pl.Series, lists: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """Hits by 1,000 words of each list, one row a text, columns in the order of their names.

    A hit is an entry with no letter or digit beside it, whatever the case; of entries that overlap
    the leftmost counts, and of those the longest. Forms of a word are not derived: a list holds
    those it means.

    Example:
        >>> word_lists(pl.Series(["Kup teraz! Kupisz?"]), {"adverts": ("kup", "kup teraz")}).item()
        333.3333333333333
    """
    plain = _plain(texts.fill_null(""))
    words = plain.str.count_matches(r"[^ ]+").cast(pl.Int64)
    columns = []
    for name in sorted(lists):
        # Words stand between two spaces each, so that neighbours do not share the one they need.
        patterns = [f" {entry.replace(' ', '  ')} " for entry in lists[name]]
        if patterns:
            found = (
                plain.to_frame("text")
                .select(pl.col("text").str.extract_many(patterns, leftmost=True).list.len())
                .to_series()
            )
        else:
            found = pl.Series([0] * len(texts), dtype=pl.Int64)
        hits = pl.DataFrame({"hits": found.cast(pl.Int64), "words": words})
        columns.append(
            hits.select(
                pl.when(pl.col("words") > 0)
                .then(1000.0 * pl.col("hits") / pl.col("words"))
                .otherwise(0.0)
                .alias(name)
            ).to_series()
        )
    return pl.DataFrame(columns)


def _plain(texts: pl.Series) -> pl.Series:
    """Runs of letters and digits in lower case, two spaces between, one before and behind all."""
    runs = texts.str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "  ")
    return " " + runs.str.strip_chars(" ") + " "
