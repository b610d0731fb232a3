import itertools
import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.evaluation.grammar import ITEMS, generate, lexicon, make_pair, phenomena, write_items
from mowa.evaluation.grammar._generate import PAIRS
from mowa.evaluation.grammar._lexicon import ADJECTIVE, NOUN, read_word
from mowa.evaluation.grammar._phenomena import read_scene
from mowa.evaluation.grammar._template import parse_frame, slot_names, spell, table_of

CASES = {"nom": "nom", "gen": "gen", "dat": "dat", "acc": "acc", "ins": "inst", "loc": "loc"}
ADJECTIVE_TAGS = {"m": "m1", "f": "f", "n": "n", "v": "m1", "pl": "f"}


@pytest.fixture(scope="module")
def pairs():
    return generate()


@pytest.fixture(scope="module")
def readings():
    """For a word the sets of its tags, one for each of its readings; none where it is unknown."""
    morfeusz2 = pytest.importorskip("morfeusz2")
    analyser = morfeusz2.Morfeusz(generate=False)

    @cache
    def of(word: str) -> list[frozenset[str]]:
        found = analyser.analyse(word)
        if any("ign" in tag for _, _, (_, _, tag, _, _) in found):
            return []
        end = max(stop for _, stop, _ in found)
        # Surnames of women have one form for all cases, and nearly every first name is a surname.
        found = [edge for edge in found if edge[2][3] != ["nazwisko"]] or found
        whole = [tag for start, stop, (_, _, tag, _, _) in found if (start, stop) == (0, end)]
        # A verb with a personal ending is two segments; the first says what it is.
        tags = whole or [tag for start, _, (_, _, tag, _, _) in found if start == 0]
        return [frozenset(re.split(r"[:.]", tag)) for tag in tags]

    return of


