"""The signal `composition@2`: what letters and words are made of, against gibberish."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pyarrow as pa

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
    texts = texts.fill_null("")
    tokens = tokens or tokens_of(texts)
    signs = re.escape(letters + letters.upper())
    own = texts.str.count_matches(f"[{signs}]").to_numpy().astype(np.int64)
    every = texts.str.count_matches(r"\p{L}").to_numpy().astype(np.int64)
    frame = pl.DataFrame({"row": tokens.rows, "word": tokens.words}).filter(
        pl.col("word").str.contains(r"\p{L}")
    )
    word = pl.col("word")
    by_row = frame.group_by("row").agg(
        word.str.contains(f"[{signs}]").mean().alias("own"),
        word.head(_BEGINNING).str.to_lowercase().n_unique().alias("different"),
        word.head(_BEGINNING).len().alias("of"),
        word.str.len_chars().filter(word.str.len_chars() > _LONG).sum().alias("long"),
        word.str.len_chars().sum().alias("characters"),
    )
    rows = pl.DataFrame({"row": np.arange(len(texts))}).join(
        by_row, on="row", how="left", maintain_order="left"
    )
    braces = texts.str.count_matches("[{}]").to_numpy().astype(np.int64)
    characters = texts.str.len_chars().to_numpy().astype(np.int64)
    found = pl.DataFrame({"own_letter_ratio": shares(own, every)}).hstack(
        rows.select(
            pl.col("own").fill_null(0.0).alias("own_letter_word_ratio"),
            (pl.col("different") / pl.col("of")).fill_null(0.0).alias("different_word_ratio"),
            (pl.col("long") / pl.col("characters"))
            .fill_null(0.0)
            .alias("long_word_character_ratio"),
        )
    )
    return found.with_columns(pl.Series("brace_ratio", shares(braces, characters)))
