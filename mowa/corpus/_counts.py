"""The signal `counts@1`: lengths and shares of each document, as Polars expressions."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import polars as pl

# Letters with the marks that belong to them: Indic vowel signs and stray combining accents.
_LETTERS = r"[\p{L}\p{M}]"
_NOT_LETTERS = r"[^\p{L}\p{M}]+"

# What is neither letter, mark, digit, white space nor the punctuation of running text.
_SYMBOLS = r"""[^\p{L}\p{M}\p{Nd}\s.,;:!?…()\[\]{}"'„”“«»–—\-/%§&*+=<>@#|\\_~^`$€°’‘‚]"""


def counts(texts: pl.Series, stop_words: Sequence[str]) -> pl.DataFrame:
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
    text = pl.col("text")
    # Two spaces between runs of letters, so that neighbours match the pattern of a stop word each.
    runs = pl.col("runs")
    frame = (
        texts.alias("text")
        .to_frame()
        .with_columns((" " + text.str.replace_all(_NOT_LETTERS, "  ") + " ").alias("runs"))
        .select(
            text.str.len_chars().alias("characters"),
            text.str.len_bytes().alias("bytes"),
            text.str.count_matches(r"\S+").alias("words"),
            text.str.count_matches(r"\s").alias("spaces"),
            text.str.count_matches(rf"[^\s\p{{L}}\p{{M}}]*{_LETTERS}\S*").alias("alphabetic"),
            text.str.count_matches(_SYMBOLS).alias("symbols"),
            text.str.count_matches(r"\p{Nd}").alias("digits"),
            text.str.count_matches(r"\p{Lu}").alias("uppercase"),
            runs.str.count_matches(r" [^ ]").alias("runs"),
            (runs.str.len_chars() - runs.str.count_matches(" ", literal=True)).alias("letters"),
            runs.str.to_lowercase().str.count_matches(_any_of(stop_words)).alias("stop_words"),
        )
        .hstack(_lines(texts))
    )
    whole = (pl.col(name).cast(pl.Int64) for name in ("characters", "bytes", "words", "lines"))
    return frame.select(
        *whole,
        _share("characters", "words", less="spaces").alias("mean_word_length"),
        _share("alphabetic", "words").alias("alphabetic_word_share"),
        _share("stop_words", "runs").alias("stop_word_share"),
        _share("repeated", "line_characters").alias("duplicate_line_share"),
        _share("symbols", "characters").alias("symbol_share"),
        _share("digits", "characters").alias("digit_share"),
        _share("uppercase", "letters").alias("uppercase_share"),
    )


def _any_of(words: Sequence[str]) -> str:
    """A pattern for one of the words between spaces; one that matches nothing for no words."""
    letters_only = sorted({word.lower() for word in words if all(map(_is_letter, word))} - {""})
    return f" (?:{'|'.join(letters_only)}) " if letters_only else r"[^\s\S]"


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _share(part: str, whole: str, *, less: str | None = None) -> pl.Expr:
    value = pl.col(part).cast(pl.Int64)
    if less is not None:
        value -= pl.col(less).cast(pl.Int64)
    return pl.when(pl.col(whole) > 0).then(value / pl.col(whole)).otherwise(0.0)


def _lines(texts: pl.Series) -> pl.DataFrame:
    """Lines that are not empty, their characters, and those of lines that came before, by text."""
    lines = (
        texts.alias("line")
        .to_frame()
        .with_row_index("row")
        .with_columns(pl.col("line").str.split("\n"))
        .explode("line")
        .filter(pl.col("line").str.contains(r"\S"))
        .with_columns(pl.col("line").str.len_chars().cast(pl.Int64).alias("length"))
    )
    length = pl.col("length")
    by_row = lines.group_by("row").agg(
        pl.len().alias("lines"),
        length.sum().alias("line_characters"),
        length.filter(~pl.struct("row", "line").is_first_distinct()).sum().alias("repeated"),
    )
    rows = pl.DataFrame({"row": pl.Series(range(len(texts)), dtype=lines.schema["row"])})
    return rows.join(by_row, on="row", how="left", maintain_order="left").drop("row").fill_null(0)
