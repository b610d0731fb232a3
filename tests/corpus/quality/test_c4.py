"""`c4@1` against a walk over the lines, and what its edits leave."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._normalise import normalised
from mowa.corpus.quality import C4, c4

LINES = [
    "Ala ma kota.",
    "Ala ma [1] kota. A kot?",
    "Menu",
    "Ala ma...",
    "Tak.",
    "",
    "Włącz JavaScript w przeglądarce.",
    "Read our Privacy policy now.",
    "Lorem ipsum dolor sit.",
    "Funkcja { zwraca nic.",
    "Kot śpi [citation needed].",
    "x" * 1001 + " ma kota.",
    "„Cytat” pana Ęcka!",
]
texts = st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)


def slow(text):
    """The lines that stay, and why the others go."""
    kept, reasons = [], []
    for line in text.split("\n"):
        words = line.split()
        bare = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line)
        if any(len(word) > 1000 for word in words):
            reasons.append("long_word")
        elif not bare.endswith((".", "?", "!", '"', "'")) or bare.endswith("..."):
            reasons.append("no_terminal")
        elif len(words) < 3:
            reasons.append("few_words")
        elif "javascript" in bare.lower():
            reasons.append("javascript")
        elif "privacy policy" in bare.lower():
            reasons.append("policy")
        else:
            kept.append(bare)
    return kept, reasons


def applied(text, edits):
    for edit in reversed(edits):
        text = text[: edit["start"]] + text[edit["end"] :]
    return text


def normal(batch):
    return pl.DataFrame({"text": batch}).select(normalised(pl.col("text")))["text"]


@settings(deadline=None, max_examples=40)
@given(st.lists(texts, min_size=1, max_size=5))
def test_lines_and_edits_agree_with_a_walk_over_the_lines(batch):
    series = normal(batch)
    for text, row in zip(series.to_list(), c4(series).rows(named=True), strict=True):
        kept, reasons = slow(text)
        assert row["kept_lines"] == len(kept)
        for name in ("long_word", "no_terminal", "few_words", "javascript", "policy"):
            assert row[f"removed_{name}"] == reasons.count(name)
        assert applied(text, row["edits"]).strip("\n") == "\n".join(kept)
        left = len(applied(text, row["edits"]))
        assert row["kept_character_ratio"] == pytest.approx(left / len(text) if text else 0)


@settings(deadline=None, max_examples=40)
@given(st.lists(texts, min_size=1, max_size=5), st.booleans())
def test_edits_are_in_order_apart_and_within_the_text(batch, paragraphs):
    series = normal(batch)
    for text, edits in zip(
        series.to_list(), c4(series, paragraphs=paragraphs)["edits"].to_list(), strict=True
    ):
        places = [place for edit in edits for place in (edit["start"], edit["end"])]
        assert places == sorted(places)
        assert all(edit["start"] < edit["end"] for edit in edits)
        assert not places or places[-1] <= len(text)


def test_paragraphs_stay_apart_where_that_is_asked_for():
    text = "Ala ma kota.\nMenu\n\nKot ma Alę.\nI pies śpi."
    [row] = c4(pl.Series([text]), paragraphs=True).rows(named=True)
    assert applied(text, row["edits"]) == "Ala ma kota.\n\nKot ma Alę.\nI pies śpi."
    [row] = c4(pl.Series([text])).rows(named=True)
    assert applied(text, row["edits"]) == "Ala ma kota.\nKot ma Alę.\nI pies śpi."


def test_a_text_with_lorem_ipsum_or_a_curly_bracket_says_so():
    rows = c4(pl.Series(["Lorem ipsum dolor sit.", "Funkcja { zwraca nic.", "A {"])).rows(
        named=True
    )
    assert [row["lorem_ipsum_lines"] for row in rows] == [1, 0, 0]
    assert [row["curly_bracket_lines"] for row in rows] == [0, 1, 0]


def test_sentences_are_those_of_lines_that_stay():
    text = "Ala ma kota. Kot ma 3.5 roku. A pies?\nMenu. Kot.\nDr Kot śpi."
    assert c4(pl.Series([text]))["sentences"].item() == 4


def test_polish_notices_go_where_the_list_has_them():
    text = "Strona używa plików cookies do statystyk."
    assert c4(pl.Series([text]), policy=("plików cookies",))["removed_policy"].item() == 1
    assert c4(pl.Series([text]), policy=())["kept_lines"].item() == 1


def test_columns_are_those_of_the_schema_also_for_no_texts_and_for_nulls():
    for batch in (pl.Series([], dtype=pl.String), pl.Series([None, ""], dtype=pl.String)):
        frame = c4(batch)
        assert frame.columns == C4.names
        assert frame.to_arrow().cast(C4).num_rows == len(batch)
