"""Lists of words: against a matcher that goes word by word, and lists that nobody should give."""

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.corpus.quality._word_lists import (
    Patterns,
    read_word_list,
    word_lists,
    word_lists_schema,
)
from mowa.errors import DataError


def words_of(text):
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return re.findall(r"(?:[^\W_]|[\u0300-\u036f])+", plain)


def hits_one_by_one(text, patterns):
    """The same by walking over the words: at each the entry of most letters, then on behind it."""
    words, at, hits = words_of(text), 0, 0
    entries = [(entry.split(" "), False) for entry in patterns.whole]
    entries += [(entry.split(" "), True) for entry in patterns.beginnings]
    while at < len(words):
        best = (0, 0)
        for parts, open_ended in entries:
            here = words[at : at + len(parts)]
            same = here[:-1] == parts[:-1] and len(here) == len(parts)
            last = same and (
                here[-1].startswith(parts[-1]) if open_ended else here[-1] == parts[-1]
            )
            if last:
                best = max(best, (len(" ".join(parts)) + (not open_ended), len(parts)))
        hits += best[1] > 0
        at += best[1] or 1
    return hits, len(words)


WORDS = st.sampled_from(["kup", "kupa", "teraz", "ŻÓŁĆ", "żo\u0301łc\u0301", "ab", "abc", "abcd"])
LISTS = st.builds(
    Patterns,
    st.sampled_from(
        [("kup",), ("kup", "kup teraz", "teraz"), ("żółć", "teraz teraz"), ("ab abc",)]
    ),
    st.sampled_from([(), ("abc",), ("kup",), ("teraz ab",)]),
)


@given(st.lists(st.tuples(WORDS, st.sampled_from([" ", ", ", "\n", "-", "_", "*"]))), LISTS)
def test_hits_are_those_found_word_by_word(pieces, patterns):
    text = "".join(word + gap for word, gap in pieces)
    hits, words = hits_one_by_one(text, patterns)
    found = word_lists(pl.Series([text]), {"x": patterns}).row(0)
    assert found == (hits, 1000 * hits / max(words, 1))


@given(st.text(max_size=80))
def test_any_text_is_measured(text):
    patterns = Patterns(("a",), ("zło",))
    hits, share = word_lists(pl.Series([text]), {"x": patterns}).row(0)
    assert 0 <= hits <= len(text)
    assert 0 <= share <= 1000


def test_a_list_is_read_as_texts_are_searched(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(
        "\ufeffKup  Teraz # adverts\n\n# nothing\nz\u0307o\u0301ł*\nKUP teraz\n", "utf-8"
    )
    patterns = read_word_list(path)
    assert patterns == Patterns(("kup teraz",), ("żół",))
    found = word_lists(pl.Series(["Żółwie! Kup-teraz żó ł", None]), {"b": patterns, "a": patterns})
    assert found.columns == word_lists_schema(["a", "b"]).names
    assert found["b_hits"].to_list() == [2, 0]
    assert found["b_by_1000_words"].to_list() == [400.0, 0.0]


@pytest.mark.parametrize("line", ["ku*pa", "*", "ab*", "a b*", "kupa**", "*kupa", "kupa! *"])
def test_a_star_in_the_wrong_place_is_refused_with_its_line(line, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(f"dobre\n{line}\n", "utf-8")
    with pytest.raises(DataError, match=r"\* in the wrong place") as raised:
        read_word_list(path)
    assert raised.value.where == f"{path}:2"


def test_a_pattern_of_a_regular_expression_is_only_its_letters(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("(a+)+$\n[a-z]\n", "utf-8")
    assert read_word_list(path) == Patterns(("a", "a z"))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"a" * 201, b"a" * (8 << 20) + b"\n", b"ab\n" * 3_000_000]
)
def test_lists_that_are_no_lists_are_refused(content, tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_word_list(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_word_list(tmp_path / "absent.txt")


def test_an_empty_list_hits_nothing():
    assert word_lists(pl.Series(["kot"]), {"x": Patterns(())}).row(0) == (0, 0.0)
