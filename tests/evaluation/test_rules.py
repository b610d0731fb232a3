"""Rules that grade short answers."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mowa.errors import DataError
from mowa.evaluation._rules import Rule, accepts, words

WORD = st.text(alphabet="aąbcćdeęłóśźż1É", min_size=1, max_size=6)


def rule(*accept, reject=(), max_words=30):
    return Rule(accept=accept, reject=reject, max_words=max_words)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("W Krakowie.", True),
        ("„KRAKÓW”!", True),
        ("Kra-ków", False),
        ("pod\u00adkrakowski Kraków", True),
        ("podkrakowska wieś", False),
        ("", False),
    ],
)
def test_a_stem_meets_any_ending_but_only_at_the_start_of_a_word(answer, right):
    assert rule("krak*").accepts(answer) is right


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("nie żytniej mąki, lecz mąka żytnia", False),
        ("z mąki żytniej", True),
        ("mąki, żytniej", True),
        ("mąki dobrej żytniej", False),
    ],
)
def test_the_words_of_a_pattern_stand_next_to_each_other(answer, right):
    assert rule("mąki żyt*").accepts(answer) is right


def test_a_pattern_without_a_star_meets_only_that_form():
    assert rule("f").accepts("Literą F")
    assert not rule("f").accepts("Fiatem")
    assert not rule("11").accepts("110")


def test_an_entry_with_several_patterns_needs_all_of_them_in_any_order():
    both = rule(["chleb*", "sol*"], "kołacz*")
    assert both.accepts("solą i chlebem")
    assert both.accepts("kołaczem")
    assert not both.accepts("chlebem i miodem")


def test_what_is_rejected_outweighs_what_is_accepted():
    assert rule("krak*", reject=["gnie*"]).verdict("Kraków, Gniezno") == "rejected"


def test_an_answer_of_more_words_than_allowed_is_too_long():
    short = rule("krak*", max_words=3)
    assert short.verdict("w mieście Kraków") == "accepted"
    assert short.verdict("to jest miasto Kraków") == "too long"


def test_a_decimal_comma_and_a_hyphen_part_words_on_both_sides():
    assert rule("4,75").accepts("od 4.75")
    assert rule("śmigus-dyngus*").accepts("Śmigus dyngus")


@pytest.mark.parametrize("pattern", ["", " ", "*", "kr*ków", "*ków", "kra**", "–", "kra *"])
def test_a_pattern_without_a_word_or_with_a_star_elsewhere_is_refused(pattern):
    with pytest.raises(ValidationError):
        rule(pattern)
    with pytest.raises(ValidationError):
        rule("kra*", reject=[pattern])


@pytest.mark.parametrize(
    "raw", [{}, {"accept": []}, {"accept": [[]]}, {"accept": ["a"], "rejects": ["b"]}]
)
def test_a_rule_that_is_none_is_refused_with_its_key(raw):
    with pytest.raises(DataError, match=r"accept|rejects"):
        accepts("a", raw)


@given(st.lists(WORD, min_size=1, max_size=8), st.data())
def test_case_punctuation_and_unicode_form_make_no_difference(said, data):
    start = data.draw(st.integers(0, len(said) - 1))
    end = data.draw(st.integers(start + 1, len(said)))
    wanted = rule(" ".join(said[start:end]))
    assert wanted.accepts(" ".join(said))
    assert wanted.accepts(unicodedata.normalize("NFD", ", ".join(said).upper()) + "!")


@given(st.text(max_size=40))
def test_words_of_words_are_the_same_words(text):
    once = words(text)
    assert words(" ".join(once)) == once
    assert all(word == unicodedata.normalize("NFC", word) for word in once)


@given(WORD, WORD)
def test_a_starred_word_meets_all_that_begins_with_it(stem, ending):
    whole = words(stem + ending)
    if len(whole) == 1 and whole[0].startswith(stem.casefold()):
        assert rule(f"{stem}*").accepts(stem + ending)
