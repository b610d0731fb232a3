"""The signal `speakleash@1`: SpeakLeash's metrics of a document, under its names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._characters import Array
from mowa.corpus.quality._tokens import (
    SENTENCE_BOUNDARY,
    Tokens,
    paragraphs_of,
    shares,
    tokens_of,
)
from mowa.errors import UsageError

COUNTS = (
    "characters",
    "sentences",
    "words",
    "verbs",
    "nouns",
    "adverbs",
    "adjectives",
    "punctuations",
    "symbols",
    "stopwords",
    "oovs",
    "pos_x",
    "pos_num",
    "camel_case",
    "capitalized_words",
)
MEANS = (
    "avg_word_length",
    "avg_sentence_length",
    "noun_ratio",
    "verb_ratio",
    "adj_ratio",
    "lexical_density",
    "gunning_fog",
)

QUALITY = ("HIGH", "MEDIUM", "LOW")

SPEAKLEASH = pa.schema(
    [
        *((name, pa.int64()) for name in COUNTS),
        *((name, pa.float64()) for name in MEANS),
        pa.field("quality", pa.string()),
    ]
)

# Morfeusz knows the forms of a word, not which of them a sentence means. Of the readings the first
# in this order is taken, then the first of Morfeusz: function words before the rare nouns that
# look like them, adjectives before their use as nouns. On the 1,000 sentences of UD Polish-PUD
# it agrees with the treebank on 88 in 100 words (docs/signals.md).
_ORDER = (
    "prep",
    "conj",
    "comp",
    "part",
    "aglt",
    "bedzie",
    "siebie",
    "ppron3",
    "ppron12",
    "num",
    "fin",
    "praet",
    "winien",
    "pred",
    "impt",
    "inf",
    "imps",
    "pcon",
    "pant",
    "adv",
    "adjp",
    "adjc",
    "adja",
    "adj",
    "ppas",
    "pact",
    "subst",
    "ger",
    "depr",
    "numcol",
    "cond",
    "brev",
    "interj",
    "burk",
    "frag",
    "romandig",
    "dig",
    "interp",
)
_RANK = {name: rank for rank, name in enumerate(_ORDER)}
_CLASSES = {
    "noun": ("subst", "ger", "depr"),
    "verb": ("fin", "praet", "winien", "pred", "impt", "inf", "imps", "pcon", "pant", "cond"),
    "adv": ("adv",),
    "adj": ("adj", "adja", "adjp", "adjc", "ppas", "pact"),
    "num": ("num", "numcol", "dig", "romandig"),
    "x": ("brev", "frag"),
}
_CLASS_OF = {tag: name for name, tags in _CLASSES.items() for tag in tags}
# Pronouns and determiners that Morfeusz calls adjectives, and the auxiliaries.
_DETERMINERS = frozenset(
    (
        "który",
        "ten",
        "tamten",
        "swój",
        "mój",
        "twój",
        "nasz",
        "wasz",
        "jaki",
        "taki",
        "każdy",
        "żaden",
        "wszystek",
        "jakiś",
        "któryś",
        "inny",
        "sam",
        "czyj",
        "niektóry",
    )
)
_AUXILIARIES = ("być", "zostać", "zostawać")
_NAMES = ("imię", "nazwisko", "nazwa_geograficzna", "nazwa_własna", "nazwa_organizacji")

_CACHE = 400_000  # words: about 100 MB
_LONGEST = 60  # characters of a word that is looked up; Morfeusz takes time by the square
_VOWELS = r"(?i)i?[aąeęoóuy]|i"


def speakleash(
    texts: pl.Series, stop_words: Sequence[str], *, tokens: Tokens | None = None
) -> pl.DataFrame:
    """SpeakLeash's 23 metrics of each text, one row a text (columns as in `SPEAKLEASH`).

    The names and the rules of `quality` are SpeakLeash's, whose values come from spaCy's model of
    Polish; these come from Morfeusz and from our own words, so they are near, not equal. `oovs` are
    words that Morfeusz does not know, and `gunning_fog` counts words of four syllables or more.

    Raises:
        UsageError: Where morfeusz2 (the extra `pl`) is not installed.
    """
    texts = texts.fill_null("")
    tokens = tokens or tokens_of(texts)
    # Every different word is looked at once, whatever text it is in.
    table = _table(tokens.words.unique(maintain_order=True), frozenset(stop_words))
    of = (
        tokens.words.alias("word")
        .to_frame()
        .join(table, on="word", how="left", maintain_order="left")
    )
    sums = {name: tokens.sums(of[name].to_numpy()) for name in table.columns if name in _SUMMED}
    words = sums["words"]
    lemmas = (
        pl.DataFrame({"row": tokens.rows, "lemma": of["lemma"], "word": of["words"]})
        .filter("word")
        .unique(["row", "lemma"])["row"]
        .to_numpy()
    )
    sentences = _sentences(texts)
    columns: dict[str, Array] = {
        **sums,
        "characters": texts.str.len_chars().to_numpy().astype(np.int64),
        "sentences": sentences,
        "avg_word_length": shares(sums["letters"], words),
        "avg_sentence_length": shares(words, sentences),
        "noun_ratio": shares(sums["nouns"], words),
        "verb_ratio": shares(sums["verbs"], words),
        "adj_ratio": shares(sums["adjectives"], words),
        "lexical_density": shares(np.bincount(lemmas, minlength=len(texts)), words),
        "gunning_fog": 0.4 * (shares(words, sentences) + 100 * shares(sums["hard"], words)),
    }
    frame = pl.DataFrame({name: columns[name] for name in (*COUNTS, *MEANS)})
    return frame.with_columns(_quality().alias("quality"))


_SUMMED = (*COUNTS, "letters", "hard")


def _quality() -> pl.Expr:
    """HIGH, MEDIUM or LOW by the rules of SpeakLeash's post-processor."""
    words = pl.col("words")
    ratio = {
        name: pl.when(words > 0).then(pl.col(name) / words).otherwise(0.0)
        for name in ("punctuations", "symbols", "oovs", "pos_x")
    }
    sentence, fog, density = map(pl.col, ("avg_sentence_length", "gunning_fog", "lexical_density"))
    low = (
        (pl.col("camel_case") > 10)
        | (ratio["punctuations"] > 0.4)
        | (ratio["punctuations"] < 0.1)
        | (ratio["symbols"] > 0.01)
        | (ratio["pos_x"] > 0.07)
        | (ratio["oovs"] > 0.15)
        | (sentence > 35)
        | (sentence < 5)
        | (fog > 14)
        | (density > 0.8)
        | (density < 0.2)
    )
    high = (
        (
            (ratio["symbols"] == 0)
            & (ratio["punctuations"] > 0.1)
            & (ratio["punctuations"] <= 0.35)
            & (pl.col("camel_case") < 3)
        )
        | ((ratio["pos_x"] < 0.01) & (ratio["oovs"] < 0.05))
        | ((sentence > 10) & (sentence < 26) & (fog < 10) & (density > 0.4) & (density < 0.6))
    )
    return (
        pl.when(low).then(pl.lit("LOW")).when(high).then(pl.lit("HIGH")).otherwise(pl.lit("MEDIUM"))
    )


