"""The signal `counts@1`: lengths and shares of each document, by arithmetic over characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import polars as pl

from mowa.corpus._characters import (
    DIGIT,
    SPACE,
    SYMBOL,
    UPPER,
    WORD,
    Array,
    Characters,
    Runs,
    hashes_of,
    repeated,
)


def counts(
    texts: pl.Series, stop_words: Sequence[str], *, characters: Characters | None = None
) -> pl.DataFrame:
    r"""Lengths and shares of each text, one row a text.

    * `characters` (Unicode code points), `bytes` (UTF-8), `words` (runs of anything but white
      space), `lines` (those that are not empty);
    * `mean_word_length`: characters that are not white space, by word;
    * `alphabetic_word_share`: words with a letter, of all words;
    * `stop_word_share`: runs of letters that are stop words in lower case, of all runs of letters;
    * `duplicate_line_share`: characters of lines that the text had before, of those of all lines;
    * `symbol_share`, `digit_share`: of all characters;
    * `uppercase_share`: upper-case letters, of all letters and marks.

    A share of nothing is 0. The choice of counts follows the heuristics of Gopher (Rae et al. 2021,
    arXiv:2112.11446, A.1.1) and of RefinedWeb (Penedo et al. 2023, arXiv:2306.01116).

    Example:
        >>> row = counts(pl.Series(["Ala ma kota.\nAla ma kota."]), ["ma"]).row(0, named=True)
        >>> row["words"], row["lines"], row["duplicate_line_share"]
        (6, 2, 0.5)
    """
    characters = characters or Characters(texts)
    words = characters.runs(~characters.are(SPACE))
    letters = characters.are(WORD)
    runs = characters.runs(letters)
    lines = characters.lines
    lines = lines.where(characters.sums_of(lines, ~characters.are(SPACE)) > 0)
    again = lines.where(repeated(lines.rows, characters.hashes(lines)))
    length = characters.per_text
    word_count = characters.by_text(words)
    spaces = characters.sums(characters.are(SPACE))
    with_letter = characters.sums_of(words, letters) > 0
    letter_count = characters.sums(letters)
    symbols, digits, capitals = (
        characters.sums(characters.are(one)) for one in (SYMBOL, DIGIT, UPPER)
    )
    return pl.DataFrame(
        {
            "characters": length,
            "bytes": texts.fill_null("").str.len_bytes().cast(pl.Int64),
            "words": word_count,
            "lines": characters.by_text(lines),
            "mean_word_length": _share(length - spaces, word_count),
            "alphabetic_word_share": _share(characters.by_text(words, with_letter), word_count),
            "stop_word_share": _share(
                _stop_words(characters, runs, stop_words), characters.by_text(runs)
            ),
            "duplicate_line_share": _share(
                characters.by_text(again, again.lengths), characters.by_text(lines, lines.lengths)
            ),
            "symbol_share": _share(symbols, length),
            "digit_share": _share(digits, length),
            "uppercase_share": _share(capitals, letter_count),
        }
    )


def _stop_words(characters: Characters, runs: Runs, stop_words: Sequence[str]) -> Array:
    """How many runs of letters of each text are stop words in lower case."""
    listed = sorted({word.lower() for word in stop_words if all(map(_is_letter, word))} - {""})
    if not listed:
        return np.zeros(characters.texts, dtype=np.int64)
    short = runs.where(runs.lengths <= max(map(len, listed)))
    known = hashes_of(listed)
    hashes = characters.hashes(short, lower=True)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return characters.by_text(short, known[places] == hashes)


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
