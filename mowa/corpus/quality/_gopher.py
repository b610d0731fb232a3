"""The signal `gopher@2`: what the filters of Gopher look at, quality and repetition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._characters import Array
from mowa.corpus.quality._ngrams import DUPLICATED, TOP, repeated_characters
from mowa.corpus.quality._tokens import (
    Tokens,
    lines_of,
    only,
    paragraphs_of,
    shares,
    tokens_of,
)

_RATIOS = (
    "mean_word_length",
    "hash_word_ratio",
    "ellipsis_word_ratio",
    "bullet_line_ratio",
    "ellipsis_line_ratio",
    "alphabetic_word_ratio",
)
_REPETITION = (
    "duplicate_line_ratio",
    "duplicate_paragraph_ratio",
    "duplicate_line_character_ratio",
    "duplicate_paragraph_character_ratio",
    *(f"top_{n}gram_character_ratio" for n in TOP),
    *(f"duplicate_{n}gram_character_ratio" for n in DUPLICATED),
)

GOPHER = pa.schema(
    [
        pa.field("words", pa.int64()),
        *((name, pa.float64()) for name in _RATIOS),
        pa.field("stop_words", pa.int64()),
        *((name, pa.float64()) for name in _REPETITION),
    ]
)

# Signs that make no word by themselves. Others do: §, •, °, €.
_NO_WORDS = """!/—”:%&(\\━#+^]~“„';’{|´[=-`*–?$«<>»,…@_."})►"""


def gopher(
    texts: pl.Series, stop_words: Sequence[str], *, tokens: Tokens | None = None
) -> pl.DataFrame:
    r"""What Gopher's filters look at, one row a text (columns as in `GOPHER`).

    Quality: `words` (tokens but for lone punctuation) and their `mean_word_length` in characters;
    number signs, and ellipses (`...` or `…`), by token; lines that begin with a bullet (`•`, `-`)
    or end with an ellipsis, by line; tokens with a letter, by token; `stop_words`: how many
    different stop words occur, as they are written in the list.

    Repetition: duplicate lines and paragraphs (pieces between empty lines), by count and by their
    characters; characters of the commonest 2- to 4-gram and of repeated 5- to 10-grams, all by the
    characters of the text. A ratio of nothing is 0.

    Source: Rae et al. 2021, arXiv:2112.11446, A.1.1 and table A1.

    Example:
        >>> row = gopher(pl.Series(["Ala ma kota.\nAla ma kota."]), ["ma"]).row(0, named=True)
        >>> row["words"], row["stop_words"], row["duplicate_line_ratio"]
        (6, 1, 0.5)
    """
    texts = texts.fill_null("")
    tokens = tokens or tokens_of(texts)
    return _quality(texts, tokens, stop_words).hstack(_repetition(texts, tokens))


def _quality(texts: pl.Series, tokens: Tokens, stop_words: Sequence[str]) -> pl.DataFrame:
    length = tokens.runs.lengths
    # Only what has one character can be lone punctuation: the rest begins with a letter or digit.
    lone = (length == 1) & tokens.characters.among(_NO_WORDS)[tokens.runs.starts]
    words = tokens.sums(~lone)
    alphabetic = tokens.with_letter & ~lone
    ellipses = texts.str.count_matches("...", literal=True) + texts.str.count_matches("…")
    lines = lines_of(texts)
    total = lines.sums(np.ones(len(lines.rows), dtype=bool))
    return pl.DataFrame(
        {
            "words": words,
            "mean_word_length": shares(tokens.sums(length * ~lone), words),
            "hash_word_ratio": shares(_numbers(texts.str.count_matches("#")), tokens.per_text),
            "ellipsis_word_ratio": shares(_numbers(ellipses), tokens.per_text),
            "bullet_line_ratio": shares(
                lines.sums(lines.lines.str.contains(r"^\s*[•-]").to_numpy()), total
            ),
            "ellipsis_line_ratio": shares(
                lines.sums(lines.lines.str.contains(r"(?:\.\.\.|…)\s*$").to_numpy()), total
            ),
            "alphabetic_word_ratio": shares(tokens.sums(alphabetic), tokens.per_text),
            "stop_words": _different(tokens, stop_words),
        }
    )


def _different(tokens: Tokens, words: Sequence[str]) -> Array:
    """How many different of the words each text has."""
    found = tokens.words.is_in(pl.Series(sorted(set(words)), dtype=pl.String).implode())
    rows = tokens.rows[found.to_numpy()]
    pairs = pl.DataFrame({"row": rows, "word": tokens.words.filter(found)}).unique()
    return np.bincount(pairs["row"].to_numpy(), minlength=len(tokens.offsets) - 1)


def _repetition(texts: pl.Series, tokens: Tokens) -> pl.DataFrame:
    characters = _numbers(texts.str.len_chars())
    columns: dict[str, Array] = {}
    lines = lines_of(texts.str.replace_all(r"\n+", "\n"))
    for name, pieces in (("line", lines), ("paragraph", paragraphs_of(texts))):
        repeated = pieces.repeated
        again = only(pieces, repeated)
        total = np.bincount(pieces.rows, minlength=len(texts))
        columns[f"duplicate_{name}_ratio"] = shares(pieces.sums(repeated), total)
        columns[f"duplicate_{name}_character_ratio"] = shares(again.sums(again.lengths), characters)
    top, duplicated = repeated_characters(tokens)
    for n, found in top.items():
        columns[f"top_{n}gram_character_ratio"] = shares(found, characters)
    for n, found in duplicated.items():
        columns[f"duplicate_{n}gram_character_ratio"] = shares(found, characters)
    return pl.DataFrame({name: columns[name] for name in _REPETITION})


def _numbers(counts: pl.Series) -> Array:
    return counts.to_numpy().astype(np.int64)
