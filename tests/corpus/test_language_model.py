"""The language model's own arithmetic beside floret's, and texts that mean harm."""

import random
import tracemalloc
import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus import _language_model, _language_words
from mowa.corpus._language import LANGUAGE, UNDETERMINED, language_signal, languages, letters
from mowa.corpus._language_model import (
    LONGEST_WORD,
    WordSums,
    read_model,
    rounded,
    shares,
    unpacked,
    write_model,
)
from mowa.corpus._language_words import split, summed

FILE = Path(_language_model.__file__).with_name("_language_model.bin")
POLISH = "Wczoraj wieczorem poszliśmy nad rzekę, żeby zobaczyć, jak woda opada po burzy."
SILESIAN = "Wczorej wieczōr my poszli nad rzyka, coby ôbejzdrzeć, jak woda ôpadŏ po burzy."
ENGLISH = "Yesterday evening we walked down to the river to see the water fall after the storm."
GERMAN = "Gestern Abend gingen wir zum Fluss, um zu sehen, wie das Wasser nach dem Sturm fällt."


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model that floret has just been taught, and the same rounded to integers."""
    floret = pytest.importorskip("floret")
    rng = random.Random(5)
    lines = []
    for code, text in (("pol", POLISH), ("szl", SILESIAN), ("eng", ENGLISH), ("rus", "вода 𝒳 本")):
        words = letters(pl.Series([text])).item().split()
        lines += [f"__label__{code} {' '.join(rng.choices(words, k=5))}" for _ in range(60)]
    rng.shuffle(lines)
    file = tmp_path_factory.mktemp("floret") / "lines.txt"
    file.write_text("\n".join(lines) + "\n")
    theirs = floret.train_supervised(
        str(file), dim=8, minn=2, maxn=4, bucket=1 << 10, minCount=1 << 30, epoch=9, lr=0.5,
        loss="softmax", thread=1, seed=3, verbose=0,
    ).f  # fmt: skip
    labels = [label.removeprefix("__label__") for label in theirs.getLabels("strict")[0]]
    return theirs, rounded(labels, (2, 4), theirs.getInputMatrix(), theirs.getOutputMatrix())


def ours(model, texts):
    words = split(letters(pl.Series(texts)))
    owners = words.text_of[words.line]
    sums = summed(WordSums(model).rows(words.different), words.which, owners, words.texts)
    return shares(model, unpacked(sums)) / 1e6


def assert_agree(pair, text):
    theirs, model = pair
    line = " ".join(letters(pl.Series([text])).item().split())
    found = {label[9:]: share for share, label in theirs.predict(line + "\n", 9, 0.0, "strict")}
    (mine,) = ours(model, [text])
    for label, share in zip(model.labels, mine, strict=True):
        assert share == pytest.approx(found.get(label, 0.0), abs=2e-3)


@pytest.mark.parametrize("text", [POLISH, SILESIAN, ENGLISH, GERMAN, "a", "'", "вода", "ꙮ ﬀ ǆ"])
def test_shares_are_those_of_floret(pair, text):
    assert_agree(pair, text)


SCRIPTS = st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cs"]).filter(
    lambda sign: ord(sign) < 0x530 or not sign.isalpha()
)
WORDS = st.lists(st.text(SCRIPTS, max_size=12) | st.sampled_from(POLISH.split()), max_size=9)


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_shares_of_any_words_are_those_of_floret(pair, words):
    text = " ".join(words).replace("\n", " ")
    line = letters(pl.Series([text])).item()
    # The model ignores words in scripts that it has not learnt, and the end of very long ones.
    if line.strip() and max(map(ord, line)) < 0x530 and max(map(len, line.split())) < LONGEST_WORD:
        assert_agree(pair, text)


def test_a_model_is_read_as_it_was_written(pair, tmp_path):
    _, model = pair
    write_model(model, tmp_path / "model.bin")
    again = read_model(tmp_path / "model.bin")
    assert ours(again, [POLISH, SILESIAN]).tolist() == ours(model, [POLISH, SILESIAN]).tolist()


def test_lanes_hold_two_numbers_of_either_sign():
    numbers = np.array([[1, -1], [-(1 << 30), 1 << 30], [0, -5]], np.int64)
    assert unpacked(_language_model._packed(numbers)).tolist() == numbers.tolist()
    lanes = _language_model._packed(numbers).sum(axis=0)
    assert unpacked(lanes[None]).tolist() == [numbers.sum(axis=0).tolist()]


def test_a_memory_of_words_that_overflows_changes_nothing(monkeypatch):
    texts = pl.Series([POLISH, SILESIAN, ENGLISH, GERMAN, POLISH + ENGLISH])
    expected = language_signal(texts, 2000)
    words = [word for text in texts for word in letters(pl.Series([text])).item().split()]
    words = list(dict.fromkeys(words))
    whole = WordSums(read_model(FILE)).rows(words)
    monkeypatch.setattr(_language_model, "_REMEMBERED", 7)
    monkeypatch.setattr(_language_model, "_AT_ONCE", 5)
    small = WordSums(read_model(FILE))
    assert (small.rows(words) == whole).all()
    assert (small.rows(words[::-1]) == whole[::-1]).all()
    assert language_signal(texts, 2000).equals(expected)


def test_the_size_of_a_batch_changes_nothing(monkeypatch):
    texts = pl.Series([POLISH, "", f"{SILESIAN}\n{ENGLISH}", GERMAN, None, POLISH * 40] * 3)
    whole = language_signal(texts, 2000)
    monkeypatch.setattr(_language_words, "_OF_A_BATCH", 100)
    assert language_signal(texts, 2000).equals(whole)


def test_no_texts_give_no_rows():
    found = language_signal(pl.Series([], dtype=pl.String), 2000)
    assert found.columns == LANGUAGE.names
    assert found.height == 0


def test_composed_and_decomposed_letters_are_the_same():
    texts = [POLISH, SILESIAN, "Příliš žluťoučký kůň úpěl ďábelské ódy", "Учора й сёння, їжак"]
    forms = [pl.Series([unicodedata.normalize(form, t) for t in texts]) for form in ("NFC", "NFD")]
    assert forms[0].to_list() != forms[1].to_list()
    assert language_signal(forms[0], 2000).equals(language_signal(forms[1], 2000))


def test_texts_that_are_not_normalised_have_no_character_that_a_composition_touches():
    unsafe = pl.Series([chr(point) for point in range(0xD800)])
    safe = unsafe.filter(~unsafe.str.contains(_language_words._UNSAFE)).to_list()
    assert {"ą", "ŏ", "ж", "„", "€"} <= set(safe)
    second = {
        unicodedata.normalize("NFD", chr(point))[1:2] for point in range(0x11_0000)
        if not 0xD800 <= point < 0xE000 and unicodedata.normalize("NFC", chr(point)) == chr(point)
    }  # fmt: skip
    for sign in safe:
        assert unicodedata.normalize("NFC", sign) == sign
        assert unicodedata.combining(sign) == 0
        assert sign not in second


@pytest.mark.parametrize(
    "text",
    ["\0" * 50, "́" * 300, "a" + "̧" * 5000, "'" * 200, "\n" * 3000, "﷽" * 90, "𝒳" * 90,
     "本" * 400, "\u200b" * 30, " \u00a0\u2028" * 20],
)  # fmt: skip
def test_strange_strings_have_a_language_and_a_confidence(text):
    row = language_signal(pl.Series([text, POLISH]), 2000)
    assert row["confidence"].is_between(0, 1).all()
    assert row["language"][1] == "pol"


def test_a_null_byte_between_words_is_no_letter():
    assert languages(pl.Series([POLISH.replace(" ", "\0")]), 2000)["language"].item() == "pol"


def test_ten_megabytes_without_a_space_take_little_memory():
    texts = pl.Series(["ż" * 10_000_000, "\n" * 10_000_000, "a b" * 3_000_000])
    language_signal(texts[:1].str.slice(0, 10), 2000)
    tracemalloc.start()
    found = language_signal(texts, 10_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000_000
    assert found["language"][1] == UNDETERMINED


def test_each_paragraph_of_a_mixed_page_counts_for_its_language():
    page = pl.Series([f"{POLISH}\n{ENGLISH}\n{POLISH}\n1.\n{GERMAN}\n{POLISH}"])
    found = language_signal(page, 2000)
    assert found["second_language"].item() == "eng"  # longer than the German one
    assert 0.5 < found["language_share"].item() < 0.7


def test_a_text_in_a_script_never_learnt_is_not_named_by_our_model():
    texts = pl.Series(
        ["すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"]
    )
    assert languages(texts, 2000)["language"].item() == "jpn"
