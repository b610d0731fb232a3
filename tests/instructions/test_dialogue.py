"""What a dialogue may be, and its way to disk and back."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.inference import Message
from mowa.instructions import (
    Dialogue,
    Limits,
    Span,
    fault_of,
    from_row,
    read_dialogues,
    to_row,
    write_dialogues,
)


def turns(*roles):
    return tuple(
        Message(role, f"Zażółć gęślą jaźń, {number}.") for number, role in enumerate(roles)
    )


GOOD = Dialogue("a", turns("system", "user", "assistant"))
PAIR = Dialogue("b", turns("user"), chosen="Tak.", rejected="Nie.")


@pytest.mark.parametrize("dialogue", [GOOD, PAIR, Dialogue("c", turns("user", "assistant") * 9)])
def test_what_is_well_formed_has_no_fault(dialogue):
    assert fault_of(dialogue) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"messages": ()}, "no turns"),
        ({"messages": turns("user", "bot")}, "unknown role"),
        ({"messages": turns("user", "assistant", "assistant")}, "two turns in a row"),
        ({"messages": turns("user", "user", "assistant")}, "two turns in a row"),
        ({"messages": turns("assistant", "user")}, "the assistant begins"),
        ({"messages": turns("user", "system")}, "system turn after the first"),
        ({"messages": turns("system")}, "no answer"),
        ({"messages": turns("user")}, "no answer"),
        ({"messages": (Message("user", "Kto?"), Message("assistant", " \n"))}, "empty turn"),
        ({"messages": (Message("user", "a" * 100_001), GOOD.messages[2])}, "turn too long"),
        ({"messages": turns("user", "assistant") * 501}, "too many turns"),
        ({"weight": -1.0}, "weight is negative or no number"),
        ({"weight": float("nan")}, "weight is negative or no number"),
        ({"origin": "found"}, "unknown origin"),
        ({"review": "maybe"}, "unknown review state"),
        ({"id": ""}, "no id"),
        ({"documents": (Span("d", 5, 5),)}, "span ends before it begins"),
    ],
)
def test_each_fault_is_named(changes, fault):
    assert fault_of(dataclasses.replace(GOOD, **changes)) == fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"rejected": None}, "one answer without the other"),
        ({"rejected": "Tak."}, "chosen and rejected are the same"),
        ({"messages": turns("user", "assistant")}, "answered already"),
        ({"rejected": ""}, "empty turn"),
    ],
)
def test_each_fault_of_a_preference_is_named(changes, fault):
    assert fault_of(dataclasses.replace(PAIR, **changes)) == fault


def test_a_licence_is_demanded_where_it_is_asked_for():
    limits = Limits(licence=True)
    assert fault_of(GOOD, limits) == "no licence"
    assert fault_of(dataclasses.replace(GOOD, licence="NOASSERTION"), limits) == "no licence"
    assert fault_of(dataclasses.replace(GOOD, licence="CC-BY-4.0"), limits) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DIALOGUES = st.builds(
    Dialogue,
    TEXT,
    st.lists(st.builds(Message, TEXT, TEXT), max_size=3).map(tuple),
    licence=st.none() | TEXT,
    weight=st.none() | st.floats(allow_nan=False),
    documents=st.lists(st.builds(Span, TEXT, st.integers(0, 9), st.integers(0, 9))).map(tuple),
    chosen=st.none() | TEXT,
)


@given(st.lists(DIALOGUES, max_size=3))
def test_what_is_written_is_read(tmp_path_factory, dialogues):
    folder = tmp_path_factory.mktemp("set")
    assert write_dialogues(folder, dialogues) == len(dialogues)
    assert list(read_dialogues(folder)) == dialogues
    assert [from_row(to_row(dialogue)) for dialogue in dialogues] == dialogues


@pytest.mark.parametrize(
    "row", [{}, {"messages": 3}, {"messages": [], "text": ""}, {"messages": [{}]}]
)
def test_what_is_no_dialogue_is_refused(row):
    with pytest.raises(DataError):
        from_row({"id": "a"} | row)


def test_a_smaller_set_leaves_nothing_of_a_larger_one(tmp_path, monkeypatch):
    monkeypatch.setattr("mowa.instructions._files._ROWS", 2)
    write_dialogues(tmp_path, [GOOD] * 5)
    assert write_dialogues(tmp_path, [GOOD, PAIR, GOOD]) == len(list(read_dialogues(tmp_path))) == 3
    assert write_dialogues(tmp_path, []) == len(list(read_dialogues(tmp_path))) == 0


def test_a_damaged_file_is_named(tmp_path):
    write_dialogues(tmp_path, [GOOD])
    path = tmp_path / "dialogues/00000.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        list(read_dialogues(tmp_path))
