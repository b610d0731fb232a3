"""`counts@1` against a slow implementation that goes character by character."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.corpus._counts import counts
from mowa.corpus._normalise import normalised

STOP_WORDS = ("i", "w", "na", "się", "nie", "że")
PUNCTUATION = set(".,;:!?…()[]{}\"'„”“«»–—-/%§&*+=<>@#|\\_~^`$€°’‘‚")


def letter(character):
    return unicodedata.category(character)[0] in "LM"


def share(part, whole):
    return part / whole if whole else 0.0


def slow(text):
    words = text.split()
    runs = "".join(character if letter(character) else " " for character in text).split()
    lines = [line for line in text.split("\n") if line.strip()]
    repeated = [line for index, line in enumerate(lines) if line in lines[:index]]
    kinds = [unicodedata.category(character) for character in text]
    symbols = [
        character
        for character, kind in zip(text, kinds, strict=True)
        if kind[0] not in "LM"
        and kind != "Nd"
        and not character.isspace()
        and character not in PUNCTUATION
    ]
    return (
        len(text),
        len(text.encode()),
        len(words),
        len(lines),
        share(sum(map(len, words)), len(words)),
        share(sum(any(map(letter, word)) for word in words), len(words)),
        share(sum(run.lower() in STOP_WORDS for run in runs), len(runs)),
        share(sum(map(len, repeated)), sum(map(len, lines))),
        share(len(symbols), len(text)),
        share(kinds.count("Nd"), len(text)),
        share(kinds.count("Lu"), sum(map(len, runs))),
    )


known = st.characters(exclude_categories=["Cs", "Cn", "Co"])
usual = st.sampled_from("aążwi na się Że \n\n\n123.,-–„”%№★\u0301")
texts = st.text(st.one_of(usual, known), max_size=60)


@given(st.lists(texts, min_size=1, max_size=4))
def test_counts_agree_with_a_walk_over_the_characters(batch):
    series = pl.DataFrame({"text": batch}).select(normalised(pl.col("text")))["text"]
    rows = counts(series, STOP_WORDS).rows()
    assert rows == [pytest.approx(slow(text)) for text in series.to_list()]


def test_shares_of_a_real_page_are_what_a_reader_would_count():
    text = "W Łodzi i na wsi.\nWcięte 12 % ★\n\nW Łodzi i na wsi."
    row = counts(pl.Series([text]), STOP_WORDS).row(0, named=True)
    assert (row["words"], row["lines"]) == (14, 3)
    assert row["stop_word_share"] == pytest.approx(6 / 11)
    assert row["duplicate_line_share"] == pytest.approx(17 / 47)
    assert row["symbol_share"] == pytest.approx(1 / len(text))
    assert row["alphabetic_word_share"] == pytest.approx(11 / 14)
    assert row["uppercase_share"] == pytest.approx(5 / 30)


def test_an_empty_text_has_shares_of_nothing_and_no_stop_words_match_nothing():
    assert counts(pl.Series(["", "a b"]), []).rows()[0] == (0,) * 11
    assert counts(pl.Series(["a b"]), [])["stop_word_share"].item() == 0
    assert counts(pl.Series(["a b"]), ["b", "a-b", ""])["stop_word_share"].item() == 0.5


def test_equal_lines_of_two_documents_are_not_repetitions():
    frame = counts(pl.Series(["Ala ma kota.", "Ala ma kota.", "Ala\nAla\nAla"]), [])
    assert frame["duplicate_line_share"].to_list() == [0, 0, pytest.approx(2 / 3)]
