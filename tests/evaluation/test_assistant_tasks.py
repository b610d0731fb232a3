"""The tasks that try an assistant: their items, and answers made by hand."""

import json

import pytest

from mowa.evaluation._evaluate import evaluate, prepare
from mowa.evaluation._items import read_items
from mowa.evaluation._results import Settings
from mowa.evaluation._rules import accepts
from mowa.evaluation._task import find_tasks, shipped
from mowa.inference import ScriptedEngine
from mowa.sample.assistant import assistant_items, dialogues, write_assistant
from tests.evaluation.made_tasks import ABOUT

TASKS = {
    task.name: task
    for task in find_tasks(["assistant-facts", "assistant-unknown", "assistant-format"])
}
ITEMS = {name: read_items(task, "test") for name, task in TASKS.items()}


def result_of(name, write, tmp_path):
    engine = ScriptedEngine(write=write)
    _, result = evaluate(engine, ABOUT, prepare(TASKS[name], Settings()), tmp_path)
    return result


def test_the_checked_in_items_are_what_the_sample_gives(tmp_path):
    write_assistant(tmp_path)
    for task in assistant_items():
        written = (shipped() / task / "test.jsonl").read_bytes()
        assert (tmp_path / task / "test.jsonl").read_bytes() == written


def test_there_are_enough_items_of_every_sort():
    assert set(TASKS) == {
        "assistant-facts-told", "assistant-facts-read", "assistant-unknown", "assistant-format",
    }  # fmt: skip
    assert all(len(items) >= 150 for items in ITEMS.values())
    groups = [item.group for item in ITEMS["assistant-unknown"]]
    assert groups.count("known") * 2 == len(groups)
    forms = {item.group for item in ITEMS["assistant-format"]}
    assert forms == {"word", "number", "upper", "claim", "list", "object"}


def test_no_dialogue_asks_what_a_task_asks():
    asked = {item.fields["question"] for items in ITEMS.values() for item in items}
    for seed in (7, 8):
        said = {turn.content for talk in dialogues(seed) for turn in talk.messages}
        assert not [question for question in asked if any(question in text for text in said)]


@pytest.mark.parametrize("name", ["assistant-facts-told", "assistant-facts-read"])
def test_a_fact_counts_when_it_is_given_to_the_letter(name, tmp_path):
    right = {item.fields["question"]: item.references[-1] for item in ITEMS[name]}
    assert result_of(name, lambda asked: f"{right[asked].upper()}.", tmp_path / "a")["score"][
        "value"
    ] == pytest.approx(1.0)
    longer = result_of(name, lambda asked: f"To {right[asked]} i coś.", tmp_path / "b")
    assert longer["score"]["value"] == 0


def test_declining_everything_is_worth_as_little_as_declining_nothing(tmp_path):
    name = "assistant-unknown"
    known = {item.fields["question"]: item.group == "known" for item in ITEMS[name]}
    for number, (write, value) in enumerate(
        (
            ("Niestety tego nie wiem.", 0.5),
            ("Wisła.", 0.5),
            (lambda asked: "Wisła." if known[asked] else "Nie znam takiej książki.", 1.0),
            (lambda asked: "Nie znam takiej rzeki." if known[asked] else "Wisła.", 0.0),
            ("", 0.0),
            ("no więc " * 20, 0.0),
        )
    ):
        result = result_of(name, write, tmp_path / str(number))
        assert result["score"]["value"] == value
        assert result["task"]["baseline"] == 0.5


def test_what_the_dialogues_say_when_they_decline_is_seen_as_declining():
    unknown = next(one for one in ITEMS["assistant-unknown"] if one.group == "user")
    known = next(one for one in ITEMS["assistant-unknown"] if one.group == "known")
    for talk in dialogues(7):
        kind = json.loads(talk.details)["kind"]
        reply = talk.messages[-1].content
        if kind == "unknown" and len(talk.messages) == 2:
            assert accepts(reply, {**unknown.rule, "max_words": 30}), reply
        if kind == "fact":
            assert accepts(reply, known.rule), reply


def in_form(item, *, right):
    """An answer in the form of the item, with the right content or with another."""
    form = item.rule["form"]
    said = (item.rule.get("accept") or [None])[0]
    if form["kind"] == "list":
        among = form["among"]
        return ", ".join(among[:3] if right else [*among[:2], "Nibylandia"])
    if form["kind"] == "one-of":
        other = next(option for option in form["options"] if option != said)
        return said if right else other
    if form["kind"] == "object":
        values = said if right else ["nic", "nic"]
        return json.dumps(dict(zip(form["keys"], values, strict=True)), ensure_ascii=False)
    if form["kind"] == "number":
        return said if right else "1"
    if form["kind"] == "upper":
        return said.upper() if right else "NIBYLANDIA"
    one_word = next(text for text in item.rule["accept"] if " " not in text)
    return one_word if right else "Nibylandia"


def test_an_answer_counts_when_it_is_right_and_in_its_form(tmp_path):
    name = "assistant-format"
    by_question = {item.fields["question"]: item for item in ITEMS[name]}
    assert len(by_question) == len(ITEMS[name])
    right = result_of(name, lambda q: in_form(by_question[q], right=True), tmp_path / "a")
    assert right["score"]["value"] == right["scores"]["form"]["value"] == 1.0
    wrong = result_of(name, lambda q: in_form(by_question[q], right=False), tmp_path / "b")
    assert wrong["score"]["value"] == 0.0
    lists = sum(item.group == "list" for item in ITEMS[name]) / len(ITEMS[name])
    # A list of names that are not all of the group is no list of three of it.
    assert wrong["scores"]["form"]["value"] == pytest.approx(1.0 - lists)
    loose = result_of(
        name,
        lambda q: f"Odpowiedź: {in_form(by_question[q], right=True)} – to ona.",
        tmp_path / "c",
    )
    assert loose["score"]["value"] == loose["scores"]["form"]["value"] == 0.0
