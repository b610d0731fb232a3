"""The tasks that come with Mowa: all can be read, and each reads rows in its data set's form."""

import json
import unicodedata
from pathlib import Path

import pytest

from mowa.evaluation._evaluate import evaluate, prepare
from mowa.evaluation._items import read_items
from mowa.evaluation._results import Settings
from mowa.evaluation._sample import make_sample
from mowa.evaluation._task import all_tasks, find_tasks, shipped
from mowa.inference import ScriptedEngine
from mowa.sample import facts, questions, world_items, write_world
from tests.evaluation.made_tasks import ABOUT, write_jsonl

TASKS = {task.name: task for task in all_tasks()}
ITS_OWN = [name for name, task in TASKS.items() if list(task.root.glob("**/*.jsonl"))]

# Rows in the columns of each data set, in words of our own, and the index of the right choice.
ROWS = {
    "polemo2-in": ({"sentence": "Lekarz był miły.", "target": "__label__meta_plus_m"}, 2),
    "polemo2-out": ({"sentence": "Kabel działa.", "target": "__label__meta_zero"}, 0),
    "8tags": ({"sentence": "Mecz skończył się remisem", "label": 6}, 6),
    "dyk": ({"q_id": "czywiesz1", "question": "Kto?", "answer": "Nikt.", "target": "1"}, 1),
    "psc": ({"extract_text": "Długi tekst.", "summary_text": "Tekst.", "label": "0"}, 0),
    "ppc": ({"sentence_A": "Pada.", "sentence_B": "Leje.", "label": "2"}, 1),
    "cbd": ({"TEXT": "Ładny dzień", "CATEGORIES": "0"}, 0),
    "klej-ner": ({"sentence": "Mieszka w Łodzi .", "target": "placeName"}, 1),
    "belebele": (
        {
            "link": "https://example.org/a",
            "question_number": 2,
            "flores_passage": "Rzeka płynie na północ.",
            "question": "Dokąd płynie rzeka?",
            "mc_answer1": "na wschód",
            "mc_answer2": "na północ",
            "mc_answer3": "w dół",
            "mc_answer4": "do lasu",
            "correct_answer_num": "2",
        },
        1,
    ),
}


def test_the_tasks_of_the_polish_leaderboard_are_there():
    families = {task.data.folder for task in TASKS.values()}
    assert {*ROWS, "polqa", "poquad", "eq-bench", "eq-bench-pl", "egzaminy-prawnicze"} <= families
    assert {"world", "culture", "poleval-lm"} <= families


@pytest.mark.parametrize("name", TASKS)
def test_a_shipped_task_has_titles_in_both_languages_and_a_licence(name):
    task = TASKS[name]
    for text in (task.title.pl, task.title.en, task.about.pl, task.about.en, task.licence):
        assert text.strip()
        assert unicodedata.is_normalized("NFC", text)
    assert task.data.hub or task.data.test


@pytest.mark.parametrize("name", ITS_OWN)
def test_the_items_of_a_shipped_task_are_as_they_should_be(name):
    task = TASKS[name]
    items = read_items(task, "test")
    assert len(items) >= 30
    samples = [make_sample(task, item) for item in items]
    assert all("{" not in sample.prompt for sample in samples)


@pytest.mark.parametrize(
    ("family", "variant"),
    [(family, task.name) for family in ROWS for task in find_tasks([family])],
)
def test_a_row_of_each_data_set_becomes_an_item(family, variant, tmp_path):
    task = TASKS[variant]
    row, right = ROWS[family]
    (tmp_path / family).mkdir()
    write_jsonl(tmp_path / family / "test.jsonl", [row])
    (item,) = read_items(task, "test", data=tmp_path)
    assert item.answer == right
    sample = make_sample(task, item)
    assert sample.prompt[-1] not in " \n"
    if task.kind == "choice":
        assert len(sample.continuations) == len(item.choices)
        assert all(text.startswith(" ") for text in sample.continuations)


def test_every_abusive_category_has_a_class_and_all_else_is_harmless(tmp_path):
    task = TASKS["cbd-mc"]
    categories = ["szyderstwo", "obelga", "insynuacja", "grozba", "molestowanie", "0", "cokolwiek"]
    (tmp_path / "cbd").mkdir()
    write_jsonl(
        tmp_path / "cbd/test.jsonl", [{"TEXT": "x", "CATEGORIES": value} for value in categories]
    )
    answers = [item.answer for item in read_items(task, "test", data=tmp_path)]
    assert answers == [1, 2, 3, 4, 5, 0, 0]


