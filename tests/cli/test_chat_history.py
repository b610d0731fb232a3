"""Conversations in a file, and what is said of them in two languages."""

import re
import string
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.cli._chat_history import History
from mowa.cli._chat_texts import ENGLISH, POLISH, texts
from mowa.errors import DataError, UsageError

TURN = st.sampled_from(["user", "assistant", "undo", "reset", "system"])


@settings(max_examples=25)
@given(steps=st.lists(st.tuples(TURN, st.text(max_size=5)), max_size=12))
def test_what_is_saved_comes_back_and_earlier_conversations_stay(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("h") / "h.jsonl"
    path.write_text('{"messages": [], "of": "another program"}\n{"messages": []}\n')
    history = History(path, "m")
    for what, text in steps:
        if what in ("undo", "reset"):
            getattr(history, what)()
        elif what == "system":
            history.set_system(text)
        else:
            history.say(what, text, unfinished=what == "assistant" and len(text) > 3)
        history.save()
        if history.turns:
            again = History(path, "m")
            assert (again.turns, again.unfinished) == (history.turns, history.unfinished)
        assert path.read_text().startswith('{"messages": [], "of": "another program"}\n')
        assert all(history.turns[place].role == "assistant" for place in history.unfinished)
    ended = sum(what == "reset" for what, _ in steps)
    assert path.read_bytes().count(b"\n") <= 2 + ended


def test_a_file_that_another_program_changes_is_not_overwritten(tmp_path):
    path = tmp_path / "h.jsonl"
    history, other = History(path, "m"), History(path, "m")
    other.say("user", "inne")
    other.save()
    history.say("user", "moje")
    with pytest.raises(DataError, match="another program has changed"):
        history.save()
    assert "inne" in path.read_text("utf-8")
    history.save_copy(tmp_path / "moje.jsonl")
    with pytest.raises(UsageError, match="there already"):
        history.save_copy(tmp_path / "moje.jsonl")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "3", '{"messages": 3}', '{"messages": [{"role": "user"}]}', b"\xff",
     '{"messages": [{"role": "tool", "content": "a"}]}', '{"messages": [], "unfinished": ["a"]}',
     '{"messages": [{"role": "user", "content": 3}]}'],
)  # fmt: skip
def test_a_file_that_is_not_of_conversations_is_refused_and_kept(tmp_path, text):
    path = tmp_path / "h.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    with pytest.raises(DataError) as caught:
        History(path, "m")
    assert str(path) in caught.value.where
    assert path.read_bytes() == before


def test_both_languages_say_the_same_things():
    def slots(text):
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    for field in fields(ENGLISH):
        one, other = getattr(ENGLISH, field.name), getattr(POLISH, field.name)
        assert slots(one) == slots(other), field.name
        assert one != other
        assert re.findall(r"/\w+", one) == re.findall(r"/\w+", other), field.name


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ENGLISH),
        ({"LANG": "pl_PL.UTF-8"}, POLISH),
        ({"LANG": "pl_PL.UTF-8", "LC_ALL": "en_GB.UTF-8"}, ENGLISH),
        ({"LANG": "en_US", "LC_MESSAGES": "pl_PL"}, POLISH),
    ],
)
def test_the_language_is_that_of_the_environment_unless_named(environment, found):
    assert texts(None, environment) is found
    assert texts("pol", environment) is POLISH
