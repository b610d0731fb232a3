"""Planted items are found in corpora made on the spot, and others are not."""

import textwrap

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpora import bytes_under, context_in, document_id

from mowa.corpus._hashing import numbers
from mowa.errors import DataError
from mowa.evaluation.contamination import (
    Against,
    ContaminationIndexConfig,
    Index,
    Item,
    find_items,
    item_of,
)
from mowa.evaluation.contamination import _build as build
from mowa.evaluation.contamination._grams import NONE, runs_of_words, winnowed, words_of

BEFORE = (
    "Na rynku w Pszczynie od rana stały wozy z kapustą, a przy studni kobiety czekały na wodę. "
    "Kowal naprawiał koło u bryczki doktora i narzekał na mróz."
)
AFTER = (
    "Pod wieczór przyszła odwilż, z dachów kapało, a dzieci lepiły bałwana przed szkołą. "
    "Nikt już nie mówił o zimie."
)
QUESTION = (
    "Który astronom z Torunia opisał w dziele o obrotach sfer niebieskich układ, w którym planety "
    "krążą wokół Słońca, i dlaczego zwlekał z drukiem swojej książki tak wiele lat?"
)
INFLECTED = (
    "Którzy astronomowie z Torunia opisali w dziełach o obrocie sfery niebieskiej układy, "
    "w których planeta krąży wokół Słońca, "
    "i dlaczego zwlekali z drukiem swoich książek tak wiele lat?"
)
PREFIXED = (
    "Którego astronoma z Torunia opisało w dziełach o obrocie sfery niebieskiej układów, "
    "w których planeta krążyła wokół Słońcu, "
    "i dlaczego zwlekała z drukiem swoimi książkami tak wieloma lat?"
)


def one(texts, against):
    items = [Item("pytanie", (texts,) if isinstance(texts, str) else texts)]
    return find_items(items, [against])[0]


def planted(text):
    return [BEFORE, f"{BEFORE} {text} {AFTER}", AFTER]


def test_a_verbatim_copy_is_found_with_its_document_and_passage(indexed):
    verdict = one(QUESTION, indexed(planted(QUESTION)))
    assert verdict.contaminated is True
    [hit] = verdict.hits
    assert (hit.document, hit.kind, hit.share) == (document_id(1), "verbatim", 1.0)
    assert hit.text == QUESTION[:-1]  # up to its last word
    assert hit.corpus == "korpus"


@pytest.mark.parametrize("width", [12, 25, 48])
def test_a_copy_wrapped_to_another_width_is_found(indexed, width):
    wrapped = textwrap.fill(f"{BEFORE} {QUESTION} {AFTER}", width)
    verdict = one(QUESTION, indexed([BEFORE, wrapped]))
    assert [(hit.document, hit.kind) for hit in verdict.hits] == [(document_id(1), "verbatim")]
    assert verdict.hits[0].share == 1.0


def test_capitals_punctuation_and_decomposed_accents_do_not_hide_a_copy(indexed):
    spoilt = QUESTION.upper().replace(",", " —")
    item = QUESTION.replace("ń", "n\u0301")
    verdict = one(item, indexed([f"{BEFORE} „{spoilt}” {AFTER}"]))
    assert [(hit.kind, hit.share) for hit in verdict.hits] == [("verbatim", 1.0)]


@pytest.mark.parametrize(("lemmas", "copy"), [("morfeusz2", INFLECTED), ("prefix", PREFIXED)])
def test_an_inflected_copy_is_found_by_its_lemmas(indexed, lemmas, copy):
    if lemmas == "morfeusz2":
        pytest.importorskip("morfeusz2")
    against = indexed([BEFORE, f"{BEFORE} {copy} {AFTER}"], lemmas=lemmas)
    verdict = one(QUESTION, against)
    assert [(hit.document, hit.kind) for hit in verdict.hits] == [(document_id(1), "lemmas")]
    assert "roncie" not in verdict.hits[0].text
    assert verdict.hits[0].text in f"{BEFORE} {copy} {AFTER}"


