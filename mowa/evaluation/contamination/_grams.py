"""Words of texts as hashes, and hashes of runs of words, with none of it done word by word.

A word is a run of letters, marks and digits in lower case, as in the search for duplicates. Spaces,
line breaks and punctuation do not count, so that a text that is wrapped otherwise has the same
words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mowa.corpus._hashing import I64, U64, Bytes, bytes_of, mix, segment_hashes
from mowa.corpus._normalise import normalised

WORD = r"[\p{L}\p{M}\p{N}]+"
GAP = r"[^\p{L}\p{M}\p{N}]+"

NONE = np.uint64(2**64 - 1)
"""In the place of a run's hash: no run begins here."""

_BASE = np.uint64(0xD1342543DE82EF95)  # odd, from L'Ecuyer's table of multipliers
_SPACE = 32


@dataclass(frozen=True)
class Words:
    """The words of some texts, one after another.

    Attributes:
        hashes: One a word.
        offsets: Where the words of each text begin, and the end.
        data: The bytes that the words lie in.
        starts: The first byte of each word.
        ends: The byte behind each word.
    """

    hashes: U64
    offsets: I64
    data: Bytes
    starts: I64
    ends: I64

    def word(self, index: int) -> str:
        """One word, in lower case."""
        return self.data[self.starts[index] : self.ends[index]].tobytes().decode()


def words_of(texts: pl.Series) -> Words:
    """The words of texts that are in the corpus's one form."""
    plain = texts.str.to_lowercase().str.replace_all(GAP, " ").str.strip_chars(" ")
    # With a space behind each word, empty texts aside, the spaces are all that must be looked for.
    spaced = plain.to_frame("text").select(
        pl.when(pl.col("text") != "").then(pl.col("text") + " ").otherwise(pl.lit(""))
    )
    data, offsets = bytes_of(spaced.to_series())
    ends = np.flatnonzero(data == _SPACE)
    starts = np.concatenate([[0], ends + 1])[: len(ends)].astype(np.int64)
    hashes = segment_hashes(data, starts, ends)
    return Words(hashes, np.searchsorted(ends, offsets).astype(np.int64), data, starts, ends)


def in_one_form(texts: pl.Series) -> pl.Series:
    """`texts` as documents of a corpus have them; null becomes empty."""
    return texts.to_frame("text").select(normalised(pl.col("text")).fill_null("")).to_series()


def runs_of_words(words: U64, offsets: I64, length: int) -> U64:
    """A hash of the `length` words that begin at each word; NONE where the text ends before.

    Example:
        >>> some = words_of(pl.Series(["raz dwa trzy", "dwa, trzy!"]))
        >>> pairs = runs_of_words(some.hashes, some.offsets, 2)
        >>> bool(pairs[1] == pairs[3]), (pairs == NONE).tolist()
        (True, [False, False, True, False, True])
    """
    sums = np.zeros(len(words), dtype=np.uint64)
    for place in range(length):
        sums *= _BASE
        sums[: max(len(words) - place, 0)] += words[place:]
    return _where_whole(mix(sums), offsets, length)


def bags_of_words(words: U64, offsets: I64, length: int) -> U64:
    """As `runs_of_words`, whatever the order of the words within each run."""
    sums = np.zeros(len(words) + 1, dtype=np.uint64)
    np.cumsum(mix(words), out=sums[1:])
    ends = np.minimum(np.arange(len(words)) + length, len(words))
    return _where_whole(mix(sums[ends] - sums[:-1]), offsets, length)


def _where_whole(hashes: U64, offsets: I64, length: int) -> U64:
    left = np.repeat(offsets[1:], np.diff(offsets)) - np.arange(len(hashes))
    hashes[left < length] = NONE
    return hashes


def winnowed(hashes: U64, window: int) -> npt.NDArray[np.bool_]:
    """Which hashes are the least of some `window` neighbours (Schleimer, Wilkerson, Aiken 2003).

    Of any `window` neighbours in a text at least one is taken, and which one depends on them alone:
    two texts that share as many have one in common. About 2 / (window + 1) of all are taken.

    Args:
        hashes: Of runs of at least `window` words, so that no window reaches into the next text.
        window: 1 takes all.
    """
    count = len(hashes)
    padded = np.concatenate([hashes, np.full(window - 1, NONE)])
    least = hashes.copy()
    for step in range(1, window):
        np.minimum(least, padded[step : step + count], out=least)
    taken = hashes == least
    for step in range(1, window):
        taken[step:] |= hashes[step:] == least[: count - step]
    found: npt.NDArray[np.bool_] = taken & (hashes != NONE)
    return found