def test_polqa_is_read_from_its_table_once_a_question(tmp_path):
    folder = tmp_path / "polqa/data"
    folder.mkdir(parents=True)
    (folder / "test.csv").write_text(
        "question_id,passage_id,question,passage_text,relevant,answers\n"
        "1,a,Jak zwie się rzeka?,\"Wisła, czyli rzeka\",True,\"['Wisła', 'rzeka Wisła']\"\n"
        "1,b,Jak zwie się rzeka?,Nic tu nie ma,False,\"['Wisła', 'rzeka Wisła']\"\n"
        "2,c,Ile to jest?,Pięć,False,\"['5']\"\n",
        "utf-8",
    )
    read = {
        name: read_items(TASKS[f"polqa-{name}"], "test", data=tmp_path)
        for name in ("reranking", "open", "closed")
    }
    assert [item.answer for item in read["reranking"]] == [1, 0, 0]
    assert [(item.id, item.references) for item in read["open"]] == [
        ("1", ("Wisła", "rzeka Wisła"))
    ]
    assert [item.id for item in read["closed"]] == ["1", "2"]
    assert "Wisła" not in make_sample(TASKS["polqa-closed"], read["closed"][0]).prompt
    assert read["open"][0].fields["passage"] == "Wisła, czyli rzeka"


def test_poquad_keeps_all_its_references(tmp_path):
    (tmp_path / "poquad").mkdir()
    row = {
        "id": "1",
        "context": "Kraków leży nad Wisłą.",
        "question": "Nad czym leży Kraków?",
        "answers": {"text": ["nad Wisłą", "Wisłą"], "answer_start": [12, 16]},
    }
    write_jsonl(tmp_path / "poquad/test.jsonl", [row])
    (item,) = read_items(TASKS["poquad-open"], "test", data=tmp_path)
    assert item.references == ("nad Wisłą", "Wisłą")


def eq_bench_rows(*, as_text):
    reference = {
        **{f"emotion{n}": name for n, name in enumerate(("Lęk", "Ulga", "Duma", "Złość"), 1)},
        **{f"emotion{n}_score": str(n) for n in range(1, 5)},
    }
    value = repr(reference) if as_text else reference
    return {
        "1": {
            "prompt": "Jak czuje się Ewa? Zmienione oceny: <ocena>",
            "reference_answer": value,
            "reference_answer_fullscale": value,
        }
    }


@pytest.mark.parametrize("as_text", [False, True])
def test_eq_bench_is_read_in_its_own_form_and_scored(tmp_path, as_text):
    (tmp_path / "data/eq-bench-pl").mkdir(parents=True)
    (tmp_path / "data/eq-bench-pl/eq_bench_v2_questions_171_pl.json").write_text(
        json.dumps(eq_bench_rows(as_text=as_text)), "utf-8"
    )
    prepared = prepare(TASKS["eq-bench-pl"], Settings(), data=tmp_path / "data")
    scores = "Lęk: 1\nUlga: 2\nDuma: 3\nZłość: 4\n"
    engine = ScriptedEngine(write=f"Pierwsze oceny:\n{scores}\nZmienione oceny:\n{scores}")
    _, result = evaluate(engine, ABOUT, prepared, tmp_path / "out")
    assert result["score"]["value"] == 1.0
    assert result["scores"]["parseable"]["value"] == 1.0


def test_the_checked_in_world_is_what_the_sample_gives(tmp_path):
    write_world(tmp_path)
    for split in ("test", "train"):
        written = (shipped() / "world" / f"{split}.jsonl").read_bytes()
        assert (tmp_path / f"{split}.jsonl").read_bytes() == written


def test_the_world_asks_in_held_out_wordings_and_shows_others_of_other_facts():
    items = world_items()
    known = {question.text for question in questions(facts(), wordings="train")}
    held_out = {question.text for question in questions(facts(), wordings="held_out")}
    assert {item["question"] for item in items["test"]} <= held_out - known
    assert {item["question"] for item in items["train"]} <= known
    assert not {item["id"] for item in items["test"]} & {item["id"] for item in items["train"]}
    assert len(items["test"]) > 1900


def test_the_path_of_every_task_is_within_its_folder():
    assert all(Path(task.root).parent == shipped() for task in TASKS.values())
