"""Sums against Polars' own patterns; runs, lines and hashes against Python's strings."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._characters import (
    _PATTERNS,
    DIGIT,
    LETTER,
    MARK,
    SPACE,
    SYMBOL,
    UPPER,
    WORD,
    Characters,
    hashes_of,
    repeated,
)

TEXTS = st.lists(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("aĄż \n\t\u00a0\u2028\u0301.1#😀Σİ"), st.characters(codec="utf-8")
        )
    ),
    max_size=6,
)


@settings(deadline=None)
@given(TEXTS)
def test_characters_of_a_class_are_those_that_its_pattern_matches(texts):
    series = pl.Series(texts, dtype=pl.String)
    characters = Characters(series)
    assert characters.per_text.tolist() == [len(text) for text in texts]
    for one in (SPACE, LETTER, MARK, DIGIT, UPPER, SYMBOL):
        expected = series.str.count_matches(_PATTERNS[one]).to_list()
        assert characters.sums(characters.are(one)).tolist() == expected


@settings(deadline=None)
@given(TEXTS)
def test_runs_are_those_that_a_pattern_finds(texts):
    characters = Characters(pl.Series(texts, dtype=pl.String))
    whole = "".join(texts)
    for inside, pattern in (
        (characters.are(WORD), r"[\p{L}\p{M}]+"),
        (~characters.are(SPACE), r"\S+"),
    ):
        runs = characters.runs(inside)
        found = [whole[a:b] for a, b in zip(runs.starts, runs.ends, strict=True)]
        expected = pl.Series(texts, dtype=pl.String).str.extract_all(pattern).to_list()
        assert found == [part for parts in expected for part in parts]
        assert characters.by_text(runs).tolist() == [len(parts) for parts in expected]


@settings(deadline=None)
@given(TEXTS)
def test_lines_are_those_of_splitting(texts):
    characters = Characters(pl.Series(texts, dtype=pl.String))
    whole = "".join(texts)
    lines = characters.lines
    found = [
        (row, whole[a:b]) for row, a, b in zip(lines.rows, lines.starts, lines.ends, strict=True)
    ]
    expected = [(row, line) for row, text in enumerate(texts) for line in text.split("\n")]
    assert found == expected
    met = set()
    again = [pair in met or bool(met.add(pair)) for pair in expected]
    assert repeated(lines.rows, characters.hashes(lines)).tolist() == again


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abĄąŻż", min_size=1, max_size=4), min_size=1, max_size=8))
def test_a_word_has_the_hash_of_its_letters_wherever_it_stands(words):
    characters = Characters(pl.Series([" ".join(words)]))
    runs = characters.runs(characters.are(WORD))
    alone = {word: hashes_of([word])[0] for word in words}
    assert characters.hashes(runs).tolist() == [alone[word] for word in words]
    lower = characters.hashes(runs, lower=True).tolist()
    assert lower == [hashes_of([word.lower()])[0] for word in words]
    assert len(set(alone.values())) == len(set(words))


def test_a_text_that_is_null_has_no_characters():
    characters = Characters(pl.Series(["a", None, ""], dtype=pl.String))
    assert characters.per_text.tolist() == [1, 0, 0]
    assert characters.sums(np.ones(1, dtype=bool)).tolist() == [1, 0, 0]
    assert Characters(pl.Series([], dtype=pl.String)).sums(np.zeros(0, dtype=bool)).tolist() == []