def test_words_that_changed_places_are_found_by_their_lemmas(indexed):
    moved = QUESTION.replace("opisał w dziele", "w dziele opisał").replace(
        "planety krążą wokół", "krążą planety wokół"
    )
    moved = moved.replace("obrotach sfer niebieskich", "niebieskich sfer obrotach").replace(
        "swojej książki", "książki swojej"
    )
    verdict = one(QUESTION, indexed([f"{BEFORE} {moved} {AFTER}"], lemmas="prefix"))
    assert [hit.kind for hit in verdict.hits] == ["lemmas"]


def test_an_index_without_lemmas_finds_verbatim_copies_alone(indexed):
    against = indexed([f"{BEFORE} {INFLECTED} {AFTER}"], lemmas="none")
    assert one(QUESTION, against).contaminated is False
    assert one(INFLECTED, against).contaminated is True


def test_what_is_not_in_the_corpus_is_not_found(indexed):
    verdict = one(QUESTION, indexed([BEFORE, AFTER, f"{AFTER} {BEFORE}"]))
    assert verdict == type(verdict)(contaminated=False, hits=())


def test_a_quotation_of_a_few_words_is_no_copy(indexed):
    quoted = " ".join(QUESTION.split()[:11])
    assert one(QUESTION, indexed([f"{BEFORE} {quoted} {AFTER}"])).contaminated is False


def test_any_of_an_items_texts_gives_it_away(indexed):
    choices = ("nie wiadomo", "bo czekał na zgodę biskupa i na pieniądze z kapituły warmińskiej")
    against = indexed([f"{BEFORE} {choices[1]} {AFTER}"])
    item = item_of("1", question="Dlaczego zwlekał?", answer=choices[1], choices=choices)
    verdict = find_items([item], [against])[0]
    assert verdict.contaminated is True
    assert choices[1] in verdict.hits[0].text


def test_short_texts_are_matched_whole_and_shorter_ones_are_too_short_to_tell(indexed):
    seven = "kowal naprawiał koło u bryczki doktora i"
    against = indexed([BEFORE], lemmas="none")
    assert one(seven, against).contaminated is True
    assert one(seven.replace("koło", "oś"), against).contaminated is False
    assert one("kowal naprawiał koło u bryczki doktora", against).contaminated is None
    assert one("", against).contaminated is None


def test_what_all_prompts_share_gives_no_item_away(indexed):
    frame = (
        "Przeczytaj uważnie poniższe zdanie i powiedz, czy jego wydźwięk jest dodatni, ujemny, "
        "obojętny czy też niejednoznaczny, nie tłumacząc się z odpowiedzi ani jednym słowem."
    )
    own = ["mydło", "krzesło", "siodło", "wiosło", "pudło", "radło", "masło", "hasło"]
    endings = ["które rano przyniósł do domu mój sąsiad z Zabrza", "jakiego nikt dotąd nie widział"]
    items = [
        Item(name, (f"{frame} To {name}, {ending} razem ze swoim starym {name}em bez dna",))
        for name, ending in zip(own, endings * 4, strict=True)
    ]
    verdicts = find_items(items, [indexed([f"{BEFORE} {frame} {AFTER}"])])
    assert [verdict.contaminated for verdict in verdicts] == [False] * len(items)


def test_documents_that_are_held_out_or_rejected_are_not_searched(indexed):
    copy = f"{BEFORE} {QUESTION}"
    against = indexed([(copy, "keep", "held_out"), (copy, "reject", None), AFTER])
    assert one(QUESTION, against).contaminated is False


def test_the_best_of_many_copies_come_first_and_few_are_told(indexed):
    half = " ".join(QUESTION.split()[:20])
    shards = {f"s-{n:05}-000": [f"{BEFORE} {half} {AFTER} {n}"] * 3 for n in range(8)}
    shards["t-00000-000"] = [AFTER, f"{AFTER} {QUESTION}"]
    verdict = one(QUESTION, indexed(shards))
    assert verdict.hits[0].document == document_id(1, "t-00000-000")
    assert [hit.share for hit in verdict.hits] == sorted(hit.share for hit in verdict.hits)[::-1]
    assert len(verdict.hits) == 8


def test_two_corpora_are_told_apart(indexed):
    first, second = indexed([BEFORE], name="pierwszy"), indexed(planted(QUESTION), name="drugi")
    verdict = find_items([Item("1", (QUESTION,))], [first, second])[0]
    assert [hit.corpus for hit in verdict.hits] == ["drugi"]


