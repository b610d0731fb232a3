"""The signal `notice@1`: phrases of pages that have nothing to read, such as "page not found"."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

NOTICE = pa.schema([("notice_phrases", pa.int32()), ("notice_density", pa.float64())])


def notice(texts: pl.Series, phrases: Sequence[str]) -> pl.DataFrame:
    """How many of `phrases` stand in each text, one row a text (columns as in `NOTICE`).

    Case is not regarded; of phrases that overlap the first counts. `notice_density` is their number
    by 1,000 characters: an article may speak of passwords, an error page says little else.

    Args:
        texts: The texts.
        phrases: In lower case; none is empty.

    Example:
        >>> notice(pl.Series(["Błąd 404! Wróć."]), ["błąd 404"]).row(0)
        (1, 66.66666666666667)
    """
    texts = texts.fill_null("")
    found = pl.Series([0] * len(texts), dtype=pl.Int32)
    if phrases:
        lower = texts.str.to_lowercase()
        found = lower.str.extract_many(list(phrases)).list.len().cast(pl.Int32)
    by_thousand = 1000.0 / texts.str.len_chars().clip(1)
    return pl.DataFrame({"notice_phrases": found, "notice_density": found * by_thousand})
