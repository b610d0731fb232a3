"""`word_lists@1`, `speakleash@1` and `composition@1`."""

import re
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus.quality import (
    COMPOSITION,
    SPEAKLEASH,
    composition,
    read_word_list,
    speakleash,
    word_lists,
)
from mowa.corpus.quality import _speakleash as room
from mowa.errors import DataError, UsageError


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text("ażkot \n.,-K", max_size=40), min_size=1, max_size=4))
def test_hits_agree_with_a_search_for_whole_words(batch):
    frame = word_lists(pl.Series(batch), {"b": ("kot", "ża"), "a": ("kot kot",)})
    assert frame.columns == ["a", "b"]
    for text, (phrases, words) in zip(batch, frame.rows(), strict=True):
        runs = re.findall(r"\w+", text.lower())
        expected = sum(run in {"kot", "ża"} for run in runs)
        assert words == pytest.approx(1000 * expected / len(runs) if runs else 0)
        pairs, at = 0, 0
        while at < len(runs) - 1:
            found = runs[at : at + 2] == ["kot", "kot"]
            pairs, at = pairs + found, at + 1 + found
        assert phrases == pytest.approx(1000 * pairs / len(runs) if runs else 0)


def test_a_list_is_read_without_comments_and_repetitions(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# ours\nKot\nkot # again\n\nbiały-kot\n", "utf-8")
    assert read_word_list(path) == ("biały kot", "kot")
    assert word_lists(pl.Series(["Biały kot."]), {"x": read_word_list(path)}).item() == 500


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 201])
def test_a_list_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_word_list(path)
    with pytest.raises(DataError):
        read_word_list(tmp_path / "absent.txt")


def test_an_empty_list_hits_nothing():
    assert word_lists(pl.Series(["kot"]), {"x": ()}).item() == 0


def test_composition_tells_gibberish_from_polish():
    good = "Zażółć gęślą jaźń, mówił dziadek, i śmiał się przy tym do łez."
    same = "tanie okna, " * 80
    base = "QmFzZTY0IGlzIG5vdCBhIHRleHQgZm9yIHJlYWRlcnM"
    frame = composition(pl.Series([good, same, base, ""]), "ąćęłńóśźż")
    assert frame.columns == COMPOSITION.names
    assert 0.05 < frame["own_letter_ratio"][0] < 0.5
    assert frame["different_word_ratio"].to_list() == [1.0, pytest.approx(2 / 160), 1.0, 0.0]
    assert frame["long_word_character_ratio"].to_list() == [0, 0, 1, 0]


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
