"""The questions about Poland: what each item and its rule must hold to."""

import json
import tomllib
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

import mowa.evaluation
from mowa.evaluation._rules import Rule

TASKS = Path(mowa.evaluation.__file__).parent / "tasks"
CULTURE = TASKS / "culture"
KEYS = {"id", "category", "region", "question", "answer", "choices", "rule", "source"}
LEAST = {
    "customs": 35, "cuisine": 40, "everyday": 40, "idioms": 55,
    "geography": 40, "history": 40, "literature": 40, "regional-speech": 60,
}  # fmt: skip
MOST_UNVERIFIED = 0.5


def lines(folder):
    return [
        (path, json.loads(line))
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


TEST = [item for _, item in lines(CULTURE)]
SHOTS = [item for _, item in lines(CULTURE / "shots")]
EVERY = pytest.mark.parametrize("item", TEST + SHOTS, ids=lambda item: item["id"])


def meets(patterns, text):
    return bool(patterns) and Rule(accept=patterns, max_words=1000).accepts(text)


def test_ids_and_questions_are_unique_and_no_shot_is_asked():
    for key in ("id", "question"):
        values = [item[key] for item in TEST + SHOTS]
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_every_file_is_nfc_and_holds_the_category_that_it_is_named_after():
    for path, item in lines(CULTURE):
        assert item["category"] == path.stem
        assert item["id"].startswith(f"{path.stem}-")
    for path in CULTURE.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert text == unicodedata.normalize("NFC", text), path


def test_every_category_has_enough_questions_and_half_of_them_a_source():
    counts = Counter(item["category"] for item in TEST)
    assert {name: counts[name] for name in LEAST if counts[name] < LEAST[name]} == {}
    unverified = sum(item["source"] == "unverified" for item in TEST)
    assert unverified / len(TEST) < MOST_UNVERIFIED


@EVERY
def test_an_item_has_its_fields_and_four_distinct_choices(item):
    assert set(item) == KEYS
    assert item["question"].endswith(("?", "?”", "…", "…”"))
    assert item["source"].strip()
    assert item["region"] is None or item["region"].strip()
    assert len(item["choices"]) == 4
    assert len({choice.casefold() for choice in item["choices"]}) == 4
    assert all(choice == choice.strip() and choice for choice in item["choices"])


@EVERY
def test_the_rule_accepts_the_answer_and_the_first_choice_alone(item):
    rule = Rule.model_validate(item["rule"])
    right, *wrong = item["choices"]
    assert rule.verdict(item["answer"]) == "accepted"
    assert rule.verdict(right) == "accepted"
    assert [choice for choice in wrong if rule.accepts(choice)] == []


@EVERY
def test_an_answer_that_lists_all_choices_is_refused(item):
    assert not Rule.model_validate(item["rule"]).accepts(", ".join(item["choices"]))


@EVERY
def test_neither_the_question_gives_the_answer_nor_its_repetition_spoils_it(item):
    assert not meets(item["rule"]["accept"], item["question"])
    assert not meets(item["rule"]["reject"], item["question"])


def test_the_right_choice_is_not_the_longest_more_often_than_chance_would_have_it():
    longest = [
        item
        for item in TEST
        if len(item["choices"][0]) > max(len(choice) for choice in item["choices"][1:])
    ]
    assert len(longest) / len(TEST) < 0.35


def test_both_tasks_find_the_same_items():
    read = {
        name: tomllib.loads((TASKS / name / "task.toml").read_text("utf-8"))
        for name in ("culture", "culture-mc")
    }
    assert {name: task["kind"] for name, task in read.items()} == {
        "culture": "generate",
        "culture-mc": "choice",
    }
    for split, items in (("test", TEST), ("train", SHOTS)):
        found = [
            {path.resolve() for path in (TASKS / name).glob(task["data"][split])}
            for name, task in read.items()
        ]
        assert found[0] == found[1]
        assert sum(len(path.read_text("utf-8").splitlines()) for path in found[0]) == len(items)