def test_an_index_of_another_corpus_is_refused(indexed):
    first, second = indexed([BEFORE], name="pierwszy"), indexed([AFTER], name="drugi")
    mixed = Against(second.name, second.fingerprint, second.corpus, first.index)
    with pytest.raises(DataError, match="another corpus"):
        one(QUESTION, mixed)


def test_a_damaged_index_is_refused(indexed):
    against = indexed(planted(QUESTION))
    path = next((against.index / "verbatim").glob("*.keys.npy"))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="damaged"):
        one(QUESTION, against)
    (against.index / "index.json").write_text("{}", "utf-8")
    with pytest.raises(DataError, match="damaged"):
        Index.open(against.index)


def test_the_index_is_the_same_whatever_the_workers_and_the_parts_are_merged_in_order(
    indexed, monkeypatch
):
    monkeypatch.setattr("mowa.evaluation.contamination._build._PART", 40)
    shards = {f"s-{n:05}-000": [f"{BEFORE} {n}", QUESTION, f"{AFTER} {n} {n}"] for n in range(5)}
    first = indexed(shards, name="jeden")
    assert len(list((first.index / "verbatim").glob("*.keys.npy"))) >= 4
    hits = one(QUESTION, first).hits
    assert {hit.document for hit in hits} == {document_id(1, name) for name in shards}
    again = indexed(shards, name="dwa", workers=2)
    ours, theirs = bytes_under(first.index), bytes_under(again.index)
    for files in (ours, theirs):
        del files["index.json"], files["report.html"]  # they name the corpus
    assert ours == theirs


def test_a_killed_build_goes_on_and_gives_the_same_index(indexed, monkeypatch, tmp_path):
    shards = {f"s-{n:05}-000": [f"{BEFORE} {n}", QUESTION] for n in range(3)}
    whole = indexed(shards, name="caly", lemmas="prefix")
    calls, real = [], build.merge_part

    def dying(work, out):
        calls.append(work.kind)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(work, out)

    monkeypatch.setattr(build, "merge_part", dying)
    monkeypatch.setattr(build, "hash_shard", counted := Counted(build.hash_shard))
    with pytest.raises(KeyboardInterrupt):
        indexed(shards, name="ubity", lemmas="prefix")
    root = tmp_path / "ubity"
    build.build_index(
        root / "corpus",
        root / "index",
        context_in(root),
        config=ContaminationIndexConfig(lemmas="prefix"),
        about={"name": "caly", "fingerprint": "caly"},
    )
    assert calls == ["verbatim", "lemmas", "lemmas"]
    assert counted.calls == 3
    assert bytes_under(root / "index") == bytes_under(whole.index)


class Counted:
    """A function that counts how often it is called."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(0, 50),
    st.integers(0, 8),
)
def test_texts_that_share_a_window_share_a_winnowed_run(words, window, start, pad):
    length = 6
    table = numbers(1, 64)
    shared = table[np.array(words[start:], dtype=np.int64)] if start < len(words) else table[:0]
    one_text = table[np.array(words, dtype=np.int64)]
    other = np.concatenate([table[41 : 41 + pad], shared, table[50 : 50 + pad]])
    if len(shared) < length + window - 1:
        return
    found = []
    for text in (one_text, other):
        runs = runs_of_words(text, np.array([0, len(text)]), length)
        found.append(set(runs[winnowed(runs, window)].tolist()))
    whole = runs_of_words(shared, np.array([0, len(shared)]), length)
    assert found[0] & found[1] & set(whole.tolist()) - {int(NONE)}


@given(st.lists(st.text("aąż, .\n-", max_size=30), max_size=8), st.integers(1, 8))
def test_no_run_reaches_into_the_next_text(texts, length):
    words = words_of(pl.Series(texts, dtype=pl.String))
    together = runs_of_words(words.hashes, words.offsets, length)
    apart = []
    for text in texts:
        alone = words_of(pl.Series([text], dtype=pl.String))
        apart += runs_of_words(alone.hashes, alone.offsets, length).tolist()
    assert together.tolist() == apart