def words(sentence: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", sentence)


def contrasts(scene):
    """Both sides of the contrast of every frame, with all rows that may stand in it."""
    for frame in scene.frames:
        parsed = parse_frame(frame)
        slots = slot_names(parsed.good + parsed.bad)
        for rows in itertools.product(*(scene.tables[table_of(slot)] for slot in slots)):
            bound = dict(zip(slots, rows, strict=True))
            good, bad = spell(parsed.good, bound), spell(parsed.bad, bound)
            if good != bad:
                yield frame, good, bad


def apart(text: str, other: str) -> list[str]:
    """The words of `text` that `other` has not in the same place."""
    pairs = itertools.zip_longest(words(text), words(other))
    return [word for word, instead in pairs if word and word != instead]


def can_be(text: str, other: str, wanted: str, readings) -> bool:
    """Whether each word that is not in `other` can be that; `!gen`: whether some word cannot."""
    if wanted.startswith("!"):
        return not can_be(text, other, wanted[1:], readings)
    tags = set(wanted.split(":"))
    return all(any(tags <= reading for reading in readings(word)) for word in apart(text, other))


def test_the_shipped_items_are_what_the_generator_gives(pairs, tmp_path):
    write_items(pairs, tmp_path / "items.jsonl")

    assert (tmp_path / "items.jsonl").read_bytes() == ITEMS.read_bytes()


def test_there_are_thousands_of_pairs_of_dozens_of_phenomena(pairs):
    counts = Counter(pair.phenomenon for pair in pairs)

    assert len(pairs) >= 3_000
    assert len(counts) >= 25
    assert set(counts.values()) == {PAIRS}
    assert list(counts) == sorted(phenomenon.name for phenomenon in phenomena())


def test_items_are_sorted_and_their_ids_are_unique():
    ids = [json.loads(line)["id"] for line in ITEMS.read_text(encoding="utf-8").splitlines()]

    assert ids == sorted(set(ids))


def test_another_seed_gives_other_pairs_and_the_same_seed_the_same(pairs):
    few = generate(seed=2, count=5)

    assert few == generate(seed=2, count=5)
    assert few != generate(count=5)
    assert not {pair.good for pair in few} <= {pair.good for pair in pairs}


def test_no_sentence_is_right_in_one_pair_and_wrong_in_another(pairs):
    assert not {pair.good for pair in pairs} & {pair.bad for pair in pairs}


def test_no_sentence_occurs_twice(pairs):
    sentences = [sentence for pair in pairs for sentence in (pair.good, pair.bad)]

    assert len(sentences) == len(set(sentences))


def test_the_two_sentences_of_a_pair_have_as_many_words_and_differ_in_one_place(pairs):
    for pair in pairs:
        good, bad = pair.good.lower().split(), pair.bad.lower().split()
        assert len(good) == len(bad), pair
        places = [
            i for i, (right, wrong) in enumerate(zip(good, bad, strict=True)) if right != wrong
        ]
        moved = sorted(words(pair.good.lower())) == sorted(words(pair.bad.lower()))
        assert len(places) <= 3, pair
        assert places == list(range(places[0], places[-1] + 1)) or moved, pair


def test_z_and_w_have_their_vowel_before_a_cluster_of_consonants(pairs):
    consonant = "[bcćdfghjklłmnńprsśtwzźż]"
    vowel = "[aąeęioóuy]"
    wrong = re.compile(
        rf"\bz (?!(?:sz|si|zi){vowel})[sśzźż]{consonant}|\bw [wf]{consonant}", re.IGNORECASE
    )
    assert wrong.search("Rozmawiałam z zdolną studentką w wtorek.")
    assert not wrong.search("Wrócił z szafą i z zieloną mapą.")

    found = [pair.good for pair in pairs if wrong.search(pair.good)]

    assert not found


def test_sentences_are_tidy(pairs):
    for sentence in (sentence for pair in pairs for sentence in (pair.good, pair.bad)):
        assert sentence == unicodedata.normalize("NFC", sentence)
        assert sentence[0].isupper()
        assert sentence[-1] in ".?!"
        assert not re.search(r"  | [,.?!:]|[{}<>|/]", sentence), sentence


def test_a_phenomenon_is_not_one_sentence_over_and_over(pairs):
    for phenomenon in phenomena():
        mine = [pair for pair in pairs if pair.phenomenon == phenomenon.name]
        assert sum(len(scene.frames) for scene in phenomenon.scenes) >= 3
        assert len({word for pair in mine for word in words(pair.good.lower())}) >= 50, phenomenon


def test_every_word_of_a_right_sentence_is_known_to_morfeusz(pairs, readings):
    unknown = {word for pair in pairs for word in words(pair.good) if not readings(word)}

    assert not {word for word in unknown if not readings(word[0].lower() + word[1:])}


def test_words_of_wrong_sentences_exist_unless_the_scene_says_that_they_do_not(readings):
    for phenomenon in phenomena():
        for scene in phenomenon.scenes:
            for frame, _, bad in contrasts(scene):
                known = all(readings(word) for word in words(bad))
                assert known == scene.exists, (phenomenon.name, frame, bad)


def test_both_sides_of_a_contrast_have_the_readings_that_the_scene_states(readings):
    stated = 0
    for phenomenon in phenomena():
        for scene in phenomenon.scenes:
            stated += bool(scene.good)
            for frame, good, bad in contrasts(scene):
                for text, other, wishes in ((good, bad, scene.good), (bad, good, scene.bad)):
                    for wish in wishes:
                        place = (phenomenon.name, frame, text, wish)
                        assert can_be(text, other, wish, readings), place
    assert stated >= 40


def test_the_forms_of_the_lexicon_are_what_their_places_say(readings):
    for noun in lexicon().nouns:
        (gender,) = noun.tags & {"m1", "m2", "m3", "f", "n"}
        for place, form in noun.forms.items():
            number, case = place.split(".")
            wanted = {"subst", number, CASES[case], gender}
            assert any(wanted <= reading for reading in readings(form)), (place, form)
    for adjective in lexicon().adjectives:
        for place, form in adjective.forms.items():
            kind, case = place.split(".")
            number = "pl" if kind in {"v", "pl"} else "sg"
            wanted = {number, CASES[case], ADJECTIVE_TAGS[kind]}
            assert any(
                wanted <= reading and reading & {"adj", "ppas"} for reading in readings(form)
            ), (place, form)


def test_men_marked_hard_have_no_disparaging_plural_of_the_same_form(readings):
    for noun in lexicon().find("noun: m1 hard"):
        assert not any("depr" in reading for reading in readings(noun.forms["pl.nom"])), noun


def test_the_command_writes_the_same_bytes(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mowa.evaluation.grammar",
        "--out",
        str(tmp_path / "items.jsonl"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert (tmp_path / "items.jsonl").read_bytes() == ITEMS.read_bytes()
    assert "pairs" in done.stdout


def test_no_pair_is_in_the_texts_of_the_sample(pairs):
    from mowa.sample._compose import compose

    def shingles(text: str) -> set[tuple[str, ...]]:
        tokens = words(text.lower())
        return {tuple(tokens[i : i + 8]) for i in range(len(tokens) - 7)}

    seen: set[str] = set()
    texts = [
        document.page
        for place in ("web", "stories", "notes")
        for document in compose(place, 60, seed=5, seen=seen)
    ]
    sample = "\n".join(texts)
    flat = " ".join(words(sample.lower()))
    theirs = shingles(sample)
    for sentence in (sentence for pair in pairs for sentence in (pair.good, pair.bad)):
        assert " ".join(words(sentence.lower())) not in flat, sentence
        assert not shingles(sentence) & theirs, sentence


plain = st.text(st.characters(exclude_characters="<>|{}", codec="utf-8"), max_size=20)
some = st.text(st.characters(exclude_characters="<>|{}", codec="utf-8"), min_size=1, max_size=20)


@given(before=plain, good=some, bad=some, after=plain)
def test_a_frame_without_slots_gives_back_its_two_sentences(before, good, bad, after):
    pair = make_pair(f"{before}<{good}|{bad}>{after}", {})

    sentences = (before + good + after, before + bad + after)
    assert pair == tuple(sentence[:1].upper() + sentence[1:] for sentence in sentences)


@given(st.text(alphabet="ab <>|{}.0", max_size=25))
def test_a_frame_is_parsed_or_refused(template):
    try:
        frame = parse_frame(template)
    except ValueError:
        return
    assert f"{frame.before}<{frame.good}|{frame.bad}>{frame.after}" == template


@pytest.mark.parametrize(
    "template",
    [
        "Bez różnicy.",
        "<a|b> i <c|d>",
        "<a|b",
        "<a>",
        "<a|b|c>",
        "{Kto} <a|b>",
        "{kto <a|b>",
        "<|b>",
    ],
)
def test_a_malformed_frame_is_refused(template):
    with pytest.raises(ValueError, match=r"frame|slot"):
        parse_frame(template)


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        ({"frames": ["{kto} <a|b>"]}, "no table"),
        ({"frames": ["{kto.1} <a|b>"], "kto": ["Ala / Ali", "Ola"]}, "no form"),
        ({"frames": ["{kto} {kto2} <a|b>"], "kto": ["Ala"]}, "more slots than rows"),
        ({"frames": ["<a|b>"], "kto": ["Ala"]}, "no frame uses"),
        ({"frames": ["{kto.sg.nom} <a|b>"], "kto": "words: jednorożec"}, "jednorożec"),
        ({"frames": ["{kto.sg.nom} <a|b>"], "kto": "noun: f m1"}, "all tags"),
        ({"frames": ["{kto.sg.nom} <a|b>"], "kto": "verb: f"}, "starts with"),
    ],
)
def test_a_malformed_scene_is_refused_with_its_reason(raw, match):
    with pytest.raises(ValueError, match=match):
        read_scene(raw, lexicon())


def test_a_word_with_a_form_too_few_is_refused():
    assert read_word("f: Ewa Ewy Ewie Ewę Ewą Ewie", NOUN).forms["sg.dat"] == "Ewie"
    with pytest.raises(ValueError, match="5 forms"):
        read_word("f: Ewa Ewy Ewie Ewę Ewą", NOUN)
    with pytest.raises(ValueError, match="6 forms"):
        read_word("person: a b c d e f", ADJECTIVE)


def test_templates_that_cannot_make_enough_pairs_say_so():
    with pytest.raises(DataError, match="different pairs where 100000 are asked for"):
        generate(count=100_000)
