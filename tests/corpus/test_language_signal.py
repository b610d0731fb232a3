"""`language`: our own model beside py3langid's, on sentences of ours and on real texts."""

import numpy as np
import polars as pl
import pytest
from py3langid import langid

from mowa.corpus import CorpusConfig, _language
from mowa.corpus._language import (
    LANGUAGE,
    PROTECTED,
    UNDETERMINED,
    identifiable,
    iso_639_3,
    language_signal,
    languages,
    letters,
    paragraph_languages,
    protected_score,
)
from mowa.corpus._language_model import shares, unpacked
from mowa.corpus._language_others import OTHERS, _identifier, identify_other
from mowa.corpus._language_words import split, summed
from tests.real_data import real

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
    for text in [*TEXTS.values(), *(text.upper() for text in TEXTS.values()), "ala ma kota"]:
        code, confidence = identify_other(text)
        label, expected = library.classify(text)
        assert code == (iso_639_3(label) or label)
        assert confidence == pytest.approx(expected, abs=1e-3)


def test_the_languages_of_the_library_are_those_that_we_say_it_knows():
    assert set(_identifier().codes) == OTHERS


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


SENTENCES = [
    ("pol", "Wczoraj wieczorem poszliśmy nad rzekę, żeby zobaczyć, jak woda opada po burzy."),
    ("pol", "Wczoraj wieczorem poszlismy nad rzeke, zeby zobaczyc, jak woda opada po burzy."),
    ("pol", "Prosze o informacje, kiedy mozna odebrac zaswiadczenie z urzedu i ile to kosztuje."),
    ("pol", "Hej, baco, kany idziecie z tymi owcami, przecie dyscem pachnie od samiuśkich Tater."),
    ("pol", "Art. 3. Kto nie dopełnia obowiązku, o którym mowa w ust. 2, podlega karze grzywny."),
    (
        "pol",
        "Jam jest Twój sługa, Panie, a Waszmość wszystkie listy moje raczysz odpisać łaskawie.",
    ),
    ("ces", "Včera večer jsme šli k řece, abychom se podívali, jak voda po bouřce klesá."),
    ("slk", "Včera večer sme šli k rieke, aby sme sa pozreli, ako voda po búrke klesá."),
    ("eng", "Yesterday evening we walked down to the river to see the water fall after the storm."),
    (
        "deu",
        "Gestern Abend gingen wir zum Fluss, um zu sehen, wie das Wasser nach dem Sturm fällt.",
    ),
    ("ukr", "Учора ввечері ми пішли до річки, щоб подивитися, як вода спадає після бурі."),
    ("bel", "Учора ўвечары мы пайшлі да ракі, каб паглядзець, як вада спадае пасля навальніцы."),
    ("rus", "Вчера вечером мы пошли к реке, чтобы посмотреть, как вода спадает после бури."),
    ("lit", "Vakar vakare nuėjome prie upės pažiūrėti, kaip po audros slūgsta vanduo."),
    ("szl", "Wczorej wieczōr my poszli nad rzyka, coby ôbejzdrzeć, jak woda ôpadŏ po burzy."),
    ("csb", "Wczora wieczór më szlë nad rzékã, żebë òbezdrzec, jak wòda òpôdô pò bùrzë."),
]


@pytest.mark.parametrize(("code", "text"), SENTENCES)
def test_sentences_of_ours_are_in_their_languages(code, text):
    assert languages(pl.Series([text]), 2000)["language"].item() == code


@pytest.mark.parametrize(("code", "text"), SENTENCES)
def test_a_protected_variety_scores_high_and_polish_low(code, text):
    score = protected_score(pl.Series([text]), 2000)["protected_confidence"].item()
    assert score > 0.5 if code in PROTECTED else score < 0.5


def test_a_language_outside_the_known_ones_is_not_called_polish():
    text = (
        "Hier soir nous sommes allés au bord de la rivière pour voir l'eau baisser après l'orage."
    )
    assert languages(pl.Series([text]), 2000)["language"].item() == "fra"


