import pytest

from mowa import languages
from mowa.errors import UsageError
from mowa.languages import _pack

# The signals that the corpus room computes: a threshold on anything else would never decide.
SIGNALS = {
    "characters",
    "bytes",
    "words",
    "lines",
    "mean_word_length",
    "alphabetic_word_share",
    "stop_word_share",
    "duplicate_line_share",
    "symbol_share",
    "digit_share",
    "uppercase_share",
}

PAGE = """
code = "xyz"
code1 = "xy"
name = "Próbny"
letters = "ą"
stop_words = ["i"]
[thresholds.characters]
minimum = 1
origin = "test"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(_pack.resources, "files", lambda _package: tmp_path)
    languages.load.cache_clear()
    yield tmp_path
    languages.load.cache_clear()


def test_polish_is_there_with_its_letters_and_the_varieties_that_it_protects():
    pack = languages.load("pol")
    assert (pack.code, pack.code1) == ("pol", "pl")
    assert set(pack.letters) == set("ąćęłńóśźż")
    assert pack.protected == ("szl", "csb")


@pytest.mark.parametrize("code", languages.available())
def test_every_pack_names_its_thresholds_by_signals_and_says_where_they_come_from(code):
    pack = languages.load(code)
    assert pack.code == code
    assert set(pack.thresholds) <= SIGNALS
    for threshold in pack.thresholds.values():
        assert threshold.minimum is not None or threshold.maximum is not None
        assert len(threshold.origin) > 20


@pytest.mark.parametrize("code", languages.available())
def test_stop_words_of_every_pack_are_lower_case_words_without_repetition(code):
    words = languages.load(code).stop_words
    assert len(set(words)) == len(words) >= 40
    assert all(word.isalpha() and word == word.lower() for word in words)


def test_a_plain_polish_sentence_is_full_of_stop_words_and_an_english_one_is_not():
    stop = set(languages.load("pol").stop_words)

    def share(text):
        words = text.split()
        return sum(word in stop for word in words) / len(words)

    assert share("nie wiem czy to jest prawda ale tak mi się wydaje że on był w domu") > 0.5
    assert share("the quick brown fox jumps over the lazy dog while nobody is watching it") < 0.05


def test_a_language_without_a_pack_is_refused_with_the_ones_there_are():
    with pytest.raises(UsageError, match="no language pack 'klingon'") as caught:
        languages.load("klingon")
    assert "pol" in str(caught.value)


def test_a_pack_can_be_added_as_a_file(folder):
    (folder / "xyz.toml").write_text(PAGE, "utf-8")
    assert languages.available() == ["xyz"]
    assert languages.load("xyz").thresholds["characters"].minimum == 1


@pytest.mark.parametrize("page", [PAGE + "odd = 1\n", PAGE.replace('"xy"', '"xyz"'), "code = "])
def test_a_malformed_pack_is_a_clear_error_that_names_the_file(folder, page):
    (folder / "xyz.toml").write_text(page, "utf-8")
    with pytest.raises(UsageError, match=r"xyz\.toml: the language pack is malformed"):
        languages.load("xyz")
