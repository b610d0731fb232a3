"""Words without their endings: all forms of a word become one hash, so inflected copies are found.

With Morfeusz a form becomes one of its lemmas; without it, its first letters. A form that belongs
to several lemmas always becomes the same one, which need not be the one that the sentence means:
what counts is that it is the same on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import polars as pl

from mowa.corpus._hashing import I64, U64
from mowa.errors import UsageError
from mowa.evaluation.contamination._grams import Words, words_of

Lemmatiser = Literal["morfeusz2", "prefix"]

# Letters of a word that nothing is known of. With 3 more inflected copies are found (0.89 of those
# planted, and not 0.71), but 0.04 % of short texts reach a half in 5 million words by chance.
_PREFIX = 4
# Of the lemmas of a form the one with most forms is likeliest to be chosen for its other forms too:
# verbs before adjectives before nouns before what has few forms; common nouns before names, what
# Morfeusz puts no label of rarity on before what it does. Commands look like nouns ("ustaw",
# "głów") and are seldom meant. Of 3,729 words of novels and acts, each beside another form of it,
# 93 % become the same lemma (83 % where the first by the alphabet is taken); 68 % begin with the
# same 4 letters.
_CLASSES = (
    ("fin", "praet", "inf", "imps", "pcon", "pant", "pact", "ppas", "ger", "winien"),
    ("adj", "adja", "adjp"),
    ("subst", "depr"),
    ("impt",),
    ("adv",),
)
_RANK = {tag: rank for rank, tags in enumerate(_CLASSES) for tag in tags}
_LONGEST = 60  # characters of a word that is looked up; Morfeusz takes time by the square
_SLOTS = 1 << 22  # words that are known at a time: 64 MB
_DROPPED = np.uint64(0)


def best_lemmatiser() -> Lemmatiser:
    """Morfeusz where it is installed (the extra `pl`)."""
    return "morfeusz2" if find_spec("morfeusz2") else "prefix"


class Lemmas:
    """Reduces words; remembers those that it met, in bounded memory.

    Args:
        lemmatiser: What reduces a form.
        stop_words: Words that are left out, with Morfeusz in all of their forms: they are the same
            in all texts, and short ones change their place freely.
    """

    def __init__(self, lemmatiser: Lemmatiser, stop_words: Sequence[str]) -> None:
        self.lemmatiser = lemmatiser
        self._keys: U64 = np.zeros(_SLOTS, dtype=np.uint64)
        self._values: U64 = np.zeros(_SLOTS, dtype=np.uint64)
        stop = [word.lower() for word in stop_words]
        self._stop = frozenset(map(self._form, stop) if lemmatiser == "morfeusz2" else stop)

    def of(self, words: Words) -> tuple[U64, I64, I64]:
        """Hashes of the lemmas of the words that are no stop words, and where they come from.

        Returns:
            The hashes, one after another; each text's offset among them; and of each the number of
            its word.
        """
        slots = (words.hashes & np.uint64(_SLOTS - 1)).astype(np.int64)
        values = self._values[slots]
        unknown = np.flatnonzero(self._keys[slots] != words.hashes)
        if len(unknown):
            new, first, back = np.unique(
                words.hashes[unknown], return_index=True, return_inverse=True
            )
            reduced = self._reduce(words, unknown[first])
            values[unknown] = reduced[back]
            at = (new & np.uint64(_SLOTS - 1)).astype(np.int64)
            self._keys[at], self._values[at] = new, reduced
        kept = np.flatnonzero(values != _DROPPED)
        return values[kept], np.searchsorted(kept, words.offsets).astype(np.int64), kept

    def _reduce(self, words: Words, places: I64) -> U64:
        forms = [words.word(place) for place in places.tolist()]
        lemmas = [self._form(form) for form in forms]
        told = lemmas if self.lemmatiser == "morfeusz2" else forms
        reduced = words_of(pl.Series(lemmas, dtype=pl.String)).hashes
        assert len(reduced) == len(forms), "a lemma is one word"
        reduced[[word in self._stop for word in told]] = _DROPPED
        return reduced

    def _form(self, word: str) -> str:
        return _lemma(word) if self.lemmatiser == "morfeusz2" else _prefix(word)


def _prefix(word: str) -> str:
    return word if word[0].isdigit() else word[:_PREFIX]


def _lemma(word: str) -> str:
    if len(word) > _LONGEST or not word[0].isalpha():
        return _prefix(word)
    ranked = [
        (
            _RANK.get(tag.partition(":")[0], len(_CLASSES)),
            any(name != "nazwa_pospolita" for name in names),
            len(labels),
            ":pt" in tag,
            len(lemma),
            lemma.partition(":")[0].lower(),
        )
        for start, _, (_, lemma, tag, names, labels) in _analyser().analyse(word)
        if start == 0 and tag != "ign"
    ]
    lemma = min(ranked)[-1] if ranked else ""
    return lemma if lemma.isalnum() else _prefix(word)


@cache
def _analyser() -> Any:
    try:
        import morfeusz2
    except ImportError as error:
        raise UsageError(
            "this index was made with morfeusz2, which is not installed",
            fix="pip install 'mowa[pl]', or make it with lemmas = \"prefix\"",
        ) from error
    # Words come in lower case, names too.
    return morfeusz2.Morfeusz(generate=False, case_handling=morfeusz2.IGNORE_CASE)
