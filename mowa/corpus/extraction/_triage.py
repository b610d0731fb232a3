"""Whether a text is worth the time of a costly extractor."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mowa.corpus._language import PROTECTED, UNDETERMINED, languages, protected_score

# Only what is sure is given up: a page in a language near to a wanted one is worth a second look,
# and one of which a fiftieth part may be a protected variety too.
_SURE = 0.9
_MAYBE_PROTECTED = 0.02
_CHARACTERS = 2_000  # as many as the signal `language` looks at by default


def is_surely_in_none_of(wanted: Sequence[str], text: str) -> bool:
    """Is `text` surely in another language than these, and in no protected variety?"""
    texts = pl.Series([text], dtype=pl.String)
    language, confidence = languages(texts, _CHARACTERS).row(0)
    if language in (*wanted, *PROTECTED, UNDETERMINED) or confidence < _SURE:
        return False
    _, protected = protected_score(texts, _CHARACTERS).row(0)
    return bool(protected < _MAYBE_PROTECTED)
