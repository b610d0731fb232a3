"""Texts as the words that the language model sees, each with where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

Integers = npt.NDArray[np.int64]

# A text's characters that are looked at, and a batch's bytes: both bound the memory.
OF_A_TEXT = 100_000
_OF_A_BATCH = 4_000_000


@dataclass(frozen=True)
class SplitTexts:
    """The words of some texts, in order.

    Attributes:
        different: Every word once.
        which: Of each word, its place in `different`.
        line: Of each word, the number of its line.
        in_line: Of each word, the letters and spaces before it in its line.
        in_text: And in its text.
        lines: The lines of all texts.
        text_of: Of each line, the number of its text.
        sizes: Of each line, its letters and the spaces between words.
        texts: How many texts there are.
    """

    different: list[str]
    which: Integers
    line: Integers
    in_line: Integers
    in_text: Integers
    lines: pl.Series
    text_of: Integers
    sizes: Integers
    texts: int

    def beginning(self, text: int, characters: int) -> str:
        """The first `characters` of a text."""
        start, end = np.searchsorted(self.text_of, (text, text + 1))
        return "\n".join(self.lines[start:end].to_list())[:characters].strip()


def letters(texts: pl.Series) -> pl.Series:
    """What the model sees of a text: words in small letters, no digits or signs; lines stay."""
    return _composed(texts).str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\n'’]+", " ")


def batches(texts: pl.Series) -> Iterator[pl.Series]:
    """The texts in order, some megabytes at a time."""
    numbers = texts.str.len_bytes().cast(pl.Int64).cum_sum().to_numpy() // _OF_A_BATCH
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(texts)]
    for start, end in pairwise(starts):
        if end > start:
            yield texts[start:end]


def split(texts: pl.Series) -> SplitTexts:
    """The words of texts that are `letters` already."""
    by_text = texts.str.split("\n")
    text_of = np.repeat(np.arange(len(texts)), by_text.list.len().to_numpy())
    lines = by_text.explode(empty_as_null=True, keep_nulls=True)
    by_line = lines.str.split(" ")
    lengths = by_line.list.len().to_numpy().astype(np.int64)
    words = by_line.explode(empty_as_null=True, keep_nulls=True)
    encoded = words.to_arrow().dictionary_encode()
    sizes = words.str.len_chars().to_numpy().astype(np.int64)
    line = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    before = np.cumsum(sizes + 1) - sizes - 1
    of_lines = before[starts]
    of_texts = of_lines[np.searchsorted(text_of, np.arange(len(texts)))][text_of]
    told = sizes > 0  # not what stands before a first space and behind a last
    line, before = line[told], before[told]
    return SplitTexts(
        different=encoded.dictionary.to_pylist(),
        which=encoded.indices.to_numpy().astype(np.int64)[told],
        line=line,
        in_line=before - of_lines[line],
        in_text=before - of_texts[line],
        lines=lines,
        text_of=text_of,
        sizes=np.add.reduceat(sizes + told, starts) - 1,
        texts=len(texts),
    )


def summed(rows: Integers, which: Integers, owners: Integers, count: int) -> Integers:
    """The sums of the rows that each of `count` owners has; `owners` rise."""
    sums = np.zeros((count, rows.shape[1]), np.int64)
    if len(which):
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        sums[owners[starts]] = np.add.reduceat(np.take(rows, which, axis=0), starts, axis=0)
    return sums


# Characters that no composition touches: Latin and Cyrillic letters, punctuation, currencies.
# Where a text has others, Unicode's normalisation is asked.
_UNSAFE = r"[^\x{0}-\x{2FF}\x{400}-\x{482}\x{48A}-\x{52F}\x{2010}-\x{2027}\x{20A0}-\x{20C0}]"


def _composed(texts: pl.Series) -> pl.Series:
    unsafe = texts.str.contains(_UNSAFE).fill_null(value=False)
    if not unsafe.any():
        return texts
    return texts.scatter(unsafe.arg_true(), texts.filter(unsafe).str.normalize("NFC"))
