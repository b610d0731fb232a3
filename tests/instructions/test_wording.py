"""The template language of converters: what it fills in, and that it does nothing else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.instructions._wording import NoFieldError, at_path, filled, parsed, sentence, unwrapped

ROW = {
    "question": " Ile? ",
    "answers": [{"text": "dwa,"}, {"text": "trzy"}],
    "choices": {"A": "tak", "B": "nie"},
    "answer": "B",
    "number": 7,
    "empty": " ",
    "yes": True,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{question}", "Ile?"),
        ("{answers.0.text|bare} i {answers.1.text|sentence}", "dwa i Trzy."),
        ("{answer}. {choices.(answer)}", "B. nie"),
        ("{{question}} {number}", "{question} 7"),
        ("bez pól", "bez pól"),
    ],
)
def test_fields_are_filled_in(template, text):
    assert filled(template, ROW) == text


@pytest.mark.parametrize(
    "path",
    ["brak", "answers.2.text", "choices.(brak)", "choices.C", "question.upper",
     "answers", "empty", "yes", "answers.00000000000000001", "choices.(choices)"],
)  # fmt: skip
def test_a_field_that_holds_no_text_is_named(path):
    with pytest.raises(NoFieldError) as caught:
        filled(f"{{{path}}}", ROW)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "template",
    ["{", "}", "{a", "a}", "{}", "{a b}", "{a!r}", "{a:>10}", "{a[0]}", "{a.}", "{a|shout}",
     "{a..b}", "{a.-1}", "{a.(b}", "{{a}", "{a.__class__.(x.)}"],
)  # fmt: skip
def test_what_is_no_template_is_refused(template):
    with pytest.raises(ValueError, match=r"\w"):
        parsed(template)


def test_attributes_of_values_cannot_be_reached():
    assert at_path({"a": "tekst"}, "a.__class__") is None
    assert at_path({"a": [1]}, "a.__len__") is None


@given(st.text(max_size=30))
def test_what_is_filled_in_is_never_read_again(value):
    stripped = value.strip()
    if stripped:
        assert filled("<{a}>", {"a": value, "b": "x"}) == f"<{stripped}>"


@given(st.text(st.characters(blacklist_characters="{}"), max_size=30))
def test_a_text_without_brackets_is_itself(text):
    assert filled(text, {}) == text
    assert filled(text.join(["{{", "}}"]), {}) == text.join(["{", "}"])


@given(st.text(max_size=30))
def test_any_template_is_filled_or_refused(template):
    with contextlib.suppress(ValueError):
        assert isinstance(filled(template, ROW), str)


@given(st.text(max_size=20).filter(str.strip))
def test_a_sentence_made_twice_is_made_once(text):
    assert sentence(sentence(text)) == sentence(text)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("§ 1. Kto za-\n      bija,\n  ginie.\n  § 2. Kto", "§ 1. Kto zabija, ginie.\n§ 2. Kto"),
        ("Kto zabija,\n   \n podlega karze.\n\nArt", "Kto zabija, podlega karze.\nArt"),
        ("a) jeden\n b) dwa\n\nDalej", "a) jeden\nb) dwa\nDalej"),
        ("biało-\nCzerwony 5-\n6", "biało- Czerwony 5- 6"),
    ],
)  # fmt: skip
def test_lines_that_a_page_broke_are_joined(text, made):
    assert unwrapped(text) == made
