"""Answers of models: what is read of them, and what they must not be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.instructions.making._checks import (
    copied_line,
    fault_of_reply,
    invented_quote,
    is_copy,
    other_language,
    refuses,
)
from mowa.instructions.making._desk import Reply
from mowa.instructions.making._form import NotInForm, read_groups, read_score, without_thoughts

LABELS = ("Pytanie", "Odpowiedź")
PAIR = {"Pytanie": "Kto?", "Odpowiedź": "Ala."}


@pytest.mark.parametrize(
    "text",
    [
        "Pytanie: Kto?\nOdpowiedź: Ala.",
        "\n  Pytanie:Kto?\n\nodpowiedź :  Ala.\n",
        "**Pytanie:** Kto?\n**Odpowiedź:** Ala.",
        "### Pytanie 1:\nKto?\n### Odpowiedź 1:\nAla.",
    ],
)
def test_lines_with_labels_are_read_with_what_models_put_around_them(text):
    assert read_groups(text, LABELS) == [PAIR]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Oto pytania:\nPytanie: Kto?\nOdpowiedź: Ala.", "before the first label"),
        ("Kto? Ala.", "no line begins"),
        ("Pytanie: Kto?", "no 'Odpowiedź' at the end"),
        ("Odpowiedź: Ala.\nPytanie: Kto?", "stands where 'Pytanie' should"),
        ("Pytanie: Kto?\nPytanie: Co?\nOdpowiedź: Ala.", "stands where 'Odpowiedź' should"),
        ("Pytanie:\nOdpowiedź: Ala.", "nothing stands after a label"),
        ("Pytanie: Kto?\nOdpowiedź: Ala.\n" * 3, "3 groups, not 1 to 2"),
        ("", "no line begins"),
    ],
)
def test_what_is_not_in_the_form_says_why(text, why):
    with pytest.raises(NotInForm, match=why):
        read_groups(text, LABELS, (1, 2))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "without a list"),
        ('{"wynik": {}}', "without a list"),
        ('{"wynik": [{"Pytanie": "Kto?"}]}', "other keys"),
        ('{"wynik": [{"Pytanie": "Kto?", "Odpowiedź": ["Ala"]}]}', "other values"),
        ('{"wynik": [{"Pytanie": "Kto?", "Odpowiedź": true}]}', "other values"),
        ('{"wynik": [{"Pytanie": " ", "Odpowiedź": "Ala."}]}', "nothing stands"),
        ('{"wynik": []}', "0 groups"),
    ],
)
def test_json_is_read_as_strictly(text, why):
    with pytest.raises(NotInForm, match=why):
        read_groups(text, LABELS, as_json=True)


def test_json_may_stand_in_a_fence_and_hold_a_score_as_a_number():
    text = '```json\n{"wynik": [{"Uzasadnienie": "Dobra.", "Ocena": 8}]}\n```'
    assert read_groups(text, ("Uzasadnienie", "Ocena"), as_json=True) == [
        {"Uzasadnienie": "Dobra.", "Ocena": "8"}
    ]


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters=":*#\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    min_size=1,
).filter(lambda text: text.strip())


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_what_is_written_in_the_form_is_read_back(pairs):
    lines = "\n".join(f"Pytanie: {one}\nOdpowiedź: {other}" for one, other in pairs)
    due = [{"Pytanie": one.strip(), "Odpowiedź": other.strip()} for one, other in pairs]
    assert read_groups(lines, LABELS, (1, 4)) == due
    assert read_groups(json.dumps({"wynik": due}), LABELS, (1, 4), as_json=True) == due


@pytest.mark.parametrize(
    ("text", "score"),
    [("7", 7), ("7,5", 7.5), ("8/10", 8), (" **9** ", 9), ("10.", 10), ("0", 0)],
)
def test_scores_are_read(text, score):
    assert read_score(text) == score


@pytest.mark.parametrize("text", ["", "11", "-1", "dobra", "7-8", "8/5", "7 punktów", "1e1", "nan"])
def test_what_is_no_score_is_none(text):
    with pytest.raises(NotInForm):
        read_score(text)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>Hm.\n</think>\n\nTak.", "Tak."),
        ("Hm.</think>Tak.", "Tak."),
        ("<think>Hm.", ""),
        (" Tak. ", "Tak."),
    ],
)
def test_thoughts_are_no_answer(text, rest):
    assert without_thoughts(text) == rest


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("a", "m", "Tak.", "eos"), None),
        (Reply("a", "m", "Tak.", "length", tokens=9), "cut off"),
        (Reply("a", "m", "", "empty"), "empty"),
        (Reply("a", "m", " \n", "eos"), "empty"),
        (Reply("a", "m", "<think>Hm", "length"), "empty"),
        (Reply("a", "m", "", "empty", cut=1), "prompt too long for the model"),
        (Reply("a", "m", failure="HTTP 500"), "no answer"),
        (Reply("a", "m", "Przykro mi, ale nie mogę w tym pomóc.", "eos"), "refusal"),
        (Reply("a", "m", "I'm sorry, but I can't.", "eos"), "refusal"),
    ],
)
def test_each_fault_of_an_answer_is_named(reply, reason):
    fault = fault_of_reply(reply)
    assert (fault and fault[0]) == reason


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Jako model językowy nie mam opinii.", True),
        ("Niestety nie jestem w stanie odpowiedzieć na to pytanie.", True),
        ("Nie mogę podać tych danych.", True),
        ("As an AI language model, I", True),
        ("Nie mogę się doczekać wiosny.", False),
        ("Jako model rodziny przyjęto dwoje dzieci.", False),
        ("Młyn stoi nad rzeką od bardzo dawna, a obok niego stoi dom. Właściciel: nie mogę pomóc.",
         False),
    ],
)  # fmt: skip
def test_declining_is_known_by_how_it_begins(text, is_one):
    assert refuses(text) is is_one


PASSAGE = "Wójt powiedział:\n„Prace zaczną się   wiosną”, a potem wyszedł."


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Wójt rzekł: „prace zaczną się wiosną.”", None),
        (
            "Wójt rzekł: „Prace zaczną się jesienią tego roku”.",
            "Prace zaczną się jesienią tego roku",
        ),
        ('Był to tak zwany "zielony ład".', None),
        ('Powiedział "nic takiego nigdy nie było" i wyszedł.', "nic takiego nigdy nie było"),
        ("Bez cytatu.", None),
    ],
)
def test_quotations_that_the_passage_does_not_have_are_found(text, quote):
    assert invented_quote(text, PASSAGE) == quote


def test_lines_of_the_prompt_are_found_in_an_answer():
    lines = ["- pytanie ma być zrozumiałe dla kogoś, kto tego nie widział;", "Ocena: liczba"]
    assert copied_line("Pytanie ma być zrozumiałe.", lines) is None
    assert copied_line(f"Oto zasady: {lines[0].upper()} Tak.", lines) == lines[0]
    assert copied_line("ocena: liczba\n", lines) == lines[1]
    assert copied_line("Twoja ocena: liczba pi", lines) is None


def test_a_piece_of_the_passage_is_a_copy_and_a_short_one_is_not():
    passage = "Nad brzegiem rzeki stoi stary młyn. " * 6
    assert is_copy(passage[:150].replace(" ", "\n"), passage)
    assert not is_copy(passage[:80], passage)
    assert not is_copy("Inny tekst, którego tam nie było. " * 5, passage)


def test_another_language_is_named_and_a_few_letters_are_in_none():
    polish = "Nad brzegiem rzeki stoi stary młyn, który od lat jest zamknięty."
    english = "An old mill, which has been closed for years, stands on the bank of the river."
    assert other_language([polish], "pol") is None
    assert other_language([english], "pol") == "eng"
    assert other_language([polish], "eng") == "pol"
    assert other_language(["Oxford", "1995"], "pol") is None
