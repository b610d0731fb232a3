"""Scorers over made answers, EQ-Bench against a computation of its own."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.evaluation._answers import Answer
from mowa.evaluation._scorers import score_answers
from mowa.evaluation._scorers._emotions import item_points, parsed
from mowa.evaluation._scorers._generation import near
from mowa.evaluation._scorers._judged import mark_of
from mowa.evaluation._scorers._stated import stated_choice, stated_letter
from mowa.evaluation._scorers._words import compared, distance, first_number
from mowa.evaluation._task import Judging, Task

FOUR = ["Warszawa", "Kraków", "Gdańsk", "Łódź"]


def made(kind: str, metric: str, **more: object) -> Task:
    names = {"pl": "x", "en": "x"}
    return Task.model_validate(
        {
            "name": "x",
            "title": names,
            "about": names,
            "licence": "CC0-1.0",
            "kind": kind,
            "metric": metric,
            "data": {},
            "prompt": {"template": "{question}"},
            **more,
        }
    )


def scored_choice(logprobs, *, right=0, texts=("a", "b"), **more):
    return Answer(
        id=str(len(logprobs)),
        logprobs=tuple(logprobs),
        characters=tuple(len(text) for text in texts),
        bytes=tuple(len(text.encode()) for text in texts),
        tokens=(1,) * len(texts),
        right=right,
        **more,
    )


def test_a_pair_is_right_only_where_the_good_sentence_is_strictly_likelier():
    task = made("pairs", "accuracy")
    answers = [
        scored_choice([-1.0, -2.0]),
        scored_choice([-2.0, -2.0]),
        scored_choice([-3.0, -2.0]),
    ]
    scored = score_answers(task, answers)
    assert scored.values == [1.0, 0.0, 0.0]
    assert scored.measures["accuracy"].value == pytest.approx(1 / 3)


def test_accuracy_is_raw_or_per_character_byte_or_token():
    long, short = "żółty żółw", "kot"
    answer = scored_choice([-10.0, -6.0], texts=(long, short))
    found = score_answers(made("choice", "accuracy"), [answer]).measures
    assert found["accuracy"].value == 0.0  # -10 < -6
    assert found["accuracy_per_character"].value == 1.0  # -10 / 10 > -6 / 3
    assert found["accuracy_per_byte"].value == 1.0  # -10 / 14 > -6 / 3
    assert found["accuracy_per_token"].value == 0.0
    by_character = score_answers(made("choice", "accuracy", per="character"), [answer])
    assert (by_character.main, by_character.values) == ("accuracy_per_character", [1.0])


def test_items_that_did_not_fit_are_left_out_and_keep_their_place():
    task = made("choice", "accuracy")
    scored = score_answers(
        task, [scored_choice([-2.0, -1.0]), scored_choice([0, -1.0], cut=3), scored_choice([0, -1])]
    )
    assert scored.values == [0.0, None, 1.0]
    assert len(scored.measures["accuracy"]) == 2


def test_bits_per_byte_weigh_documents_by_their_bytes():
    task = made("perplexity", "bits-per-byte", prompt=None)
    texts = ["ala ma kota", "żółw"]
    answers = [
        Answer(id=text, choices=(text,), logprobs=(-value,), bytes=(len(text.encode()),))
        for text, value in zip(texts, (11.0, 14.0), strict=True)
    ]
    found = score_answers(task, answers).measures
    assert found["bits-per-byte"].value == pytest.approx(25 / math.log(2) / (11 + 7))
    assert found["word_perplexity"].value == pytest.approx(math.exp(25 / 4))
    assert found["byte_perplexity"].value == pytest.approx(math.exp(25 / 18))


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("A dokładniej mówiąc, prawidłowa jest odpowiedź C", 2),
        ("A może to być D.", 3),
        ("I tak, i nie; wybieram B", 1),
        ("C", 2),
        (" (B) Kraków", 1),
        ("**D**", 3),
        ("C. Gdańsk", 2),
        ("b) Kraków", 1),
        ("A Warszawa", 0),
        ("A\nPytanie: coś jeszcze?", 0),
        ("Odpowiedź: A", 0),
        ("Najpierw odpowiedź A, ale po namyśle odpowiedź: B", 1),
        ("Moim zdaniem chodzi o A.", 0),
        ("Myślę, że to Gdańsk", 2),
        ("To nie wiadomo", None),
        ("", None),
        ("A może nie wiadomo", None),
        ("odpowiedź A i B", None),
        ("B albo C", None),
        ("Kraków lub Gdańsk", None),
        ("E", None),
    ],
)
def test_the_word_a_is_not_the_letter_a_defect_a_of_the_polish_harness(text, index):
    assert stated_letter(text, FOUR) == index


@given(st.text(max_size=80))
def test_reading_a_letter_never_fails(text):
    assert stated_letter(text, FOUR) in {None, 0, 1, 2, 3}


@given(st.sampled_from("ABCD"), st.sampled_from(["", " ", "\n"]))
def test_a_letter_alone_is_read_as_itself(letter, around):
    assert stated_letter(f"{around}{letter}{around}", FOUR) == "ABCD".index(letter)


def test_a_choice_is_read_from_the_beginning_of_an_answer():
    assert stated_choice("Tak, jest poprawna. Nie ma wątpliwości.", ["Nie", "Tak"]) == 1
    assert stated_choice("nieszkodliwa", ["nie", "nieszkodliwa"]) == 1
    assert stated_choice("Nazwa miejsca", ["Nazwa", "Nazwa miejsca"]) == 1


def test_an_answer_keeps_its_last_letter_defect_b_of_the_polish_harness():
    task = made("generate", "accepted")
    answer = Answer(id="1", output="Kraków", answers=("Kraków",))
    assert compared("kraków") == "kraków"
    assert score_answers(task, [answer]).values == [1.0]
    cropped = Answer(id="1", output="krakó", answers=("Kraków",))
    assert score_answers(task, [cropped]).values == [0.0]


def test_any_of_several_references_is_right_whatever_case_and_punctuation():
    task = made("generate", "accepted")
    answers = [
        Answer(id="1", output=" „W KRAKOWIE”. ", answers=("Kraków", "w Krakowie")),
        Answer(id="2", output="Krakow", answers=("Kraków",)),
        Answer(id="3", output="", answers=("Kraków",), finish="empty"),
        Answer(id="4", output="no " * 50, answers=("Kraków",), finish="length"),
    ]
    scored = score_answers(task, answers)
    assert scored.values == [1.0, 0.0, 0.0, 0.0]
    assert scored.counts == {"empty": 1, "cut_off": 1}


def test_a_near_answer_has_the_number_of_the_reference():
    assert near("Było to w 1410 roku", "1410")
    assert not near("Było to w 1411 roku", "1410 r.")
    assert near("38 tysięcy", "38 tysięcy ludzi")
    assert near("Krakow", "Kraków")
    assert not near("", "a")
    assert first_number("1 234,5 zł") == "1234.5"


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_the_edit_distance_is_a_distance(a, b, c):
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert distance(a, b) <= max(len(a), len(b))


def test_what_contains_a_reference_holds_its_words_and_not_their_parts():
    task = made("generate", "accepted", generation={"match": "contains"})
    answers = [
        Answer(id="1", output="To rzeka Bug, na wschodzie.", answers=("Bug",)),
        Answer(id="2", output="To Bugaj.", answers=("Bug",)),
    ]
    assert score_answers(task, answers).values == [1.0, 0.0]


EMOTIONS = ["Wyrzuty sumienia", "Apatia", "Czułość", "Zirytowanie"]
REFERENCE = {
    **{f"emotion{place}": name for place, name in enumerate(EMOTIONS, 1)},
    **{f"emotion{place}_score": score for place, score in enumerate((2, "6", 0, 7), 1)},
}


def written(scores, heading=""):
    lines = "\n".join(f"{name}: {s}" for name, s in zip(EMOTIONS, scores, strict=True))
    return f"{heading}{lines}\n"


def points_of_eq_bench(said, reference):
    """The formula as the benchmark's paper and its v2 note state it, computed apart."""
    tally = 0.0
    for name, score in zip(EMOTIONS, said, strict=True):
        place = EMOTIONS.index(name) + 1
        gap = abs(float(score) - float(reference[f"emotion{place}_score"]))
        tally += (
            0.0
            if gap == 0.0
            else 6.5 * (1.0 / (1.0 + math.e ** (-1.2 * (gap - 4.0))))
            if gap <= 5.0
            else gap
        )
    return 10.0 - tally * 0.7477


