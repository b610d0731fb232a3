"""The signal `fineweb@2`: what FineWeb's own filter looks at, lines and line breaks."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus.quality._tokens import Tokens, lines_of, only, shares, tokens_of

FINEWEB = pa.schema(
    [
        (name, pa.float64())
        for name in (
            "line_punctuation_ratio",
            "short_line_ratio",
            "duplicate_line_character_ratio",
            "newline_word_ratio",
        )
    ]
)


def fineweb(
    texts: pl.Series,
    *,
    terminal: Sequence[str] = (".", "?", "!"),
    short_line: int = 30,
    tokens: Tokens | None = None,
) -> pl.DataFrame:
    r"""What FineWeb's filter looks at, one row a text (columns as in `FINEWEB`).

    Of the lines that are not blank: those that end with one of `terminal`, those of at most
    `short_line` characters, and the characters of those that the text had before by all characters
    but line breaks. And line breaks by token. A ratio of nothing is 0.

    Source: Penedo et al. 2024, arXiv:2406.17557, section 3.6.

    Example:
        >>> fineweb(pl.Series(["Ala ma kota.\nMenu"])).row(0)
        (0.5, 1.0, 0.0, 0.2)
    """
    texts = texts.fill_null("")
    tokens = tokens or tokens_of(texts)
    lines = lines_of(texts)
    lines = only(lines, lines.lines.str.contains(r"\S").to_numpy())
    total = np.bincount(lines.rows, minlength=len(texts))
    ends = lines.lines.str.contains(rf"(?:{'|'.join(map(re.escape, terminal))})$").to_numpy()
    again = only(lines, lines.repeated)
    breaks = texts.str.count_matches("\n", literal=True).to_numpy().astype(np.int64)
    characters = texts.str.len_chars().to_numpy().astype(np.int64)
    return pl.DataFrame(
        {
            "line_punctuation_ratio": shares(lines.sums(ends), total),
            "short_line_ratio": shares(lines.sums(lines.lengths <= short_line), total),
            "duplicate_line_character_ratio": shares(
                again.sums(again.lengths), characters - breaks
            ),
            "newline_word_ratio": shares(breaks, tokens.per_text),
        }
    )
