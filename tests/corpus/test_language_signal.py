"""`language@1`: the identifier's model with our arithmetic."""

import polars as pl
import pytest
from py3langid import langid

from mowa.corpus._language import UNDETERMINED, identifiable, iso_639_3, languages

TEXTS = {
    "pol": "W Szczebrzeszynie chrząszcz brzmi w trzcinie i Szczebrzeszyn z tego słynie.",
    "eng": "All human beings are born free and equal in dignity and rights, and so they live.",
    "ces": "Příliš žluťoučký kůň úpěl ďábelské ódy a nikdo ho přitom neslyšel.",
    "deu": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "srp": "Сва људска бића рађају се слободна и једнака у достојанству и правима.",
    "ukr": "Всі люди народжуються вільними і рівними у своїй гідності та правах.",
}


def test_common_languages_are_named_by_iso_639_3():
    frame = languages(pl.Series(list(TEXTS.values())), 2000)
    assert frame["language"].to_list() == list(TEXTS)
    assert frame["confidence"].is_between(0.5, 1).all()


def test_our_arithmetic_agrees_with_the_library_on_every_label_and_confidence():
    library = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    samples = [*TEXTS.values(), *(text.upper() for text in TEXTS.values()), "ala ma kota"]
    for text, (code, confidence) in zip(
        samples, languages(pl.Series(samples), 2000).rows(), strict=True
    ):
        label, expected = library.classify(text)
        assert code == (iso_639_3(label) or label)
        assert confidence == pytest.approx(expected, abs=1e-3)


def test_a_text_without_a_feature_is_undetermined():
    assert languages(pl.Series(["", "12"]), 2000).rows() == [(UNDETERMINED, 0.0)] * 2


def test_only_the_beginning_is_looked_at():
    text = TEXTS["eng"] * 3 + TEXTS["pol"] * 100
    first, all_of_it = (languages(pl.Series([text]), n)["language"].item() for n in (200, 9000))
    assert (first, all_of_it) == ("eng", "pol")


def test_every_label_of_the_model_has_a_code_of_three_letters():
    assert {"pol", "eng", "srp", "nor", "zho"} <= identifiable()
    assert all(len(code) == 3 and code.isascii() and code.islower() for code in identifiable())


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("pl", "pol"),
        ("pl-PL", "pol"),
        ("PL_pl", "pol"),
        ("szl", "szl"),
        ("csb-Latn", "csb"),
        ("iw", "heb"),
        ("polski", None),
        ("xx", None),
        ("", None),
        (None, None),
        ("p1l", None),
    ],
)
def test_language_tags_are_read_as_people_write_them(tag, code):
    assert iso_639_3(tag) == code
