"""The signal `composition@2`: what letters and words are made of, against gibberish."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._characters import LETTER, repeated
from mowa.corpus.quality._tokens import Tokens, shares, tokens_of

COMPOSITION = pa.schema(
    [
        ("own_letter_ratio", pa.float64()),
        ("own_letter_word_ratio", pa.float64()),
        ("different_word_ratio", pa.float64()),
        ("long_word_character_ratio", pa.float64()),
        ("brace_ratio", pa.float64()),
    ]
)

# Different words fall off with a text's length, so that only its beginning is looked at.
_BEGINNING = 200
_LONG = 25  # characters: few Polish words have more, "konstantynopolitańczykowianeczka" has 32


def composition(texts: pl.Series, letters: str, *, tokens: Tokens | None = None) -> pl.DataFrame:
    """What the letters and words of each text are, one row a text (columns as in `COMPOSITION`).

    * `own_letter_ratio`: letters of the language beyond a–z (`letters`), of all letters;
    * `own_letter_word_ratio`: words with one of them, of all words with a letter;
    * `different_word_ratio`: different words of the first 200 with a letter, in lower case;
    * `long_word_character_ratio`: characters in words of more than 25, of those of all words;
    * `brace_ratio`: curly brackets, of all characters: C4 drops a text with one, but some prose
      has them, and programs have many.

    A ratio of nothing is 0.

    Example:
        >>> composition(pl.Series(["Żółw żółwiowi"]), "ąćęłńóśźż").row(0)
        (0.5, 1.0, 1.0, 0.0, 0.0)
    """
    tokens = tokens or tokens_of(texts)
    characters = tokens.characters
    own = characters.among(letters + letters.upper())
    words = tokens.runs.where(tokens.with_letter)
    with_own = characters.sums_of(words, own) > 0
    # The number of each word in its text; the first 200 count.
    before = np.cumsum(characters.by_text(words)) - characters.by_text(words)
    first = words.where(np.arange(len(words.rows)) - before[words.rows] < _BEGINNING)
    different = ~repeated(first.rows, characters.hashes(first, lower=True))
    long_ = words.where(words.lengths > _LONG)
    return pl.DataFrame(
        {
            "own_letter_ratio": shares(
                characters.sums(own), characters.sums(characters.are(LETTER))
            ),
            "own_letter_word_ratio": shares(
                characters.by_text(words, with_own), characters.by_text(words)
            ),
            "different_word_ratio": shares(
                characters.by_text(first, different), characters.by_text(first)
            ),
            "long_word_character_ratio": shares(
                characters.by_text(long_, long_.lengths), characters.by_text(words, words.lengths)
            ),
            "brace_ratio": shares(characters.sums(characters.among("{}")), characters.per_text),
        }
    )
