"""Forms of answers, and rules that ask for one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mowa.errors import DataError
from mowa.evaluation._form import Form
from mowa.evaluation._rules import Rule, accepts, keeps_form

ENTRY = st.text(alphabet="abcąęż 1-", min_size=1, max_size=8).filter(lambda text: text.strip(" -"))
YES_NO = {"kind": "one-of", "options": ["tak", "nie"]}
TOWN = {"kind": "object", "keys": ["miasto", "rok"]}


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (
            {"kind": "word"},
            ["Wisła", " Wisła.\n", "warmińsko-mazurskie", "1410"],
            ["", ".", "To Wisła.", "Wisła, Odra", "Wisła!", "Wisła..", "-Wisła", "Wisła\nOdra"],
        ),
        (
            {"kind": "number"},
            ["1410", "1410.", "2 499", "2\u00a0499", "3,5", "-7"],
            ["", "w 1410", "1410 rok", "14 10", "1,2,3", "tysiąc", "1410, 1411", "+"],
        ),
        (
            {"kind": "upper"},
            ["WISŁA", "NAD WISŁĄ.", "ŻÓŁĆ 7"],
            ["", "1410", "Wisła", "WISŁa", "WISŁA albo ODRA"],
        ),
        (YES_NO, ["tak", "Nie.", " TAK "], ["", "Tak, to prawda.", "owszem", "tak nie", "tak/nie"]),
        (
            {"kind": "list", "count": 3},
            ["Płock, Radom, Łomża", "Płock,Radom,Łomża.", "Płock\nRadom\nŁomża"],
            ["Płock, Radom", "Płock, Radom, płock", "Płock, , Łomża", "a, b, c, d", "a, b, -", ""],
        ),
        (
            {"kind": "list", "count": 2, "among": ["Pan Tadeusz", "Dziady"]},
            ["dziady, Pan Tadeusz"],
            ["Dziady, Potop", "Dziady, „Pan Tadeusz”"],
        ),
        (
            TOWN,
            ['{"miasto": "Płock", "rok": 1237}', ' {"rok":"1237",\n"miasto":"Płock"} '],
            [
                "", "Płock", '{"miasto": "Płock"}', '{"miasto": "Płock", "rok": 1, "kraj": "x"}',
                '{"miasto": "", "rok": 1}', '{"miasto": null, "rok": 1}', '["miasto", "rok"]',
                '{"miasto": "Płock", "rok": true}', 'Oto JSON: {"miasto": "Płock", "rok": 1}',
                '{"miasto": "Płock", "rok": 1}.', "[" * 5_000,
            ],
        ),
    ],
)  # fmt: skip
def test_a_form_is_kept_by_what_has_it_and_by_nothing_else(form, right, wrong):
    checked = Form.model_validate(form)
    assert [text for text in right if not checked.kept(text)] == []
    assert [text for text in wrong if checked.kept(text)] == []


def test_an_answer_without_end_has_no_form():
    assert not Form(kind="word").kept("a" * 20_000)
    assert not Form(kind="number").kept("1" * 1_000_000)


@pytest.mark.parametrize(
    "raw",
    [
        {"kind": "poem"},
        {"kind": "one-of", "options": ["tak"]},
        {"kind": "object"},
        {"kind": "list", "count": 0},
        {"kind": "word", "length": 3},
    ],
)
def test_a_form_that_cannot_be_checked_is_refused(raw):
    with pytest.raises(ValidationError):
        Form.model_validate(raw)
    with pytest.raises(DataError, match="form"):
        accepts("x", {"form": raw})


@given(st.lists(ENTRY, min_size=1, max_size=5))
def test_as_many_different_entries_as_asked_for_are_a_list(entries):
    different = {entry.strip().casefold() for entry in entries}
    form = Form(kind="list", count=len(entries))
    assert form.kept(", ".join(entries)) is (len(different) == len(entries))
    assert not Form(kind="list", count=len(entries) + 1).kept(", ".join(entries))


@given(st.dictionaries(ENTRY, ENTRY | st.integers(), min_size=1, max_size=4))
def test_an_object_of_its_keys_is_one_whatever_its_order(made):
    form = Form(kind="object", keys=tuple(made))
    assert form.kept(json.dumps(dict(reversed(made.items()))))
    assert not form.kept(json.dumps({**made, "jeszcze jeden klucz": 1}))


@given(st.text(max_size=200))
def test_no_answer_breaks_a_form(text):
    for form in ({"kind": "word"}, {"kind": "number"}, {"kind": "upper"}, YES_NO, TOWN):
        assert Form.model_validate(form).kept(text) in (True, False)


def test_a_rule_wants_the_form_and_what_is_said():
    rule = Rule.model_validate({"accept": ["krak*"], "form": {"kind": "upper"}})
    assert rule.verdict("KRAKÓW") == "accepted"
    assert rule.verdict("Kraków") == "wrong form"
    assert rule.verdict("GNIEZNO") == "no match"


def test_a_rule_without_accept_takes_what_it_does_not_reject_if_it_says_something():
    rule = Rule.model_validate({"reject": ["nie wiem"]})
    assert rule.accepts("Wisła")
    assert not rule.accepts("Tego nie wiem.")
    assert not rule.accepts(" … ")


def test_the_form_of_an_answer_is_told_apart_from_what_it_says():
    rule = {"accept": ["tak"], "form": YES_NO}
    assert (accepts("nie", rule), keeps_form("nie", rule)) == (False, True)
    assert (accepts("Tak, owszem", rule), keeps_form("Tak, owszem", rule)) == (False, False)
    assert keeps_form("nie", {"accept": ["tak"]}) is None