@given(st.lists(st.integers(0, 10), min_size=4, max_size=4))
def test_eq_bench_points_are_those_of_its_formula(said):
    task = made("emotions", "eq-bench")
    answer = Answer(id="1", output=written(said), rule={"first": REFERENCE})
    scored = score_answers(task, [answer])
    assert scored.measures["eq-bench"].value == pytest.approx(
        points_of_eq_bench(said, REFERENCE) / 10
    )
    assert scored.measures["parseable"].value == 1.0


def test_the_references_own_scores_get_all_points():
    assert item_points({"a": 3.0}, {"a": 3.0}) == 10


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nie wiem.",
        "Wyrzuty sumienia: 3\nApatia: 2\nCzułość: 1",
        "Smutek: 3\nApatia: 2\nCzułość: 1\nZirytowanie: 5",
        "Wyrzuty sumienia: dużo\nApatia: 2\nCzułość: 1\nZirytowanie: 5",
        "Wyrzuty sumienia: 11\nApatia: 2\nCzułość: 1\nZirytowanie: 5",
    ],
)
def test_what_cannot_be_parsed_gets_no_points_and_counts_in_the_mean(text):
    task = made("emotions", "eq-bench")
    good = Answer(id="1", output=written((2, 6, 0, 7)), rule={"first": REFERENCE})
    bad = Answer(id="2", output=text, rule={"first": REFERENCE})
    scored = score_answers(task, [good, bad])
    assert scored.values == [1.0, 0.0]
    assert scored.measures["eq-bench"].value == 0.5
    assert scored.measures["parseable"].value == 0.5
    assert scored.counts["unparsed"] == 1


