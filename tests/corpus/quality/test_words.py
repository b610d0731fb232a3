"""`speakleash@1` and `composition@2`."""

import sys

import polars as pl
import pytest

from mowa.corpus.quality import (
    COMPOSITION,
    SPEAKLEASH,
    composition,
    speakleash,
)
from mowa.corpus.quality import _speakleash as room
from mowa.errors import UsageError


def test_composition_tells_gibberish_from_polish():
    good = "Zażółć gęślą jaźń, mówił dziadek, i śmiał się przy tym do łez."
    same = "tanie okna, " * 80
    base = "QmFzZTY0IGlzIG5vdCBhIHRleHQgZm9yIHJlYWRlcnM"
    frame = composition(pl.Series([good, same, base, ""]), "ąćęłńóśźż")
    assert frame.columns == COMPOSITION.names
    assert 0.05 < frame["own_letter_ratio"][0] < 0.5
    assert frame["different_word_ratio"].to_list() == [1.0, pytest.approx(2 / 160), 1.0, 0.0]
    assert frame["long_word_character_ratio"].to_list() == [0, 0, 1, 0]
    code = composition(pl.Series([good, "function f(a){return {a}}"]), "ż")["brace_ratio"]
    assert code.to_list() == [0, pytest.approx(4 / 25)]


def test_metrics_of_a_sentence_are_what_a_reader_would_count():
    pytest.importorskip("morfeusz2")
    text = "Mały kot szybko wypił 2 szklanki mleka. Czy XYZQVfoo śpi?"
    frame = speakleash(pl.Series([text, ""]), ["czy"])
    assert frame.columns == SPEAKLEASH.names
    row = frame.row(0, named=True)
    assert (row["characters"], row["sentences"], row["words"]) == (len(text), 2, 10)
    assert (row["nouns"], row["verbs"], row["adjectives"], row["adverbs"]) == (3, 2, 1, 1)
    assert (row["punctuations"], row["stopwords"], row["oovs"], row["pos_num"]) == (2, 1, 1, 1)
    assert row["camel_case"] == 0
    assert row["lexical_density"] == 1
    assert row["avg_sentence_length"] == 5
    assert row["quality"] in {"HIGH", "MEDIUM", "LOW"}
    assert frame.row(1, named=True)["words"] == 0


def test_lemmas_are_counted_once_in_each_text():
    pytest.importorskip("morfeusz2")
    frame = speakleash(pl.Series(["pies psa psu", "kot pies"]), [])
    assert frame["lexical_density"].to_list() == [pytest.approx(1 / 3), 1]


def test_without_morfeusz_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "morfeusz2", None)
    room._analyser.cache_clear()
    with pytest.raises(UsageError, match="morfeusz2"):
        room._analyser()
