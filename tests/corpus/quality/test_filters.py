"""The language pack's filters, and what they make of the sample's trouble."""

import random

import polars as pl
import pytest

from mowa.corpus.duplicates import TEMPLATED
from mowa.corpus.quality import C4, COMPOSITION, FINEWEB, GOPHER, NOTICE, composition, notice
from mowa.languages import load
from mowa.sample import _planted
from mowa.sample._compose import compose

SIGNALS = {
    "gopher@2": GOPHER,
    "c4@1": C4,
    "fineweb@2": FINEWEB,
    "composition@2": COMPOSITION,
    "notice@1": NOTICE,
    "templated@1": TEMPLATED,
}


def passes(texts, name):
    pack = load("pol")
    frame = composition(pl.Series(texts), pack.letters)
    return frame.select(
        pl.all_horizontal(
            *(pl.col(one.column) >= one.minimum for one in pack.filters[name] if one.minimum),
            *(pl.col(one.column) <= one.maximum for one in pack.filters[name] if one.maximum),
        )
    ).to_series()


def test_every_bound_is_on_a_column_that_a_signal_has():
    for bounds in load("pol").filters.values():
        for bound in bounds:
            assert bound.column in SIGNALS[bound.signal].names
            assert bound.origin
            assert (bound.minimum, bound.maximum) != (None, None)


# The bounds were chosen with what seed 5 gives in sight, and not with what the second gives.
SEEDS = pytest.mark.parametrize("seed", [5, 20_261_124])


@SEEDS
@pytest.mark.parametrize("what", _planted.GARBAGE)
def test_machine_garbage_is_gibberish(what, seed):
    rng = random.Random(seed)
    assert not passes([_planted.garbage(what, rng) for _ in range(10)], "gibberish").any()


@SEEDS
def test_lists_of_keywords_are_gibberish(seed):
    rng = random.Random(seed)
    assert not passes([_planted.spam_list(rng) for _ in range(10)], "gibberish").any()


@SEEDS
def test_good_documents_are_no_gibberish(seed):
    documents = compose("web", 30, seed=seed, seen=set())
    texts = ["\n\n".join(document.paragraphs) for document in documents]
    assert passes(texts, "gibberish").all()


def test_a_page_that_asks_to_log_in_is_a_notice_and_an_article_about_passwords_is_none():
    phrases = load("pol").notice_phrases
    wall = "Zaloguj się, aby czytać dalej. NIE PAMIĘTASZ HASŁA?"
    article = "Nie pamiętasz hasła do poczty? " + "Bank nigdy nie pyta o hasło przez telefon. " * 20
    most = load("pol").filters["notices"][0].maximum
    frame = notice(pl.Series([wall, article, None]), phrases)
    assert frame["notice_phrases"].to_list() == [2, 1, 0]
    assert (frame["notice_density"] > most).to_list() == [True, False, False]


def test_phrases_of_notices_are_found_in_any_case():
    phrases = load("pol").notice_phrases
    assert all(phrase == phrase.lower().strip() for phrase in phrases)
    assert notice(pl.Series(["Błąd 404"]), []).row(0) == (0, 0.0)
