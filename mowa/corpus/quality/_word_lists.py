"""The signal `word_lists@1`: how often words of given lists occur (toxic, adult, illegal)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.errors import DataError

_MOST_BYTES = 8 << 20  # of a list
_MOST_ENTRIES = 200_000
_LONGEST = 200  # characters of an entry
_LEAST_STEM = 3  # letters before a `*`: with fewer, half of the language is meant


@dataclass(frozen=True)
class Patterns:
    """The entries of a list: whole ones, and beginnings of words (those with `*`)."""

    whole: tuple[str, ...]
    beginnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.whole) + len(self.beginnings)


def word_lists_schema(names: list[str]) -> pa.Schema:
    """Of each list, its hits and how many they are by 1,000 words."""
    return pa.schema(
        [
            column
            for name in sorted(names)
            for column in ((f"{name}_hits", pa.int64()), (f"{name}_by_1000_words", pa.float64()))
        ]
    )


def read_word_list(path: Path) -> Patterns:
    """The entries of a list: UTF-8, a word or a phrase a line; `#` begins a comment.

    An entry is kept as runs of letters and digits in the form in which texts are searched. A `*`
    behind its last letter stands for any letters and digits that end the word. Empty entries and
    repetitions go.

    Raises:
        DataError: Where the file cannot be read, is no UTF-8, or has more than 8 MiB, 200,000
            entries, an entry of more than 200 characters, or a `*` that stands elsewhere than
            behind three letters at the end.
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
    lines = [line.partition("#")[0].strip() for line in text.split("\n")]
    for number, line in enumerate(lines, start=1):
        stem = line.removesuffix("*")
        if "*" in stem or (stem != line and not _is_stem(stem)):
            raise DataError(
                f"the line {line[:_LONGEST]!r} has its * in the wrong place",
                where=f"{path}:{number}",
                fix=f"a * stands at the end, behind {_LEAST_STEM} letters or digits or more",
            )
    # In the order of the file; a beginning is known by the star that its line ended with.
    plain = _plain(pl.Series(lines, dtype=pl.String)).str.strip_chars(" ")
    entries = plain.str.replace_all("  ", " ", literal=True).to_list()
    whole = {entry for entry, line in zip(entries, lines, strict=True) if line[-1:] != "*"} - {""}
    begun = {entry for entry, line in zip(entries, lines, strict=True) if line[-1:] == "*"}
    if len(whole) + len(begun) > _MOST_ENTRIES or any(len(e) > _LONGEST for e in whole | begun):
        raise DataError(
            f"a list may have {_MOST_ENTRIES:,} entries of up to {_LONGEST} characters",
            where=str(path),
        )
    return Patterns(tuple(sorted(whole)), tuple(sorted(begun)))


def word_lists(texts: pl.Series, lists: Mapping[str, Patterns]) -> pl.DataFrame:
    """Hits of each list and how many by 1,000 words, one row a text, lists in order of their names.

    A hit is an entry with no letter or digit beside it, whatever the case and the way in which
    accents are written; of a beginning, the rest of its word may follow. Words of a hit belong to
    it alone: of entries that overlap the leftmost counts, and of those the longest.

    Example:
        >>> lists = {"adverts": Patterns(("kup teraz",), ("promocj",))}
        >>> word_lists(pl.Series(["Kup teraz! Promocja, kupisz?"]), lists).row(0)
        (2, 500.0)
    """
    plain = _plain(texts.fill_null(""))
    words = plain.str.count_matches(r"[^ ]+").cast(pl.Int64).to_numpy()
    columns: dict[str, np.ndarray[tuple[int], np.dtype[np.int64 | np.float64]]] = {}
    for name in sorted(lists):
        hits = _hits(plain, lists[name])
        columns[f"{name}_hits"] = hits
        columns[f"{name}_by_1000_words"] = 1000.0 * hits / np.maximum(words, 1)
    return pl.DataFrame(columns)


def _hits(plain: pl.Series, patterns: Patterns) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Words stand between two spaces each, so that neighbours do not share the one they need."""
    found = np.zeros(len(plain), dtype=np.int64)
    searched = _searched(patterns)
    if searched and len(plain):
        matches = plain.to_frame("text").select(
            pl.col("text").str.extract_many(searched, leftmost=True).list.len()
        )
        found = matches.to_series().cast(pl.Int64).to_numpy()
    return found


@cache
def _searched(patterns: Patterns) -> list[str]:
    """What is looked for: of a beginning, its space and letters; the rest of the word is free.

    Of several that begin at one place Polars takes the first given, so the longest come first.
    """
    whole = [f" {entry.replace(' ', '  ')} " for entry in patterns.whole]
    begun = [f" {entry.replace(' ', '  ')}" for entry in patterns.beginnings]
    return sorted(whole + begun, key=lambda entry: (-len(entry), entry))


def _is_stem(entry: str) -> bool:
    return entry[-1:].isalnum() and sum(map(str.isalnum, entry)) >= _LEAST_STEM


def _plain(texts: pl.Series) -> pl.Series:
    """Runs of letters and digits in lower case, two spaces between, one before and behind all.

    Accents are composed (NFC), before and behind the change of case, which takes some apart.
    """
    lower = texts.str.normalize("NFC").str.to_lowercase().str.normalize("NFC")
    runs = lower.str.replace_all(r"[^\p{L}\p{M}\p{N}]+", "  ")
    return " " + runs.str.strip_chars(" ") + " "