@pytest.mark.parametrize(
    ("first", "revised"),
    [("Pierwsze oceny:\n", "Zmienione oceny:\n"), ("First pass scores:\n", "Revised scores:\n")],
)
def test_passes_are_told_apart_by_their_headings_in_both_languages(first, revised):
    text = (
        written((1, 2, 3, 4), first)
        + "\nWeryfikacja: bez uwag: 3\n\n"
        + written((5, 6, 7, 8), revised)
    )
    assert list(parsed(text, EMOTIONS, "first").values()) == [1, 2, 3, 4]
    assert list(parsed(text, EMOTIONS, "revised").values()) == [5, 6, 7, 8]
    assert parsed(written((1, 2, 3, 4), first), EMOTIONS, "revised") is None


def test_emphasis_and_case_do_not_hide_a_score():
    text = "**Wyrzuty sumienia:** 3\n- apatia: **2**\n* Czułość : 1\n4. Zirytowanie: 5/10"
    assert parsed(text, EMOTIONS, "first") == dict(zip(EMOTIONS, (3, 2, 1, 5), strict=True))


def test_the_better_pass_counts_or_the_mean_of_both():
    text = written((0, 0, 0, 0), "Pierwsze oceny:\n") + written((2, 6, 0, 7), "Zmienione oceny:\n")
    answer = Answer(
        id="1",
        prompt="Zmienione oceny: <ocena>",
        output=text,
        rule={"first": REFERENCE, "revised": REFERENCE},
    )
    best = score_answers(made("emotions", "eq-bench"), [answer]).measures
    assert best["eq-bench"].value == best["revised"].value == 1.0
    mean = score_answers(made("emotions", "eq-bench", combine="mean"), [answer]).measures
    assert mean["eq-bench"].value == pytest.approx((1.0 + best["first_pass"].value) / 2)


def test_a_damaged_reference_is_told():
    answer = Answer(id="7", output="x: 1", rule={"first": {"emotion1": "x"}})
    with pytest.raises(DataError, match="item 7"):
        score_answers(made("emotions", "eq-bench"), [answer])


def test_a_judges_mark_is_its_last_one_and_none_outside_of_the_scale():
    judge = Judging(template="{answer}", lowest=1, highest=10)
    assert mark_of("[[10]]", judge) == 1.0
    assert mark_of("**Ocena:** 1", judge) == 0.0
    assert mark_of("Rating: 5,5", judge) == 0.5
    assert mark_of("Ocena: 11", judge) is None
    assert mark_of("dobrze", judge) is None
    task = made("judged", "judged", judge={"template": "{answer}"})
    scored = score_answers(task, [Answer(id="1", note="[[10]]"), Answer(id="2", note="?")])
    assert scored.values == [1.0, None]
    assert scored.counts["unjudged"] == 1
