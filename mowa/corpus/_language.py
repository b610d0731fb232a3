"""The signal `language`: which language a text and its paragraphs are in, and how surely."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from mowa.corpus._language_codes import NOISE, UNDETERMINED, iso_639_3, shortest_tag
from mowa.corpus._language_model import (
    Integers,
    LanguageModel,
    WordSums,
    read_model,
    shares,
    unpacked,
)
from mowa.corpus._language_others import OTHERS, identify_other
from mowa.corpus._language_words import OF_A_TEXT, SplitTexts, batches, letters, split, summed

__all__ = [
    "KNOWN", "LANGUAGE", "NOISE", "PROTECTED", "UNDETERMINED", "identifiable", "iso_639_3",
    "language_signal", "languages", "letters", "paragraph_languages", "protected_score",
    "shortest_tag",
]  # fmt: skip

# What the model is taught to tell Polish from, and is tried on (`docs/languages.md`). Its other
# languages only say that a text is none of these.
KNOWN = frozenset(
    "pol ces slk szl csb hsb dsb eng deu ukr bel rus lit".split()  # noqa: SIM905
)
PROTECTED = ("szl", "csb", "hsb", "dsb")

LANGUAGE = pa.schema(
    [
        ("language", pa.string()),
        ("confidence", pa.float64()),
        ("language_share", pa.float64()),
        ("second_language", pa.string()),
        ("second_share", pa.float64()),
        ("protected", pa.string()),
        ("protected_confidence", pa.float64()),
    ]
)


def identifiable() -> frozenset[str]:
    """The languages that can be identified, as ISO 639-3."""
    return OTHERS | KNOWN


def languages(texts: pl.Series, characters: int) -> pl.DataFrame:
    """Language (ISO 639-3) and confidence in 0..1 of the first `characters` letters of each text.

    A model of our own decides among the languages of `KNOWN`, noise (`zxx`) and "none of these";
    for the last, py3langid names the language among those outside `KNOWN`, and the confidence is
    the product of both. A text without letters is `und` with confidence 0.
    """
    return _measured(texts, characters).select("language", "confidence")


def language_signal(texts: pl.Series, characters: int) -> pl.DataFrame:
    """The columns of `LANGUAGE`, one row a text: document, paragraphs and protected varieties.

    `language_share` and `second_share` are those of `paragraph_languages`: the commonest language
    of the paragraphs comes first there, whatever the document's beginning is in.
    """
    return _measured(texts, characters, paragraphs=True).select(LANGUAGE.names)


def protected_score(texts: pl.Series, characters: int) -> pl.DataFrame:
    """The likeliest protected variety of each text and the probability (0..1) of them together.

    Columns `protected` (ISO 639-3, null where the probability is 0) and `protected_confidence`.
    """
    return _measured(texts, characters).select("protected", "protected_confidence")


def paragraph_languages(texts: pl.Series, characters: int = 100_000) -> pl.DataFrame:
    """What languages the paragraphs (lines) of each text are in.

    Columns: `paragraphs` (number of those with 20 letters and more); `language_share` and
    `second_share` (of their letters, 0..1); `second_language` (null where there is but one);
    `protected_share`. The shares are of the commonest language of the paragraphs and the next.
    Only the first `characters` of a text are looked at.
    """
    found = _measured(texts.str.slice(0, characters), 0, paragraphs=True)
    return found.select(*_OF_PARAGRAPHS)


_SHORTEST = 20
_OF_A_PARAGRAPH = 500
_MILLION = 1_000_000
# Polish is what a protected variety is mistaken for: it is Polish only where they all together are
# less likely than this. Chosen on texts that were neither learnt nor tried (`docs/languages.md`).
_PROTECTED_FROM = 100_000
_NEIGHBOUR = "pol"
# Letters, spaces not counted (as many as there are n-grams of one size). Chosen on short Polish
# messages that were neither learnt nor tried (`docs/languages.md`).
_SHORT = 40
_FOR_HALF = 2

_OF_DOCUMENTS = {
    "language": pl.String,
    "confidence": pl.Float64,
    "protected": pl.String,
    "protected_confidence": pl.Float64,
}
_OF_PARAGRAPHS = {
    "paragraphs": pl.Int64,
    "language_share": pl.Float64,
    "second_language": pl.String,
    "second_share": pl.Float64,
    "protected_share": pl.Float64,
}


def _measured(texts: pl.Series, characters: int, *, paragraphs: bool = False) -> pl.DataFrame:
    """What one pass over the words tells of each text, and of its paragraphs where asked."""
    parts = []
    for batch in batches(texts.fill_null("").str.slice(0, OF_A_TEXT)):
        words = split(letters(batch))
        rows = _word_sums().rows(words.different)
        part = _of_documents(words, rows, characters)
        parts.append(part.hstack(_of_paragraphs(words, rows)) if paragraphs else part)
    columns = _OF_DOCUMENTS | (_OF_PARAGRAPHS if paragraphs else {})
    return pl.concat(parts) if parts else pl.DataFrame(schema=columns)


def _of_documents(words: SplitTexts, rows: Integers, characters: int) -> pl.DataFrame:
    model = _model()
    kept = words.in_text < characters
    sums = unpacked(summed(rows, words.which[kept], words.text_of[words.line[kept]], words.texts))
    found = _judged(sums)
    codes, confidence = _named(found, sums, lambda row: words.beginning(row, characters))
    protected = found[:, [model.labels.index(code) for code in PROTECTED]]
    together = protected.sum(axis=1)
    likeliest = np.array(PROTECTED, dtype=object)[protected.argmax(axis=1)]
    return pl.DataFrame(
        {
            "language": codes,
            "confidence": confidence,
            "protected": [
                code if sure else None for code, sure in zip(likeliest, together > 0, strict=True)
            ],
            "protected_confidence": np.minimum(together, _MILLION) / _MILLION,
        },
        schema=_OF_DOCUMENTS,
    )


def _of_paragraphs(words: SplitTexts, rows: Integers) -> pl.DataFrame:
    long = words.sizes >= _SHORTEST
    number = np.cumsum(long) - 1
    kept = long[words.line] & (words.in_line < _OF_A_PARAGRAPH)
    sums = unpacked(summed(rows, words.which[kept], number[words.line[kept]], int(long.sum())))
    lines = words.lines.filter(pl.Series(long))
    codes, _ = _named(_judged(sums), sums, lambda row: lines[row][:_OF_A_PARAGRAPH].strip())
    found = pl.DataFrame({"text": words.text_of[long], "code": codes, "size": words.sizes[long]})
    of_codes = (
        found.group_by("text", "code")
        .agg(pl.col("size").sum(), pl.len().alias("paragraphs"))
        .sort("text", -pl.col("size"), "code")
    )
    size, whole = pl.col("size"), pl.col("size").sum()
    of_texts = of_codes.group_by("text", maintain_order=True).agg(
        pl.col("paragraphs").sum().cast(pl.Int64),
        language_share=size.first() / whole,
        second_language=pl.col("code").get(1, null_on_oob=True),
        second_share=size.get(1, null_on_oob=True).fill_null(0) / whole,
        protected_share=size.filter(pl.col("code").is_in(PROTECTED)).sum() / whole,
    )
    every = pl.DataFrame({"text": np.arange(words.texts)})
    zeros = [pl.col(name).fill_null(0).round(6) for name in _OF_PARAGRAPHS if "share" in name]
    joined = every.join(of_texts, on="text", how="left", maintain_order="left")
    return joined.with_columns(pl.col("paragraphs").fill_null(0), *zeros).select(
        pl.col(name).cast(kind) for name, kind in _OF_PARAGRAPHS.items()
    )


def _judged(sums: Integers) -> Integers:
    """The shares of the labels; in short texts a protected variety needs more evidence.

    Its odds are halved once for every `_FOR_HALF` letters that a text has fewer than `_SHORT`, and
    what it loses is Polish's: a heading or a name is not set apart, nor rejected, for one word.
    """
    model = _model()
    found = shares(model, sums)
    missing = _SHORT * model.sizes - sums[:, -2]
    doubt = 1 << np.maximum(-(-missing // (_FOR_HALF * model.sizes)), 0)
    protected = [model.labels.index(code) for code in PROTECTED]
    before = found[:, protected]
    together = before.sum(axis=1)
    others = np.maximum(found.sum(axis=1) - together, 0)
    # p / (p + doubt (1 - p)) of the share p that is looked at
    after = before * (together + others)[:, None]
    after //= np.maximum(together + doubt * others, 1)[:, None]
    found[:, protected] = after
    found[:, model.labels.index(_NEIGHBOUR)] += together - after.sum(axis=1)
    return found


def _named(
    found: Integers, sums: Integers, text: Callable[[int], str]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The language and confidence of each row of shares; `text` gives a row's for py3langid."""
    model = _model()
    inside = np.array([label in KNOWN or label == NOISE for label in model.labels])
    of_others = found[:, ~inside].sum(axis=1)
    best = np.where(inside, found, -1).argmax(axis=1)
    protected = [model.labels.index(code) for code in PROTECTED]
    doubtful = found[:, protected].sum(axis=1) >= _PROTECTED_FROM
    doubtful &= best == model.labels.index(_NEIGHBOUR)
    best = np.where(doubtful, np.take(protected, found[:, protected].argmax(axis=1)), best)
    confidence = found[np.arange(len(found)), best]
    count, strange = sums[:, -2], sums[:, -1]
    # A letter begins about as many n-grams as there are sizes of them.
    of_others[strange * model.sizes > count] = _MILLION
    codes = np.array(model.labels, dtype=object)[best].tolist()
    chances = confidence / _MILLION
    for row in np.flatnonzero((count == 0) & (strange == 0)):
        codes[row] = UNDETERMINED
    for row in np.flatnonzero(of_others > confidence):
        codes[row], chance = identify_other(text(int(row)), KNOWN)
        chances[row] = round(min(of_others[row] / _MILLION, 1.0) * chance, 6)
    return codes, chances


@cache
def _model() -> LanguageModel:
    return read_model(Path(__file__).with_name("_language_model.bin"))


@cache
def _word_sums() -> WordSums:
    return WordSums(_model())