def test_paragraphs_in_another_language_have_their_share():
    [polish, *_], english = (
        [text for code, text in SENTENCES if code == wanted] for wanted in ("pol", "eng")
    )
    found = paragraph_languages(pl.Series([f"{polish}\n\n{polish}\n{english[0]}", "", polish]))
    assert found["paragraphs"].to_list() == [3, 0, 1]
    assert found["second_language"].to_list() == ["eng", None, None]
    polish, english = (letters(pl.Series([text])).item().strip() for text in (polish, english[0]))
    whole = 2 * len(polish) + len(english)
    assert found["second_share"][0] == pytest.approx(len(english) / whole, abs=1e-5)
    assert found["language_share"].to_list() == [
        pytest.approx(2 * len(polish) / whole, abs=1e-5),
        0.0,
        1.0,
    ]


def test_the_signal_has_the_columns_of_its_schema():
    found = language_signal(pl.Series([text for _, text in SENTENCES]), 2000)
    assert found.columns == LANGUAGE.names
    assert found.to_arrow().cast(LANGUAGE).num_rows == len(SENTENCES)
    assert found["protected"].to_list()[-2:] == ["szl", "csb"]


def test_a_row_does_not_depend_on_its_neighbours():
    texts = pl.Series([text for _, text in SENTENCES])
    together = languages(texts, 2000).rows()
    assert together == [languages(pl.Series([text]), 2000).row(0) for text in texts]


# The lowest that a change of the model may bring them to, measured on news it has never seen.
FLOORS = {
    "pol": 0.995, "ces": 0.94, "slk": 0.94, "deu": 0.99, "lit": 0.99, "ukr": 0.99, "bel": 0.99,
    "rus": 0.99, "eng": 0.95,
}  # fmt: skip


@pytest.mark.parametrize("code", FLOORS)
def test_news_of_a_source_never_seen_are_identified(code):
    name = "eng-US" if code == "eng" else code
    lines = real(f"lid/ntrex/newstest2019-ref.{name}.txt").read_text().splitlines()
    texts = pl.Series([line for line in lines if len(line) >= 50])
    assert (languages(texts, 2000)["language"] == code).mean() >= FLOORS[code]


HEADINGS = [
    "Zaloguj się", "Załóż konto", "Strona główna", "Napisz do nas",
    "Dodaj do koszyka", "Rozdział trzeci", "Spis treści", "Zobacz też", "Jan Kochanowski",
    "Wisława Szymborska", "Regulamin sklepu", "Godziny otwarcia", "Czytaj więcej", "Ulica Długa 7",
]  # fmt: skip


@pytest.mark.parametrize("text", HEADINGS)
def test_a_polish_heading_is_not_taken_for_a_protected_variety(text):
    row = language_signal(pl.Series([text]), 2000).row(0, named=True)
    assert row["language"] not in PROTECTED
    assert row["protected_confidence"] < CorpusConfig().minimum_protected_confidence


@pytest.mark.parametrize("words", range(1, 13))
def test_what_little_there_is_of_a_protected_variety_is_it_or_polish(words):
    texts = [" ".join(text.split()[:words]) for code, text in SENTENCES if code in PROTECTED]
    found = languages(pl.Series(texts), 2000)["language"].to_list()
    assert set(found) <= {"pol", *PROTECTED}


def test_only_polish_gains_what_short_texts_take_from_the_protected_varieties():
    model, column = _language._model(), _language._model().labels.index("pol")
    texts = pl.Series([" ".join(text.split()[:n]) for _, text in SENTENCES for n in (1, 2, 4, 99)])
    words = split(letters(texts))
    rows = _language._word_sums().rows(words.different)
    sums = unpacked(summed(rows, words.which, words.text_of[words.line], words.texts))
    before, after = shares(model, sums), _language._judged(sums)
    protected = [model.labels.index(code) for code in PROTECTED]
    others = np.delete(np.arange(len(model.labels)), [column, *protected])
    assert (before.sum(axis=1) == after.sum(axis=1)).all()
    assert (before[:, others] == after[:, others]).all()
    assert (before[:, protected] >= after[:, protected]).all()
    long = sums[:, -2] >= 40 * model.sizes
    assert (before[long] == after[long]).all()
    assert long.any()
    assert (before[~long] != after[~long]).any()
