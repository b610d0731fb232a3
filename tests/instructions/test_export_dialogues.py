"""Dialogues in others' forms, and back again."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import UsageError
from mowa.inference import Message
from mowa.instructions import FORMS, Dialogue, Span, export_rows
from mowa.instructions.importers import IMPORTERS, importer_for

# Texts as an import leaves them: composed, without white space around.
TEXT = st.text('ąćęłńóśźż abc\n{}"\\', min_size=1, max_size=20).map(str.strip).filter(bool)
ROLES = st.lists(TEXT, min_size=1, max_size=3).map(
    lambda texts: tuple(Message(role, text) for text in texts for role in ("user", "assistant"))
)
SYSTEM = st.lists(st.builds(Message, st.just("system"), TEXT), max_size=1)
TALKS = st.builds(
    Dialogue,
    st.just("a"),
    st.builds(lambda system, turns: (*system, *turns), SYSTEM, ROLES),
    weight=st.none() | st.floats(0, 10),
)  # fmt: skip
PAIRS = st.builds(
    lambda talk, chosen, rejected: replace(
        talk, messages=talk.messages[:-1], chosen=chosen, rejected=rejected, weight=None
    ),
    TALKS,
    TEXT,
    TEXT,
)


def exported(tmp_path_factory, dialogues, form, **more):
    path = tmp_path_factory.mktemp("wywoz") / "a.jsonl"
    written = export_rows(dialogues, path, form, **more)
    return written, [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@given(TALKS | PAIRS, st.sampled_from(sorted(FORMS)))
def test_what_is_written_in_a_form_is_read_from_it(tmp_path_factory, dialogue, form):
    written, rows = exported(tmp_path_factory, [dialogue], form)
    assert written.rows + written.left_out == 1
    for row in rows:
        name = importer_for(row)
        [back] = IMPORTERS[name].make(row, Dialogue("a", ()))
        if form not in ("allamo", "mowa"):
            dialogue = replace(dialogue, weight=None)
        assert back == dialogue


def test_forms_hold_what_they_can_and_the_rest_is_counted(tmp_path_factory):
    one = Dialogue("a", (Message("user", "A?"), Message("assistant", "B.")))
    two = replace(one, messages=one.messages * 2)
    pair = Dialogue("b", one.messages[:1], chosen="B.", rejected="C.")
    counts = {
        form: exported(tmp_path_factory, [one, two, pair], form)[0]
        for form in ("messages", "alpaca", "mowa")
    }
    assert {form: (got.rows, got.left_out) for form, got in counts.items()} == {
        "messages": (2, 1),
        "alpaca": (1, 2),
        "mowa": (3, 0),
    }


def test_trl_and_allamo_take_one_kind_a_file(tmp_path_factory):
    one = Dialogue("a", (Message("user", "A?"), Message("assistant", "B.")))
    pair = Dialogue("b", one.messages[:1], chosen="B.", rejected="C.")
    for form in ("trl", "allamo"):
        with pytest.raises(UsageError, match="--only"):
            exported(tmp_path_factory, [one, pair], form)
    _, [row] = exported(tmp_path_factory, [one, pair], "trl", only="preferences")
    assert row == {
        "prompt": [{"role": "user", "content": "A?"}],
        "chosen": [{"role": "assistant", "content": "B."}],
        "rejected": [{"role": "assistant", "content": "C."}],
    }
    _, [row] = exported(tmp_path_factory, [pair], "allamo")
    assert row == {"messages": row["messages"], "chosen": "B.", "rejected": "C."}


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    def failing():
        yield Dialogue("a", (Message("user", "A?"), Message("assistant", "B.")))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        export_rows(failing(), tmp_path / "a.jsonl", "messages")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="no form 'xml'"):
        export_rows([], tmp_path / "a.jsonl", "xml")


def test_facts_go_with_the_rows_where_they_are_asked_for(tmp_path_factory):
    turns = (Message("user", "A?"), Message("assistant", "B."))
    one = Dialogue("a", turns, "generated", "CC-BY-4.0", "zbior", documents=(Span("d", 0, 3),))
    _, [row] = exported(tmp_path_factory, [one], "messages", facts=True)
    facts = {"id": "a", "origin": "generated", "licence": "CC-BY-4.0", "source": "zbior"}
    facts |= {"documents": [{"document": "d", "start": 0, "end": 3}]}
    assert {key: row[key] for key in row if key != "messages"} == facts


def test_facts_are_the_review_and_the_documents_too(tmp_path_factory):
    turns = (Message("user", "A?"), Message("assistant", "B."))
    seen = Dialogue("a", turns, licence="MIT", review="accepted", documents=(Span("d", 3, 9),))
    plain = Dialogue("b", turns)
    _, rows = exported(tmp_path_factory, [seen, plain], "messages", facts=True)
    assert rows[0]["review"] == "accepted"
    assert rows[0]["documents"] == [{"document": "d", "start": 3, "end": 9}]
    assert set(rows[1]) == {"id", "origin", "messages"}