def _sentences(texts: pl.Series) -> Array:
    """Sentences of each text: an empty line ends one, a mere line break does not."""
    paragraphs = paragraphs_of(texts)
    full = paragraphs.lines.str.contains(r"\S").to_numpy()
    ends = paragraphs.lines.str.count_matches(SENTENCE_BOUNDARY).to_numpy()
    return paragraphs.sums(full * (1 + ends.astype(np.int64)))


def _table(words: pl.Series, stop_words: frozenset[str]) -> pl.DataFrame:
    """What is to be known of each word, as truths; its lemma; and its characters if it is one."""
    word = pl.col("word")
    read = [_reading(item) for item in words.to_list()]
    frame = (
        words.alias("word")
        .to_frame()
        .with_columns(
            pl.Series("class", [item[0] for item in read], dtype=pl.String),
            pl.Series("lemma", [item[1] for item in read], dtype=pl.String),
            word.str.contains(r"^\p{P}+$").alias("punctuations"),
            word.str.contains(r"^[\p{S}§%]+$").alias("symbols"),
        )
    )
    is_word = ~pl.col("punctuations") & ~pl.col("symbols")
    kind = pl.col("class")
    return frame.select(
        "word",
        "lemma",
        "punctuations",
        pl.col("symbols") & ~pl.col("punctuations"),
        is_word.alias("words"),
        *(
            (kind == name).alias(column)
            for name, column in (
                ("verb", "verbs"),
                ("noun", "nouns"),
                ("adv", "adverbs"),
                ("adj", "adjectives"),
                ("num", "pos_num"),
            )
        ),
        word.str.to_lowercase().is_in(sorted(stop_words)).alias("stopwords"),
        (kind.is_in(["unknown", "unknown-name"])).alias("oovs"),
        (kind.is_in(["x", "unknown"])).alias("pos_x"),
        word.str.contains(r"\p{Ll}\p{Lu}").alias("camel_case"),
        (is_word & word.str.contains(r"^\p{Lu}")).alias("capitalized_words"),
        (is_word * word.str.len_chars()).cast(pl.Int64).alias("letters"),
        (is_word & (word.str.count_matches(_VOWELS) >= 4)).alias("hard"),
    )


@lru_cache(_CACHE)
def _reading(word: str) -> tuple[str, str]:
    """The class and the lemma of a word out of its sentence."""
    if not any(character.isalpha() for character in word):
        return ("num" if any(character.isdigit() for character in word) else "other"), word
    if len(word) > _LONGEST:
        return "unknown", word
    readings = [item[2] for item in _analyser().analyse(word) if item[0] == 0]
    best = min(
        readings, key=lambda item: _RANK.get(item[2].partition(":")[0], len(_RANK)), default=None
    )
    if best is None or best[2] == "ign":
        return ("unknown-name" if word[0].isupper() else "unknown"), word
    lemma, tag = best[1].partition(":")[0], best[2].partition(":")[0]
    kind = _CLASS_OF.get(tag, "other")
    if kind == "noun" and word[0].isupper() and any(name in _NAMES for name in best[3]):
        kind = "name"
    elif kind == "verb" and lemma in _AUXILIARIES:
        kind = "auxiliary"
    elif kind == "adj" and lemma in _DETERMINERS:
        kind = "determiner"
    return kind, lemma


@cache
def _analyser() -> Any:
    try:
        import morfeusz2
    except ImportError as error:
        raise UsageError(
            "the signal speakleash@1 needs morfeusz2, which is not installed",
            fix="pip install 'mowa[pl]'",
        ) from error
    # Each word by itself, without a generator: that halves the memory.
    return morfeusz2.Morfeusz(generate=False)
