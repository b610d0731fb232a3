"""`gopher@2` and `fineweb@2` against walks over words and lines."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus.quality import FINEWEB, GOPHER, fineweb, gopher, tokens_of

words = st.sampled_from(["kot", "pies", "dom", "i", "w", "kot", "kot", ",", ".", "…", "#", "-"])
separators = st.sampled_from([" ", " ", " ", "\n", "\n\n"])
texts = st.lists(st.tuples(words, separators), max_size=80).map(
    lambda pairs: "".join(word + separator for word, separator in pairs).strip()
)


def walk(tokens, n):
    """Characters of n-grams met before, in a walk that leaps over each."""
    met, found, place = set(), 0, 0
    while place <= len(tokens) - n:
        gram = tuple(tokens[place : place + n])
        if gram in met:
            found += sum(map(len, gram))
            place += n
        else:
            met.add(gram)
            place += 1
    return found


def top(tokens, n):
    grams = [" ".join(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]
    if not grams:
        return 0
    [(gram, count)] = Counter(grams).most_common(1)
    return len(gram) * count


@settings(deadline=None, max_examples=40)
@given(st.lists(texts, min_size=1, max_size=5))
def test_repeated_sequences_agree_with_a_walk_over_the_words(batch):
    rows = gopher(pl.Series(batch), ["i", "w"]).rows(named=True)
    for text, row in zip(batch, rows, strict=True):
        tokens = text.split()
        for n in (2, 3, 4):
            expected = top(tokens, n) / max(1, len(text))
            assert row[f"top_{n}gram_character_ratio"] == pytest.approx(expected)
        for n in range(5, 11):
            expected = walk(tokens, n) / max(1, len(text))
            assert row[f"duplicate_{n}gram_character_ratio"] == pytest.approx(expected)


@settings(deadline=None, max_examples=40)
@given(st.lists(texts, min_size=1, max_size=4))
def test_words_and_lines_agree_with_a_walk_over_them(batch):
    rows = gopher(pl.Series(batch), ["i", "w"]).rows(named=True)
    for text, row in zip(batch, rows, strict=True):
        tokens = text.split()
        real = [token for token in tokens if token.isalpha()]
        lines = text.split("\n")
        assert row["words"] == len(real)
        assert row["stop_words"] == len({"i", "w"} & set(tokens))
        assert row["mean_word_length"] == pytest.approx(
            sum(map(len, real)) / len(real) if real else 0
        )
        assert row["bullet_line_ratio"] == pytest.approx(
            sum(line.startswith("-") for line in lines) / len(lines)
        )
        paragraphs = text.split("\n\n")
        again = [part for at, part in enumerate(paragraphs) if part in paragraphs[:at]]
        assert row["duplicate_paragraph_ratio"] == pytest.approx(len(again) / len(paragraphs))


@settings(deadline=None, max_examples=40)
@given(st.lists(texts, min_size=1, max_size=5))
def test_a_text_is_measured_the_same_in_any_company(batch):
    together = gopher(pl.Series(batch), ["i"]).rows()
    assert together == [gopher(pl.Series([text]), ["i"]).row(0) for text in batch]
    together = fineweb(pl.Series(batch)).rows()
    assert together == [fineweb(pl.Series([text])).row(0) for text in batch]


@settings(deadline=None, max_examples=40)
@given(st.lists(texts, min_size=1, max_size=5))
def test_fineweb_agrees_with_a_walk_over_the_lines(batch):
    for text, row in zip(batch, fineweb(pl.Series(batch)).rows(), strict=True):
        lines = [line for line in text.split("\n") if line.strip()]
        again = sum(len(line) for at, line in enumerate(lines) if line in lines[:at])
        tokens = text.split()
        expected = (0, 0, 0, 0)
        if lines:
            expected = (
                sum(line.endswith((".", "?", "!")) for line in lines) / len(lines),
                sum(len(line) <= 30 for line in lines) / len(lines),
                again / len(text.replace("\n", "")),
                text.count("\n") / len(tokens),
            )
        assert row == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Biało-czerwona.", ["Biało", "-", "czerwona", "."]),
        ("o 12:30, za 1,5 zł", ["o", "12:30", ",", "za", "1,5", "zł"]),
        ("m.in. „tak”?", ["m.in", ".", "„", "tak", "”", "?"]),
        ("pisz: a@b.pl", ["pisz", ":", "a@b.pl"]),
        ("z https://x.pl/a-b.", ["z", "https://x.pl/a-b", "."]),
        ("art. 5 § 2 – i/lub", ["art", ".", "5", "§", "2", "–", "i", "/lub"]),
    ],
)
def test_words_are_cut_where_polish_rules_cut_them(text, tokens):
    assert tokens_of(pl.Series([text])).words.to_list() == tokens


def test_columns_are_those_of_the_schemas_also_for_no_texts_and_for_nulls():
    for batch in (pl.Series([], dtype=pl.String), pl.Series([None, ""], dtype=pl.String)):
        for frame, schema in ((gopher(batch, []), GOPHER), (fineweb(batch), FINEWEB)):
            assert frame.columns == schema.names
            assert frame.height == len(batch)
            assert all(not any(row) for row in frame.rows())


def test_a_text_that_repeats_itself_for_long_is_measured_in_one_go():
    text = "Tanie okna i drzwi od ręki w mieście. " * 5000
    row = gopher(pl.Series([text, "Ala ma kota."]), []).row(0, named=True)
    assert row["duplicate_10gram_character_ratio"] > 0.7
    assert row["top_2gram_character_ratio"] > 0.1
